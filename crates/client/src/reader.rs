//! Reads from a registry over HTTP (distribution-spec, "Pull").

use async_trait::async_trait;
use http::{Method, StatusCode, header};
use portolan_model::{
    ByteRange, Descriptor, Digest, Manifest, MediaType, Reference, RepositoryName,
};
use portolan_registry::{
    BlobInfo, BlobRead, Context, Error, Kind, MAX_MANIFEST_BYTES, ManifestInfo, ManifestRead,
    Reader, Result, resolve_range, verify, verify_digest,
};
use portolan_wire::Endpoint;
use portolan_wire::headers::DOCKER_CONTENT_DIGEST;
use portolan_wire::range::{ContentRange, write_range};

use crate::Client;
use crate::download::{BlobRange, Download};
use crate::error_response;
use crate::request::RegistryRequest;
use crate::response::RegistryResponse;

/// `Accept` header for manifests. It is a single line, because some registries read only the first
/// line. The wildcard at the end accepts any other type. A wildcard without the list would not be
/// sufficient: in this case, some registries return image manifests and no indexes.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json, \
    */*";

#[async_trait]
impl Reader for Client {
    /// Reads a blob. If the connection breaks, the body resumes the download. If a full blob does
    /// not match its digest, the body yields an error instead of its last piece. If the blob does
    /// not exist, reads a manifest with the digest instead.
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let descriptor = Descriptor::from_digest(digest.clone());
        self.get_described_blob(context, repository, &descriptor, range)
            .await
    }

    async fn get_described_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        descriptor: &Descriptor,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let digest = &descriptor.digest;
        let call = self.blob_request(Method::GET, repository, digest)?;
        let answer = self
            .request_blob(&call, repository, descriptor, range)
            .await?;
        if !answer.is_success() {
            let error = self
                .host
                .read_error(answer, &Error::blob_unknown(repository, digest))
                .await;
            return self
                .manifest_as_blob(context, repository, digest, range, error)
                .await;
        }
        let part = if answer.status == StatusCode::PARTIAL_CONTENT {
            self.partial_range(&answer, repository, descriptor).await?
        } else {
            self.full_range(&answer, repository, descriptor, range)
                .await?
        };
        let (size, wanted) = (part.size, part.range.clone());
        let whole = wanted == (0..size);
        // Only the start must match. A registry may end the range elsewhere, and the result
        // contains the actual range.
        if wanted.start != resolve_range(range, size)?.start || (range.is_none() && !whole) {
            return Err(self.wrong_range_error(digest));
        }
        let body = Download::new(self, call, part, answer).into_body();
        let body = if whole {
            verify(digest, Some(size), body)
        } else {
            body
        };
        Ok(BlobRead {
            size,
            range: wanted,
            body,
        })
    }

    /// Reads the size of a blob. Uses GET if the registry does not support HEAD properly.
    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        let size = self.blob_size(repository, digest).await?;
        Ok(BlobInfo { size })
    }

    /// Reads a manifest into memory, and verifies its digest before returning it.
    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        let answer = self.request_manifest(repository, reference).await?;
        if !answer.is_success() {
            return Err(self
                .host
                .read_error(answer, &Error::manifest_unknown(repository, reference))
                .await);
        }
        let bytes = answer.bytes();
        let digest = match reference {
            Reference::Digest(digest) => verify_digest(&bytes, Some(digest)),
            Reference::Tag(_) => verify_digest(&bytes, digest_header(&answer).as_ref()),
        };
        let digest = digest.map_err(|error| {
            error.with_prefix(format!(
                "failed to read {}/{repository}@{reference}",
                self.host.name()
            ))
        })?;
        let media_type = media_type_header(&answer).or_else(|| {
            Some(
                Manifest::parse(bytes.clone(), None)
                    .ok()?
                    .media_type()
                    .clone(),
            )
        });
        let media_type = media_type.unwrap_or_else(|| MediaType::new(MediaType::OCTET_STREAM));
        let info = ManifestInfo {
            digest,
            media_type,
            size: bytes.len() as u64,
        };
        Ok(ManifestRead {
            info,
            body: bytes.into(),
        })
    }

    /// Reads the digest, media type and size of a manifest. Uses GET if the registry does not
    /// support HEAD properly.
    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        let call = self.manifest_request(Method::HEAD, repository, reference)?;
        let call = call.with_retried(error_response::is_outage);
        let answer = self.host.send_with_retries(&call).await?;
        if is_not_found(&answer) {
            return Err(Error::manifest_unknown(repository, reference));
        }
        let digest = match reference {
            Reference::Digest(digest) => Some(digest.clone()).filter(|_| !denies(&answer, digest)),
            Reference::Tag(_) => digest_header(&answer),
        };
        match (
            digest,
            media_type_header(&answer),
            answer.header(&header::CONTENT_LENGTH),
        ) {
            (Some(digest), Some(media_type), Some(size)) if answer.is_success() => {
                Ok(ManifestInfo {
                    digest,
                    media_type,
                    size,
                })
            }
            _ => self
                .get_manifest(context, repository, reference)
                .await
                .map(|read| read.info),
        }
    }
}

impl Client {
    fn blob_request(
        &self,
        method: Method,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<RegistryRequest> {
        let call = self.host.request(
            method,
            &Endpoint::Blob(repository.clone(), digest.clone()),
            "",
        );
        // Digests apply to the stored bytes, so the server must not compress them for the transfer.
        call.with_header(header::ACCEPT_ENCODING, "identity")
    }

    fn manifest_request(
        &self,
        method: Method,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<RegistryRequest> {
        let endpoint = Endpoint::Manifest(repository.clone(), reference.clone());
        let call = self.host.request(method, &endpoint, "");
        call.with_header(header::ACCEPT, ACCEPT)?
            .with_header(header::ACCEPT_ENCODING, "identity")
    }

    /// Requests a manifest.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`] if the registry returns 500 because the digest belongs to
    /// a blob. CNCF distribution returns it for such a digest, and a retry would get the same
    /// response.
    async fn request_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<RegistryResponse> {
        let call = self
            .manifest_request(Method::GET, repository, reference)?
            .with_body_limit(MAX_MANIFEST_BYTES);
        let Reference::Digest(digest) = reference else {
            return self.host.send_with_retries(&call).await;
        };
        let failure = StatusCode::INTERNAL_SERVER_ERROR;
        let settled = call.clone().with_retried(error_response::is_outage);
        let answer = self.host.send_with_retries(&settled).await?;
        if answer.status != failure {
            return Ok(answer);
        }
        // The 500 may be a temporary error. Portolan never returns 500 because of a blob, so a 500
        // from Portolan is always temporary.
        if self.host.features().await?.is_portolan {
            return self.host.send_with_retries(&call).await;
        }
        // If a blob with this digest exists, it may be the reason for the 500. In this case,
        // another attempt rules out a temporary error.
        let blob = self.blob_request(Method::HEAD, repository, digest)?;
        let blob = self
            .host
            .send_with_retries(&blob.with_retried(error_response::is_outage))
            .await?;
        if !blob.is_success() {
            return self.host.send_with_retries(&call).await;
        }
        let answer = self.host.send_with_retries(&settled).await?;
        if answer.status == failure {
            Err(Error::manifest_unknown(repository, digest))
        } else {
            Ok(answer)
        }
    }

    /// Requests a blob, or only `range` of it. If the registry rejects a range that the blob
    /// contains, or returns a part that does not begin at the start of the range, requests the full
    /// blob instead.
    async fn request_blob(
        &self,
        call: &RegistryRequest,
        repository: &RepositoryName,
        descriptor: &Descriptor,
        range: Option<ByteRange>,
    ) -> Result<RegistryResponse> {
        let call = call.clone().with_streamed_body();
        let Some(range) = range else {
            return self.host.send_with_retries(&call).await;
        };
        let asked = call
            .clone()
            .with_header(header::RANGE, write_range(with_end(range, descriptor.size)))?
            .with_retried(error_response::is_outage);
        let answer = self.host.send_with_retries(&asked).await?;
        match answer.status {
            StatusCode::PARTIAL_CONTENT if !has_start(&answer, range) => (),
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let stated = content_range(&answer).and_then(|range| range.size);
                let size = match stated.or(descriptor.size) {
                    Some(size) => size,
                    None => self.blob_size(repository, &descriptor.digest).await?,
                };
                resolve_range(Some(range), size)?;
            }
            status if is_range_rejection(status) => (),
            _ => return Ok(answer),
        }
        // Release the permit of the first response before the second request needs one.
        drop(answer);
        self.host.send_with_retries(&call).await
    }

    /// Reads the manifest with `digest`, after the registry has returned `error` for the blob with
    /// this digest. Not every registry serves manifests as blobs.
    ///
    /// # Errors
    /// Returns `error` if its kind is not [`Kind::BlobUnknown`], or if the manifest does not exist.
    async fn manifest_as_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
        error: Error,
    ) -> Result<BlobRead> {
        let served = self
            .host
            .capabilities
            .features()
            .is_some_and(|features| features.is_portolan);
        if *error.kind() != Kind::BlobUnknown || served || digest.algorithm().hasher().is_none() {
            return Err(error);
        }
        let reference = digest.clone().into();
        let Ok(read) = self.get_manifest(context, repository, &reference).await else {
            return Err(error);
        };
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await?;
        let size = bytes.len() as u64;
        let range = resolve_range(range, size)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both ends lie within a buffer in memory"
        )]
        let body = bytes.slice(range.start as usize..range.end as usize).into();
        Ok(BlobRead { size, range, body })
    }

    fn wrong_range_error(&self, digest: &Digest) -> Error {
        let predicate = format!("returned the wrong byte range of {digest}");
        Error::from_host(Kind::Unsupported, self.host.name(), predicate)
    }

    /// Returns the byte range that a response with status 206 contains.
    async fn partial_range(
        &self,
        answer: &RegistryResponse,
        repository: &RepositoryName,
        descriptor: &Descriptor,
    ) -> Result<BlobRange> {
        let digest = &descriptor.digest;
        let range = content_range(answer).and_then(|range| Some((range.part?, range.size)));
        let Some((wanted, size)) = range else {
            let predicate =
                format!("returned a part of {digest} without a valid Content-Range header");
            let host = self.host.name();
            return Err(Error::from_host(Kind::Unsupported, host, predicate));
        };
        let size = match size.or(descriptor.size) {
            Some(size) => size,
            None => self.blob_size(repository, digest).await?,
        };
        // For an empty blob, some registries return an empty part instead of 416.
        if wanted.is_empty() {
            Err(Error::range_unsatisfiable(size))
        } else {
            Ok(BlobRange {
                size,
                skipped: 0,
                range: wanted,
            })
        }
    }

    /// Returns the byte range to extract from a response that contains the full blob. If `range`
    /// was requested, the server does not support ranges, and the client skips the bytes before
    /// `range`.
    async fn full_range(
        &self,
        answer: &RegistryResponse,
        repository: &RepositoryName,
        descriptor: &Descriptor,
        range: Option<ByteRange>,
    ) -> Result<BlobRange> {
        let length = answer.header(&header::CONTENT_LENGTH);
        let size = match length.or(descriptor.size) {
            Some(size) => size,
            None => self.blob_size(repository, &descriptor.digest).await?,
        };
        let wanted = resolve_range(range, size)?;
        Ok(BlobRange {
            size,
            skipped: wanted.start,
            range: wanted,
        })
    }

    /// Returns the size of a blob from the response to HEAD. If HEAD fails, or its response lacks
    /// the size or contradicts the digest, requests the first byte with GET. An error response to
    /// GET contains the registry's message, and a response to HEAD does not.
    async fn blob_size(&self, repository: &RepositoryName, digest: &Digest) -> Result<u64> {
        let call = self.blob_request(Method::HEAD, repository, digest)?;
        let call = call.with_retried(error_response::is_outage);
        let answer = self.host.send_with_retries(&call).await?;
        if is_not_found(&answer) {
            return Err(Error::blob_unknown(repository, digest));
        }
        let length = answer.header(&header::CONTENT_LENGTH);
        match length.filter(|_| answer.is_success() && !denies(&answer, digest)) {
            Some(size) => Ok(size),
            None => self.size_by_range(repository, digest).await,
        }
    }

    /// Returns the size of a blob, by requesting its first byte. A server without range support
    /// sends the size as `Content-Length` instead of `Content-Range`.
    async fn size_by_range(&self, repository: &RepositoryName, digest: &Digest) -> Result<u64> {
        let call = self
            .blob_request(Method::GET, repository, digest)?
            .with_header(header::RANGE, "bytes=0-0")?;
        let answer = self.host.send_with_retries(&call).await?;
        // An empty blob has no first byte.
        let empty = (answer.status == StatusCode::RANGE_NOT_SATISFIABLE).then_some(0);
        if empty.is_none() && !answer.is_success() {
            return Err(self
                .host
                .read_error(answer, &Error::blob_unknown(repository, digest))
                .await);
        }
        if let Some(stated) = digest_header(&answer).filter(|_| denies(&answer, digest)) {
            return Err(Error::digest_mismatch(digest, &stated));
        }
        let total = content_range(&answer).and_then(|range| range.size);
        let length = answer
            .header(&header::CONTENT_LENGTH)
            .filter(|_| answer.status == StatusCode::OK);
        total.or(length).or(empty).ok_or_else(|| {
            let predicate = format!("does not report the size of blob {digest}");
            Error::from_host(Kind::Unsupported, self.host.name(), predicate)
        })
    }
}

pub(crate) fn content_range(answer: &RegistryResponse) -> Option<ContentRange> {
    ContentRange::parse(answer.headers.get(header::CONTENT_RANGE)?.to_str().ok()?)
}

/// Returns the media type in the `Content-Type` header, unless it is missing or generic.
fn media_type_header(answer: &RegistryResponse) -> Option<MediaType> {
    let value: String = answer.header(&header::CONTENT_TYPE)?;
    Some(MediaType::new(&value)).filter(|media_type| !media_type.is_generic())
}

/// Returns the digest in the `Docker-Content-Digest` header, unless it is missing or its algorithm
/// is not supported.
fn digest_header(answer: &RegistryResponse) -> Option<Digest> {
    let digest: Digest = answer.header(&DOCKER_CONTENT_DIGEST)?;
    digest.algorithm().hasher().map(|_| digest)
}

/// Returns whether the response to HEAD means that the content does not exist.
///
/// If the registry reports missing content, the content type is JSON, the type of its error body. A
/// 404 with another type may mean that the registry does not support HEAD.
fn is_not_found(answer: &RegistryResponse) -> bool {
    let type_is_json = answer
        .header(&header::CONTENT_TYPE)
        .is_some_and(|value: String| value.contains("json"));
    answer.status == StatusCode::NOT_FOUND && answer.same_origin && type_is_json
}

/// Returns whether the response states a different digest for the content, with the same algorithm.
fn denies(answer: &RegistryResponse, digest: &Digest) -> bool {
    let stated: Option<Digest> = answer.header(&DOCKER_CONTENT_DIGEST);
    stated.is_some_and(|stated| stated.algorithm() == digest.algorithm() && stated != *digest)
}

/// Returns whether the part in a response with status 206 begins at the start of `range`. For
/// [`ByteRange::Last`], the start depends on the size of the blob, so any part is accepted.
fn has_start(answer: &RegistryResponse, range: ByteRange) -> bool {
    let start = match range {
        ByteRange::Closed { first, .. } | ByteRange::From(first) => Some(first),
        ByteRange::Last(_) => None,
    };
    let part = content_range(answer).and_then(|range| range.part);
    part.is_some_and(|part| start.is_none_or(|start| part.start == start))
}

/// Adds an end to a range without one, if the size of the blob is known. Some registries do not
/// support ranges without an end.
fn with_end(range: ByteRange, size: Option<u64>) -> ByteRange {
    match (range, size) {
        (ByteRange::From(first), Some(size)) if first < size => ByteRange::Closed {
            first,
            last: size - 1,
        },
        (range, _) => range,
    }
}

/// Returns whether the status can mean that the registry rejects the `Range` header. To find out,
/// the caller sends the request without this header.
pub(crate) fn is_range_rejection(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 405 | 412 | 416 | 500 | 501)
}
