//! Upload sessions of an archive: straight into the tar if nobody else is adding anything, else into a
//! file of their own until they are whole. They end with the process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use portolan_model::{Algorithm, Digest};
use portolan_registry::{Body, Error, Kind, Result, UploadId};

use crate::archive::oci::blob_name;
use crate::archive::tar::{Tail, Tar};
use crate::files::{blocking, failed};
use crate::incoming::Incoming;
use crate::sessions::SessionFiles;

/// Where sessions put their bytes.
pub(super) struct Spools {
    /// On the filesystem of the archive, which has to have room for it anyway.
    folder: PathBuf,
    tar: Tar,
}

impl Spools {
    pub(super) fn new(folder: &Path, tar: Tar) -> Self {
        Self {
            folder: folder.to_owned(),
            tar,
        }
    }

    /// Takes `body`, the first that a session has, to the end of the tar. It is an entry of its own
    /// then, under the digest that it has so far, which is that of the whole if nothing follows.
    async fn append_to_tar(&self, tail: &mut Tail, body: Body) -> (Option<Incoming>, Result<()>) {
        let begin = match tail.begin(&blob_name(&Digest::sha256(b""))) {
            Ok(begin) => begin,
            Err(error) => return (None, Err(error)),
        };
        let incoming = Incoming::new(Arc::clone(self.tar.file()), begin, &Algorithm::Sha256);
        let (incoming, received) = incoming.take(body).await;
        let Some(incoming) = incoming else {
            return (None, received);
        };
        let digest = incoming.digest();
        let sealed = received.and_then(|()| {
            let digest =
                digest.ok_or_else(|| Error::new(Kind::Internal, "an upload was not hashed"))?;
            tail.seal(&blob_name(&digest), incoming.length)
        });
        let Err(error) = sealed else {
            return (Some(incoming), Ok(()));
        };
        // What has come is the session's, and the tar is as it was.
        let spooled = self.spool(incoming).await;
        tail.cut().await;
        (spooled.ok(), Err(error))
    }

    /// The same content in a file of its own.
    async fn spool(&self, incoming: Incoming) -> Result<Incoming> {
        let folder = self.folder.clone();
        blocking(move || incoming.copied_to(new_file(&folder)?)).await
    }
}

#[async_trait]
impl SessionFiles for Spools {
    fn create(&self, _: &UploadId) -> Result<File> {
        new_file(&self.folder)
    }

    fn recall(&self, _: &UploadId) -> Result<Option<File>> {
        Ok(None)
    }

    fn remove(&self, _: &UploadId) -> Result<()> {
        Ok(())
    }

    async fn append(&self, incoming: Incoming, body: Body) -> (Option<Incoming>, Result<()>) {
        if incoming.length == 0
            && incoming.is_hashed_by(&Algorithm::Sha256)
            && let Some(mut tail) = self.tar.free_tail()
        {
            return self.append_to_tar(&mut tail, body).await;
        }
        if !self.tar.holds(&incoming) {
            return incoming.take(body).await;
        }
        match self.spool(incoming).await {
            Ok(incoming) => incoming.take(body).await,
            Err(error) => (None, Err(error)),
        }
    }
}

/// A file without a name, which is gone when nobody has it open.
fn new_file(folder: &Path) -> Result<File> {
    tempfile::tempfile_in(folder).map_err(failed("making a temporary file in", folder))
}
