//! [`Storage`] in a folder.

use std::fs::{self, File};
use std::io;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use portolan_files::durable::{parent, remove};
use portolan_files::sessions::Owner;
use portolan_files::{file_error, is_absent, run_blocking};
use portolan_model::{Algorithm, Digest, Manifest};
use portolan_registry::{Body, PutManifest, Result, Upload, UploadId};

use super::{BLOBS_FOLDER, Folder, digest_from_path, list_folder};
use crate::content::Content;
use crate::files::replace;
use crate::index::{IndexChange, LayoutIndex, NAME_ANNOTATIONS};
use crate::storage::Storage;

#[async_trait]
impl Storage for Arc<Folder> {
    fn describe(&self) -> String {
        self.display_name()
    }

    fn name_annotations(&self) -> &'static [&'static str] {
        NAME_ANNOTATIONS
    }

    fn index(&self) -> Result<Arc<LayoutIndex>> {
        self.current_index()
    }

    fn replace_index(&self, index: LayoutIndex) -> Result<()> {
        self.write_index(&Arc::new(index))
    }

    fn change_index(
        &self,
        base: &Weak<LayoutIndex>,
        change: IndexChange,
    ) -> Result<Option<Arc<LayoutIndex>>> {
        self.apply(base, change)
    }

    fn save(&self) -> Result<()> {
        self.save_index()
    }

    fn find(&self, digest: &Digest) -> Result<Option<Content>> {
        let path = self.blob_path(digest);
        // Opening something that is not a regular file, such as a named pipe, may block forever.
        let opened = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => File::open(&path),
            Ok(_) => return Ok(None),
            Err(error) => Err(error),
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(file_error("open", &path)(error)),
        };
        let length = file.metadata().map_err(file_error("inspect", &path))?.len();
        Ok(Some(Content::of_file(file, length)))
    }

    fn has_blobs(&self) -> Result<bool> {
        for algorithm in list_folder(&self.path.join(BLOBS_FOLDER))? {
            if list_folder(&algorithm)?
                .iter()
                .any(|path| digest_from_path(&algorithm, path).is_some())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_manifest(&self, _: &Manifest, _: &PutManifest) -> Result<()> {
        self.check_access()
    }

    fn check_deletions(&self) -> Result<()> {
        self.check_access()
    }

    fn store_manifest(&self, digest: &Digest, bytes: &Bytes) -> Result<()> {
        let writing = self.writing()?;
        let path = self.prepare_blob_path(&writing, digest)?;
        replace(&writing.durability, &path, bytes, &writing.scratch).map(drop)
    }

    fn remove_content(&self, digest: &Digest) -> Result<()> {
        // The layout stays locked as long as this value exists.
        let writing = self.writing()?;
        let path = self.blob_path(digest);
        remove(&path)?;
        if parent(&path).is_dir() {
            writing.durability.sync_folder(parent(&path))
        } else {
            Ok(())
        }
    }

    fn remove_all_content(&self) -> Result<()> {
        for blob in self.blobs()? {
            self.remove_content(&blob.digest)?;
        }
        Ok(())
    }

    fn link(&self, digest: &Digest, from: &Self) -> Result<bool> {
        let source = from.blob_path(digest);
        if !source.is_file() {
            return Ok(false);
        }
        let writing = self.writing()?;
        let path = self.prepare_blob_path(&writing, digest)?;
        match fs::hard_link(&source, &path) {
            Ok(()) => writing.durability.sync_folder(parent(&path)).map(|()| true),
            // Any other failure, for example between filesystems, only means that the blob cannot
            // be linked.
            Err(error) => Ok(error.kind() == io::ErrorKind::AlreadyExists),
        }
    }

    async fn store_blob(&self, digest: &Digest, body: Body) -> Result<()> {
        let folder = Arc::clone(self);
        let writing = run_blocking(move || folder.writing()).await?;
        let staged = writing.sessions.receive(digest, body).await?;
        let (folder, digest) = (Arc::clone(self), digest.clone());
        run_blocking(move || folder.commit_blob(staged, &digest)).await
    }

    async fn open_upload(&self, owner: &Owner, algorithm: &Algorithm) -> Result<Upload> {
        let folder = Arc::clone(self);
        let writing = run_blocking(move || folder.writing()).await?;
        writing.sessions.open(owner, None, algorithm).await
    }

    async fn upload_status(&self, owner: &Owner, id: &UploadId) -> Result<Upload> {
        let writing = self.sessions(owner, id).await?;
        writing.sessions.status(owner, id).await
    }

    async fn append_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let writing = self.sessions(owner, id).await?;
        writing.sessions.append(owner, id, offset, body).await
    }

    async fn finish_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let writing = self.sessions(owner, id).await?;
        let finished = writing
            .sessions
            .finish_file(owner, id, offset, body, digest);
        let staged = finished.await?;
        let (folder, digest) = (Arc::clone(self), digest.clone());
        run_blocking(move || folder.commit_blob(staged, &digest)).await
    }

    async fn cancel_upload(&self, owner: &Owner, id: &UploadId) -> Result<()> {
        let writing = self.sessions(owner, id).await?;
        writing.sessions.cancel(owner, id).await
    }
}
