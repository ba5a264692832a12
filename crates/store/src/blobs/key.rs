//! Keys of objects: the epoch of the process that stores the object, then a counter.

use std::fmt;

use portolan_registry::Result;

use crate::runtime::Runtime;

/// First half of every object key that a process allocates: 8 random bytes, drawn when the process
/// opens the store. An epoch is open until a later process closes it. Only while it is open can one
/// of its keys become the key of a blob.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Epoch([u8; 8]);

impl Epoch {
    /// Draws an epoch. The caller must check in the database that no other process has used it.
    pub(crate) fn random(runtime: &dyn Runtime) -> Result<Self> {
        let mut bytes = [0; 8];
        runtime.fill_random(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the key with `counter`. The caller must have reserved the counter.
    pub(crate) fn key(self, counter: u64) -> ObjectKey {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0);
        bytes[8..].copy_from_slice(&counter.to_be_bytes());
        ObjectKey(bytes)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// Key of an object. The keys of one epoch sort in the order of their allocation.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct ObjectKey([u8; 16]);

impl ObjectKey {
    /// Returns the epoch of the process that reserved the key.
    pub(crate) fn epoch(&self) -> Epoch {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[..8]);
        Epoch(bytes)
    }

    /// Returns the counter of the key.
    pub(crate) fn counter(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[8..]);
        u64::from_be_bytes(bytes)
    }

    /// Returns the name of the folder of the object: the low byte of the counter, so that objects
    /// that are stored at the same time are in different folders.
    pub(crate) fn folder(&self) -> String {
        format!("{:02x}", self.0[15])
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_an_epoch_then_a_counter() {
        let epoch = Epoch::from_bytes([0, 1, 2, 3, 4, 5, 6, 7]);
        let key = epoch.key(0x1ff);
        assert_eq!(key.to_string(), "000102030405060700000000000001ff");
        assert_eq!((key.epoch(), key.counter()), (epoch, 0x1ff));
        assert_eq!(key.folder(), "ff");
        assert!(epoch.key(0x200) > key);
    }
}
