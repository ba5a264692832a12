//! Storage of the upload sessions of an archive. A session writes directly to the content file if
//! no other content is being added to it, and otherwise to a separate file until the session is
//! complete. Sessions end with the process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use portolan_files::append::{Incoming, OpenFile};
use portolan_files::sessions::{FoundSession, SessionFiles, SessionKey, SessionName};
use portolan_files::{file_error, run_blocking};
use portolan_model::Algorithm;
use portolan_registry::{Body, Error, Kind, Result};

use crate::archive::content_file::{ContentFile, Tail};

/// Storage of the content of upload sessions.
pub(super) struct SpoolFiles {
    /// Folder for temporary files. It is on the filesystem of the archive, because that filesystem
    /// needs the space anyway.
    folder: PathBuf,
    contents: ContentFile,
}

impl SpoolFiles {
    pub(super) fn new(folder: &Path, contents: ContentFile) -> Self {
        Self {
            folder: folder.to_owned(),
            contents,
        }
    }

    /// Appends `body`, the first data of a session, to the content file. If no more data follows,
    /// the content does not have to be copied.
    async fn append_in_place(&self, tail: &mut Tail, body: Body) -> (Option<Incoming>, Result<()>) {
        let incoming = Incoming::new(
            Arc::clone(self.contents.file()),
            tail.start(),
            &Algorithm::Sha256,
        );
        let (incoming, received) = incoming.append(body).await;
        if let Some(incoming) = &incoming {
            tail.extend(incoming.length());
        }
        (incoming, received)
    }

    /// Copies the content to a separate file.
    async fn move_to_file(&self, incoming: Incoming) -> Result<Incoming> {
        let folder = self.folder.clone();
        run_blocking(move || incoming.copy_to(unnamed_file(&folder)?)).await
    }
}

#[async_trait]
impl SessionFiles for SpoolFiles {
    fn create(&self, _: &SessionName) -> Result<File> {
        unnamed_file(&self.folder)
    }

    fn open(&self, _: &SessionName) -> Result<File> {
        // `close` never closes a file, so none is opened again.
        Err(Error::new(
            Kind::UploadUnknown,
            "the upload session has no file",
        ))
    }

    fn find(&self, _: &SessionKey) -> Result<Option<FoundSession>> {
        Ok(None)
    }

    fn remove(&self, _: &SessionName) -> Result<()> {
        Ok(())
    }

    fn close(&self, _: &mut Incoming, _: OpenFile) -> Result<()> {
        // A file without a name cannot be opened again, and the content file is open anyway.
        Ok(())
    }

    async fn append(&self, incoming: Incoming, body: Body) -> (Option<Incoming>, Result<()>) {
        if incoming.length() == 0
            && incoming.is_hashed_by(&Algorithm::Sha256)
            && let Some(mut tail) = self.contents.try_lock_tail()
        {
            return self.append_in_place(&mut tail, body).await;
        }
        // Other content may follow this content in the content file. So if a session continues, its
        // content is copied to a separate file.
        if !self.contents.has_incoming(&incoming) {
            return incoming.append(body).await;
        }
        match self.move_to_file(incoming).await {
            Ok(incoming) => incoming.append(body).await,
            Err(error) => (None, Err(error)),
        }
    }
}

/// Creates an unnamed file. Closing it removes it.
pub(super) fn unnamed_file(folder: &Path) -> Result<File> {
    tempfile::tempfile_in(folder).map_err(file_error("create a temporary file in", folder))
}
