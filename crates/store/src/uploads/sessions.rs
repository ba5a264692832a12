//! Interface to the storage of upload sessions.

use std::time::Duration;

use async_trait::async_trait;
use portolan_files::sessions::Owner;
use portolan_model::{Algorithm, Digest};
use portolan_registry::{Body, ClientNetwork, Result, Upload, UploadId};

use crate::blobs::Staged;

/// Complete content with the digest that the caller stated.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) staged: Staged,
    pub(crate) size: u64,
}

/// Storage of upload sessions. Only the owner of a session can use it. For everyone else it is
/// unknown. If a method that writes were dropped halfway, a write could still be in progress, so
/// callers run these methods in a separate task.
#[async_trait]
pub(crate) trait UploadSessions: Send + Sync {
    async fn open(
        &self,
        owner: &Owner,
        client: Option<ClientNetwork>,
        algorithm: &Algorithm,
    ) -> Result<Upload>;

    async fn status(&self, owner: &Owner, id: &UploadId) -> Result<Upload>;

    async fn append(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload>;

    async fn finish(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<Finished>;

    async fn cancel(&self, owner: &Owner, id: &UploadId) -> Result<()>;

    /// Receives content in one call, without a session, and verifies that it has `digest`.
    async fn receive(&self, digest: &Digest, body: Body) -> Result<Finished>;

    /// Ends the session of complete content that was stored. Removes the content if another copy was
    /// stored.
    async fn end(&self, staged: Staged) -> Result<()>;

    /// Returns content that could not be stored to its session, which continues. Removes content
    /// without a session.
    async fn put_back(&self, staged: Staged) -> Result<()>;

    /// Ends the oldest idle sessions until the disk has room, but at least one session. Returns the
    /// number of ended sessions.
    async fn make_room(&self) -> Result<usize>;

    /// Ends the sessions that no call has used for `idle`, and returns the number of ended
    /// sessions.
    async fn expire(&self, idle: Duration) -> Result<usize>;
}
