//! `index.json`: the document, kept as it was but for what is changed (image-spec, image-layout.md).

mod entry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use portolan_model::{ChildKind, Descriptor, Digest, Json, Manifest, MediaType, Tag};
use portolan_registry::{Error, Kind, Result};

pub(crate) use entry::{CONTAINERD_NAME, Entry, REF_NAME};

const MANIFESTS: &str = "manifests";

/// Most bytes that a list of what a layout or an archive holds may have.
pub(crate) const MAX_LIST_BYTES: u64 = 64 << 20;

/// What a layout says of its manifests. Each entry is a descriptor, named or not; several may be
/// of one manifest. What nobody here knows stays where it is.
#[derive(Clone, Debug)]
pub struct Index {
    /// The members of the document, of which `manifests` stands for its place alone.
    members: Vec<(String, Json)>,
    entries: Vec<Entry>,
}

impl Index {
    /// An index without entries.
    pub(crate) fn empty() -> Self {
        let members = [
            ("schemaVersion", Json::Number(2.into())),
            ("mediaType", Json::String(MediaType::OCI_INDEX.into())),
            (MANIFESTS, Json::Null),
        ];
        Self {
            members: members.map(|(key, value)| (key.to_owned(), value)).into(),
            entries: Vec::new(),
        }
    }

    /// Reads the document.
    ///
    /// # Errors
    /// [`Kind::ManifestInvalid`] when it is none, or `manifests` is no list.
    pub(crate) fn parse(bytes: Bytes) -> Result<Self> {
        let media_type = MediaType::new(MediaType::OCI_INDEX);
        let invalid = |reason: &dyn std::fmt::Display| {
            Error::new(
                Kind::ManifestInvalid,
                format!("index.json cannot be read: {reason}"),
            )
        };
        let manifest =
            Manifest::parse(bytes, Some(&media_type)).map_err(|error| invalid(&error))?;
        let raw = match manifest.document().get(MANIFESTS) {
            None | Some(Json::Null) => &[],
            Some(Json::Array(items)) => items.as_slice(),
            Some(other) => {
                return Err(invalid(&format_args!(
                    "manifests must be a list, it is {}",
                    other.kind()
                )));
            }
        };
        let mut descriptors = descriptors(&manifest);
        let entry = |(position, raw): (usize, &Json)| {
            Entry::read(raw.clone(), descriptors.remove(&position))
        };
        let entries = raw.iter().enumerate().map(entry).collect();
        Ok(Self {
            members: members(&manifest),
            entries,
        })
    }

    /// The document as it is to be written.
    pub(crate) fn bytes(&self) -> Bytes {
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

    /// What can be read of each entry, in the order of the document.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries.iter().filter_map(Entry::descriptor)
    }

    /// The descriptor of a manifest, if it has an entry.
    pub(crate) fn find(&self, digest: &Digest) -> Option<&Descriptor> {
        self.descriptors()
            .find(|descriptor| descriptor.digest == *digest)
    }

    /// The descriptor that is called `name`.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] when several manifests are called so: each may be the one that is meant.
    pub(crate) fn named(&self, name: &str) -> Result<Option<&Descriptor>> {
        let mut named = self
            .entries
            .iter()
            .filter(|entry| entry.name() == Some(name))
            .filter_map(Entry::descriptor);
        let Some(first) = named.next() else {
            return Ok(None);
        };
        let others: BTreeSet<_> = named
            .map(|other| &other.digest)
            .filter(|digest| **digest != first.digest)
            .collect();
        if others.is_empty() {
            return Ok(Some(first));
        }
        let others: Vec<_> = others.into_iter().map(Digest::as_str).collect();
        let message = format!(
            "several manifests are called {name:?} here, choose one by its digest: {}, {}",
            first.digest,
            others.join(", ")
        );
        Err(Error::new(Kind::Unsupported, message))
    }

    /// The names that are tags.
    pub(crate) fn tags(&self) -> BTreeSet<Tag> {
        self.entries
            .iter()
            .filter_map(|entry| entry.name()?.parse().ok())
            .collect()
    }

    /// Whether a manifest has an entry that says nothing but what it is.
    pub(crate) fn has_bare(&self, digest: &Digest) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.is_of(digest) && entry.is_bare())
    }

    /// Says in each entry of a manifest what type it has.
    pub(crate) fn describe(&mut self, descriptor: &Descriptor) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.is_of(&descriptor.digest))
        {
            entry.describe(descriptor);
        }
    }

    /// Gives a manifest the name, which no other has then. Whatever had it keeps an entry.
    pub(crate) fn name(&mut self, name: &str, descriptor: &Descriptor) {
        let is_named = |entry: &Entry| entry.name() == Some(name);
        if self
            .entries
            .iter()
            .any(|entry| entry.is_of(&descriptor.digest) && is_named(entry))
        {
            self.take_name(name, Some(&descriptor.digest));
            return;
        }
        self.take_name(name, None);
        let bare = self
            .entries
            .iter_mut()
            .find(|entry| entry.is_of(&descriptor.digest) && entry.is_bare());
        if let Some(entry) = bare {
            entry.set_name(name);
            return;
        }
        let mut entry = Entry::new(descriptor);
        entry.set_name(name);
        self.entries.push(entry);
    }

    /// Takes the name from whatever has it, but for the manifest of digest `but`. Whatever had it keeps an entry.
    pub(crate) fn take_name(&mut self, name: &str, but: Option<&Digest>) {
        let mut position = 0;
        while let Some(entry) = self.entries.get_mut(position) {
            if entry.name() != Some(name) || but.is_some_and(|digest| entry.is_of(digest)) {
                position += 1;
                continue;
            }
            entry.clear_name();
            let superfluous = entry.is_bare() && self.has_another(position);
            if superfluous {
                self.entries.remove(position);
            } else {
                position += 1;
            }
        }
    }

    /// Adds an entry without a name.
    pub(crate) fn add(&mut self, descriptor: &Descriptor) {
        self.entries.push(Entry::new(descriptor));
    }

    /// Removes every entry of a manifest.
    pub(crate) fn remove(&mut self, digest: &Digest) {
        self.entries.retain(|entry| !entry.is_of(digest));
    }

    /// Removes the entries of a manifest that say nothing but what it is.
    pub(crate) fn remove_bare(&mut self, digest: &Digest) {
        self.entries
            .retain(|entry| !(entry.is_of(digest) && entry.is_bare()));
    }

    fn has_another(&self, position: usize) -> bool {
        let Some(digest) = self
            .entries
            .get(position)
            .and_then(Entry::descriptor)
            .map(|own| &own.digest)
        else {
            return false;
        };
        self.entries
            .iter()
            .enumerate()
            .any(|(other, entry)| other != position && entry.is_of(digest))
    }
}

/// What can be read of each item of `manifests`, by its position.
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

/// The members of a document, in which `manifests` stands once.
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
