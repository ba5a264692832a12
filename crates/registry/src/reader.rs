//! Reading blobs and manifests (distribution-spec, "Pull").

use std::ops::Range;

use async_trait::async_trait;
use portolan_model::{ByteRange, Digest, MediaType, Reference, RepositoryName};

use crate::{Body, Context, Error, Result};

/// Reads what a repository holds.
#[async_trait]
pub trait Reader: Send + Sync {
    /// The blob's bytes, or the part of them that `range` asks for. A manifest's digest is served
    /// here too, since some clients fetch unknown children of an index as blobs.
    ///
    /// # Errors
    /// [`Kind::BlobUnknown`](crate::Kind::BlobUnknown);
    /// [`Kind::RangeUnsatisfiable`](crate::Kind::RangeUnsatisfiable).
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead>;

    /// What [`Reader::get_blob`] would serve, without the bytes.
    ///
    /// # Errors
    /// [`Kind::BlobUnknown`](crate::Kind::BlobUnknown).
    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo>;

    /// The manifest's exact bytes. A digest stored as a blob is served here too, while a stored
    /// index of the repository names it in `manifests`, with the type that its descriptor gives.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown).
    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead>;

    /// What [`Reader::get_manifest`] would serve, without the bytes.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown).
    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo>;
}

/// What is known of a blob.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlobInfo {
    /// Its whole size in bytes.
    pub size: u64,
}

/// A blob, or a part of it.
#[derive(Debug)]
pub struct BlobRead {
    /// The whole blob's size in bytes.
    pub size: u64,
    /// Which bytes of it `body` gives.
    pub range: Range<u64>,
    /// The bytes.
    pub body: Body,
}

/// What is known of a manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ManifestInfo {
    /// The digest that was asked for, or the one that the tag was set to.
    pub digest: Digest,
    /// The type that it was pushed with.
    pub media_type: MediaType,
    /// Its size in bytes.
    pub size: u64,
}

/// A manifest.
#[derive(Debug)]
pub struct ManifestRead {
    /// What is known of it.
    pub info: ManifestInfo,
    /// Its exact bytes.
    pub body: Body,
}

/// The offsets that a reader of content of `size` bytes asks for: all of it without a range.
///
/// # Errors
/// [`Kind::RangeUnsatisfiable`](crate::Kind::RangeUnsatisfiable).
pub fn wanted_bytes(range: Option<ByteRange>, size: u64) -> Result<Range<u64>> {
    range.map_or(Ok(0..size), |range| {
        range
            .within(size)
            .map_err(|_| Error::range_unsatisfiable(size))
    })
}
