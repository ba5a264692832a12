//! Upload sessions: bytes on their way in, kept until they are a blob, cancelled or expired.

mod append;
mod files;
mod sidecar;

use std::time::Duration;

use async_trait::async_trait;
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Result, Upload, UploadId};

use crate::blobs::Staged;

pub(crate) use files::Files;

/// Content that came in whole and has the digest that was claimed for it.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) staged: Staged,
    pub(crate) size: u64,
}

/// Upload sessions, as [`Writer`](portolan_registry::Writer) describes them. A session answers
/// under its own repository alone. Each call runs to its end on a task of its own.
#[async_trait]
pub(crate) trait Uploads: Send + Sync {
    async fn start(&self, repository: &RepositoryName, algorithm: &Algorithm) -> Result<Upload>;

    async fn status(&self, repository: &RepositoryName, id: &UploadId) -> Result<Upload>;

    async fn write(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload>;

    async fn finish(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<Finished>;

    async fn cancel(&self, repository: &RepositoryName, id: &UploadId) -> Result<()>;

    /// Takes content that comes in one call, without a session.
    async fn receive(&self, digest: &Digest, body: Body) -> Result<Finished>;

    /// Drops what was received and is not needed.
    async fn discard(&self, staged: Staged) -> Result<()>;

    /// Ends the sessions that stood still for longer than `idle`; answers how many.
    async fn expire(&self, idle: Duration) -> Result<usize>;
}
