//! Blobs that no manifest of a layout references.

use std::sync::Arc;

use portolan_model::Digest;
use portolan_registry::{Error, Kind, Result};

use super::{COPY_AGAIN, Layout, lock};
use crate::folder::Folder;
use crate::storage::Storage;

/// Blob that no manifest of its layout references.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Orphan {
    /// Digest of the blob.
    pub digest: Digest,
    /// Size of the blob in bytes.
    pub size: u64,
}

impl Layout<Arc<Folder>> {
    /// Returns all files in the folder of blobs that are neither manifests of the layout nor
    /// referenced by a manifest, in the order of digests.
    pub(crate) fn orphans(&self) -> Result<Vec<Orphan>> {
        let view = self.view(&self.storage.index()?)?;
        if let Some(unresolved) = view.unresolved_manifests().next() {
            let message = format!(
                "{} references {unresolved}, which is missing or unreadable, so it is unknown which \
                 blobs it needs",
                self.storage.describe()
            );
            return Err(Error::new(Kind::MANIFEST_INVALID, message).with_help(COPY_AGAIN));
        }
        let reached = view.reachable();
        let mut orphans = self.storage.blobs()?;
        orphans.retain(|blob| !reached.contains(&blob.digest));
        orphans.sort_unstable();
        Ok(orphans)
    }

    /// Removes all orphans, and returns the removed orphans. Blobs that were uploaded before their
    /// manifest are orphans too.
    pub(crate) fn remove_orphans(&self) -> Result<Vec<Orphan>> {
        let _changing = lock(&self.change_lock);
        let orphans = self.orphans()?;
        for orphan in &orphans {
            self.storage.remove_content(&orphan.digest)?;
        }
        self.invalidate_view();
        Ok(orphans)
    }
}
