//! Reading: one look-up, then the bytes.

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{ByteRange, Digest, MediaType, Reference, RepositoryName};
use portolan_registry::{
    BlobInfo, BlobRead, Body, Context, Error, ManifestInfo, ManifestRead, Reader, Result,
    wanted_bytes,
};

use crate::metadata::{
    BlobRow, Database, ManifestRow, find_blob, find_child_blob, find_manifest, find_manifest_by_tag,
};
use crate::store::{Inner, Store};

/// What is stored under a digest or a tag, and how it is served.
struct Found {
    info: ManifestInfo,
    content: Content,
}

enum Content {
    Manifest(Bytes),
    Blob(BlobRow),
}

#[async_trait]
impl<D: Database> Reader for Store<D> {
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let content = self.inner.blob(repository, digest).await?;
        let size = content.size();
        let range = wanted_bytes(range, size)?;
        let body = match content {
            Content::Blob(row) => self.inner.objects.read(&row.key, range.clone()).await?,
            Content::Manifest(bytes) => part(&bytes, &range).into(),
        };
        Ok(BlobRead { size, range, body })
    }

    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        Ok(BlobInfo {
            size: self.inner.blob(repository, digest).await?.size(),
        })
    }

    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        let Found { info, content } = self.inner.manifest(repository, reference).await?;
        let body = match content {
            Content::Manifest(bytes) => Body::Whole(bytes),
            Content::Blob(row) => self.inner.objects.read(&row.key, 0..row.size).await?,
        };
        Ok(ManifestRead { info, body })
    }

    async fn head_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        Ok(self.inner.manifest(repository, reference).await?.info)
    }
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Self::Manifest(bytes) => bytes.len() as u64,
            Self::Blob(row) => row.size,
        }
    }
}

impl<D: Database> Inner<D> {
    async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Content> {
        let (name, wanted) = (repository.clone(), digest.clone());
        let found = self.database.read(move |transaction| {
            if let Some(row) = find_blob(transaction, &name, &wanted)? {
                return Ok(Some(Content::Blob(row)));
            }
            let manifest = find_manifest(transaction, &name, &wanted)?;
            Ok(manifest.map(|row| Content::Manifest(row.bytes.into())))
        });
        found
            .await?
            .ok_or_else(|| Error::blob_unknown(repository, digest))
    }

    async fn manifest(&self, repository: &RepositoryName, reference: &Reference) -> Result<Found> {
        let (name, wanted) = (repository.clone(), reference.clone());
        let found = self.database.read(move |transaction| match &wanted {
            Reference::Tag(tag) => {
                Ok(find_manifest_by_tag(transaction, &name, tag)?.map(Found::from))
            }
            Reference::Digest(digest) => {
                if let Some(row) = find_manifest(transaction, &name, digest)? {
                    return Ok(Some(row.into()));
                }
                let child = find_child_blob(transaction, &name, digest)?;
                Ok(child.map(|(media_type, row)| Found::child(digest, media_type, row)))
            }
        });
        found
            .await?
            .ok_or_else(|| Error::manifest_unknown(repository, reference))
    }
}

impl From<ManifestRow> for Found {
    fn from(row: ManifestRow) -> Self {
        let info = ManifestInfo {
            digest: row.digest,
            media_type: row.media_type,
            size: row.size,
        };
        Self {
            info,
            content: Content::Manifest(row.bytes.into()),
        }
    }
}

impl Found {
    fn child(digest: &Digest, media_type: Option<MediaType>, row: BlobRow) -> Self {
        let media_type = media_type.unwrap_or_else(|| MediaType::OCTET_STREAM.into());
        Self {
            info: ManifestInfo {
                digest: digest.clone(),
                media_type,
                size: row.size,
            },
            content: Content::Blob(row),
        }
    }
}

/// The bytes of a range that lies inside of them, and so within what memory can address.
fn part(bytes: &Bytes, range: &std::ops::Range<u64>) -> Bytes {
    let offset = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    bytes.slice(offset(range.start)..offset(range.end))
}
