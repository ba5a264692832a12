//! Lookup of manifests by other spellings of their names, and by the tags in them.

use std::collections::HashMap;

use portolan_model::{Descriptor, ImageReference};

use super::names::{normalize, parse_tag, stored_names};
use crate::index::LayoutIndex;

/// Entries of one index by their names. Built once for each index, because it parses all names.
#[derive(Debug)]
pub(super) struct NameLookup {
    by_image: HashMap<ImageReference, Vec<Descriptor>>,
    by_tag: HashMap<String, Vec<Descriptor>>,
}

impl NameLookup {
    pub(super) fn new(index: &LayoutIndex, annotations: &[&str]) -> Self {
        let (mut by_image, mut by_tag) = (HashMap::new(), HashMap::new());
        for entry in index.descriptors() {
            for name in stored_names(entry, annotations) {
                if let Some(image) = normalize(name) {
                    add(by_image.entry(image).or_default(), entry);
                }
                if let Some(tag) = parse_tag(name) {
                    add(by_tag.entry(tag.to_owned()).or_default(), entry);
                }
            }
        }
        Self { by_image, by_tag }
    }

    /// Returns the entries whose name is another spelling of `name`, or else those whose name has
    /// the tag `name`, in the order of the index.
    pub(super) fn find(&self, name: &str) -> &[Descriptor] {
        let same = normalize(name).and_then(|image| self.by_image.get(&image));
        let found = same.or_else(|| self.by_tag.get(name));
        found.map_or(&[], Vec::as_slice)
    }
}

/// Adds an entry, unless it was just added for another of its names.
fn add(entries: &mut Vec<Descriptor>, entry: &Descriptor) {
    if entries.last() != Some(entry) {
        entries.push(entry.clone());
    }
}
