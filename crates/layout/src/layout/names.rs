//! What people call the manifests of a layout, and which one they mean when they name none.

use portolan_model::{Descriptor, Digest, ImageReference};
use portolan_registry::{Error, Kind, Result};
use serde_json::json;

use super::Layout;
use crate::storage::Storage;

/// A name, and the manifest that has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name as it is written there: a tag, a whole reference, or any other text.
    pub name: String,
    /// The manifest.
    pub descriptor: Descriptor,
}

impl<S: Storage> Layout<S> {
    /// Every name, in the order of the index.
    pub(crate) fn names(&self) -> Result<Vec<Name>> {
        let index = self.storage.index()?;
        let names = index.descriptors().filter_map(|descriptor| {
            let name = descriptor.annotations.get(self.storage.named_by())?.clone();
            Some(Name {
                name,
                descriptor: descriptor.clone(),
            })
        });
        Ok(names.collect())
    }

    /// The manifest that is called `name`: a name as it is written there, another way to write it, a tag, or a digest.
    pub(crate) fn resolve(&self, name: &str) -> Result<Descriptor> {
        let index = self.storage.index()?;
        if let Some(descriptor) = name
            .parse()
            .ok()
            .and_then(|digest: Digest| self.by_digest(&digest).transpose())
        {
            return descriptor;
        }
        let names = self.names()?;
        let found = names.iter().find(|known| known.name == name).or_else(|| {
            let whole: ImageReference = name.parse().ok().filter(|_| name.contains(['/', ':']))?;
            names.iter().find(|known| {
                known
                    .name
                    .parse()
                    .is_ok_and(|known: ImageReference| known == whole)
            })
        });
        if let Some(found) = found {
            return self.sole(found, &names);
        }
        if let Some(descriptor) = index.named(name)? {
            return Ok(descriptor.clone());
        }
        let message = format!(
            "{} has nothing called {name:?}; {}",
            self.storage.what(),
            choices(&names)
        );
        Err(Error::new(Kind::ManifestUnknown, message).with_detail(json!({"name": name})))
    }

    /// The manifest that is meant when none is named: the only one there is.
    ///
    /// What an index names, and what says something about another manifest, does not count beside them.
    pub(crate) fn only_manifest(&self) -> Result<Descriptor> {
        let index = self.storage.index()?;
        let mut entries: Vec<&Descriptor> = Vec::new();
        for descriptor in index.descriptors() {
            if entries
                .iter()
                .all(|other| other.digest != descriptor.digest)
            {
                entries.push(descriptor);
            }
        }
        if let [only] = entries[..] {
            return Ok(only.clone());
        }
        let view = self.view(&index)?;
        let is_named = |digest: &Digest| {
            let mut entries = index
                .descriptors()
                .filter(|descriptor| descriptor.digest == *digest);
            entries.any(|descriptor| descriptor.annotations.contains_key(self.storage.named_by()))
        };
        let stands_alone = |entry: &&&Descriptor| {
            let digest = &entry.digest;
            is_named(digest) || (!view.refers(digest) && view.parents(digest).is_empty())
        };
        let standing: Vec<_> = entries.iter().filter(stands_alone).collect();
        if let [only] = standing[..] {
            return Ok(Descriptor::clone(only));
        }
        let what = self.storage.what();
        if entries.is_empty() {
            return Err(Error::new(
                Kind::ManifestUnknown,
                format!("{what} holds no manifest"),
            ));
        }
        let others: Vec<_> = entries.iter().map(|entry| entry.digest.as_str()).collect();
        let message = format!(
            "{what} holds several manifests, say which one; {}",
            choices(&self.names()?)
        );
        Err(Error::new(Kind::Unsupported, message).with_detail(json!({"digests": others})))
    }

    fn by_digest(&self, digest: &Digest) -> Result<Option<Descriptor>> {
        let found = self.manifest(&digest.clone().into())?;
        Ok(found.map(|(info, _)| Descriptor::new(info.media_type, info.digest, info.size)))
    }

    /// The manifest of that name, unless others have it too.
    fn sole(&self, found: &Name, names: &[Name]) -> Result<Descriptor> {
        let digest = &found.descriptor.digest;
        let other = names
            .iter()
            .find(|other| other.name == found.name && other.descriptor.digest != *digest);
        let Some(other) = other else {
            return Ok(found.descriptor.clone());
        };
        let message = format!(
            "{} has several manifests called {:?}, choose one by its digest: {digest}, {}",
            self.storage.what(),
            found.name,
            other.descriptor.digest
        );
        Err(Error::new(Kind::Unsupported, message))
    }
}

/// Most names that a message tells.
const MOST_TOLD: usize = 20;

fn choices(names: &[Name]) -> String {
    if names.is_empty() {
        return "nothing in it has a name, use digests".into();
    }
    let told: Vec<_> = names
        .iter()
        .take(MOST_TOLD)
        .map(|name| name.name.as_str())
        .collect();
    let more = if names.len() > MOST_TOLD { ", …" } else { "" };
    format!("it has: {}{more}", told.join(", "))
}
