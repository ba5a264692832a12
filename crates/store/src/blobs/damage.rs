//! Damage of an object: the states of its bytes in which no read can succeed until the content is
//! stored again. A failed read of the disk is not damage, because a later read may succeed.

use portolan_registry::{Error, Kind};

/// Source of the error if an object is damaged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the file is missing")]
    Missing,
    #[error("the file has {actual} bytes instead of {expected}")]
    Size { expected: u64, actual: u64 },
    #[error("the bytes do not match the digest")]
    Digest,
}

impl Damage {
    /// Returns the damage that `error` reports.
    pub(crate) fn find_in(error: &Error) -> Option<Self> {
        let source = std::error::Error::source(error)?;
        source.downcast_ref::<Self>().copied()
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::new(Kind::Internal, "the stored object of a blob is damaged").with_source(damage)
    }
}
