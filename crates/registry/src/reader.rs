//! Reading blobs and manifests (distribution-spec, "Pull").

use std::ops::Range;

use async_trait::async_trait;
use portolan_model::{ByteRange, Descriptor, Digest, MediaType, Reference, RepositoryName};

use crate::{Body, Context, Error, Result};

/// Reads the content of repositories.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Reads a blob, or the part of it that `range` selects.
    ///
    /// A manifest is also served as a blob, because some clients fetch unknown children of an index
    /// as blobs.
    ///
    /// # Errors
    /// Returns [`Kind::BlobUnknown`](crate::Kind::BlobUnknown) if the repository has no content
    /// with this digest, and [`Kind::RangeUnsatisfiable`](crate::Kind::RangeUnsatisfiable) if
    /// `range` contains no byte of it.
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead>;

    /// Reads a blob like [`Reader::get_blob`]. `descriptor` contains the digest of the blob. If it
    /// also contains the size, the method also works for registries that do not send the size.
    ///
    /// # Errors
    /// Returns the errors of [`Reader::get_blob`].
    async fn get_described_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        descriptor: &Descriptor,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        self.get_blob(context, repository, &descriptor.digest, range)
            .await
    }

    /// Returns information about the content that [`Reader::get_blob`] would serve, without reading
    /// it.
    ///
    /// # Errors
    /// Returns [`Kind::BlobUnknown`](crate::Kind::BlobUnknown) if the repository has no content
    /// with this digest.
    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo>;

    /// Reads the exact bytes of a manifest.
    ///
    /// A blob is also served as a manifest while a stored index of the repository lists it in
    /// `manifests` with a media type that is not a known manifest type. The response has this media
    /// type.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown) if the manifest or tag does
    /// not exist.
    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead>;

    /// Returns information about the manifest that [`Reader::get_manifest`] would serve, without
    /// reading it.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown) if the manifest or tag does
    /// not exist.
    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo>;
}

/// Information about a blob.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlobInfo {
    /// Total size of the blob in bytes.
    pub size: u64,
}

/// Content of a blob, or of the requested range of it.
#[derive(Debug)]
pub struct BlobRead {
    /// Total size of the blob in bytes.
    pub size: u64,
    /// Range of the blob that `body` contains.
    pub range: Range<u64>,
    /// Bytes of the blob in `range`.
    pub body: Body,
}

/// Information about a manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ManifestInfo {
    /// Digest of the manifest: the requested digest, or the digest that the requested tag points
    /// to.
    pub digest: Digest,
    /// Media type that the client declared in the push.
    pub media_type: MediaType,
    /// Size of the manifest in bytes.
    pub size: u64,
}

/// A manifest and its content.
#[derive(Debug)]
pub struct ManifestRead {
    /// Information about the manifest.
    pub info: ManifestInfo,
    /// Exact bytes of the manifest.
    pub body: Body,
}

/// Resolves a requested range against content of `size` bytes. If `range` is `None`, returns the
/// full range.
///
/// # Errors
/// Returns [`Kind::RangeUnsatisfiable`](crate::Kind::RangeUnsatisfiable) if `range` contains no
/// byte of the content.
pub fn resolve_range(range: Option<ByteRange>, size: u64) -> Result<Range<u64>> {
    range.map_or(Ok(0..size), |range| {
        range
            .resolve(size)
            .map_err(|_| Error::range_unsatisfiable(size))
    })
}
