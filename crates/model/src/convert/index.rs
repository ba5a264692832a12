//! The children that an index is written anew with: its own, or also those of the indexes nested in it.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};
use std::vec;

use super::order::{Documents, may_be_known};
use crate::{ChildKind, Digest, Draft, Json, Manifest, MediaType, Role};

/// Most bytes of nested indexes that are looked into, and of children that come of it. Registries take a few MiB, and
/// indexes that name each other again and again for other platforms would make a tree of any size.
const LARGEST: usize = 64 << 20;

/// A child of an index, and where it stood.
pub(super) struct Entry<'a> {
    pub(super) document: &'a Digest,
    pub(super) pointer: String,
    child: &'a Json,
    /// What the descriptors above it say, if it is an image and says nothing itself.
    platform: Option<&'a Json>,
    /// Whether it stood in a nested index.
    pub(super) lifted: bool,
}

impl Entry<'_> {
    /// The child as it is to stand in the index.
    pub(super) fn json(&self) -> Json {
        let mut child = self.child.clone();
        if let Some(platform) = self.platform {
            child.set("platform", platform.clone());
        }
        child
    }
}

/// A nested index that is gone, its children being in the root.
pub(super) struct Lifted<'a> {
    pub(super) digest: Digest,
    pub(super) manifest: &'a Manifest,
    /// Whether it was lifted before, from another place, for the same platform.
    pub(super) again: bool,
    /// The index that named it, where, and what with.
    pub(super) document: &'a Digest,
    pub(super) pointer: String,
    pub(super) child: &'a Json,
}

/// The children of one index, as they stand: in one list, unless there are several.
pub(super) fn own<'a>(
    digest: &'a Digest,
    manifest: &'a Manifest,
) -> impl Iterator<Item = Vec<Entry<'a>>> {
    let entry = move |(position, child)| Entry {
        document: digest,
        pointer: pointer(position),
        child,
        platform: None,
        lifted: false,
    };
    lists(manifest).map(move |list| list.iter().enumerate().map(entry).collect())
}

/// The children of an index with those of nested ones in the place of these; each nested index is looked into once for
/// each platform that it is named for. Nothing if that is too much.
pub(super) fn lifted<'a>(
    digest: &'a Digest,
    manifest: &'a Manifest,
    documents: &'a Documents<'a>,
) -> Option<(Vec<Entry<'a>>, Vec<Lifted<'a>>)> {
    let (mut entries, mut gone, mut platforms) = (Vec::new(), Vec::new(), Platforms::default());
    let mut seen = HashSet::from([(digest, None)]);
    let mut bytes = 0;
    let mut levels = vec![Level {
        document: digest,
        children: items(manifest),
        platform: None,
    }];
    while let Some(level) = levels.last_mut() {
        let Some((position, child)) = level.children.next() else {
            levels.pop();
            continue;
        };
        let (document, pointer, inherited) = (level.document, pointer(position), level.platform);
        let Some((digest, manifest)) = nested(child, documents) else {
            let platform =
                inherited.filter(|_| platform(child).is_none() && is_image(child, documents));
            let (platform, lifted) = (platform.map(|(platform, _)| platform), levels.len() > 1);
            entries.push(Entry {
                document,
                pointer,
                child,
                platform,
                lifted,
            });
            continue;
        };
        let platform = platform(child)
            .map(|platform| (platform, platforms.number(platform)))
            .or(inherited);
        let again = !seen.insert((digest, platform.map(|(_, number)| number)));
        gone.push(Lifted {
            digest: digest.clone(),
            manifest,
            again,
            document,
            pointer,
            child,
        });
        if !again {
            bytes += manifest.bytes().len();
            if bytes > LARGEST {
                return None;
            }
            levels.push(Level {
                document: digest,
                children: items(manifest),
                platform,
            });
        }
    }
    Some((entries, gone))
}

struct Level<'a> {
    document: &'a Digest,
    children: vec::IntoIter<(usize, &'a Json)>,
    /// What the descriptors above say, and its number.
    platform: Option<(&'a Json, usize)>,
}

/// Numbers for platforms, the same for the same one.
#[derive(Default)]
struct Platforms(HashMap<String, usize>);

impl Platforms {
    fn number(&mut self, platform: &Json) -> usize {
        let next = self.0.len();
        *self.0.entry(platform.to_string()).or_insert(next)
    }
}

/// What a child says; Go's writers take null for nothing.
pub(super) fn platform(child: &Json) -> Option<&Json> {
    child
        .get("platform")
        .filter(|platform| **platform != Json::Null)
}

/// Whether a child is an image, as far as that can be known: nothing else is for a platform.
fn is_image(child: &Json, documents: &Documents<'_>) -> bool {
    let Some(descriptor) = Draft::descriptor(child).filter(may_be_known) else {
        return false;
    };
    let Some(manifest) = documents.get(&descriptor.digest) else {
        const IMAGES: [&str; 2] = [MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST];
        let media_type = descriptor.media_type.as_ref().map(MediaType::as_str);
        return descriptor.artifact_type.is_none()
            && media_type.is_some_and(|own| IMAGES.contains(&own));
    };
    let mut configs = manifest
        .children()
        .iter()
        .filter(|part| part.kind == ChildKind::Config);
    configs.any(|config| {
        config
            .descriptor
            .media_type
            .as_ref()
            .is_some_and(MediaType::is_image_config)
    })
}

fn lists(manifest: &Manifest) -> impl Iterator<Item = &[Json]> {
    let members = manifest.document().as_object().unwrap_or_default().iter();
    members
        .filter(|(key, _)| key == "manifests")
        .filter_map(|(_, list)| list.as_array())
}

/// The children of all lists, each with its position in its own.
fn items(manifest: &Manifest) -> vec::IntoIter<(usize, &Json)> {
    lists(manifest)
        .flat_map(|list| list.iter().enumerate())
        .collect::<Vec<_>>()
        .into_iter()
}

fn pointer(position: usize) -> String {
    format!("/manifests/{position}")
}

fn nested<'a>(child: &Json, documents: &'a Documents<'a>) -> Option<(&'a Digest, &'a Manifest)> {
    let descriptor = Draft::descriptor(child).filter(may_be_known)?;
    documents
        .entry(&descriptor.digest)
        .filter(|(_, manifest)| manifest.media_type().role() == Role::Index)
}

/// The children of an index into which others were lifted, each by what it says.
#[derive(Default)]
pub(super) struct Distinct {
    /// Whether each was lifted.
    seen: HashMap<String, bool>,
    bytes: usize,
}

impl Distinct {
    /// Whether there is one already that says the same, and one of both was lifted to where it is.
    pub(super) fn repeats(&mut self, child: &Json, lifted: bool) -> bool {
        let text = child.to_value().to_string();
        self.bytes += text.len();
        match self.seen.entry(text) {
            Place::Occupied(there) => lifted || *there.get(),
            Place::Vacant(place) => {
                place.insert(lifted);
                false
            }
        }
    }

    /// Whether they are more than anybody takes.
    pub(super) fn is_too_much(&self) -> bool {
        self.bytes > LARGEST
    }
}
