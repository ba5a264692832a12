//! Reads of blobs and manifests: from the cache, or one lookup in the database, then the bytes.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{ByteRange, Digest, Reference, RepositoryName};
use portolan_registry::{
    BlobInfo, BlobRead, Body, Context, Error, ManifestInfo, ManifestRead, Reader, Result,
    resolve_range,
};

use crate::metadata::{
    BlobRow, BlobSize, ManifestHead, find_blob, find_blob_size, find_child_blob, find_manifest,
    find_manifest_by_tag, head_manifest, head_manifest_by_tag,
};
use crate::store::Store;

/// Maximum size of a blob that is cached in memory, in bytes. Most configs are smaller.
const SMALL_BLOB: u32 = 64 << 10;

#[async_trait]
impl Reader for Store {
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        while let Some(row) = self.find_blob(repository, digest).await? {
            let range = resolve_range(range, row.size)?;
            if let Some(body) = self.read_object(digest, row, range.clone()).await? {
                let size = row.size;
                return Ok(BlobRead { size, range, body });
            }
        }
        // A manifest can also be read as a blob. Few clients do so, so this is a second lookup. It
        // may see a later state of the database than the first lookup.
        let reference = digest.clone().into();
        let manifest = self.find_manifest(repository, &reference).await?;
        let (_, bytes) = manifest.ok_or_else(|| Error::blob_unknown(repository, digest))?;
        let size = bytes.len() as u64;
        let range = resolve_range(range, size)?;
        let body = part(&bytes, &range).into();
        Ok(BlobRead { size, range, body })
    }

    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        while let Some(BlobSize { size, key }) = self.find_blob_size(repository, digest).await? {
            let is_stored = match key {
                Some(key) => self.has_object(digest, &BlobRow { size, key }).await?,
                None => true,
            };
            if is_stored {
                return Ok(BlobInfo { size });
            }
        }
        Err(Error::blob_unknown(repository, digest))
    }

    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        if let Some((head, bytes)) = self.find_manifest(repository, reference).await? {
            return Ok(ManifestRead {
                info: head.into(),
                body: Body::Full(bytes),
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
        let cache = &self.parts.cache;
        if let Some(head) = cache.head(repository, reference) {
            return Ok(head.into());
        }
        let head = match reference {
            Reference::Tag(tag) => {
                let fill = cache.begin_fill(repository);
                let lookup = head_manifest_by_tag(repository, tag);
                let head = self.parts.database.lookup(lookup).await?;
                if let Some(head) = &head {
                    fill.add_head(reference, head);
                }
                head
            }
            // The result may be a blob that is served as a manifest, which is not cached.
            Reference::Digest(digest) => {
                let lookup = head_manifest(repository, digest);
                self.parts.database.lookup(lookup).await?
            }
        };
        head.map(ManifestInfo::from)
            .ok_or_else(|| Error::manifest_unknown(repository, reference))
    }
}

impl Store {
    /// Returns a manifest with its bytes, from the cache if possible.
    async fn find_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<(ManifestHead, Bytes)>> {
        let cache = &self.parts.cache;
        if let Some(head) = cache.head(repository, reference)
            && let Some(bytes) = cache.bytes(&head.digest)
        {
            return Ok(Some((head, bytes)));
        }
        let fill = cache.begin_fill(repository);
        let lookup = match reference {
            Reference::Tag(tag) => find_manifest_by_tag(repository, tag),
            Reference::Digest(digest) => find_manifest(repository, digest),
        };
        let manifest = self.parts.database.lookup(lookup).await?;
        Ok(manifest.map(|manifest| {
            let head = manifest.head.clone();
            (head, fill.add_manifest(reference, manifest))
        }))
    }

    /// Returns the size of a blob, or of a manifest that is served as one. Reads the size of a blob
    /// from the cache if possible.
    async fn find_blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobSize>> {
        if let Some(row) = self.parts.cache.blob(repository, digest) {
            return Ok(Some(row.into()));
        }
        let lookup = find_blob_size(repository, digest);
        self.parts.database.lookup(lookup).await
    }

    /// Returns size and object of a blob, from the cache if possible.
    pub(crate) async fn find_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobRow>> {
        let cache = &self.parts.cache;
        if let Some(row) = cache.blob(repository, digest) {
            return Ok(Some(row));
        }
        let fill = cache.begin_fill(repository);
        let found = self
            .parts
            .database
            .lookup(find_blob(repository, digest))
            .await?;
        if let Some(row) = found {
            fill.add_blob(digest, row);
        }
        Ok(found)
    }

    /// Reads a part of a blob. If its object is damaged, marks the blob as broken and returns
    /// `None`.
    async fn read_object(
        &self,
        digest: &Digest,
        row: BlobRow,
        range: Range<u64>,
    ) -> Result<Option<Body>> {
        let read = self.read_cached(digest, row, range).await;
        self.if_undamaged(digest, &row.key, read).await
    }

    /// Reads a part of a blob. A small blob is cached, unless only a part of it is requested.
    async fn read_cached(&self, digest: &Digest, row: BlobRow, range: Range<u64>) -> Result<Body> {
        let objects = &self.parts.objects;
        if row.size > u64::from(SMALL_BLOB) {
            let body = objects
                .read(&row.key, row.size, range, Some(digest))
                .await?;
            return Ok(self.watch(digest, row.key, body));
        }
        let cache = &self.parts.cache;
        if let Some(bytes) = cache.bytes(digest) {
            return Ok(part(&bytes, &range).into());
        }
        if range != (0..row.size) {
            let body = objects.read(&row.key, row.size, range, None).await?;
            return Ok(self.watch(digest, row.key, body));
        }
        let bytes = self.read_whole(digest, &row, SMALL_BLOB as usize).await?;
        Ok(cache.share(digest, bytes).into())
    }

    /// Reads a blob that an index references in `manifests` as a manifest.
    async fn get_child_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<ManifestRead> {
        let find = || {
            let lookup = find_child_blob(repository, digest);
            self.parts.database.lookup(lookup)
        };
        while let Some(child) = find().await? {
            let size = child.blob.size;
            if let Some(body) = self.read_object(digest, child.blob, 0..size).await? {
                let info = ManifestInfo {
                    digest: digest.clone(),
                    media_type: child.media_type,
                    size,
                };
                return Ok(ManifestRead { info, body });
            }
        }
        Err(Error::manifest_unknown(repository, digest))
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
