//! Objects: the stored bytes of blobs. Each object has its own key. A key is never used twice.

mod filesystem;
mod key;
mod stream;

use std::ops::Range;

use async_trait::async_trait;
use portolan_files::sessions::StagedFile;
use portolan_registry::{Body, Result};

pub(crate) use filesystem::Filesystem;
pub(crate) use key::{Epoch, ObjectKey};

/// Storage for the bytes of blobs.
#[async_trait]
pub(crate) trait Objects: Send + Sync {
    /// Stores uploaded content as the object `key`. When this returns, the object survives a power
    /// cut. If this fails, the content is removed.
    async fn install(&self, staged: Staged, key: &ObjectKey) -> Result<()>;

    /// Returns the bytes of an object in `range`. The range must lie within the object.
    async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<Body>;

    /// Deletes an object, if it exists.
    async fn delete(&self, key: &ObjectKey) -> Result<()>;
}

/// Uploaded and verified content that is not an object yet.
#[derive(Debug)]
pub(crate) enum Staged {
    /// A file on the filesystem of the objects.
    File(StagedFile),
}
