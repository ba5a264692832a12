//! What becomes of the document, for each kind of change.

use portolan_model::{Descriptor, Draft, Fate, Manifest, MediaType, Platform, Role};
use portolan_registry::{Edited, Error, Kind, Result};
use serde_json::json;

use crate::commands::texts::{Annotation, Selector};
use crate::documents;

/// A new index.
pub(super) fn create(
    media_type: &str,
    children: &[Descriptor],
    annotations: &[Annotation],
) -> Edited {
    let media_type = MediaType::new(media_type);
    let mut draft = Draft::index(&media_type);
    for child in children {
        draft.add_child(child);
    }
    for annotation in annotations {
        draft.annotate(&annotation.key, Some(&annotation.value));
    }
    Edited {
        media_type,
        bytes: draft.to_bytes(),
    }
}

/// The index with more children, or a new one, and the children that had to go for them.
///
/// A reader takes the first child for its platform, so a new one would not be seen behind an old one:
/// it takes its place.
pub(super) fn add(
    current: Option<&Manifest>,
    children: &[Descriptor],
) -> Result<(Edited, Vec<Descriptor>)> {
    let Some(current) = current else {
        return Ok((create(MediaType::OCI_INDEX, children, &[]), Vec::new()));
    };
    let mut draft = draft(current)?;
    let mut replaced = Vec::new();
    for child in children {
        let there = current
            .children()
            .iter()
            .any(|known| known.descriptor == *child);
        if !there {
            replaced.extend(drop_children(&mut draft, current, |known| {
                replaces(child, known)
            }));
            draft.add_child(child);
        }
    }
    Ok((edited(current, &draft), replaced))
}

/// The index without the children that are selected, and those.
pub(super) fn remove(
    current: Option<&Manifest>,
    selectors: &[Selector],
) -> Result<(Edited, Vec<Descriptor>)> {
    let current = existing(current)?;
    let mut draft = draft(current)?;
    for selector in selectors {
        selected(current, selector)?;
    }
    let removed = drop_children(&mut draft, current, |child| {
        selectors.iter().any(|selector| selector.selects(child))
    });
    Ok((edited(current, &draft), removed))
}

/// The index with annotations set, or removed where the value is empty, on itself or on a child.
pub(super) fn annotate(
    current: Option<&Manifest>,
    child: Option<&Selector>,
    annotations: &[Annotation],
) -> Result<Edited> {
    let current = existing(current)?;
    let mut draft = draft(current)?;
    if let Some(selector) = child {
        selected(current, selector)?;
    }
    for Annotation { key, value } in annotations {
        let value = Some(value.as_str()).filter(|value| !value.is_empty());
        match child {
            Some(selector) => {
                drop(draft.annotate_children(|child| selector.selects(child), key, value))
            }
            None => draft.annotate(key, value),
        }
    }
    Ok(edited(current, &draft))
}

fn existing(current: Option<&Manifest>) -> Result<&Manifest> {
    let unknown = || {
        Error::new(
            Kind::ManifestUnknown,
            "there is no index yet; make one with portolan index create",
        )
    };
    current.ok_or_else(unknown)
}

fn draft(current: &Manifest) -> Result<Draft> {
    if current.media_type().role() == Role::Index {
        return Ok(Draft::of(current));
    }
    let message = format!(
        "the tag points to no index, but to: {} ({}); choose another tag, or make an index of it with portolan index create",
        documents::kind(current),
        current.media_type()
    );
    Err(Error::new(Kind::PreconditionFailed, message))
}

fn edited(current: &Manifest, draft: &Draft) -> Edited {
    Edited {
        media_type: current.media_type().clone(),
        bytes: draft.to_bytes(),
    }
}

/// A selector that selects nothing is a mistake.
fn selected(current: &Manifest, selector: &Selector) -> Result<()> {
    if current
        .children()
        .iter()
        .any(|child| selector.selects(&child.descriptor))
    {
        return Ok(());
    }
    let message = format!(
        "the index has no child {selector}, but for: {}",
        documents::platforms(current)
    );
    Err(Error::new(Kind::ManifestUnknown, message)
        .with_detail(json!({"child": selector.to_string()})))
}

/// Whether a reader who looks for the platform of `child` would find `known` instead of it.
fn replaces(child: &Descriptor, known: &Descriptor) -> bool {
    let platform = child
        .platform
        .as_ref()
        .filter(|platform| platform.os != "unknown");
    let same =
        |known: &Platform| platform.is_some_and(|new| known.satisfies(new) && new.satisfies(known));
    known.digest == child.digest || known.platform.as_ref().is_some_and(same)
}

/// Drops children, and what BuildKit has attached to them.
fn drop_children(
    draft: &mut Draft,
    current: &Manifest,
    goes: impl Fn(&Descriptor) -> bool,
) -> Vec<Descriptor> {
    let going = current
        .children()
        .iter()
        .filter(|child| goes(&child.descriptor));
    let digests: Vec<_> = going.map(|child| &child.descriptor.digest).collect();
    let mut dropped = Vec::new();
    draft.children(|child| {
        let attached = child
            .attests()
            .is_some_and(|image| digests.contains(&&image));
        if !goes(child) && !attached {
            return Fate::Keep;
        }
        dropped.push(child.clone());
        Fate::Drop
    });
    dropped
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{Image, Index, image};

    use super::*;

    fn child(image: &Image, platform: &str) -> Descriptor {
        Descriptor {
            platform: platform.parse().ok(),
            ..image.descriptor()
        }
    }

    fn attestation(of: &Image) -> serde_json::Value {
        let mut child =
            serde_json::to_value(child(&image("attestation"), "unknown/unknown")).unwrap();
        child["annotations"] = json!({"vnd.docker.reference.digest": of.digest()});
        child
    }

    fn digests(edited: &Edited) -> Vec<String> {
        let manifest = Manifest::parse(edited.bytes.clone(), Some(&edited.media_type)).unwrap();
        manifest
            .children()
            .iter()
            .map(|child| child.descriptor.digest.to_string())
            .collect()
    }

    fn names(images: &[&Image]) -> Vec<String> {
        images
            .iter()
            .map(|image| image.digest().to_string())
            .collect()
    }

    #[test]
    fn an_added_child_takes_the_place_of_the_one_for_its_platform() {
        let (old, other, new) = (image("old"), image("other"), image("new"));
        let index = Index::docker()
            .image(&old, "linux/amd64")
            .image(&other, "linux/arm64")
            .child(attestation(&old));
        let (edited, replaced) =
            add(Some(&index.manifest()), &[child(&new, "linux/amd64")]).unwrap();
        assert_eq!(digests(&edited), names(&[&other, &new]));
        assert_eq!(
            (replaced.len(), edited.media_type.as_str()),
            (2, MediaType::DOCKER_LIST)
        );
    }

    #[test]
    fn a_platform_is_the_same_however_it_is_spelled() {
        let (old, other, new) = (image("old"), image("other"), image("new"));
        let index = Index::oci()
            .image(&old, "linux/arm64/v8")
            .image(&other, "linux/arm/v7")
            .manifest();
        let (edited, replaced) = add(Some(&index), &[child(&new, "linux/arm64")]).unwrap();
        assert_eq!(
            (digests(&edited), replaced.len()),
            (names(&[&other, &new]), 1)
        );
        let (edited, replaced) = add(Some(&index), &[child(&new, "linux/arm/v6")]).unwrap();
        assert_eq!(
            (digests(&edited), replaced.len()),
            (names(&[&old, &other, &new]), 0)
        );
    }

    #[test]
    fn what_is_there_stays_and_attestations_do_not_displace_each_other() {
        let index = Index::oci()
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
    fn the_first_child_makes_an_index_and_an_image_is_none() {
        let (edited, _) = add(None, &[child(&image("a"), "linux/amd64")]).unwrap();
        assert_eq!(
            (digests(&edited), edited.media_type.as_str()),
            (names(&[&image("a")]), MediaType::OCI_INDEX)
        );
        let error = add(Some(&image("a").manifest()), &[]).unwrap_err();
        assert_eq!(*error.kind(), Kind::PreconditionFailed);
    }

    #[test]
    fn children_are_removed_with_what_is_attached() {
        let (one, other) = (image("one"), image("other"));
        let index = Index::oci()
            .image(&one, "linux/amd64")
            .image(&other, "linux/arm64")
            .child(attestation(&one));
        let manifest = index.manifest();
        let (edited, removed) = remove(Some(&manifest), &["linux/amd64".parse().unwrap()]).unwrap();
        assert_eq!((digests(&edited), removed.len()), (names(&[&other]), 2));
        let error = remove(Some(&manifest), &["linux/s390x".parse().unwrap()]).unwrap_err();
        assert!(
            error.message().contains("linux/amd64, linux/arm64"),
            "{error}"
        );
        assert_eq!(
            *remove(None, &[]).unwrap_err().kind(),
            Kind::ManifestUnknown
        );
    }

    #[test]
    fn annotations_on_the_index_and_on_a_child() {
        let index = Index::oci().image(&image("a"), "linux/amd64").manifest();
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
