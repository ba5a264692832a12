//! Names of the manifests in a layout, and the default manifest when no name is given.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use portolan_model::{Descriptor, Digest, ImageReference};
use portolan_registry::{Error, Kind, Result};
use serde_json::json;

use super::name_lookup::NameLookup;
use super::{Layout, lock};
use crate::index::{CONTAINERD_NAME, LayoutIndex};
use crate::storage::Storage;

/// Name of a manifest in a layout or an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestName {
    /// Name as stored: a tag, a full reference, or any other text.
    pub name: String,
    /// Descriptor of the manifest that has the name.
    pub descriptor: Descriptor,
}

impl<S: Storage> Layout<S> {
    /// Returns the names of all manifests, in the order of the index.
    pub(crate) fn names(&self) -> Result<Vec<ManifestName>> {
        let index = self.storage.index()?;
        let annotations = self.storage.name_annotations();
        let mut digests: HashMap<&str, BTreeSet<&Digest>> = HashMap::new();
        for descriptor in index.descriptors() {
            if let Some(first) = stored_names(descriptor, annotations).next() {
                digests.entry(first).or_default().insert(&descriptor.digest);
            }
        }
        let names = index.descriptors().filter_map(|descriptor| {
            let mut names = stored_names(descriptor, annotations);
            let first = names.next()?;
            let is_ambiguous = digests.get(first).is_some_and(|digests| digests.len() > 1);
            let full = names.next().filter(|_| is_ambiguous);
            Some(ManifestName {
                name: full.unwrap_or(first).to_owned(),
                descriptor: descriptor.clone(),
            })
        });
        Ok(names.collect())
    }

    /// Returns the manifest with `name`: a stored name, another spelling of the same reference, a
    /// tag, or a digest.
    pub(crate) fn resolve(&self, name: &str) -> Result<Descriptor> {
        if let Some(descriptor) = name
            .parse()
            .ok()
            .and_then(|digest: Digest| self.find_by_digest(&digest).transpose())
        {
            return descriptor;
        }
        let index = self.storage.index()?;
        let annotations = self.storage.name_annotations();
        let is_stored =
            |entry: &&Descriptor| stored_names(entry, annotations).any(|own| own == name);
        let mut found: Vec<_> = index.entries_named(name).filter(is_stored).collect();
        let lookup;
        if found.is_empty() {
            lookup = self.name_lookup(&index);
            found.extend(lookup.find(name));
        }
        if let [first, ..] = found[..] {
            self.check_unambiguous(name, &found)?;
            return Ok(first.clone());
        }
        let message = format!("{name:?} was not found in {}", self.storage.describe());
        Err(Error::new(Kind::ManifestUnknown, message)
            .with_detail(json!({"name": name}))
            .with_help(describe_names(&self.names()?)))
    }

    /// Returns the manifest to use when no name is given: the only manifest.
    ///
    /// Manifests that are part of an index or that are referrers do not count, unless they have a
    /// name.
    pub(crate) fn only_manifest(&self) -> Result<Descriptor> {
        let index = self.storage.index()?;
        let mut seen = HashSet::new();
        let mut entries: Vec<&Descriptor> = index.descriptors().collect();
        entries.retain(|descriptor| seen.insert(&descriptor.digest));
        if let [only] = entries[..] {
            return Ok(only.clone());
        }
        let view = self.view(&index)?;
        let referenced = view.referenced_digests();
        let is_named = |digest: &Digest| {
            index.entries_of(digest).any(|descriptor| {
                stored_names(descriptor, self.storage.name_annotations())
                    .next()
                    .is_some()
            })
        };
        let stands_alone = |entry: &&&Descriptor| {
            let digest = &entry.digest;
            is_named(digest) || (!view.is_referrer(digest) && !referenced.contains(digest))
        };
        let standing: Vec<_> = entries.iter().filter(stands_alone).collect();
        if let [only] = standing[..] {
            return Ok(Descriptor::clone(only));
        }
        let what = self.storage.describe();
        if entries.is_empty() {
            return Err(Error::new(
                Kind::ManifestUnknown,
                format!("{what} contains no manifest"),
            ));
        }
        let others: Vec<_> = entries.iter().map(|entry| entry.digest.as_str()).collect();
        let message = format!("{what} contains several manifests");
        Err(Error::new(Kind::Unsupported, message)
            .with_detail(json!({"digests": others}))
            .with_help(describe_names(&self.names()?)))
    }

    fn name_lookup(&self, index: &Arc<LayoutIndex>) -> Arc<NameLookup> {
        let mut cached = lock(&self.cached_names);
        if let Some((of, names)) = cached.as_ref()
            && of.as_ptr() == Arc::as_ptr(index)
        {
            return Arc::clone(names);
        }
        let names = Arc::new(NameLookup::new(index, self.storage.name_annotations()));
        *cached = Some((Arc::downgrade(index), Arc::clone(&names)));
        names
    }

    fn find_by_digest(&self, digest: &Digest) -> Result<Option<Descriptor>> {
        let found = self.manifest(&digest.clone().into())?;
        Ok(found.map(|(info, _)| Descriptor::new(info.media_type, info.digest, info.size)))
    }

    /// Returns an error if `found`, the entries with a name, describe different manifests. The
    /// error lists their full names, platforms and digests.
    fn check_unambiguous(&self, name: &str, found: &[&Descriptor]) -> Result<()> {
        let mut described: Vec<&Descriptor> = Vec::new();
        for entry in found {
            if described.iter().all(|other| other.digest != entry.digest) {
                described.push(entry);
            }
        }
        if described.len() == 1 {
            return Ok(());
        }
        let message = format!(
            "{} has several manifests with the name {name:?}: {}",
            self.storage.describe(),
            describe_entries(&described)
        );
        Err(Error::new(Kind::Unsupported, message)
            .with_help("write the full name, or `@DIGEST` instead of the name"))
    }
}

/// Returns the names of an entry, the most specific name last.
pub(super) fn stored_names<'a>(
    descriptor: &'a Descriptor,
    annotations: &'a [&str],
) -> impl Iterator<Item = &'a str> {
    annotations
        .iter()
        .filter_map(|annotation| descriptor.annotations.get(*annotation))
        .map(String::as_str)
}

/// Parses a reference as docker does: `a` means `docker.io/library/a:latest`.
pub(super) fn normalize(name: &str) -> Option<ImageReference> {
    let mut image: ImageReference = name.parse().ok()?;
    if image.tag.is_none() && image.digest.is_none() {
        image.tag = "latest".parse().ok();
    }
    Some(image)
}

/// Returns the tag of a full name.
pub(crate) fn parse_tag(name: &str) -> Option<&str> {
    name.rsplit_once(':')
        .map(|(_, tag)| tag)
        .filter(|tag| !tag.contains('/'))
}

/// Lists entries with their full names, platforms and digests.
pub(crate) fn describe_entries(entries: &[&Descriptor]) -> String {
    let describe = |entry: &&Descriptor| {
        let name = entry.annotations.get(CONTAINERD_NAME).cloned();
        let platform = entry.platform.as_ref().map(ToString::to_string);
        let parts: Vec<_> = name.into_iter().chain(platform).collect();
        match parts[..] {
            [] => entry.digest.to_string(),
            _ => format!("{} ({})", parts.join(" "), entry.digest),
        }
    };
    let mut listed: Vec<_> = entries.iter().take(MAX_LISTED).map(describe).collect();
    if entries.len() > MAX_LISTED {
        listed.push("…".into());
    }
    listed.join(", ")
}

/// Maximum number of names in an error message.
const MAX_LISTED: usize = 20;

fn describe_names(names: &[ManifestName]) -> String {
    if names.is_empty() {
        return "no manifest has a name: add `@DIGEST`".into();
    }
    let listed: Vec<_> = names
        .iter()
        .take(MAX_LISTED)
        .map(|name| name.name.as_str())
        .collect();
    let more = if names.len() > MAX_LISTED {
        ", …"
    } else {
        ""
    };
    format!("the names are {}{more}", listed.join(", "))
}
