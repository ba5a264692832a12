//! Reading blobs and manifests from layouts.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_model::{ByteRange, Digest, Reference, RepositoryName};
use portolan_registry::{
    BlobInfo, BlobRead, Context, Error, ManifestInfo, ManifestRead, Reader, Result, wanted_bytes,
};

use super::{Layouts, Places};
use crate::content::Content;
use crate::files::blocking;

#[async_trait]
impl<P: Places> Reader for Layouts<P> {
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let content = self.content(repository, digest).await?;
        let size = content.size();
        let range = wanted_bytes(range, size)?;
        Ok(BlobRead {
            size,
            range: range.clone(),
            body: content.body(digest, range),
        })
    }

    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        let content = self.content(repository, digest).await?;
        Ok(BlobInfo {
            size: content.size(),
        })
    }

    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        let (info, content) = self.manifest(repository, reference).await?;
        let body = content.body(&info.digest, 0..info.size);
        Ok(ManifestRead { info, body })
    }

    async fn head_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        let (info, _) = self.manifest(repository, reference).await?;
        Ok(info)
    }
}

impl<P: Places> Layouts<P> {
    async fn content(&self, repository: &RepositoryName, digest: &Digest) -> Result<Content> {
        let (places, repository, digest) =
            (Arc::clone(&self.places), repository.clone(), digest.clone());
        blocking(move || {
            let content = match places.find(&repository)? {
                Some(layout) => layout.content(&digest)?,
                None => None,
            };
            content.ok_or_else(|| Error::blob_unknown(&repository, &digest))
        })
        .await
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<(ManifestInfo, Content)> {
        let (places, repository, reference) = (
            Arc::clone(&self.places),
            repository.clone(),
            reference.clone(),
        );
        blocking(move || {
            let manifest = match places.find(&repository)? {
                Some(layout) => layout.manifest(&reference)?,
                None => None,
            };
            manifest.ok_or_else(|| Error::manifest_unknown(&repository, &reference))
        })
        .await
    }
}
