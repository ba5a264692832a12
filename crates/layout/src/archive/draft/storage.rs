//! An archive in the making as what a layout is kept in.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Algorithm, Digest, Manifest, RepositoryName};
use portolan_registry::{Body, Error, Kind, PutManifest, Result, Upload, UploadId};

use super::{Draft, lock};
use crate::archive::Format;
use crate::archive::oci::blob_name;
use crate::content::Content;
use crate::files::blocking;
use crate::incoming::Incoming;
use crate::index::{Index, REF_NAME};
use crate::storage::Storage;

#[async_trait]
impl<F: Format> Storage for Arc<Draft<F>> {
    fn what(&self) -> String {
        format!("the {} {}", F::NAME, self.target.display())
    }

    fn named_by(&self) -> &'static str {
        REF_NAME
    }

    fn index(&self) -> Result<Arc<Index>> {
        Ok(Arc::clone(&lock(&self.index)))
    }

    fn replace_index(&self, index: Index) -> Result<()> {
        self.check_open()?;
        *lock(&self.index) = Arc::new(index);
        Ok(())
    }

    fn find(&self, digest: &Digest) -> Result<Option<Content>> {
        Ok(lock(&self.contents).get(digest).cloned())
    }

    fn holds_anything(&self) -> Result<bool> {
        Ok(!lock(&self.contents).is_empty())
    }

    fn accept(&self, manifest: &Manifest, options: &PutManifest) -> Result<()> {
        self.check_open()?;
        self.format.accept(manifest, options)
    }

    fn accept_deletions(&self) -> Result<()> {
        let message = format!(
            "nothing can be removed from {}; copy what is to stay to another archive",
            self.what()
        );
        Err(Error::new(Kind::Unsupported, message))
    }

    fn keep_manifest(&self, digest: &Digest, bytes: &Bytes) -> Result<()> {
        let mut tail = self.tar.blocking_tail();
        self.check_open()?;
        if self.holds(digest) {
            return Ok(());
        }
        let content = if F::KEEPS_MANIFESTS {
            self.part(tail.add(&blob_name(digest), bytes)?)
        } else {
            Content::Bytes(bytes.clone())
        };
        lock(&self.contents).insert(digest.clone(), content);
        Ok(())
    }

    fn drop_content(&self, _: &Digest) -> Result<()> {
        self.accept_deletions()
    }

    fn link(&self, digest: &Digest, _: &Self) -> Result<bool> {
        Ok(self.holds(digest))
    }

    async fn keep_blob(&self, digest: &Digest, body: Body) -> Result<()> {
        if digest.algorithm().hasher().is_none() {
            return Err(Error::digest_unverifiable(digest));
        }
        let mut tail = self.tar.tail().await;
        self.check_open()?;
        let name = blob_name(digest);
        let incoming = Incoming::new(
            Arc::clone(self.tar.file()),
            tail.begin(&name)?,
            digest.algorithm(),
        );
        let kept = match incoming.take(body).await {
            (Some(incoming), Ok(())) => incoming.verify(digest).map(|()| incoming.length),
            (_, received) => received.and(Err(Error::new(
                Kind::Internal,
                "content on its way was lost",
            ))),
        };
        match kept {
            Ok(length) if !self.holds(digest) => {
                let content = self.part(tail.seal(&name, length)?);
                lock(&self.contents).insert(digest.clone(), content);
                Ok(())
            }
            kept => {
                tail.cut().await;
                kept.map(drop)
            }
        }
    }

    async fn start_upload(&self, algorithm: &Algorithm) -> Result<Upload> {
        self.check_open()?;
        self.sessions.start(algorithm).await
    }

    async fn upload_status(&self, repository: &RepositoryName, id: &UploadId) -> Result<Upload> {
        self.sessions.status(repository, id).await
    }

    async fn write_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.sessions.write(repository, id, offset, body).await
    }

    async fn finish_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let incoming = self
            .sessions
            .finish(repository, id, offset, body, digest)
            .await?;
        let (draft, digest) = (Arc::clone(self), digest.clone());
        blocking(move || draft.keep(&incoming, &digest)).await
    }

    async fn cancel_upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<()> {
        self.sessions.cancel(repository, id).await
    }
}
