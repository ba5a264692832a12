//! [`Storage`] in an archive under construction.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use portolan_files::append::Incoming;
use portolan_files::run_blocking;
use portolan_files::sessions::Owner;
use portolan_model::{Algorithm, Digest, Manifest};
use portolan_registry::{Body, Error, Kind, PutManifest, Result, Upload, UploadId};

use super::{ArchiveWriter, lock};
use crate::archive::ArchiveFormat;
use crate::content::Content;
use crate::index::{IndexChange, LayoutIndex, REF_NAME};
use crate::storage::{Storage, is_base};

#[async_trait]
impl<F: ArchiveFormat> Storage for Arc<ArchiveWriter<F>> {
    fn describe(&self) -> String {
        format!("the {} {}", F::NAME, self.destination)
    }

    fn name_annotations(&self) -> &'static [&'static str] {
        &[REF_NAME]
    }

    fn index(&self) -> Result<Arc<LayoutIndex>> {
        Ok(Arc::clone(&lock(&self.index)))
    }

    fn replace_index(&self, index: LayoutIndex) -> Result<()> {
        self.check_open()?;
        *lock(&self.index) = Arc::new(index);
        Ok(())
    }

    fn change_index(
        &self,
        base: &Weak<LayoutIndex>,
        change: IndexChange,
    ) -> Result<Option<Arc<LayoutIndex>>> {
        self.check_open()?;
        let mut index = lock(&self.index);
        if !is_base(base, &index) {
            return Ok(None);
        }
        change.apply(Arc::make_mut(&mut index));
        Ok(Some(Arc::clone(&index)))
    }

    /// Does nothing: [`ArchiveWriter::finish`] writes the index.
    fn save(&self) -> Result<()> {
        Ok(())
    }

    fn find(&self, digest: &Digest) -> Result<Option<Content>> {
        Ok(lock(&self.contents).get(digest).cloned())
    }

    fn has_blobs(&self) -> Result<bool> {
        Ok(!lock(&self.contents).is_empty())
    }

    fn check_manifest(&self, manifest: &Manifest, options: &PutManifest) -> Result<()> {
        self.check_open()?;
        self.format.check_manifest(manifest, options)
    }

    fn check_deletions(&self) -> Result<()> {
        let message = format!("content cannot be removed from {}", self.describe());
        Err(Error::new(Kind::Unsupported, message)
            .with_help("copy the content to retain to another archive"))
    }

    fn store_manifest(&self, digest: &Digest, bytes: &Bytes) -> Result<()> {
        let mut tail = self.content_file.lock_tail_blocking();
        self.check_open()?;
        if self.has_content(digest) {
            return Ok(());
        }
        let content = if F::STORES_MANIFESTS {
            self.budget.take(bytes.len())?;
            self.content_at(tail.add(bytes)?)
        } else {
            Content::Bytes(bytes.clone())
        };
        lock(&self.contents).insert(digest.clone(), content);
        Ok(())
    }

    fn remove_content(&self, _: &Digest) -> Result<()> {
        self.check_deletions()
    }

    fn remove_all_content(&self) -> Result<()> {
        self.check_deletions()
    }

    fn link(&self, digest: &Digest, _: &Self) -> Result<bool> {
        Ok(self.has_content(digest))
    }

    async fn store_blob(&self, digest: &Digest, body: Body) -> Result<()> {
        if digest.algorithm().hasher().is_none() {
            return Err(Error::digest_unverifiable(digest));
        }
        // Hold the lock until the blob is complete, so that nothing else is written at the end of
        // the file.
        let mut tail = self.content_file.lock_tail().await;
        self.check_open()?;
        let incoming = Incoming::new(
            Arc::clone(self.content_file.file()),
            tail.start(),
            digest.algorithm(),
        );
        let kept = match incoming.append(self.budget.limit(body)).await {
            (Some(mut incoming), Ok(())) => incoming.complete(digest).map(|_| incoming.length()),
            (_, received) => received.and(Err(Error::new(
                Kind::Internal,
                "the incoming content was lost",
            ))),
        };
        match kept {
            Ok(length) if !self.has_content(digest) => {
                let content = self.content_at(tail.extend(length));
                lock(&self.contents).insert(digest.clone(), content);
                Ok(())
            }
            kept => {
                tail.truncate().await;
                kept.map(drop)
            }
        }
    }

    async fn open_upload(&self, owner: &Owner, algorithm: &Algorithm) -> Result<Upload> {
        self.check_open()?;
        self.sessions.open(owner, None, algorithm).await
    }

    async fn upload_status(&self, owner: &Owner, id: &UploadId) -> Result<Upload> {
        self.sessions.status(owner, id).await
    }

    async fn append_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let body = self.budget.limit(body);
        self.sessions.append(owner, id, offset, body).await
    }

    async fn finish_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let body = self.budget.limit(body);
        let completed = self
            .sessions
            .finish(owner, id, offset, body, digest)
            .await?;
        let (draft, digest) = (Arc::clone(self), digest.clone());
        run_blocking(move || {
            let committed = draft.commit_blob(&completed, &digest);
            if committed.is_err() {
                completed.put_back();
            }
            committed
        })
        .await
    }

    async fn cancel_upload(&self, owner: &Owner, id: &UploadId) -> Result<()> {
        self.sessions.cancel(owner, id).await
    }
}
