//! A folder as what a layout is kept in.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Algorithm, Digest, Manifest, RepositoryName};
use portolan_registry::{Body, Error, Kind, PutManifest, Result, Upload, UploadId};

use super::{BLOBS_FOLDER, Folder, INDEX_FILE, digest_of, entries, lock_of};
use crate::content::Content;
use crate::files::{
    Stamp, TEMPORARY, above, blocking, failed, is_absence, remove, replace, sync_folder, temporary,
};
use crate::incoming::Incoming;
use crate::index::{Index, MAX_LIST_BYTES, REF_NAME};
use crate::storage::Storage;

#[async_trait]
impl Storage for Arc<Folder> {
    fn what(&self) -> String {
        self.called()
    }

    fn named_by(&self) -> &'static str {
        REF_NAME
    }

    fn index(&self) -> Result<Arc<Index>> {
        let path = self.path.join(INDEX_FILE);
        let mut cached = lock_of(&self.index);
        let stamp = Stamp::at(&path)?;
        if let Some((_, index)) = cached.as_ref().filter(|(cached, _)| *cached == stamp) {
            return Ok(Arc::clone(index));
        }
        let index = if stamp.is_some() {
            let file = File::open(&path).map_err(failed("reading", &path))?;
            let size = file.metadata().map_err(failed("looking at", &path))?.len();
            let bytes = Content::of_file(file, size).read(MAX_LIST_BYTES);
            let bytes = bytes.map_err(|error| error.while_doing(path.display()))?;
            Index::parse(bytes).map_err(|error| error.while_doing(self.what()))?
        } else {
            Index::empty()
        };
        let (_, index) = cached.insert((stamp, Arc::new(index)));
        Ok(Arc::clone(index))
    }

    fn replace_index(&self, index: Index) -> Result<()> {
        let writing = self.writing()?;
        self.make_layout(&writing)?;
        let stamp = replace(
            &self.path.join(INDEX_FILE),
            &index.bytes(),
            &writing.scratch,
        )?;
        *lock_of(&self.index) = Some((Some(stamp), Arc::new(index)));
        Ok(())
    }

    fn find(&self, digest: &Digest) -> Result<Option<Content>> {
        let path = self.blob_path(digest);
        // Opening what is no regular file may wait for somebody else for ever.
        let opened = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => File::open(&path),
            Ok(_) => return Ok(None),
            Err(error) => Err(error),
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(failed("opening", &path)(error)),
        };
        let length = file.metadata().map_err(failed("looking at", &path))?.len();
        Ok(Some(Content::of_file(file, length)))
    }

    fn holds_anything(&self) -> Result<bool> {
        for algorithm in entries(&self.path.join(BLOBS_FOLDER))? {
            if entries(&algorithm)?
                .iter()
                .any(|path| digest_of(&algorithm, path).is_some())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn accept(&self, _: &Manifest, _: &PutManifest) -> Result<()> {
        self.check_access()
    }

    fn accept_deletions(&self) -> Result<()> {
        self.check_access()
    }

    fn keep_manifest(&self, digest: &Digest, bytes: &Bytes) -> Result<()> {
        let writing = self.writing()?;
        let path = self.place(&writing, digest)?;
        replace(&path, bytes, &writing.scratch).map(drop)
    }

    fn drop_content(&self, digest: &Digest) -> Result<()> {
        let _writing = self.writing()?;
        let path = self.blob_path(digest);
        remove(&path)?;
        if above(&path).is_dir() {
            sync_folder(above(&path))
        } else {
            Ok(())
        }
    }

    fn link(&self, digest: &Digest, from: &Self) -> Result<bool> {
        let source = from.blob_path(digest);
        if !source.is_file() {
            return Ok(false);
        }
        let writing = self.writing()?;
        let path = self.place(&writing, digest)?;
        match fs::hard_link(&source, &path) {
            Ok(()) => sync_folder(above(&path)).map(|()| true),
            Err(error) => Ok(error.kind() == io::ErrorKind::AlreadyExists),
        }
    }

    async fn keep_blob(&self, digest: &Digest, body: Body) -> Result<()> {
        if digest.algorithm().hasher().is_none() {
            return Err(Error::digest_unverifiable(digest));
        }
        let folder = Arc::clone(self);
        let temporary = blocking(move || {
            let writing = folder.writing()?;
            temporary(&writing.scratch, TEMPORARY)
        });
        let (file, path) = temporary.await?.into_parts();
        let (incoming, received) = Incoming::new(Arc::new(file), 0, digest.algorithm())
            .take(body)
            .await;
        received?;
        let Some(incoming) = incoming else {
            return Err(Error::new(Kind::Internal, "an upload was lost"));
        };
        let (folder, digest) = (Arc::clone(self), digest.clone());
        blocking(move || {
            incoming.verify(&digest)?;
            folder.keep(&incoming, &digest, &path)
        })
        .await
    }

    async fn start_upload(&self, algorithm: &Algorithm) -> Result<Upload> {
        let folder = Arc::clone(self);
        let writing = blocking(move || folder.writing()).await?;
        writing.sessions.start(algorithm).await
    }

    async fn upload_status(&self, repository: &RepositoryName, id: &UploadId) -> Result<Upload> {
        self.sessions(repository, id)
            .await?
            .sessions
            .status(repository, id)
            .await
    }

    async fn write_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.sessions(repository, id)
            .await?
            .sessions
            .write(repository, id, offset, body)
            .await
    }

    async fn finish_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let writing = self.sessions(repository, id).await?;
        let incoming = writing
            .sessions
            .finish(repository, id, offset, body, digest)
            .await?;
        let path = writing.scratch.join(id.as_str());
        let (folder, digest) = (Arc::clone(self), digest.clone());
        blocking(move || {
            let kept = folder.keep(&incoming, &digest, &path);
            if kept.is_err() {
                remove(&path).and(kept)
            } else {
                kept
            }
        })
        .await
    }

    async fn cancel_upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<()> {
        self.sessions(repository, id)
            .await?
            .sessions
            .cancel(repository, id)
            .await
    }
}
