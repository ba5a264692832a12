//! Cache of the media types that have a row in the database, so that a push need not write these
//! rows again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portolan_model::MediaType;

/// Maximum number of cached media types. A registry usually has a few hundred media types, but a
/// client that makes up names could add any number.
const MAX: usize = 4096;

/// Media types that have committed rows. Rows are never deleted, so an entry never becomes invalid.
/// A row is found by its exact text, although media types that differ in case are equal.
#[derive(Default)]
pub(crate) struct MediaTypes {
    stored: Mutex<HashSet<String>>,
}

impl MediaTypes {
    /// Returns whether the cache has a media type. `false` does not mean that the media type has no
    /// row.
    pub(super) fn is_stored(&self, media_type: &MediaType) -> bool {
        self.lock_stored().contains(media_type.as_str())
    }

    /// Adds media types after their rows were committed.
    pub(super) fn remember(&self, media_types: Vec<MediaType>) {
        let mut stored = self.lock_stored();
        for media_type in media_types {
            if stored.len() < MAX {
                stored.insert(media_type.as_str().to_owned());
            }
        }
    }

    /// Locks the set. Ignores poisoning: each change is one insertion, so a panic leaves the set
    /// intact.
    fn lock_stored(&self) -> MutexGuard<'_, HashSet<String>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
