//! Reading blobs and manifests from memory.

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{ByteRange, Digest, Reference, RepositoryName};

use super::MemoryRegistry;
use crate::{
    BlobInfo, BlobRead, Context, Error, ManifestInfo, ManifestRead, Reader, Result, resolve_range,
};

#[async_trait]
impl Reader for MemoryRegistry {
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let bytes = self.content(repository, digest)?;
        let size = bytes.len() as u64;
        let range = resolve_range(range, size)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "both ends lie within bytes that are in memory"
        )]
        let body = bytes.slice(range.start as usize..range.end as usize).into();
        Ok(BlobRead { size, range, body })
    }

    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        let bytes = self.content(repository, digest)?;
        Ok(BlobInfo {
            size: bytes.len() as u64,
        })
    }

    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        let (info, bytes) = self.manifest(repository, reference)?;
        Ok(ManifestRead {
            info,
            body: bytes.into(),
        })
    }

    async fn head_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        let (info, _) = self.manifest(repository, reference)?;
        Ok(info)
    }
}

impl MemoryRegistry {
    fn content(&self, repository: &RepositoryName, digest: &Digest) -> Result<Bytes> {
        let bytes = self.find(repository, |state| state.content(digest).cloned());
        bytes.ok_or_else(|| Error::blob_unknown(repository, digest))
    }

    fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<(ManifestInfo, Bytes)> {
        let manifest = self.find(repository, |state| state.manifest(reference));
        manifest.ok_or_else(|| Error::manifest_unknown(repository, reference))
    }
}
