//! Entries of the cache, within one budget of memory.

use std::convert::Infallible;

use bytes::Bytes;
use portolan_model::{Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Error, Result};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use super::Generation;
use crate::metadata::BlobRow;

/// Number of parts with a lock of their own. Each has an equal share of the budget.
const SHARDS: usize = 4;

/// Estimated size of an entry without its texts and bytes.
const OVERHEAD: u64 = 256;

/// Estimated size of most entries, for the size of the tables.
const TYPICAL: u64 = 1 << 10;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Key {
    Tag(RepositoryName, Tag),
    Manifest(RepositoryName, Digest),
    Blob(RepositoryName, Digest),
    Bytes(Digest),
}

/// Value of an entry, of the same kind as its [`Key`].
#[derive(Clone, Debug)]
pub(super) enum Value {
    Tag(Generation, Digest),
    Manifest(Generation, MediaType, u64),
    Blob(Generation, BlobRow),
    Bytes(Bytes),
}

/// Entries. If the budget is used up, rarely used entries are evicted.
pub(super) struct Entries {
    cache: Cache<Key, Value, Size, DefaultHashBuilder, KeepSent>,
    memory: u64,
}

impl Entries {
    /// Creates an empty set of entries with a budget of `memory` bytes.
    pub(super) fn new(memory: u64) -> Result<Self> {
        let typical = usize::try_from(memory / TYPICAL).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .shards(SHARDS)
            .estimated_items_capacity(typical)
            .weight_capacity(memory)
            .build()
            .map_err(|error| Error::internal("failed to create the cache", error))?;
        let hasher = DefaultHashBuilder::default();
        Ok(Self {
            cache: Cache::with_options(options, Size, hasher, KeepSent),
            memory,
        })
    }

    pub(super) fn get(&self, key: &Key) -> Option<Value> {
        self.cache.get(key)
    }

    pub(super) fn add(&self, key: Key, value: Value) {
        self.cache.insert(key, value);
    }

    /// Returns the value of an entry. Adds `value` if there is none.
    pub(super) fn get_or_add(&self, key: &Key, value: Value) -> Value {
        let added = self
            .cache
            .get_or_insert_with(key, || Ok::<_, Infallible>(value));
        match added {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    pub(super) fn remove(&self, key: &Key) {
        self.cache.remove(key);
    }

    /// Evicts entries until the budget holds. Otherwise, this happens only when an entry is added.
    pub(super) fn trim(&self) {
        if self.cache.weight() > self.memory {
            self.cache.set_capacity(self.memory);
        }
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> u64 {
        self.cache.weight()
    }
}

/// Estimates the memory of an entry, in bytes.
#[derive(Clone)]
struct Size;

impl Weighter<Key, Value> for Size {
    fn weight(&self, key: &Key, value: &Value) -> u64 {
        let key = match key {
            Key::Tag(repository, tag) => repository.as_str().len() + tag.as_str().len(),
            Key::Manifest(repository, _) | Key::Blob(repository, _) => repository.as_str().len(),
            Key::Bytes(_) => 0,
        };
        let value = match value {
            Value::Manifest(_, media_type, _) => media_type.as_str().len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Tag(..) | Value::Blob(..) => 0,
        };
        OVERHEAD + key as u64 + value as u64
    }
}

/// Keeps bytes that are being sent: evicting them would free no memory, and the next reader would
/// need a second copy.
#[derive(Clone)]
struct KeepSent;

impl Lifecycle<Key, Value> for KeepSent {
    type RequestState = ();

    fn is_pinned(&self, _: &Key, value: &Value) -> bool {
        matches!(value, Value::Bytes(bytes) if !bytes.is_unique())
    }
}
