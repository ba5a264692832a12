//! Blobs that nothing leads to.

use std::sync::Arc;

use portolan_model::Digest;
use portolan_registry::{Error, Kind, Result};

use super::{Layout, lock};
use crate::folder::Folder;
use crate::storage::Storage;

/// A blob that no manifest of its layout names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Orphan {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Layout<Arc<Folder>> {
    /// Every blob that neither is a manifest of the index nor is named by one, in the order of digests.
    pub(crate) fn orphans(&self) -> Result<Vec<Orphan>> {
        let view = self.view(&self.storage.index()?)?;
        if let Some(dark) = view.dark().next() {
            let message = format!(
                "{} names {dark}, which is missing or cannot be read, so nobody can tell what it needs; copy it again, or \
                 remove its entry",
                self.storage.what()
            );
            return Err(Error::new(Kind::ManifestInvalid, message));
        }
        let reached = view.reached();
        let mut orphans = self.storage.blobs()?;
        orphans.retain(|blob| !reached.contains(&blob.digest));
        orphans.sort_unstable();
        Ok(orphans)
    }

    /// Removes them and answers what was removed. Blobs that are on their way to a manifest are orphans too.
    pub(crate) fn remove_orphans(&self) -> Result<Vec<Orphan>> {
        let _changing = lock(&self.changing);
        let orphans = self.orphans()?;
        for orphan in &orphans {
            self.storage.drop_content(&orphan.digest)?;
        }
        self.content_changed();
        Ok(orphans)
    }
}
