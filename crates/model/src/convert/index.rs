//! Children of a converted index: the children of the original index and, if nested indexes are
//! flattened, the children of the nested indexes.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{HashMap, HashSet};
use std::vec;

use super::documents::{Documents, can_be_document};
use crate::{ChildKind, Digest, Json, Manifest, ManifestDraft, MediaType, MediaTypeRole};

/// Maximum total size of all nested indexes in bytes, and of the children of the flattened index.
///
/// Registries accept documents of a few MiB. Without a limit, a few small indexes that are nested
/// several times for different platforms could result in an index of any size.
const MAX_BYTES: usize = 64 << 20;

/// Child of an index, with its original location.
pub(super) struct IndexChild<'a> {
    /// Digest of the index that lists the child.
    pub(super) document: &'a Digest,
    pub(super) pointer: String,
    child: &'a Json,
    /// Platform of the enclosing nested index, if the child is an image without a platform.
    platform: Option<&'a Json>,
    /// True if the child comes from a nested index.
    pub(super) is_lifted: bool,
}

impl IndexChild<'_> {
    /// Returns the descriptor of the child for the converted index.
    pub(super) fn json(&self) -> Json {
        let mut child = self.child.clone();
        if let Some(platform) = self.platform {
            child.set("platform", platform.clone());
        }
        child
    }
}

/// Nested index that is removed, because its children move to the root index.
pub(super) struct LiftedIndex<'a> {
    pub(super) digest: Digest,
    pub(super) manifest: &'a Manifest,
    /// True if the same index was already expanded for the same platform.
    pub(super) is_repeated: bool,
    /// Digest of the parent index.
    pub(super) document: &'a Digest,
    pub(super) pointer: String,
    pub(super) child: &'a Json,
}

/// Returns the children of one index: one list for each `manifests` key, because a JSON object can
/// repeat a key.
pub(super) fn own_children<'a>(
    digest: &'a Digest,
    manifest: &'a Manifest,
) -> impl Iterator<Item = Vec<IndexChild<'a>>> {
    let entry = move |(position, child)| IndexChild {
        document: digest,
        pointer: pointer(position),
        child,
        platform: None,
        is_lifted: false,
    };
    child_lists(manifest).map(move |list| list.iter().enumerate().map(entry).collect())
}

/// Returns the children of an index with each nested index replaced by its children, and the
/// replaced indexes.
///
/// Expands a nested index once for each platform in the descriptors that reference it. Returns
/// `None` if the nested indexes exceed [`MAX_BYTES`].
pub(super) fn lift_children<'a>(
    digest: &'a Digest,
    manifest: &'a Manifest,
    documents: &'a Documents<'a>,
) -> Option<(Vec<IndexChild<'a>>, Vec<LiftedIndex<'a>>)> {
    let (mut entries, mut gone, mut platforms) = (Vec::new(), Vec::new(), Platforms::default());
    let mut seen = HashSet::from([(digest, None)]);
    let mut bytes = 0;
    // Use an explicit stack instead of recursion, so that deep nesting cannot overflow the call
    // stack.
    let mut levels = vec![Level {
        document: digest,
        children: all_children(manifest),
        platform: None,
    }];
    while let Some(level) = levels.last_mut() {
        let Some((position, child)) = level.children.next() else {
            levels.pop();
            continue;
        };
        let (document, pointer, inherited) = (level.document, pointer(position), level.platform);
        let Some((digest, manifest)) = nested_index(child, documents) else {
            let platform =
                inherited.filter(|_| platform(child).is_none() && is_image(child, documents));
            let (platform, lifted) = (platform.map(|(platform, _)| platform), levels.len() > 1);
            entries.push(IndexChild {
                document,
                pointer,
                child,
                platform,
                is_lifted: lifted,
            });
            continue;
        };
        let platform = platform(child)
            .map(|platform| (platform, platforms.number(platform)))
            .or(inherited);
        let again = !seen.insert((digest, platform.map(|(_, number)| number)));
        gone.push(LiftedIndex {
            digest: digest.clone(),
            manifest,
            is_repeated: again,
            document,
            pointer,
            child,
        });
        if !again {
            bytes += manifest.bytes().len();
            if bytes > MAX_BYTES {
                return None;
            }
            levels.push(Level {
                document: digest,
                children: all_children(manifest),
                platform,
            });
        }
    }
    Some((entries, gone))
}

/// Index on the stack of [`lift_children`], with its children that are not visited yet.
struct Level<'a> {
    document: &'a Digest,
    children: vec::IntoIter<(usize, &'a Json)>,
    /// Platform of the index or of an enclosing index, with its number.
    platform: Option<(&'a Json, usize)>,
}

/// Assigns numbers to platforms. Equal platforms get the same number.
#[derive(Default)]
struct Platforms(HashMap<String, usize>);

impl Platforms {
    fn number(&mut self, platform: &Json) -> usize {
        let next = self.0.len();
        *self.0.entry(platform.to_string()).or_insert(next)
    }
}

/// Returns the platform of a child. `null` counts as no platform, because Go encoders write `null`
/// for an absent value.
pub(super) fn platform(child: &Json) -> Option<&Json> {
    child
        .get("platform")
        .filter(|platform| **platform != Json::Null)
}

/// Returns whether a child is probably an image. Looks at its document or, if the document is
/// unknown, at its descriptor. Only images have a platform.
fn is_image(child: &Json, documents: &Documents<'_>) -> bool {
    let Some(descriptor) = ManifestDraft::parse_descriptor(child).filter(can_be_document) else {
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

/// Returns the values of all `manifests` keys. A JSON object can repeat a key.
fn child_lists(manifest: &Manifest) -> impl Iterator<Item = &[Json]> {
    let members = manifest.document().as_object().unwrap_or_default().iter();
    members
        .filter(|(key, _)| key == "manifests")
        .filter_map(|(_, list)| list.as_array())
}

/// Returns the children of all lists, as pairs of the position in the list and the child.
fn all_children(manifest: &Manifest) -> vec::IntoIter<(usize, &Json)> {
    child_lists(manifest)
        .flat_map(|list| list.iter().enumerate())
        .collect::<Vec<_>>()
        .into_iter()
}

fn pointer(position: usize) -> String {
    format!("/manifests/{position}")
}

/// Returns the index that a child references, if it is in `documents`.
fn nested_index<'a>(
    child: &Json,
    documents: &'a Documents<'a>,
) -> Option<(&'a Digest, &'a Manifest)> {
    let descriptor = ManifestDraft::parse_descriptor(child).filter(can_be_document)?;
    documents
        .get_key_value(&descriptor.digest)
        .filter(|(_, manifest)| manifest.media_type().role() == MediaTypeRole::Index)
}

/// Set of the children of a flattened index, compared by content.
#[derive(Default)]
pub(super) struct DistinctChildren {
    /// JSON text of each child. The value is true if the child comes from a nested index.
    seen: HashMap<String, bool>,
    bytes: usize,
}

impl DistinctChildren {
    /// Adds a child, and returns whether it repeats an earlier child.
    ///
    /// Two equal children of the root index do not count as repeated. At least one of them must
    /// come from a nested index.
    pub(super) fn add_is_repeated(&mut self, child: &Json, lifted: bool) -> bool {
        let text = child.to_value().to_string();
        self.bytes += text.len();
        match self.seen.entry(text) {
            MapEntry::Occupied(first) => lifted || *first.get(),
            MapEntry::Vacant(vacant) => {
                vacant.insert(lifted);
                false
            }
        }
    }

    /// Returns whether the total size of the children exceeds [`MAX_BYTES`].
    pub(super) fn is_too_large(&self) -> bool {
        self.bytes > MAX_BYTES
    }
}
