//! `index.json` of a layout: cached, and written after each change or, in a folder that gathers
//! changes, when the caller asks for it.

use std::fs::File;
use std::sync::{Arc, Weak};

use portolan_files::file_error;
use portolan_registry::Result;

use super::{Access, Folder, INDEX_FILE, lock_of};
use crate::content::Content;
use crate::files::{Stamp, replace};
use crate::index::{IndexChange, LayoutIndex, MAX_LIST_BYTES};
use crate::storage::is_base;

/// Cached index.
pub(super) struct CachedIndex {
    /// Stamp of the file that the index was read from. `None` if the file did not exist.
    stamp: Option<Stamp>,
    index: Arc<LayoutIndex>,
    /// Changes of `index` that are not in the file yet.
    unsaved: Vec<IndexChange>,
}

impl Folder {
    /// Returns the current index, including changes that are not saved yet.
    pub(super) fn current_index(&self) -> Result<Arc<LayoutIndex>> {
        let mut cached = lock_of(&self.index);
        self.refresh(&mut cached)
            .map(|cached| Arc::clone(&cached.index))
    }

    /// Applies a change to the index `base`. Saves it, unless the folder gathers changes. Returns
    /// `None` if the index is not `base` any more.
    pub(super) fn apply(
        &self,
        base: &Weak<LayoutIndex>,
        change: IndexChange,
    ) -> Result<Option<Arc<LayoutIndex>>> {
        let mut cached = lock_of(&self.index);
        let current = self.refresh(&mut cached)?;
        if !is_base(base, &current.index) {
            return Ok(None);
        }
        if self.access == Access::Gather {
            change.apply(Arc::make_mut(&mut current.index));
            current.unsaved.push(change);
            return Ok(Some(Arc::clone(&current.index)));
        }
        let mut changed = LayoutIndex::clone(&current.index);
        drop(cached);
        change.apply(&mut changed);
        let changed = Arc::new(changed);
        self.write_index(&changed)?;
        Ok(Some(changed))
    }

    /// Writes the changes that are not saved yet.
    pub(super) fn save_index(&self) -> Result<()> {
        let has_unsaved = |cached: &CachedIndex| !cached.unsaved.is_empty();
        if lock_of(&self.index).as_ref().is_some_and(has_unsaved) {
            self.write_index(&self.current_index()?)?;
        }
        Ok(())
    }

    /// Replaces the file, durably. `index` must include all changes that are not saved yet. The
    /// caller ensures that there are no further changes in the meantime.
    pub(super) fn write_index(&self, index: &Arc<LayoutIndex>) -> Result<()> {
        let writing = self.writing()?;
        self.create_layout_files(&writing)?;
        let path = self.path.join(INDEX_FILE);
        let bytes = index.to_bytes();
        let stamp = replace(&writing.durability, &path, &bytes, &writing.scratch)?;
        *lock_of(&self.index) = Some(CachedIndex {
            stamp: Some(stamp),
            index: Arc::clone(index),
            unsaved: Vec::new(),
        });
        Ok(())
    }

    /// Reads the file, unless the cached index is up to date. If another program has changed the
    /// file, applies the changes that are not saved yet to the new index.
    fn refresh<'a>(&self, cached: &'a mut Option<CachedIndex>) -> Result<&'a mut CachedIndex> {
        // The stamp is taken before the file is read. If the file changes in between, the stamp is
        // outdated, and the next call reads the file again.
        let stamp = Stamp::read(&self.path.join(INDEX_FILE))?;
        if let Some(current) = cached.take_if(|cached| cached.stamp == stamp) {
            return Ok(cached.insert(current));
        }
        let mut index = self.read_index(stamp.is_some())?;
        let unsaved = cached.take().map_or_else(Vec::new, |old| old.unsaved);
        for change in &unsaved {
            change.apply(&mut index);
        }
        Ok(cached.insert(CachedIndex {
            stamp,
            index: Arc::new(index),
            unsaved,
        }))
    }

    fn read_index(&self, exists: bool) -> Result<LayoutIndex> {
        if !exists {
            return Ok(LayoutIndex::empty());
        }
        let path = self.path.join(INDEX_FILE);
        let file = File::open(&path).map_err(file_error("read", &path))?;
        let size = file.metadata().map_err(file_error("inspect", &path))?.len();
        let bytes = Content::of_file(file, size).read(MAX_LIST_BYTES);
        let bytes = bytes
            .map_err(|error| error.with_prefix(format!("failed to read {}", path.display())))?;
        LayoutIndex::parse(bytes)
            .map_err(|error| error.with_prefix(format!("failed to open {}", self.display_name())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // After an error, the images that arrived completely are still useful. The error of this
        // attempt would have no reader.
        drop(self.save_index());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use portolan_model::fixtures::{image, tag};

    use super::*;

    #[test]
    fn a_change_is_not_applied_to_the_index_of_another_program() {
        for access in [Access::Gather, Access::Write] {
            let folder = tempfile::tempdir().unwrap();
            let layout = Folder::open_for_writing(folder.path().into(), access).unwrap();
            let base = Arc::downgrade(&layout.current_index().unwrap());
            let foreign = r#"{"schemaVersion":2,"manifests":[],"annotations":{"a":"b"}}"#;
            fs::write(folder.path().join(INDEX_FILE), foreign).unwrap();
            let change = || IndexChange {
                descriptor: image("1").descriptor(),
                tags: vec![tag("v1")],
                needs_entry: true,
                superfluous: Vec::new(),
            };
            assert!(layout.apply(&base, change()).unwrap().is_none());
            layout.save_index().unwrap();
            let path = folder.path().join(INDEX_FILE);
            assert_eq!(fs::read_to_string(&path).unwrap(), foreign);

            let base = Arc::downgrade(&layout.current_index().unwrap());
            assert!(layout.apply(&base, change()).unwrap().is_some());
            layout.save_index().unwrap();
            assert!(fs::read_to_string(&path).unwrap().contains("\"a\":\"b\""));
        }
    }
}
