//! Upload sessions as files in one folder, on the filesystem of the blobs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portolan_files::durable::Durability;
use portolan_files::sessions::{FolderSettings, Owner, SessionFolder, Sessions, StagedFile};
use portolan_files::{Runtime, run_blocking};
use portolan_model::{Algorithm, Digest};
use portolan_registry::{Body, ClientNetwork, Result, Upload, UploadId};

use super::{Finished, UploadSessions};
use crate::blobs::Staged;
use crate::store::Settings;

/// Mode of the session files, and of the blobs that they are renamed to. Only the user of the
/// process can read them.
const FILE_MODE: u32 = 0o600;

/// Upload sessions of a data folder. The session files are in its subfolder `uploads`, and the key
/// is in its file `uploads.key`.
pub(crate) struct Files {
    sessions: Sessions<SessionFolder>,
}

impl Files {
    /// Opens the sessions of the data folder in `settings`. The caller must hold the lock on this
    /// folder.
    pub(crate) fn open(
        settings: &Settings,
        durability: Arc<Durability>,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self> {
        let (data, limit) = (&settings.folder, settings.uploads.per_repository);
        let settings = FolderSettings {
            folder: data.join("uploads"),
            key: data.join("uploads.key"),
            file_mode: FILE_MODE,
            durability,
        };
        let sessions = Sessions::in_folder(settings, runtime)?;
        Ok(Self {
            sessions: sessions.with_partial_limit(limit),
        })
    }
}

#[async_trait]
impl UploadSessions for Files {
    async fn open(
        &self,
        owner: &Owner,
        client: Option<ClientNetwork>,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.sessions.open(owner, client, algorithm).await
    }

    async fn status(&self, owner: &Owner, id: &UploadId) -> Result<Upload> {
        self.sessions.status(owner, id).await
    }

    async fn append(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.sessions.append(owner, id, offset, body).await
    }

    async fn finish(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<Finished> {
        let finished = self.sessions.finish_file(owner, id, offset, body, digest);
        Ok(finished.await?.into())
    }

    async fn cancel(&self, owner: &Owner, id: &UploadId) -> Result<()> {
        self.sessions.cancel(owner, id).await
    }

    async fn receive(&self, digest: &Digest, body: Body) -> Result<Finished> {
        Ok(self.sessions.receive(digest, body).await?.into())
    }

    async fn end(&self, staged: Staged) -> Result<()> {
        let Staged::File(file) = staged;
        if file.is_placed() {
            return Ok(());
        }
        // Dropping the value removes its file, so drop it on a thread that may block on disk I/O.
        run_blocking(move || {
            drop(file);
            Ok(())
        })
        .await
    }

    async fn put_back(&self, staged: Staged) -> Result<()> {
        let Staged::File(file) = staged;
        run_blocking(move || {
            if let Some(file) = Arc::into_inner(file) {
                file.put_back();
            }
            Ok(())
        })
        .await
    }

    async fn make_room(&self) -> Result<usize> {
        self.sessions.make_room().await
    }

    async fn expire(&self, idle: Duration) -> Result<usize> {
        self.sessions.expire(idle).await
    }
}

impl From<StagedFile> for Finished {
    fn from(file: StagedFile) -> Self {
        Self {
            size: file.length(),
            staged: Staged::File(Arc::new(file)),
        }
    }
}
