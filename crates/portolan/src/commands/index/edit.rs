//! Edits of an index document, one function for each kind of edit.

use std::collections::{HashMap, HashSet};

use portolan_model::{
    ChildEdit, Descriptor, Digest, Manifest, ManifestDraft, MediaType, MediaTypeRole, Platform,
    PlatformKey, child_descriptors, format_platforms,
};
use portolan_registry::{EditedDocument, Error, Kind, Result};
use serde_json::json;

use crate::commands::values::{Annotation, Selector};
use crate::manifest_io;

/// Creates an index document. A child that is given several times is listed once.
pub(super) fn create(
    media_type: &str,
    children: &[Descriptor],
    annotations: &[Annotation],
) -> EditedDocument {
    let media_type = MediaType::new(media_type);
    let mut draft = ManifestDraft::new_index(&media_type);
    let mut listed = DescriptorSet::default();
    for child in children.iter().filter(|child| listed.insert(child)) {
        draft.add_child(child);
    }
    for annotation in annotations {
        draft.set_annotation(&annotation.key, Some(&annotation.value));
    }
    EditedDocument {
        media_type,
        bytes: draft.to_bytes(),
    }
}

/// Adds children to an index, and returns the children that they replace. Creates an index if
/// `current` is `None`.
///
/// A new child replaces an existing child for the same platform, at its position. Clients select
/// the first child for their platform, so they would never select the new child after the existing
/// one. Attestations follow their image, and those of a replaced image are removed. New children do
/// not replace each other.
pub(super) fn add(
    current: Option<&Manifest>,
    children: &[Descriptor],
) -> Result<(EditedDocument, Vec<Descriptor>)> {
    let Some(current) = current else {
        return Ok((create(MediaType::OCI_INDEX, children, &[]), Vec::new()));
    };
    let mut draft = draft_of_index(current)?;
    let known = draft.children();
    let Addition {
        edits,
        appended,
        replaced,
    } = Addition::plan(&known, children);
    let mut edits = edits.into_iter();
    draft.edit_children(|_| edits.next().unwrap_or(ChildEdit::Keep));
    for child in &appended {
        draft.add_child(child);
    }
    Ok((render_draft(current, &draft), replaced))
}

/// Changes to an index that add children.
struct Addition {
    /// Edit of each existing child.
    edits: Vec<ChildEdit>,
    /// New children that replace no existing child.
    appended: Vec<Descriptor>,
    /// Existing children that are removed.
    replaced: Vec<Descriptor>,
}

impl Addition {
    /// Plans the changes in time linear in the number of children.
    fn plan(known: &[Descriptor], added: &[Descriptor]) -> Self {
        let (positions, new) = (Positions::new(known), DescriptorSet::new(added));
        let mut edits = vec![ChildEdit::Keep; known.len()];
        let mut appended = Vec::new();
        // Members of the groups move to their image. They are not replaced by other content.
        let mut moved = Vec::new();
        for group in group_attestations(added) {
            if group.iter().all(|child| positions.find(child).is_some()) {
                continue;
            }
            let image = &group[0];
            let mut replaced = positions.candidates(image);
            replaced.retain(|position| {
                let child = &known[*position];
                edits[*position] == ChildEdit::Keep
                    && (child == image || (!new.contains(child) && is_replacement(image, child)))
            });
            moved.extend(group.iter().filter_map(|child| positions.find(child)));
            for position in &replaced {
                edits[*position] = ChildEdit::Drop;
            }
            match replaced.first() {
                Some(first) => edits[*first] = ChildEdit::Substitute(group),
                None => appended.extend(group),
            }
        }
        let gone = removed_images(known, |position| edits[position] != ChildEdit::Keep);
        for (position, child) in known.iter().enumerate() {
            if is_attached_to(child, &gone) && !new.contains(child) {
                edits[position] = ChildEdit::Drop;
            }
        }
        let changed = known
            .iter()
            .zip(&edits)
            .filter(|(_, edit)| **edit != ChildEdit::Keep);
        let replaced = changed
            .map(|(child, _)| child)
            .filter(|child| !new.contains(child));
        let replaced = replaced.cloned().collect();
        for position in moved {
            if edits[position] == ChildEdit::Keep {
                edits[position] = ChildEdit::Drop;
            }
        }
        Self {
            edits,
            appended,
            replaced,
        }
    }
}

/// Positions of the children of an index, by digest and by platform.
struct Positions<'a> {
    children: &'a [Descriptor],
    by_digest: HashMap<&'a Digest, Vec<usize>>,
    by_platform: HashMap<PlatformKey, Vec<usize>>,
}

impl<'a> Positions<'a> {
    fn new(children: &'a [Descriptor]) -> Self {
        let (mut by_digest, mut by_platform) = (HashMap::<_, Vec<_>>::new(), HashMap::new());
        for (position, child) in children.iter().enumerate() {
            by_digest.entry(&child.digest).or_default().push(position);
            if let Some(platform) = known_platform(child) {
                let positions: &mut Vec<_> = by_platform.entry(platform.key()).or_default();
                positions.push(position);
            }
        }
        Self {
            children,
            by_digest,
            by_platform,
        }
    }

    /// Returns the first position of a child.
    fn find(&self, child: &Descriptor) -> Option<usize> {
        let mut positions = self.by_digest.get(&child.digest)?.iter().copied();
        positions.find(|position| self.children[*position] == *child)
    }

    /// Returns the positions with the digest or the platform of a child, in ascending order.
    fn candidates(&self, child: &Descriptor) -> Vec<usize> {
        let same_platform =
            known_platform(child).and_then(|platform| self.by_platform.get(&platform.key()));
        let lists = [self.by_digest.get(&child.digest), same_platform];
        let mut positions: Vec<_> = lists.into_iter().flatten().flatten().copied().collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

/// Set of descriptors.
#[derive(Default)]
struct DescriptorSet<'a>(HashMap<&'a Digest, Vec<&'a Descriptor>>);

impl<'a> DescriptorSet<'a> {
    fn new(descriptors: &'a [Descriptor]) -> Self {
        let mut set = Self::default();
        for descriptor in descriptors {
            set.insert(descriptor);
        }
        set
    }

    /// Adds a descriptor, and returns whether it is new.
    fn insert(&mut self, descriptor: &'a Descriptor) -> bool {
        let equal = self.0.entry(&descriptor.digest).or_default();
        let is_new = !equal.contains(&descriptor);
        if is_new {
            equal.push(descriptor);
        }
        is_new
    }

    fn contains(&self, descriptor: &Descriptor) -> bool {
        let equal = self.0.get(&descriptor.digest);
        equal.is_some_and(|equal| equal.contains(&descriptor))
    }
}

/// Groups each image with its attestations, in the order of the images. A child that is given several
/// times is listed once.
fn group_attestations(children: &[Descriptor]) -> Vec<Vec<Descriptor>> {
    let images: HashSet<_> = children.iter().map(|child| &child.digest).collect();
    let mut attestations: HashMap<Digest, Vec<Descriptor>> = HashMap::new();
    let (mut roots, mut listed) = (Vec::new(), DescriptorSet::default());
    for child in children.iter().filter(|child| listed.insert(child)) {
        match child
            .attested_image()
            .filter(|image| images.contains(image))
        {
            Some(image) => attestations.entry(image).or_default().push(child.clone()),
            None => roots.push(child),
        }
    }
    let groups = roots.into_iter().map(|image| {
        // An image that is listed for several platforms has its attestations once.
        let attached = attestations.remove(&image.digest).unwrap_or_default();
        std::iter::once(image.clone()).chain(attached).collect()
    });
    groups.collect()
}

/// Returns the digests of the children at the removed positions of an index, except those that the
/// index also lists for another platform.
fn removed_images(children: &[Descriptor], is_removed: impl Fn(usize) -> bool) -> HashSet<Digest> {
    let positions = 0..children.len();
    let (removed, rest): (Vec<_>, Vec<_>) = positions.partition(|position| is_removed(*position));
    let rest: HashSet<_> = rest
        .into_iter()
        .map(|position| &children[position].digest)
        .collect();
    let digests = removed
        .into_iter()
        .map(|position| &children[position].digest);
    digests
        .filter(|digest| !rest.contains(digest))
        .cloned()
        .collect()
}

fn is_attached_to(child: &Descriptor, images: &HashSet<Digest>) -> bool {
    child
        .attested_image()
        .is_some_and(|image| images.contains(&image))
}

/// Removes the children that any of `selectors` matches, and returns the removed children.
pub(super) fn remove(
    current: Option<&Manifest>,
    selectors: &[Selector],
) -> Result<(EditedDocument, Vec<Descriptor>)> {
    let current = require_index(current)?;
    let mut draft = draft_of_index(current)?;
    for selector in selectors {
        check_selector(current, selector)?;
    }
    let removed = drop_children(&mut draft, |child| {
        selectors.iter().any(|selector| selector.matches(child))
    });
    Ok((render_draft(current, &draft), removed))
}

/// Sets annotations of an index, or of the children that `child` matches. An empty value removes
/// the annotation.
pub(super) fn annotate(
    current: Option<&Manifest>,
    child: Option<&Selector>,
    annotations: &[Annotation],
) -> Result<EditedDocument> {
    let current = require_index(current)?;
    let mut draft = draft_of_index(current)?;
    if let Some(selector) = child {
        check_selector(current, selector)?;
    }
    for Annotation { key, value } in annotations {
        let value = Some(value.as_str()).filter(|value| !value.is_empty());
        match child {
            Some(selector) => {
                draft.set_child_annotations(|child| selector.matches(child), key, value);
            }
            None => draft.set_annotation(key, value),
        }
    }
    Ok(render_draft(current, &draft))
}

/// Returns the index, or [`Kind::ManifestUnknown`] if it does not exist.
fn require_index(current: Option<&Manifest>) -> Result<&Manifest> {
    let unknown = || {
        Error::new(Kind::ManifestUnknown, "the index does not exist")
            .with_help("to create it, run `portolan index create DST CHILD`")
    };
    current.ok_or_else(unknown)
}

/// Returns an editable draft of the index, or [`Kind::PreconditionFailed`] if the manifest is not
/// an index.
fn draft_of_index(current: &Manifest) -> Result<ManifestDraft> {
    if current.media_type().role() == MediaTypeRole::Index {
        return Ok(ManifestDraft::from_manifest(current));
    }
    let message = format!(
        "the tag does not point to an index, but to: {} ({})",
        manifest_io::kind_name(current),
        current.media_type()
    );
    Err(Error::new(Kind::PreconditionFailed, message)
        .with_help("to replace it, run `portolan index create DST CHILD`"))
}

fn render_draft(current: &Manifest, draft: &ManifestDraft) -> EditedDocument {
    EditedDocument {
        media_type: current.media_type().clone(),
        bytes: draft.to_bytes(),
    }
}

/// Returns [`Kind::ManifestUnknown`] if the selector matches no child.
fn check_selector(current: &Manifest, selector: &Selector) -> Result<()> {
    if current
        .children()
        .iter()
        .any(|child| selector.matches(&child.descriptor))
    {
        return Ok(());
    }
    let message = format!("the index has no child {selector}");
    let platforms = format_platforms(child_descriptors(current));
    Err(Error::new(Kind::ManifestUnknown, message)
        .with_help(format!("the platforms are {platforms}"))
        .with_detail(json!({"child": selector.to_string()})))
}

/// Returns whether adding `child` replaces `known`: both have the same platform, or the same digest
/// if one of them has no platform.
fn is_replacement(child: &Descriptor, known: &Descriptor) -> bool {
    match (&child.platform, &known.platform) {
        (Some(_), Some(_)) => {
            let platforms = known_platform(child).zip(known_platform(known));
            platforms.is_some_and(|(new, known)| new.key() == known.key())
        }
        _ => known.digest == child.digest,
    }
}

/// Returns the platform of a child, except `unknown`, which BuildKit uses for all attestations.
fn known_platform(child: &Descriptor) -> Option<&Platform> {
    let platform = child.platform.as_ref();
    platform.filter(|platform| platform.os != "unknown")
}

/// Removes children from the draft, together with the attestations that BuildKit attached to them,
/// and returns all removed descriptors.
fn drop_children(
    draft: &mut ManifestDraft,
    should_drop: impl Fn(&Descriptor) -> bool,
) -> Vec<Descriptor> {
    let children = draft.children();
    let gone = removed_images(&children, |position| should_drop(&children[position]));
    let mut dropped = Vec::new();
    draft.edit_children(|child| {
        if !should_drop(child) && !is_attached_to(child, &gone) {
            return ChildEdit::Keep;
        }
        dropped.push(child.clone());
        ChildEdit::Drop
    });
    dropped
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{ImageFixture, IndexFixture, image};

    use super::*;

    fn child(image: &ImageFixture, platform: &str) -> Descriptor {
        Descriptor {
            platform: platform.parse().ok(),
            ..image.descriptor()
        }
    }

    fn attestation(subject: &ImageFixture) -> serde_json::Value {
        let mut child =
            serde_json::to_value(child(&image("attestation"), "unknown/unknown")).unwrap();
        child["annotations"] = json!({"vnd.docker.reference.digest": subject.digest()});
        child
    }

    fn digests(edited: &EditedDocument) -> Vec<String> {
        let manifest = Manifest::parse(edited.bytes.clone(), Some(&edited.media_type)).unwrap();
        manifest
            .children()
            .iter()
            .map(|child| child.descriptor.digest.to_string())
            .collect()
    }

    fn names(images: &[&ImageFixture]) -> Vec<String> {
        images
            .iter()
            .map(|image| image.digest().to_string())
            .collect()
    }

    #[test]
    fn an_added_child_replaces_the_one_for_its_platform() {
        let (old, other, new) = (image("old"), image("other"), image("new"));
        let index = IndexFixture::docker()
            .image(&old, "linux/amd64")
            .image(&other, "linux/arm64")
            .child(attestation(&old));
        let (edited, replaced) =
            add(Some(&index.manifest()), &[child(&new, "linux/amd64")]).unwrap();
        assert_eq!(digests(&edited), names(&[&new, &other]));
        assert_eq!(
            (replaced.len(), edited.media_type.as_str()),
            (2, MediaType::DOCKER_LIST)
        );
    }

    fn attested(subject: &ImageFixture, name: &str) -> Descriptor {
        let mut attestation = child(&image(name), "unknown/unknown");
        attestation.annotations = [(
            "vnd.docker.reference.digest".into(),
            subject.digest().to_string(),
        )]
        .into();
        attestation
    }

    #[test]
    fn attestations_follow_their_image_to_its_position() {
        let (old, other, new) = (image("old"), image("other"), image("new"));
        let index = create(
            MediaType::OCI_INDEX,
            &[
                child(&old, "linux/amd64"),
                child(&other, "linux/arm64"),
                attested(&old, "of old"),
                attested(&other, "of other"),
            ],
            &[],
        );
        let index = Manifest::parse(index.bytes, None).unwrap();
        let added = [child(&new, "linux/amd64"), attested(&new, "of new")];
        let (edited, replaced) = add(Some(&index), &added).unwrap();
        let expected = [&new, &image("of new"), &other, &image("of other")];
        assert_eq!(digests(&edited), names(&expected));
        assert_eq!(replaced.len(), 2);
        let again = Manifest::parse(edited.bytes.clone(), None).unwrap();
        let (again, replaced) = add(Some(&again), &added).unwrap();
        assert_eq!((&again.bytes, replaced.len()), (&edited.bytes, 0));
        // A rebuilt attestation replaces the earlier one of the same image.
        let index = Manifest::parse(again.bytes, None).unwrap();
        let added = [child(&new, "linux/amd64"), attested(&new, "newer")];
        let (edited, replaced) = add(Some(&index), &added).unwrap();
        let expected = [&new, &image("newer"), &other, &image("of other")];
        assert_eq!((digests(&edited), replaced.len()), (names(&expected), 1));
    }

    #[test]
    fn a_digest_that_is_listed_twice_keeps_its_other_platform() {
        let (both, new) = (image("both"), image("new"));
        let index = create(
            MediaType::OCI_INDEX,
            &[
                child(&both, "linux/amd64"),
                child(&both, "linux/arm64"),
                attested(&both, "of both"),
            ],
            &[],
        );
        let index = Manifest::parse(index.bytes, None).unwrap();
        let (edited, replaced) = add(Some(&index), &[child(&new, "linux/amd64")]).unwrap();
        assert_eq!(
            (digests(&edited), replaced.len()),
            (names(&[&new, &both, &image("of both")]), 1)
        );
        let (edited, removed) = remove(Some(&index), &["linux/amd64".parse().unwrap()]).unwrap();
        assert_eq!(
            (digests(&edited), removed.len()),
            (names(&[&both, &image("of both")]), 1)
        );
        let (edited, replaced) = add(Some(&index), &[child(&both, "linux/riscv64")]).unwrap();
        assert_eq!((digests(&edited).len(), replaced.len()), (4, 0));
    }

    #[test]
    fn children_that_are_added_together_do_not_replace_each_other() {
        let (one, two) = (image("one"), image("two"));
        let children = [child(&one, "linux/amd64"), child(&two, "linux/amd64")];
        let index = IndexFixture::oci()
            .image(&image("old"), "linux/amd64")
            .manifest();
        for current in [None, Some(&index)] {
            let (edited, _) = add(current, &[children.clone(), children.clone()].concat()).unwrap();
            assert_eq!(digests(&edited), names(&[&one, &two]));
        }
    }

    #[test]
    fn adds_many_children_in_linear_time() {
        let many = |text: &str| -> Vec<_> {
            let child = |number| Descriptor {
                platform: format!("linux/cpu{number}").parse().ok(),
                ..Descriptor::from_digest(Digest::sha256(format!("{text} {number}").as_bytes()))
            };
            (0..10_000).map(child).collect()
        };
        let index = create(MediaType::OCI_INDEX, &many("old"), &[]);
        let index = Manifest::parse(index.bytes, None).unwrap();
        let begin = std::time::Instant::now();
        let (edited, replaced) = add(Some(&index), &many("new")).unwrap();
        // Quadratic time would be minutes.
        assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
        let added: Vec<_> = many("new")
            .iter()
            .map(|child| child.digest.to_string())
            .collect();
        assert_eq!((digests(&edited), replaced.len()), (added, 10_000));
    }

    #[test]
    fn compares_normalized_platforms() {
        let (old, other, new) = (image("old"), image("other"), image("new"));
        let index = IndexFixture::oci()
            .image(&old, "linux/arm64/v8")
            .image(&other, "linux/arm/v7")
            .manifest();
        let (edited, replaced) = add(Some(&index), &[child(&new, "linux/arm64")]).unwrap();
        assert_eq!(
            (digests(&edited), replaced.len()),
            (names(&[&new, &other]), 1)
        );
        let (edited, replaced) = add(Some(&index), &[child(&new, "linux/arm/v6")]).unwrap();
        assert_eq!(
            (digests(&edited), replaced.len()),
            (names(&[&old, &other, &new]), 0)
        );
    }

    #[test]
    fn keeps_present_children_and_other_attestations() {
        let index = IndexFixture::oci()
            .image(&image("a"), "linux/amd64")
            .image(&image("b"), "unknown/unknown")
            .manifest();
        let (edited, replaced) = add(
            Some(&index),
            &[
                child(&image("a"), "linux/amd64"),
                child(&image("c"), "unknown/unknown"),
            ],
        )
        .unwrap();
        assert_eq!(
            digests(&edited),
            names(&[&image("a"), &image("b"), &image("c")])
        );
        assert!(replaced.is_empty());
    }

    #[test]
    fn creates_a_missing_index_and_rejects_an_image() {
        let (edited, _) = add(None, &[child(&image("a"), "linux/amd64")]).unwrap();
        assert_eq!(
            (digests(&edited), edited.media_type.as_str()),
            (names(&[&image("a")]), MediaType::OCI_INDEX)
        );
        let error = add(Some(&image("a").manifest()), &[]).unwrap_err();
        assert_eq!(*error.kind(), Kind::PreconditionFailed);
    }

    #[test]
    fn removes_children_with_their_attestations() {
        let (one, other) = (image("one"), image("other"));
        let index = IndexFixture::oci()
            .image(&one, "linux/amd64")
            .image(&other, "linux/arm64")
            .child(attestation(&one));
        let manifest = index.manifest();
        let (edited, removed) = remove(Some(&manifest), &["linux/amd64".parse().unwrap()]).unwrap();
        assert_eq!((digests(&edited), removed.len()), (names(&[&other]), 2));
        let error = remove(Some(&manifest), &["linux/s390x".parse().unwrap()]).unwrap_err();
        assert!(
            error.help().unwrap().contains("linux/amd64, linux/arm64"),
            "{error}"
        );
        assert_eq!(
            *remove(None, &[]).unwrap_err().kind(),
            Kind::ManifestUnknown
        );
    }

    #[test]
    fn annotates_the_index_or_a_child() {
        let index = IndexFixture::oci()
            .image(&image("a"), "linux/amd64")
            .manifest();
        let set = ["a=1".parse().unwrap(), "b=".parse().unwrap()];
        let edited = annotate(Some(&index), None, &set).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&edited.bytes).unwrap();
        assert_eq!(document["annotations"], json!({"a": "1"}));
        let selector: Selector = "linux/amd64".parse().unwrap();
        let edited = annotate(Some(&index), Some(&selector), &set).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&edited.bytes).unwrap();
        assert_eq!(document["manifests"][0]["annotations"], json!({"a": "1"}));
        let missing: Selector = "linux/arm64".parse().unwrap();
        assert_eq!(
            *annotate(Some(&index), Some(&missing), &set)
                .unwrap_err()
                .kind(),
            Kind::ManifestUnknown
        );
    }
}
