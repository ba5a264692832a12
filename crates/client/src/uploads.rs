//! Upload sessions over HTTP (distribution-spec, "Pushing blobs").
//!
//! The id of a session is its repository and its location, which may be anywhere and is all that
//! a registry knows it by: it is as good in another process as it is in this one.

use http::{Method, StatusCode, header};
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Error, Kind, Mount, Result, Upload, UploadId};
use portolan_wire::headers::DOCKER_CONTENT_DIGEST;
use portolan_wire::query::{UploadStart, closing_location};
use portolan_wire::range::{PieceRange, parse_upload_range};
use portolan_wire::{Endpoint, Scopes};
use reqwest::Url;

use crate::Client;
use crate::answer::Answer;
use crate::call::{Access, Call};
use crate::failure::{Failure, Sent};
use crate::payload::Payload;

impl Client {
    pub(crate) async fn open_session(
        &self,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        if algorithm.hasher().is_none() {
            let message = format!(
                "no digest can be computed here by the algorithm {algorithm}, use sha256 or sha512"
            );
            return Err(Error::new(Kind::Unsupported, message));
        }
        let answer = self
            .host
            .ask(&self.start(repository, &UploadStart::Session(algorithm.clone())))
            .await?;
        self.opened(&answer, repository)
    }

    /// A registry that has anything against a mount may still take the blob.
    pub(crate) async fn try_mount(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        let start = UploadStart::Mount {
            digest: digest.clone(),
            from: from.cloned(),
        };
        let from = from
            .map(|from| Scopes::repository(from, &["pull"]))
            .unwrap_or_default();
        let answer = self
            .host
            .exchange(&self.start(repository, &start).also(from))
            .await?;
        match answer.status {
            StatusCode::CREATED => Ok(Mount::Mounted),
            status if status.is_success() => self.opened(&answer, repository).map(Mount::Upload),
            status if status.is_client_error() => self
                .open_session(repository, digest.algorithm())
                .await
                .map(Mount::Upload),
            _ => Err(self.host.refusal(answer).await),
        }
    }

    /// In one request where the registry is known to take that, and else through a session: another
    /// one after a failure, if the content is still at hand.
    pub(crate) async fn send_whole(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        if self
            .host
            .abilities
            .features()
            .is_some_and(|features| features.any)
        {
            let call = self
                .start(repository, &UploadStart::Whole(digest.clone()))
                .with(body);
            return created(&self.host.ask(&as_content(call)?).await?, digest);
        }
        let Body::Whole(bytes) = body else {
            return self.send_through_session(repository, digest, body).await;
        };
        let mut attempt = 1;
        loop {
            let sent = self
                .send_through_session(repository, digest, bytes.clone().into())
                .await;
            match sent {
                Err(error) if error.is_transient() => {
                    self.host
                        .persistence
                        .pause(attempt, Failure::new(error, Sent::Perhaps))
                        .await?;
                }
                sent => return sent,
            }
            attempt += 1;
        }
    }

    async fn send_through_session(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let upload = self.open_session(repository, digest.algorithm()).await?;
        let sent = self
            .send_last(repository, &upload.id, None, body, digest)
            .await;
        if sent.is_err() {
            self.drop_session(repository, &upload.id).await;
        }
        sent
    }

    pub(crate) async fn session_status(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        let url = location_of(id, repository)?;
        let answer = self
            .host
            .exchange(&in_session(Method::GET, url.clone(), repository))
            .await?;
        if !answer.is_success() {
            return Err(self
                .host
                .refusal_or(answer, &Error::upload_unknown(repository, id))
                .await);
        }
        let Some(offset) = offset(&answer) else {
            let message = format!(
                "{} does not say where the session stands; start a new one",
                self.host.name()
            );
            return Err(Error::new(Kind::UploadUnknown, message));
        };
        Ok(Upload {
            id: next_id(&answer, repository, &url),
            offset,
        })
    }

    /// In one request, however long the piece: it is cut by nobody, so that a registry that wants
    /// pieces of a certain length (`OCI-Chunk-Min-Length`) is not given shorter ones.
    pub(crate) async fn send_piece(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let url = location_of(id, repository)?;
        let range = self.place(repository, id, offset, body.length()).await?;
        let call = content(in_session(Method::PATCH, url.clone(), repository), body)?;
        let call = placed(call, range)?;
        let payload: Payload = call.payload.clone();
        let answer = self.host.exchange(&call).await?;
        if !answer.is_success() {
            return Err(self.out_of_order(answer, repository, id, offset).await);
        }
        let offset =
            self::offset(&answer).unwrap_or_else(|| offset.unwrap_or_default() + payload.sent());
        Ok(Upload {
            id: next_id(&answer, repository, &url),
            offset,
        })
    }

    pub(crate) async fn send_last(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let url = location_of(id, repository)?;
        let range = self.place(repository, id, offset, body.length()).await?;
        let closing = Url::parse(&closing_location(url.as_str(), digest));
        let closing =
            closing.map_err(|error| Error::internal("writing where a session is closed", error))?;
        let call = placed(
            content(in_session(Method::PUT, closing, repository), body)?,
            range,
        )?;
        let answer = self.host.exchange(&call).await?;
        if !answer.is_success() {
            return Err(self.out_of_order(answer, repository, id, offset).await);
        }
        created(&answer, digest)
    }

    pub(crate) async fn end_session(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let call = in_session(Method::DELETE, location_of(id, repository)?, repository);
        let answer = self.host.exchange(&call).await?;
        // It is gone, if an earlier attempt was heard after all.
        if answer.is_success() || (answer.status == StatusCode::NOT_FOUND && answer.attempts > 1) {
            return Ok(());
        }
        Err(self
            .host
            .refusal_or(answer, &Error::upload_unknown(repository, id))
            .await)
    }

    /// Ends a session that nobody will go on with. If that fails, the registry forgets it in time.
    async fn drop_session(&self, repository: &RepositoryName, id: &UploadId) {
        if let Ok(url) = location_of(id, repository) {
            let _ = self
                .host
                .attempt(&in_session(Method::DELETE, url, repository))
                .await;
        }
    }

    fn start(&self, repository: &RepositoryName, start: &UploadStart) -> Call {
        self.host.call(
            Method::POST,
            &Endpoint::Uploads(repository.clone()),
            &start.to_string(),
        )
    }

    fn opened(&self, answer: &Answer, repository: &RepositoryName) -> Result<Upload> {
        let location = location(answer).ok_or_else(|| {
            let message = format!(
                "{} opens an upload session and does not say where",
                self.host.name()
            );
            Error::new(Kind::Unsupported, message)
        })?;
        Ok(Upload {
            id: id_of(&location, repository),
            offset: 0,
        })
    }

    /// What `Content-Range` is to say of a piece that begins at `offset`.
    ///
    /// It needs the piece's length. Of a stream that is not known, so its offset is compared here
    /// with where the session stands, as it is for an empty piece at the very beginning, which
    /// `Content-Range` cannot express.
    async fn place(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        length: Option<u64>,
    ) -> Result<Option<PieceRange>> {
        let Some(first) = offset else { return Ok(None) };
        if let Some(length) = length.filter(|length| first + length > 0) {
            return Ok(Some(PieceRange { first, length }));
        }
        match self.session_status(repository, id).await?.offset {
            offset if offset == first => Ok(None),
            offset => Err(Error::out_of_order(offset, first)),
        }
    }

    /// The error of a piece that was refused: a session that stands elsewhere says where.
    async fn out_of_order(
        &self,
        answer: Answer,
        repository: &RepositoryName,
        id: &UploadId,
        begins_at: Option<u64>,
    ) -> Error {
        let out_of_order = answer.status == StatusCode::RANGE_NOT_SATISFIABLE;
        let stands_at = offset(&answer);
        let error = self
            .host
            .refusal_or(answer, &Error::upload_unknown(repository, id))
            .await;
        match (error.kind(), stands_at) {
            (Kind::OutOfOrder { .. }, _) => error,
            (_, Some(offset)) if out_of_order => {
                Error::out_of_order(offset, begins_at.unwrap_or_default())
            }
            _ => error,
        }
    }
}

/// A request about a session, wherever that is.
fn in_session(method: Method, url: Url, repository: &RepositoryName) -> Call {
    Call::new(
        method,
        url,
        Access::repository(repository, &["pull", "push"]),
    )
}

/// A piece of content as what it is to every registry.
fn content(call: Call, body: Body) -> Result<Call> {
    as_content(call.appending(body))
}

fn as_content(call: Call) -> Result<Call> {
    call.header(header::CONTENT_TYPE, "application/octet-stream")
}

fn placed(call: Call, range: Option<PieceRange>) -> Result<Call> {
    match range {
        Some(range) => call.header(header::CONTENT_RANGE, range.to_string()),
        None => Ok(call),
    }
}

fn id_of(location: &Url, repository: &RepositoryName) -> UploadId {
    UploadId::new(format!("{repository} {location}"))
}

fn location_of(id: &UploadId, repository: &RepositoryName) -> Result<Url> {
    let own = id
        .as_str()
        .split_once(' ')
        .filter(|(name, _)| *name == repository.as_str());
    let url = own.and_then(|(_, location)| Url::parse(location).ok());
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Error::upload_unknown(repository, id))
}

/// Where a session is from now on: a registry that does not say has not moved it.
fn next_id(answer: &Answer, repository: &RepositoryName, before: &Url) -> UploadId {
    id_of(
        &location(answer).unwrap_or_else(|| before.clone()),
        repository,
    )
}

fn location(answer: &Answer) -> Option<Url> {
    answer
        .url
        .join(answer.headers.get(header::LOCATION)?.to_str().ok()?)
        .ok()
}

/// Number of bytes that a session has. `0-0` is taken for none: a session of a single byte says the same.
fn offset(answer: &Answer) -> Option<u64> {
    let last = parse_upload_range(answer.headers.get(header::RANGE)?.to_str().ok()?)?;
    Some(if last == 0 { 0 } else { last + 1 })
}

/// A registry may call the same blob by a digest of another algorithm, but not by another one of this.
fn created(answer: &Answer, digest: &Digest) -> Result<()> {
    let named: Option<Digest> = answer.header(&DOCKER_CONTENT_DIGEST);
    match named.filter(|named| named.algorithm() == digest.algorithm() && named != digest) {
        Some(named) => Err(Error::digest_mismatch(digest, &named)),
        None => Ok(()),
    }
}
