//! Reads of blobs and manifests: one lookup in the database, then the bytes.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{ByteRange, Digest, Reference, RepositoryName};
use portolan_registry::{
    BlobInfo, BlobRead, Body, Context, Error, ManifestInfo, ManifestRead, Reader, Result,
    resolve_range,
};

use crate::metadata::{
    ManifestHead, find_blob, find_blob_size, find_child_blob, find_manifest, find_manifest_by_tag,
    head_manifest, head_manifest_by_tag,
};
use crate::store::Store;

#[async_trait]
impl Reader for Store {
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let database = &self.parts.database;
        if let Some(row) = database.lookup(find_blob(repository, digest)).await? {
            let range = resolve_range(range, row.size)?;
            let body = self.parts.objects.read(&row.key, range.clone()).await?;
            let size = row.size;
            return Ok(BlobRead { size, range, body });
        }
        // A manifest can also be read as a blob. Few clients do so, so this is a second lookup. It
        // may see a later state of the database than the first lookup.
        let manifest = database.lookup(find_manifest(repository, digest)).await?;
        let manifest = manifest.ok_or_else(|| Error::blob_unknown(repository, digest))?;
        let size = manifest.head.size;
        let range = resolve_range(range, size)?;
        let body = part(&manifest.bytes.into(), &range).into();
        Ok(BlobRead { size, range, body })
    }

    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        let lookup = find_blob_size(repository, digest);
        let size = self.parts.database.lookup(lookup).await?;
        let size = size.ok_or_else(|| Error::blob_unknown(repository, digest))?;
        Ok(BlobInfo { size })
    }

    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        let lookup = match reference {
            Reference::Tag(tag) => find_manifest_by_tag(repository, tag),
            Reference::Digest(digest) => find_manifest(repository, digest),
        };
        if let Some(manifest) = self.parts.database.lookup(lookup).await? {
            return Ok(ManifestRead {
                info: manifest.head.into(),
                body: Body::Full(manifest.bytes.into()),
            });
        }
        match reference {
            Reference::Tag(_) => Err(Error::manifest_unknown(repository, reference)),
            Reference::Digest(digest) => self.get_child_blob(repository, digest).await,
        }
    }

    async fn head_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        let lookup = match reference {
            Reference::Tag(tag) => head_manifest_by_tag(repository, tag),
            Reference::Digest(digest) => head_manifest(repository, digest),
        };
        let head = self.parts.database.lookup(lookup).await?;
        head.map(ManifestInfo::from)
            .ok_or_else(|| Error::manifest_unknown(repository, reference))
    }
}

impl Store {
    /// Reads a blob that an index references in `manifests` as a manifest.
    async fn get_child_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<ManifestRead> {
        let lookup = find_child_blob(repository, digest);
        let child = self.parts.database.lookup(lookup).await?;
        let child = child.ok_or_else(|| Error::manifest_unknown(repository, digest))?;
        let size = child.blob.size;
        let info = ManifestInfo {
            digest: digest.clone(),
            media_type: child.media_type,
            size,
        };
        let body = self.parts.objects.read(&child.blob.key, 0..size).await?;
        Ok(ManifestRead { info, body })
    }
}

impl From<ManifestHead> for ManifestInfo {
    fn from(head: ManifestHead) -> Self {
        Self {
            digest: head.digest,
            media_type: head.media_type,
            size: head.size,
        }
    }
}

/// Returns the part of `bytes` in `range`. The range must lie within `bytes`, so its bounds fit a
/// `usize`.
fn part(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let offset = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.slice(offset(range.start)..offset(range.end))
}
