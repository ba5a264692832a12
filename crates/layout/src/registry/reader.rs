//! Reads of blobs and manifests in layouts.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_files::run_blocking;
use portolan_model::{ByteRange, Digest, Reference, RepositoryName};
use portolan_registry::{
    BlobInfo, BlobRead, Context, Error, ManifestInfo, ManifestRead, Reader, Result, resolve_range,
};

use super::{LayoutSource, Layouts};
use crate::content::Content;

#[async_trait]
impl<P: LayoutSource> Reader for Layouts<P> {
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let content = self.find_content(repository, digest).await?;
        let size = content.size();
        let range = resolve_range(range, size)?;
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
        let content = self.find_content(repository, digest).await?;
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
        let (info, content) = self.find_manifest(repository, reference).await?;
        let body = content.body(&info.digest, 0..info.size);
        Ok(ManifestRead { info, body })
    }

    async fn head_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        let (info, _) = self.find_manifest(repository, reference).await?;
        Ok(info)
    }
}

impl<P: LayoutSource> Layouts<P> {
    async fn find_content(&self, repository: &RepositoryName, digest: &Digest) -> Result<Content> {
        let (layouts, repository, digest) =
            (Arc::clone(&self.source), repository.clone(), digest.clone());
        run_blocking(move || {
            let content = match layouts.find(&repository)? {
                Some(layout) => layout.content(&digest)?,
                None => None,
            };
            content.ok_or_else(|| Error::blob_unknown(&repository, &digest))
        })
        .await
    }

    async fn find_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<(ManifestInfo, Content)> {
        let (layouts, repository, reference) = (
            Arc::clone(&self.source),
            repository.clone(),
            reference.clone(),
        );
        run_blocking(move || {
            let manifest = match layouts.find(&repository)? {
                Some(layout) => layout.manifest(&reference)?,
                None => None,
            };
            manifest.ok_or_else(|| Error::manifest_unknown(&repository, &reference))
        })
        .await
    }
}
