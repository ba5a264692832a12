//! Bytes that are too large for the cache. They are shared while they are used, so that a manifest
//! that many slow clients read is in memory once, and are freed with their last reader.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use portolan_model::Digest;

type Table = Mutex<HashMap<Digest, Weak<Shared>>>;

/// Large bytes in use, by digest.
#[derive(Default)]
pub(super) struct InUse {
    table: Arc<Table>,
}

/// Bytes with an entry in the table. The last reader removes the entry.
struct Shared {
    digest: Digest,
    bytes: Bytes,
    table: Weak<Table>,
}

/// Share of a reader.
struct Reader(Arc<Shared>);

impl InUse {
    /// Returns the bytes with this digest, if somebody uses them.
    pub(super) fn get(&self, digest: &Digest) -> Option<Bytes> {
        let shared = lock(&self.table).get(digest)?.upgrade()?;
        Some(Bytes::from_owner(Reader(shared)))
    }

    /// Adds bytes, and returns them. If they are in use already, returns those.
    pub(super) fn share(&self, digest: &Digest, bytes: Bytes) -> Bytes {
        let mut table = lock(&self.table);
        let shared = table.get(digest).and_then(Weak::upgrade);
        let shared = shared.unwrap_or_else(|| {
            let shared = Arc::new(Shared {
                digest: digest.clone(),
                bytes,
                table: Arc::downgrade(&self.table),
            });
            table.insert(digest.clone(), Arc::downgrade(&shared));
            shared
        });
        drop(table);
        Bytes::from_owner(Reader(shared))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.table).len()
    }
}

impl AsRef<[u8]> for Reader {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let Some(table) = self.table.upgrade() else {
            return;
        };
        let mut table = lock(&table);
        // Another reader may have added the same bytes again in the meantime.
        if table
            .get(&self.digest)
            .is_some_and(|entry| entry.strong_count() == 0)
        {
            table.remove(&self.digest);
        }
    }
}

/// Locks the table. Ignores poisoning, because a panic leaves the table intact.
fn lock(table: &Table) -> MutexGuard<'_, HashMap<Digest, Weak<Shared>>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
