//! `index.json` as a document. Everything that is not changed is preserved (image-spec,
//! image-layout.md).

mod change;
mod entries;
mod entry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use portolan_model::{ChildKind, Descriptor, Digest, Json, Manifest, MediaType, Tag};
use portolan_registry::{Error, Kind, Result};

use crate::layout::describe_entries;

use entries::{Entries, EntryId};

pub(crate) use change::IndexChange;
pub(crate) use entry::{CONTAINERD_NAME, IndexEntry, NAME_ANNOTATIONS, REF_NAME};

const MANIFESTS: &str = "manifests";

/// Maximum size of a file that lists the manifests of a layout or an archive, such as `index.json`,
/// in bytes.
pub(crate) const MAX_LIST_BYTES: u64 = 64 << 20;

/// Parsed `index.json`. Each entry is a descriptor, with or without a name. Several entries may
/// describe the same manifest. Unknown fields and entries stay in place.
#[derive(Clone, Debug)]
pub struct LayoutIndex {
    /// Members of the document. The value of `manifests` is only a placeholder for `entries`.
    members: Vec<(String, Json)>,
    entries: Entries,
}

impl LayoutIndex {
    /// Creates an index without entries.
    pub(crate) fn empty() -> Self {
        let members = [
            ("schemaVersion", Json::Number(2.into())),
            ("mediaType", Json::String(MediaType::OCI_INDEX.into())),
            (MANIFESTS, Json::Null),
        ];
        Self {
            members: members.map(|(key, value)| (key.to_owned(), value)).into(),
            entries: Entries::default(),
        }
    }

    /// Parses the document.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestInvalid`] if the document is not an index, or `manifests` is not a
    /// list.
    pub(crate) fn parse(bytes: Bytes) -> Result<Self> {
        let media_type = MediaType::new(MediaType::OCI_INDEX);
        let invalid = |reason: &dyn std::fmt::Display| {
            Error::new(
                Kind::MANIFEST_INVALID,
                format!("failed to parse index.json: {reason}"),
            )
        };
        let manifest =
            Manifest::parse(bytes, Some(&media_type)).map_err(|error| invalid(&error))?;
        let raw = match manifest.document().get(MANIFESTS) {
            None | Some(Json::Null) => &[],
            Some(Json::Array(items)) => items.as_slice(),
            Some(other) => {
                return Err(invalid(&format_args!(
                    "manifests must be a list, but it is {}",
                    other.kind()
                )));
            }
        };
        let mut descriptors = descriptors(&manifest);
        let entry = |(position, raw): (usize, &Json)| {
            IndexEntry::read(raw.clone(), descriptors.remove(&position))
        };
        let entries = raw.iter().enumerate().map(entry).collect();
        Ok(Self {
            members: members(&manifest),
            entries,
        })
    }

    /// Serializes the document.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let entries = || {
            Json::Array(
                self.entries
                    .iter()
                    .map(|entry| entry.raw().clone())
                    .collect(),
            )
        };
        let member = |(key, value): &(String, Json)| {
            (
                key.clone(),
                if key == MANIFESTS {
                    entries()
                } else {
                    value.clone()
                },
            )
        };
        Json::Object(self.members.iter().map(member).collect())
            .to_string()
            .into()
    }

    /// Returns the descriptors of the entries, in the order of the document. Skips entries without
    /// a valid descriptor.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries.iter().filter_map(IndexEntry::descriptor)
    }

    /// Returns the descriptors of the entries of a manifest, in the order of the document.
    pub(crate) fn entries_of(&self, digest: &Digest) -> impl Iterator<Item = &Descriptor> {
        let ids = self.entries.with_digest(digest).into_iter();
        ids.filter_map(|id| self.entries.get(id).descriptor())
    }

    /// Returns the descriptors of the entries that have `name` in one of [`NAME_ANNOTATIONS`], in
    /// the order of the document.
    pub(crate) fn entries_named(&self, name: &str) -> impl Iterator<Item = &Descriptor> {
        let ids = self.entries.with_name(name).into_iter();
        ids.filter_map(|id| self.entries.get(id).descriptor())
    }

    /// Returns the descriptor of a manifest, if it has an entry.
    pub(crate) fn find(&self, digest: &Digest) -> Option<&Descriptor> {
        self.entries_of(digest).next()
    }

    /// Returns the descriptor of the manifest with a name.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if several manifests have the name, because any of them may be
    /// meant.
    pub(crate) fn find_by_name(&self, name: &str) -> Result<Option<&Descriptor>> {
        let named: Vec<_> = self
            .ids_by_tag(name)
            .filter_map(|id| self.entries.get(id).descriptor())
            .collect();
        let Some((first, others)) = named.split_first() else {
            return Ok(None);
        };
        if others.iter().all(|other| other.digest == first.digest) {
            return Ok(Some(first));
        }
        let message = format!(
            "several manifests have the name {name:?}: {}",
            describe_entries(&named)
        );
        Err(Error::new(Kind::Unsupported, message).with_help("write `@DIGEST` instead of the name"))
    }

    /// Returns the names that are valid tags.
    pub(crate) fn tags(&self) -> BTreeSet<Tag> {
        self.entries
            .iter()
            .filter_map(|entry| entry.name()?.parse().ok())
            .collect()
    }

    /// Returns whether a manifest has a bare entry: an entry with only the type, size and digest of
    /// its content.
    pub(crate) fn has_bare(&self, digest: &Digest) -> bool {
        self.find_bare(digest).is_some()
    }

    /// Updates the media type and the artifact type in all entries of a manifest.
    pub(crate) fn update_types(&mut self, descriptor: &Descriptor) {
        for id in self.entries.with_digest(&descriptor.digest) {
            self.entries
                .change(id, |entry| entry.update_types(descriptor));
        }
    }

    /// Assigns a name to a manifest, and removes the name from all other manifests. A manifest that
    /// loses its only name keeps an unnamed entry.
    pub(crate) fn assign_name(&mut self, name: &str, descriptor: &Descriptor) {
        let digest = &descriptor.digest;
        let named: Vec<_> = self.ids_by_tag(name).collect();
        let has_name = named
            .iter()
            .any(|id| self.entries.get(*id).describes(digest));
        if !has_name {
            let bare = self.find_bare(digest);
            let mut entry = bare
                .and_then(|bare| self.entries.remove(bare))
                .unwrap_or_else(|| IndexEntry::new(descriptor));
            entry.set_name(name);
            match named.first() {
                Some(first) => self.entries.insert_before(*first, entry),
                None => self.entries.insert_sorted(entry),
            }
        }
        self.remove_name(name, Some(digest));
    }

    /// Removes a name from all manifests except the manifest with the digest `but`. A manifest that
    /// loses its only name keeps an unnamed entry.
    pub(crate) fn remove_name(&mut self, name: &str, but: Option<&Digest>) {
        let named: Vec<_> = self.ids_by_tag(name).collect();
        let mut changed = BTreeSet::new();
        for id in named {
            let entry = self.entries.get(id);
            if !but.is_some_and(|digest| entry.describes(digest)) {
                changed.extend(entry.digest().cloned());
                self.entries.change(id, IndexEntry::clear_name);
            }
        }
        for digest in changed {
            let bare: Vec<_> = self.bare_ids(&digest).collect();
            let removed = bare.into_iter().filter_map(|id| self.entries.remove(id));
            let first = removed.collect::<Vec<_>>().into_iter().next();
            if let Some(first) = first.filter(|_| self.find(&digest).is_none()) {
                self.entries.insert_sorted(first);
            }
        }
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds an entry without a name. The result does not depend on the order of the additions: the
    /// entry follows the last entry with a lower or equal sort key. Other entries, which may be in
    /// any order, stay in place.
    pub(crate) fn add(&mut self, descriptor: &Descriptor) {
        self.entries.insert_sorted(IndexEntry::new(descriptor));
    }

    /// Adds an entry at the end.
    pub(crate) fn push(&mut self, descriptor: &Descriptor) {
        self.entries.push(IndexEntry::new(descriptor));
    }

    /// Removes all entries of a manifest.
    pub(crate) fn remove(&mut self, digest: &Digest) {
        for id in self.entries.with_digest(digest) {
            self.entries.remove(id);
        }
    }

    /// Removes the bare entries of a manifest (see [`LayoutIndex::has_bare`]).
    pub(crate) fn remove_bare(&mut self, digest: &Digest) {
        let bare: Vec<_> = self.bare_ids(digest).collect();
        for id in bare {
            self.entries.remove(id);
        }
    }

    /// Returns the entries with a name that can be a tag, in the order of the document.
    fn ids_by_tag(&self, name: &str) -> impl Iterator<Item = EntryId> {
        let ids = self.entries.with_name(name).into_iter();
        ids.filter(move |id| self.entries.get(*id).name() == Some(name))
    }

    fn find_bare(&self, digest: &Digest) -> Option<EntryId> {
        self.bare_ids(digest).next()
    }

    fn bare_ids(&self, digest: &Digest) -> impl Iterator<Item = EntryId> {
        let ids = self.entries.with_digest(digest).into_iter();
        ids.filter(|id| self.entries.get(*id).is_bare())
    }
}

/// Returns the valid descriptors in `manifests`, by position.
fn descriptors(manifest: &Manifest) -> HashMap<usize, Descriptor> {
    let children = manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    let placed = children.filter_map(|child| {
        let position = child.pointer.strip_prefix("/manifests/")?.parse().ok()?;
        Some((position, child.descriptor.clone()))
    });
    placed.collect()
}

/// Returns the members of a document, with exactly one `manifests`. If the key is repeated, the
/// last `manifests` counts.
fn members(manifest: &Manifest) -> Vec<(String, Json)> {
    let mut members = manifest.document().as_object().unwrap_or_default().to_vec();
    let last = members.iter().rposition(|(key, _)| key == MANIFESTS);
    let mut position = 0;
    members.retain(|(key, _)| {
        position += 1;
        key != MANIFESTS || Some(position - 1) == last
    });
    if last.is_none() {
        members.push((MANIFESTS.into(), Json::Null));
    }
    members
}
