//! Entries of `index.json` in the order of the document, with lookups by digest and by name.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use portolan_model::Digest;

use super::entry::{IndexEntry, NAME_ANNOTATIONS};

/// Identifier of an entry. It does not change while other entries are added and removed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct EntryId(usize);

/// Entries of an index. A lookup does not visit the other entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    by_id: HashMap<EntryId, Arc<IndexEntry>>,
    /// Order of the document.
    order: Vec<EntryId>,
    by_digest: HashMap<Digest, Vec<EntryId>>,
    /// Entries by each of their names, in any of [`NAME_ANNOTATIONS`].
    by_name: HashMap<String, Vec<EntryId>>,
    next_id: usize,
    /// True if the order of the document may differ from the order of the sort keys.
    unsorted: bool,
}

impl Entries {
    pub(super) fn iter(&self) -> impl Iterator<Item = &IndexEntry> {
        self.order.iter().map(|id| self.get(*id))
    }

    /// Returns the entry with an identifier that this value has returned.
    pub(super) fn get(&self, id: EntryId) -> &IndexEntry {
        &self.by_id[&id]
    }

    /// Returns the entries of a manifest, in the order of the document.
    pub(super) fn with_digest(&self, digest: &Digest) -> Vec<EntryId> {
        self.in_order(self.by_digest.get(digest).map_or(&[], Vec::as_slice))
    }

    /// Returns the entries that have `name` in one of [`NAME_ANNOTATIONS`], in the order of the
    /// document.
    pub(super) fn with_name(&self, name: &str) -> Vec<EntryId> {
        self.in_order(self.by_name.get(name).map_or(&[], Vec::as_slice))
    }

    /// Adds an entry at the end.
    pub(super) fn push(&mut self, entry: IndexEntry) {
        self.insert_at(self.order.len(), entry);
    }

    /// Inserts an entry after the last entry with a lower or equal sort key.
    pub(super) fn insert_sorted(&mut self, entry: IndexEntry) {
        let key = entry.sort_key();
        let is_before = |id: &EntryId| self.get(*id).sort_key() <= key;
        let position = if self.unsorted {
            let last = self.order.iter().rposition(is_before);
            last.map_or(0, |last| last + 1)
        } else {
            self.order.partition_point(is_before)
        };
        self.insert_at(position, entry);
    }

    /// Inserts an entry before the entry `next`.
    pub(super) fn insert_before(&mut self, next: EntryId, entry: IndexEntry) {
        self.insert_at(self.position(next), entry);
    }

    /// Changes an entry in place.
    pub(super) fn change(&mut self, id: EntryId, change: impl FnOnce(&mut IndexEntry)) {
        let Some(mut entry) = self.by_id.remove(&id) else {
            return;
        };
        self.forget(id, &entry);
        change(Arc::make_mut(&mut entry));
        self.remember(id, entry);
        self.check_order_at(self.position(id));
    }

    /// Removes an entry, and returns it.
    pub(super) fn remove(&mut self, id: EntryId) -> Option<IndexEntry> {
        let entry = self.by_id.remove(&id)?;
        self.forget(id, &entry);
        self.order.remove(self.position(id));
        Some(Arc::unwrap_or_clone(entry))
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn insert_at(&mut self, position: usize, entry: IndexEntry) {
        let id = EntryId(self.next_id);
        self.next_id += 1;
        self.order.insert(position, id);
        self.remember(id, Arc::new(entry));
        self.check_order_at(position);
    }

    fn remember(&mut self, id: EntryId, entry: Arc<IndexEntry>) {
        if let Some(digest) = entry.digest() {
            self.by_digest.entry(digest.clone()).or_default().push(id);
        }
        for name in distinct_names(&entry) {
            self.by_name.entry(name.to_owned()).or_default().push(id);
        }
        self.by_id.insert(id, entry);
    }

    fn forget(&mut self, id: EntryId, entry: &IndexEntry) {
        if let Some(digest) = entry.digest() {
            remove_id(&mut self.by_digest, digest, id);
        }
        for name in distinct_names(entry) {
            remove_id(&mut self.by_name, name, id);
        }
    }

    /// Records whether the entry at `position` is out of order.
    fn check_order_at(&mut self, position: usize) {
        let around = position.saturating_sub(1)..self.order.len().min(position + 2);
        let around = self.order[around].iter().map(|id| self.get(*id).sort_key());
        self.unsorted |= !around.is_sorted();
    }

    /// Returns the position of an entry. It is the number of entries if there is no such entry.
    fn position(&self, id: EntryId) -> usize {
        let found = self.order.iter().position(|other| *other == id);
        found.unwrap_or(self.order.len())
    }

    fn in_order(&self, ids: &[EntryId]) -> Vec<EntryId> {
        if ids.len() < 2 {
            return ids.to_vec();
        }
        let wanted: HashSet<_> = ids.iter().collect();
        let order = self.order.iter().filter(|id| wanted.contains(id));
        order.copied().collect()
    }
}

impl FromIterator<IndexEntry> for Entries {
    fn from_iter<T: IntoIterator<Item = IndexEntry>>(entries: T) -> Self {
        let mut collected = Self::default();
        entries.into_iter().for_each(|entry| collected.push(entry));
        collected
    }
}

/// Returns the names of an entry, each once.
fn distinct_names(entry: &IndexEntry) -> impl Iterator<Item = &str> {
    let names = NAME_ANNOTATIONS
        .iter()
        .filter_map(|annotation| entry.annotation(annotation));
    names.collect::<HashSet<_>>().into_iter()
}

fn remove_id<K, Q>(map: &mut HashMap<K, Vec<EntryId>>, key: &Q, id: EntryId)
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if let Some(ids) = map.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}
