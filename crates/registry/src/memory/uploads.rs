//! Upload sessions in memory.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use portolan_model::{Algorithm, Digest, RepositoryName};

use super::{MemoryRegistry, Repository, Session};
use crate::{Body, Caller, Context, Error, Kind, Result, Turns, Upload, UploadId, Uploads, Writer};

#[async_trait]
impl Uploads for MemoryRegistry {
    /// Opens a session. The algorithm is not stored, because all bytes are still in memory when the
    /// session finishes.
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        if algorithm.hasher().is_none() {
            let message =
                format!("digest algorithm {algorithm} is not supported; use sha256 or sha512");
            return Err(Error::new(Kind::Unsupported, message));
        }
        self.open_session(context, repository)
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        let offset = self.update(repository, |state| {
            Ok(state
                .session(context.caller(), repository, id, None)?
                .offset())
        })?;
        Ok(Upload::new(id.clone(), offset))
    }

    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let (piece, end) = self.receive(context, repository, id, offset, body).await?;
        let offset = self.update(repository, |state| {
            Ok(state
                .session(context.caller(), repository, id, offset)?
                .append(&piece))
        })?;
        end?;
        Ok(Upload::new(id.clone(), offset))
    }

    async fn finish_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let (piece, end) = self.receive(context, repository, id, offset, body).await?;
        let session = self.update(repository, |state| {
            state
                .session(context.caller(), repository, id, offset)?
                .append(&piece);
            end?;
            state
                .uploads
                .remove(id)
                .ok_or_else(|| Error::upload_unknown(repository, id))
        })?;
        self.put_blob(
            context,
            repository,
            digest,
            Bytes::from(session.bytes).into(),
        )
        .await
    }

    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        self.update(repository, |state| {
            let session = state.session(context.caller(), repository, id, None)?;
            session.turns.next();
            state.uploads.remove(id);
            Ok(())
        })
    }
}

impl MemoryRegistry {
    /// Reads the body of a chunk if its offset matches the session. The caller has to check the
    /// offset again, because another request may append to the session while the body is read.
    async fn receive(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<(Vec<u8>, Result<()>)> {
        let body = self.update(repository, |state| {
            let session = state.session(context.caller(), repository, id, offset)?;
            let stored = session.offset();
            Result::Ok(session.turns.next().limit(body, move || stored))
        })?;
        Ok(collect(body).await)
    }

    /// Opens an empty session.
    pub(super) fn open_session(
        &self,
        context: &Context,
        repository: &RepositoryName,
    ) -> Result<Upload> {
        let id = UploadId::random()?;
        let session = Session {
            caller: context.caller().clone(),
            bytes: Vec::new(),
            turns: Turns::default(),
        };
        self.update(repository, |state| {
            state.uploads.insert(id.clone(), session)
        });
        Ok(Upload::new(id, 0))
    }
}

impl Repository {
    /// Returns an upload session of `caller`, if `offset` matches its current offset.
    fn session(
        &mut self,
        caller: &Caller,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
    ) -> Result<&mut Session> {
        let session = self
            .uploads
            .get_mut(id)
            .filter(|session| session.caller == *caller)
            .ok_or_else(|| Error::upload_unknown(repository, id))?;
        check_offset(session.offset(), offset)?;
        Ok(session)
    }
}

impl Session {
    fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn append(&mut self, piece: &[u8]) -> u64 {
        self.bytes.extend_from_slice(piece);
        self.offset()
    }
}

fn check_offset(offset: u64, begins_at: Option<u64>) -> Result<()> {
    match begins_at {
        Some(begins_at) if begins_at != offset => Err(Error::out_of_order(offset, begins_at)),
        _ => Ok(()),
    }
}

/// Reads a body to its end, and returns the received bytes and the error at the end, if there is
/// one.
async fn collect(mut body: Body) -> (Vec<u8>, Result<()>) {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) if matches!(error.kind(), Kind::OutOfOrder { .. }) => {
                return (Vec::new(), Err(error));
            }
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}
