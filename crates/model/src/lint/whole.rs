//! Rules about what the documents below a document say, and about what of them could not be looked at.

use super::age;
use super::document::{child_name, is_image};
use super::stored::{self, stored_children};
use super::walk::Beyond;
use super::{Finding, Notes, Rule, Tree, TreeDocument};
use crate::{Child, ChildKind, Platform};

/// Judges one document of a tree by everything that is known of the others.
pub(super) fn note(tree: &Tree, beyond: &Beyond, node: &TreeDocument, notes: &mut Notes) {
    for child in stored_children(&node.manifest) {
        if let Some(held) = tree.held(&child.descriptor.digest) {
            stored::note(child, held, notes);
        }
        if child.kind == ChildKind::Config && beyond.left_out.contains(&child.descriptor.digest) {
            let message = format!("the config was not read: {}", Beyond::bounds_of_configs());
            notes.add(Rule::TreeTooLarge, |rule| Finding::of(rule, child, message));
        }
        if child.kind == ChildKind::Manifest {
            unreadable(tree, child, notes);
            left_out(tree, beyond, node, child, notes);
            platform(tree, child, notes);
        }
    }
    missing_subject(tree, node, notes);
    age::note(tree, &node.manifest, notes);
}

fn unreadable(tree: &Tree, child: &Child, notes: &mut Notes) {
    if let Some(reason) = tree.unreadable.get(&child.descriptor.digest) {
        let message = format!(
            "{} cannot be read as a manifest: {reason}",
            child_name(&child.descriptor)
        );
        notes.add(Rule::UnreadableChild, |rule| {
            Finding::of(rule, child, message)
        });
    }
}

fn left_out(tree: &Tree, beyond: &Beyond, node: &TreeDocument, child: &Child, notes: &mut Notes) {
    let digest = &child.descriptor.digest;
    let known = child
        .descriptor
        .media_type
        .as_ref()
        .is_some_and(crate::MediaType::is_known_manifest);
    if !known || tree.document(digest).is_some() {
        return;
    }
    let name = child_name(&child.descriptor);
    if beyond.left_out.contains(digest) {
        let message = format!("{name} was not looked at: {}", beyond.bounds());
        notes.add(Rule::TreeTooLarge, |rule| Finding::of(rule, child, message));
    } else if node.depth >= beyond.limits.depth && tree.held(digest).is_none() {
        let message = format!(
            "{name} stands below {} indexes and was not looked at",
            node.depth + 1
        );
        notes.add(Rule::TreeTooDeep, |rule| Finding::of(rule, child, message));
    }
}

fn platform(tree: &Tree, child: &Child, notes: &mut Notes) {
    let config = tree
        .config_of(&child.descriptor.digest)
        .filter(|_| is_image(child));
    let Some(built_for) = config.and_then(|config| config.platform.as_ref()) else {
        return;
    };
    if let Some(described) = child
        .descriptor
        .platform
        .as_ref()
        .filter(|described| !agree(described, built_for))
    {
        let message =
            format!("the index says {described}, the config of the child says {built_for}");
        notes.add(Rule::PlatformMismatch, |rule| {
            Finding::of(rule, child, message)
        });
    }
}

/// Whether both can be true of one image. A variant or version that one leaves open is no contradiction, nor is one more
/// exact than the other.
fn agree(described: &Platform, built_for: &Platform) -> bool {
    let (one, other) = (described.processor(), built_for.processor());
    let processors = match (
        said(described.variant.as_deref()),
        said(built_for.variant.as_deref()),
    ) {
        (Some(_), Some(_)) => one == other,
        _ => one.0 == other.0,
    };
    let versions = match (
        said(described.os_version.as_deref()),
        said(built_for.os_version.as_deref()),
    ) {
        (Some(one), Some(other)) => one
            .split('.')
            .zip(other.split('.'))
            .all(|(one, other)| one == other),
        _ => true,
    };
    described.os.eq_ignore_ascii_case(&built_for.os) && processors && versions
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn missing_subject(tree: &Tree, node: &TreeDocument, notes: &mut Notes) {
    let missing = |subject: &&crate::Descriptor| matches!(tree.held(&subject.digest), Some(None));
    if let Some(subject) = node.manifest.subject().filter(missing) {
        notes.add(Rule::MissingSubject, |_| stored::without(subject));
    }
}
