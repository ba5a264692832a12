//! Upload sessions over HTTP (distribution-spec, "Pushing blobs").
//!
//! The id of a session consists of its repository and its location. The location may be on any
//! host. The registry identifies the session only by the location, so another process can also use
//! the id.

use async_trait::async_trait;
use http::{Method, StatusCode, header};
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{
    Body, Context, Error, Kind, MountOutcome, Result, Upload, UploadId, Uploads,
};
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_CHUNK_MIN_LENGTH};
use portolan_wire::query::{UploadStart, closing_location};
use portolan_wire::range::{ChunkRange, parse_upload_range};
use portolan_wire::{Endpoint, Scopes};
use reqwest::Url;

use crate::Client;
use crate::failure::{Delivery, Failure};
use crate::payload::Payload;
use crate::request::{Access, RegistryRequest};
use crate::response::RegistryResponse;

#[async_trait]
impl Uploads for Client {
    async fn open_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.open_session(repository, algorithm).await
    }

    async fn upload_status(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.session_status(repository, id).await
    }

    /// Uploads a chunk of any length in one request. A chunk is never split, so that a registry
    /// that demands a minimum length (`OCI-Chunk-Min-Length`) does not receive shorter chunks.
    async fn append_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let url = session_location(id, repository)?;
        let range = self
            .chunk_range(repository, id, offset, body.length())
            .await?;
        let call = with_chunk(
            session_request(Method::PATCH, url.clone(), repository),
            body,
        )?;
        let call = with_content_range(call, range)?;
        let payload: Payload = call.payload.clone();
        let answer = self.host.send_with_retries(&call).await?;
        if !answer.is_success() {
            return Err(self.chunk_error(answer, repository, id, offset).await);
        }
        // A successful response without a `Range` header means that the registry has accepted all
        // bytes that were sent.
        let offset = self::offset(&answer)
            .unwrap_or_else(|| offset.unwrap_or_default() + payload.sent_bytes());
        Ok(Upload::new(next_id(&answer, repository, &url), offset))
    }

    async fn finish_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        self.upload_last_chunk(repository, id, offset, body, digest)
            .await
    }

    async fn cancel_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let call = session_request(
            Method::DELETE,
            session_location(id, repository)?,
            repository,
        );
        let answer = self.host.send_with_retries(&call).await?;
        // A retry gets 404 if an earlier attempt succeeded but its response was lost.
        if answer.is_success() || (answer.status == StatusCode::NOT_FOUND && answer.attempts > 1) {
            return Ok(());
        }
        Err(self
            .host
            .error_or_missing(answer, &Error::upload_unknown(repository, id))
            .await)
    }
}

impl Client {
    async fn open_session(
        &self,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        if algorithm.hasher().is_none() {
            let message =
                format!("digest algorithm {algorithm} is not supported, only sha256 and sha512");
            return Err(Error::new(Kind::Unsupported, message));
        }
        let answer = self
            .host
            .send_checked(&self.start_request(repository, &UploadStart::Session(algorithm.clone())))
            .await?;
        self.parse_new_session(&answer, repository)
    }

    /// Mounts a blob, or opens an upload session if the registry does not mount it. Opens a session
    /// after any failure of the mount, because the registry may still accept a session.
    pub(crate) async fn try_mount(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        let start = UploadStart::Mount {
            digest: digest.clone(),
            from: from.cloned(),
        };
        let from = from
            .map(|from| Scopes::repository(from, &["pull"]))
            .unwrap_or_default();
        let call = self.start_request(repository, &start).with_scopes(from);
        // An error response to the mount is not retried, because the request for a session follows.
        // That request is retried, and its error is reported.
        let answer = self
            .host
            .send_with_retries(&call.with_retried(|_| false))
            .await;
        let opened = match answer {
            Ok(answer) if answer.status == StatusCode::CREATED => {
                if check_created(&answer, digest).is_ok() {
                    return Ok(MountOutcome::Mounted);
                }
                None
            }
            Ok(answer) if answer.is_success() => self.parse_new_session(&answer, repository).ok(),
            _ => None,
        };
        match opened {
            Some(upload) => Ok(MountOutcome::Upload(upload)),
            None => self
                .open_session(repository, digest.algorithm())
                .await
                .map(MountOutcome::Upload),
        }
    }

    /// Uploads a blob in one request if the registry is known to be Portolan, and otherwise through
    /// an upload session. After a temporary failure, retries in a new session if the content is in
    /// memory.
    pub(crate) async fn upload_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        if self
            .host
            .capabilities
            .features()
            .is_some_and(|features| features.is_portolan)
        {
            let call = self
                .start_request(repository, &UploadStart::Monolithic(digest.clone()))
                .with_body(body);
            return check_created(
                &self.host.send_checked(&with_octet_stream(call)?).await?,
                digest,
            );
        }
        let Body::Full(bytes) = body else {
            return self.upload_through_session(repository, digest, body).await;
        };
        let mut attempt = 1;
        loop {
            let sent = self
                .upload_through_session(repository, digest, bytes.clone().into())
                .await;
            match sent {
                Err(error) if error.is_transient() => {
                    self.host
                        .retrier
                        .pause(attempt, Failure::new(error, Delivery::Unknown))
                        .await?;
                }
                sent => return sent,
            }
            attempt += 1;
        }
    }

    async fn upload_through_session(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let upload = self.open_session(repository, digest.algorithm()).await?;
        let sent = self
            .upload_last_chunk(repository, &upload.id, None, body, digest)
            .await;
        if sent.is_err() {
            self.abandon_session(repository, &upload.id).await;
        }
        sent
    }

    async fn session_status(&self, repository: &RepositoryName, id: &UploadId) -> Result<Upload> {
        let url = session_location(id, repository)?;
        let answer = self
            .host
            .send_with_retries(&session_request(Method::GET, url.clone(), repository))
            .await?;
        if !answer.is_success() {
            return Err(self
                .host
                .error_or_missing(answer, &Error::upload_unknown(repository, id))
                .await);
        }
        let Some(offset) = offset(&answer) else {
            let predicate = "does not report the offset of the upload session";
            let host = self.host.name();
            return Err(Error::from_host(Kind::UploadUnknown, host, predicate));
        };
        Ok(Upload::new(next_id(&answer, repository, &url), offset))
    }

    async fn upload_last_chunk(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let url = session_location(id, repository)?;
        let range = self
            .chunk_range(repository, id, offset, body.length())
            .await?;
        let closing = Url::parse(&closing_location(url.as_str(), digest));
        let closing = closing.map_err(|error| {
            Error::internal("failed to build the location that closes a session", error)
        })?;
        let call = with_content_range(
            with_chunk(session_request(Method::PUT, closing, repository), body)?,
            range,
        )?;
        let answer = self.host.send_with_retries(&call).await?;
        if !answer.is_success() {
            return Err(self.chunk_error(answer, repository, id, offset).await);
        }
        check_created(&answer, digest)
    }

    /// Cancels a session after a failed upload. Ignores errors, because the registry expires the
    /// session later.
    async fn abandon_session(&self, repository: &RepositoryName, id: &UploadId) {
        if let Ok(url) = session_location(id, repository) {
            let _ = self
                .host
                .attempt(&session_request(Method::DELETE, url, repository))
                .await;
        }
    }

    fn start_request(&self, repository: &RepositoryName, start: &UploadStart) -> RegistryRequest {
        self.host.request(
            Method::POST,
            &Endpoint::Uploads(repository.clone()),
            &start.to_string(),
        )
    }

    fn parse_new_session(
        &self,
        answer: &RegistryResponse,
        repository: &RepositoryName,
    ) -> Result<Upload> {
        let location = location(answer).ok_or_else(|| {
            let predicate = "opened an upload session without a valid Location header";
            Error::from_host(Kind::Unsupported, self.host.name(), predicate)
        })?;
        Ok(Upload {
            id: session_id(&location, repository),
            offset: 0,
            min_chunk_length: answer.header(&OCI_CHUNK_MIN_LENGTH),
        })
    }

    /// Returns the range for the `Content-Range` header of a chunk that begins at `offset`.
    ///
    /// The header requires the length of the chunk. If `length` is `None`, because the chunk is a
    /// stream of unknown length, this function requests the offset of the session and compares it
    /// with `offset` instead. It does the same for an empty chunk at offset 0, because
    /// `Content-Range` cannot express such a chunk.
    ///
    /// # Errors
    /// Returns [`Kind::OutOfOrder`] if the offsets differ.
    async fn chunk_range(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        length: Option<u64>,
    ) -> Result<Option<ChunkRange>> {
        let Some(first) = offset else { return Ok(None) };
        if let Some(length) = length.filter(|length| first + length > 0) {
            return Ok(Some(ChunkRange { first, length }));
        }
        match self.session_status(repository, id).await?.offset {
            offset if offset == first => Ok(None),
            offset => Err(Error::out_of_order(offset, first)),
        }
    }

    /// Returns the error for a rejected chunk. If the status is 416 and the registry reports the
    /// offset of the session, the error is [`Kind::OutOfOrder`] with that offset.
    async fn chunk_error(
        &self,
        answer: RegistryResponse,
        repository: &RepositoryName,
        id: &UploadId,
        chunk_offset: Option<u64>,
    ) -> Error {
        let out_of_order = answer.status == StatusCode::RANGE_NOT_SATISFIABLE;
        let session_offset = offset(&answer);
        let error = self
            .host
            .error_or_missing(answer, &Error::upload_unknown(repository, id))
            .await;
        match (error.kind(), session_offset) {
            (Kind::OutOfOrder { .. }, _) => error,
            // The chunk begins at the offset of the session, so the registry rejects its length.
            // GitHub's registry sends 416 for a chunk that is too large.
            (_, offset) if out_of_order && offset.unwrap_or(0) == chunk_offset.unwrap_or(0) => {
                error.with_kind(Kind::TooLarge)
            }
            (_, Some(offset)) if out_of_order => {
                Error::out_of_order(offset, chunk_offset.unwrap_or_default())
            }
            _ => error,
        }
    }
}

/// Creates a request to the location of a session.
fn session_request(method: Method, url: Url, repository: &RepositoryName) -> RegistryRequest {
    RegistryRequest::new(
        method,
        url,
        Access::for_repository(repository, &["pull", "push"]),
    )
}

/// Sets a chunk as the body of a request.
fn with_chunk(call: RegistryRequest, body: Body) -> Result<RegistryRequest> {
    with_octet_stream(call.with_appended_body(body))
}

fn with_octet_stream(call: RegistryRequest) -> Result<RegistryRequest> {
    call.with_header(header::CONTENT_TYPE, "application/octet-stream")
}

fn with_content_range(call: RegistryRequest, range: Option<ChunkRange>) -> Result<RegistryRequest> {
    match range {
        Some(range) => call.with_header(header::CONTENT_RANGE, range.to_string()),
        None => Ok(call),
    }
}

fn session_id(location: &Url, repository: &RepositoryName) -> UploadId {
    UploadId::new(format!("{repository} {location}"))
}

fn session_location(id: &UploadId, repository: &RepositoryName) -> Result<Url> {
    let own = id
        .as_str()
        .split_once(' ')
        .filter(|(name, _)| *name == repository.as_str());
    let url = own.and_then(|(_, location)| Url::parse(location).ok());
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Error::upload_unknown(repository, id))
}

/// Returns the id of a session after a request. Without a `Location` header in the response, the
/// location of the session is still `before`.
fn next_id(answer: &RegistryResponse, repository: &RepositoryName, before: &Url) -> UploadId {
    session_id(
        &location(answer).unwrap_or_else(|| before.clone()),
        repository,
    )
}

fn location(answer: &RegistryResponse) -> Option<Url> {
    answer
        .url
        .join(answer.headers.get(header::LOCATION)?.to_str().ok()?)
        .ok()
}

/// Returns the number of bytes that an upload session has received, from the `Range` header.
/// Registries send `0-0` for an empty session, although `0-0` can also mean a single byte.
fn offset(answer: &RegistryResponse) -> Option<u64> {
    let last = parse_upload_range(answer.headers.get(header::RANGE)?.to_str().ok()?)?;
    Some(if last == 0 { 0 } else { last + 1 })
}

/// Checks the digest in the response to an upload. A registry may return a digest of the blob with
/// another algorithm, but not a different digest with the same algorithm.
fn check_created(answer: &RegistryResponse, digest: &Digest) -> Result<()> {
    let named: Option<Digest> = answer.header(&DOCKER_CONTENT_DIGEST);
    match named.filter(|named| named.algorithm() == digest.algorithm() && named != digest) {
        Some(named) => Err(Error::digest_mismatch(digest, &named)),
        None => Ok(()),
    }
}
