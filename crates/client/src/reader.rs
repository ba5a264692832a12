//! Reading over HTTP (distribution-spec, "Pull").

use async_trait::async_trait;
use http::{Method, StatusCode, header};
use portolan_model::{ByteRange, Digest, Manifest, MediaType, Reference, RepositoryName};
use portolan_registry::{
    BlobInfo, BlobRead, Context, Error, Kind, MAX_MANIFEST_BYTES, ManifestInfo, ManifestRead,
    Reader, Result, verified, verified_digest, wanted_bytes,
};
use portolan_wire::Endpoint;
use portolan_wire::headers::DOCKER_CONTENT_DIGEST;
use portolan_wire::range::{ContentRange, write_range};

use crate::Client;
use crate::answer::Answer;
use crate::call::Call;
use crate::download::{Download, Part};

/// The types that a manifest may have, in one line, since some registries read no more than that;
/// the last one says that any other is welcome too, which by itself some take for a wish for images.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json, \
    */*";

#[async_trait]
impl Reader for Client {
    /// A body that breaks off goes on by itself where it stands. A whole blob ends with an error in
    /// the place of its last piece when it does not have its digest. A manifest is asked for as one
    /// when there is no such blob.
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let call = self.blob(Method::GET, repository, digest)?;
        let asked = match range {
            Some(range) => call.clone().header(header::RANGE, write_range(range))?,
            None => call.clone(),
        };
        let answer = self.host.exchange(&asked.downloading()).await?;
        let part = match answer.status {
            StatusCode::PARTIAL_CONTENT => self.part(&answer, repository, digest).await?,
            StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(self.outside(answer, repository, digest).await);
            }
            status if status.is_success() => self.whole(&answer, repository, digest, range).await?,
            _ => {
                let error = self
                    .host
                    .refusal_to_read(answer, &Error::blob_unknown(repository, digest))
                    .await;
                return self
                    .manifest_as_blob(context, repository, digest, range, error)
                    .await;
            }
        };
        let (size, wanted) = (part.size, part.wanted.clone());
        let whole = wanted == (0..size);
        if wanted.start != wanted_bytes(range, size)?.start || (range.is_none() && !whole) {
            return Err(self.another_part(digest));
        }
        let body = Download::new(self, call, part, answer).into_body();
        let body = if whole {
            verified(digest, Some(size), body)
        } else {
            body
        };
        Ok(BlobRead {
            size,
            range: wanted,
            body,
        })
    }

    /// Asked with GET where HEAD is not answered as it should be.
    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        let answer = self
            .host
            .exchange(&self.blob(Method::HEAD, repository, digest)?)
            .await?;
        if is_absent(&answer) {
            return Err(Error::blob_unknown(repository, digest));
        }
        match answer
            .header(&header::CONTENT_LENGTH)
            .filter(|_| answer.is_success())
        {
            Some(size) => Ok(BlobInfo { size }),
            None if speaks_of_itself(&answer) => Err(self.host.refusal(answer).await),
            None => Ok(BlobInfo {
                size: self.size_by_range(repository, digest).await?,
            }),
        }
    }

    /// The bytes are held against the digest before anybody sees them; they are all at hand then.
    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        let answer = self.manifest(Method::GET, repository, reference).await?;
        if !answer.is_success() {
            return Err(self
                .host
                .refusal_to_read(answer, &Error::manifest_unknown(repository, reference))
                .await);
        }
        let bytes = answer.bytes();
        let digest = match reference {
            Reference::Digest(digest) => verified_digest(&bytes, Some(digest)),
            Reference::Tag(_) => verified_digest(&bytes, computable(&answer).as_ref()),
        };
        let digest = digest.map_err(|error| {
            error.while_doing(format!(
                "reading {}/{repository}@{reference}",
                self.host.name()
            ))
        })?;
        let media_type = told_type(&answer).or_else(|| {
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

    /// Asked with GET where HEAD is not answered as it should be.
    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        let answer = self.manifest(Method::HEAD, repository, reference).await?;
        if is_absent(&answer) {
            return Err(Error::manifest_unknown(repository, reference));
        }
        let digest = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => computable(&answer),
        };
        match (
            digest,
            told_type(&answer),
            answer.header(&header::CONTENT_LENGTH),
        ) {
            (Some(digest), Some(media_type), Some(size)) if answer.is_success() => {
                Ok(ManifestInfo {
                    digest,
                    media_type,
                    size,
                })
            }
            _ if speaks_of_itself(&answer) => Err(self.host.refusal(answer).await),
            _ => self
                .get_manifest(context, repository, reference)
                .await
                .map(|read| read.info),
        }
    }
}

impl Client {
    fn blob(&self, method: Method, repository: &RepositoryName, digest: &Digest) -> Result<Call> {
        let call = self.host.call(
            method,
            &Endpoint::Blob(repository.clone(), digest.clone()),
            "",
        );
        // Digests are those of the content as it is stored.
        call.header(header::ACCEPT_ENCODING, "identity")
    }

    /// The answer about a manifest.
    ///
    /// CNCF distribution fails when the digest is that of a blob. That is no manifest then, as
    /// nothing will change.
    async fn manifest(
        &self,
        method: Method,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Answer> {
        let call = self.host.call(
            method,
            &Endpoint::Manifest(repository.clone(), reference.clone()),
            "",
        );
        let call = call
            .header(header::ACCEPT, ACCEPT)?
            .header(header::ACCEPT_ENCODING, "identity")?;
        let call = call.reading(MAX_MANIFEST_BYTES);
        let Reference::Digest(digest) = reference else {
            return self.host.exchange(&call).await;
        };
        let failure = StatusCode::INTERNAL_SERVER_ERROR;
        let settled = call.clone().settled_by(failure);
        let answer = self.host.exchange(&settled).await?;
        if answer.status != failure {
            return Ok(answer);
        }
        // Anything may fail once; what has promised to serve blobs as manifests does not fail at that.
        if self.host.features().await?.any {
            return self.host.exchange(&call).await;
        }
        let blob = self
            .host
            .exchange(&self.blob(Method::HEAD, repository, digest)?)
            .await?;
        if !blob.is_success() {
            return self.host.exchange(&call).await;
        }
        let answer = self.host.exchange(&settled).await?;
        if answer.status == failure {
            Err(Error::manifest_unknown(repository, digest))
        } else {
            Ok(answer)
        }
    }

    /// What is no blob may be a manifest, which not every registry serves as one.
    async fn manifest_as_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
        error: Error,
    ) -> Result<BlobRead> {
        let looked = self
            .host
            .abilities
            .features()
            .is_some_and(|features| features.any);
        if *error.kind() != Kind::BlobUnknown || looked || digest.algorithm().hasher().is_none() {
            return Err(error);
        }
        let reference = digest.clone().into();
        let Ok(read) = self.get_manifest(context, repository, &reference).await else {
            return Err(error);
        };
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await?;
        let size = bytes.len() as u64;
        let range = wanted_bytes(range, size)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both ends lie within bytes that are in memory"
        )]
        let body = bytes.slice(range.start as usize..range.end as usize).into();
        Ok(BlobRead { size, range, body })
    }

    fn another_part(&self, digest: &Digest) -> Error {
        let message = format!(
            "{} answers with another part of {digest} than was asked for",
            self.host.name()
        );
        Error::new(Kind::Unsupported, message)
    }

    /// The part that a server says it answers with.
    async fn part(
        &self,
        answer: &Answer,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Part> {
        let range = content_range(answer).and_then(|range| Some((range.part?, range.size)));
        let Some((wanted, size)) = range else {
            let message = format!(
                "{} answers with a part of {digest} and does not say which",
                self.host.name()
            );
            return Err(Error::new(Kind::Unsupported, message));
        };
        let size = match size {
            Some(size) => size,
            None => self.size_by_range(repository, digest).await?,
        };
        // Some answer with no byte at all where there is none to answer with.
        if wanted.is_empty() {
            Err(Error::range_unsatisfiable(size))
        } else {
            Ok(Part {
                size,
                skipped: 0,
                wanted,
            })
        }
    }

    /// The whole blob, of which a server that knows no ranges leaves it to the client to take a part.
    async fn whole(
        &self,
        answer: &Answer,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<Part> {
        let size = match answer.header(&header::CONTENT_LENGTH) {
            Some(size) => size,
            None => self.size_by_range(repository, digest).await?,
        };
        let wanted = wanted_bytes(range, size)?;
        Ok(Part {
            size,
            skipped: wanted.start,
            wanted,
        })
    }

    async fn outside(&self, answer: Answer, repository: &RepositoryName, digest: &Digest) -> Error {
        let error = self.host.refusal(answer).await;
        match error.kind() {
            Kind::RangeUnsatisfiable { .. } => error,
            _ => match self.size_by_range(repository, digest).await {
                Ok(size) => Error::range_unsatisfiable(size),
                Err(error) => error,
            },
        }
    }

    /// The size of a blob, as the answer with its first byte says; servers without ranges say it too.
    async fn size_by_range(&self, repository: &RepositoryName, digest: &Digest) -> Result<u64> {
        let call = self
            .blob(Method::GET, repository, digest)?
            .header(header::RANGE, "bytes=0-0")?;
        let answer = self.host.exchange(&call).await?;
        let empty = (answer.status == StatusCode::RANGE_NOT_SATISFIABLE).then_some(0);
        if empty.is_none() && !answer.is_success() {
            return Err(self
                .host
                .refusal_to_read(answer, &Error::blob_unknown(repository, digest))
                .await);
        }
        let told = content_range(&answer).and_then(|range| range.size);
        let length = answer
            .header(&header::CONTENT_LENGTH)
            .filter(|_| answer.status == StatusCode::OK);
        told.or(length).or(empty).ok_or_else(|| {
            let message = format!(
                "{} does not say how large the blob {digest} is",
                self.host.name()
            );
            Error::new(Kind::Unsupported, message)
        })
    }
}

pub(crate) fn content_range(answer: &Answer) -> Option<ContentRange> {
    ContentRange::parse(answer.headers.get(header::CONTENT_RANGE)?.to_str().ok()?)
}

/// The type that an answer says a manifest has, if it says anything of worth.
fn told_type(answer: &Answer) -> Option<MediaType> {
    let told: String = answer.header(&header::CONTENT_TYPE)?;
    Some(MediaType::new(&told)).filter(|media_type| !media_type.is_generic())
}

/// The digest that an answer names, if content can be held against it.
fn computable(answer: &Answer) -> Option<Digest> {
    let digest: Digest = answer.header(&DOCKER_CONTENT_DIGEST)?;
    digest.algorithm().hasher().map(|_| digest)
}

/// Whether a registry says that what was asked for with HEAD is not there.
///
/// The answer of a registry announces its error, which is JSON. One of something else may mean that
/// it knows no HEAD at all.
fn is_absent(answer: &Answer) -> bool {
    let type_is_json = answer
        .header(&header::CONTENT_TYPE)
        .is_some_and(|told: String| told.contains("json"));
    answer.status == StatusCode::NOT_FOUND && answer.own && type_is_json
}

/// Whether a refusal of HEAD would be one of GET too. That of a place where content is kept, and which
/// was told to expect GET, would not.
fn speaks_of_itself(answer: &Answer) -> bool {
    let status = answer.status;
    let refuses = matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    );
    answer.own && (refuses || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED))
}
