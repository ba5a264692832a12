//! Objects: the bytes of blobs, each under a key of its own that is never used twice.

mod filesystem;
mod stream;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use async_trait::async_trait;
use portolan_registry::{Body, Error, Result};

pub(crate) use filesystem::Filesystem;

/// Where the bytes of blobs lie.
#[async_trait]
pub(crate) trait Objects: Send + Sync {
    /// Makes what was uploaded an object that survives a power cut from now on.
    async fn install(&self, staged: &Staged, key: &ObjectKey) -> Result<()>;

    /// The bytes of an object within a range that lies inside of it.
    async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<Body>;

    /// Removes an object; one that is not there is no error.
    async fn delete(&self, key: &ObjectKey) -> Result<()>;
}

/// Content that was uploaded and verified, and has no key yet.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) path: std::path::PathBuf,
}

/// The name of an object: 32 random hexadecimal digits.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct ObjectKey(Box<str>);

impl ObjectKey {
    /// A key that has never been used.
    pub(crate) fn random() -> Result<Self> {
        Ok(Self(crate::random_id()?.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if crate::is_random_id(text) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            portolan_registry::Kind::Internal,
            format!("{text:?} is no object key"),
        ))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
