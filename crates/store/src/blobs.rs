//! Objects: the stored bytes of blobs. Each object has its own key. A key is never used twice.

mod damage;
mod file;
mod filesystem;
mod key;
mod stream;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use portolan_files::sessions::StagedFile;
use portolan_model::Digest;
use portolan_registry::{Body, Result};

pub(crate) use damage::Damage;
pub(crate) use filesystem::Filesystem;
pub(crate) use key::{Epoch, ObjectKey};

/// Storage for the bytes of blobs.
#[async_trait]
pub(crate) trait Objects: Send + Sync {
    /// Stores uploaded content as the object `key`. When this returns, the object survives a power
    /// cut.
    async fn install(&self, staged: &Staged, key: &ObjectKey) -> Result<()>;

    /// Returns the object `key` to the upload that it was installed from, if it was installed. No
    /// blob may have the key.
    async fn take_back(&self, staged: &Staged, key: &ObjectKey) -> Result<()>;

    /// Returns the bytes in `range` of an object of `size` bytes. The range must lie within the
    /// object. With `digest`, verifies an object that is read as a whole and comes from the disk.
    ///
    /// # Errors
    /// Returns an error with source [`Damage`] if the object does not exist or has another size.
    /// The body ends with such an error if the object becomes shorter while it is read, or does not
    /// have the digest.
    async fn read(
        &self,
        key: &ObjectKey,
        size: u64,
        range: Range<u64>,
        digest: Option<&Digest>,
    ) -> Result<Body>;

    /// Checks that an object exists and has `size` bytes, without reading it.
    ///
    /// # Errors
    /// Returns an error with source [`Damage`] if it does not.
    async fn check(&self, key: &ObjectKey, size: u64) -> Result<()>;

    /// Returns the place of an object, for the log.
    fn location(&self, key: &ObjectKey) -> String;

    /// Deletes an object, if it exists.
    async fn delete(&self, key: &ObjectKey) -> Result<()>;
}

/// Uploaded and verified content, until a blob refers to it.
#[derive(Clone, Debug)]
pub(crate) enum Staged {
    /// A file on the filesystem of the objects.
    File(Arc<StagedFile>),
}
