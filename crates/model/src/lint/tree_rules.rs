//! Rules that need the full tree, and findings about content that was skipped because of limits.

use super::document::{child_name, is_image};
use super::staleness;
use super::stored_content::{self, known_children};
use super::walk::LimitState;
use super::{Finding, FindingSink, ImageConfig, LintDocument, LintTree, Rule};
use crate::{Child, ChildKind, Platform};

/// Checks one document of a tree against the other documents and the stored content.
pub(super) fn check(
    tree: &LintTree,
    beyond: &LimitState,
    node: &LintDocument,
    sink: &mut FindingSink,
) {
    let mut images = Vec::new();
    for child in known_children(&node.manifest) {
        if let Some(content) = tree.stored_content(&child.descriptor.digest) {
            stored_content::check_child(child, content, sink);
        }
        if child.kind == ChildKind::Config && beyond.skipped.contains(&child.descriptor.digest) {
            let message = format!(
                "the config was not read: {}",
                LimitState::describe_config_limit()
            );
            sink.add(Rule::TreeTooLarge, |rule| {
                Finding::for_child(rule, child, message)
            });
        }
        if child.kind == ChildKind::Manifest {
            check_unreadable(tree, child, sink);
            check_skipped(tree, beyond, node, child, sink);
        }
        if is_image(child)
            && let Some(config) = tree.config_of(&child.descriptor.digest)
        {
            check_platform(child, config, sink);
            images.push((child, config));
        }
    }
    check_subject(tree, node, sink);
    staleness::check(&images, sink);
}

fn check_unreadable(tree: &LintTree, child: &Child, sink: &mut FindingSink) {
    if let Some(reason) = tree.unreadable.get(&child.descriptor.digest) {
        let message = format!(
            "{} cannot be read as a manifest: {reason}",
            child_name(&child.descriptor)
        );
        sink.add(Rule::UnreadableChild, |rule| {
            Finding::for_child(rule, child, message)
        });
    }
}

fn check_skipped(
    tree: &LintTree,
    beyond: &LimitState,
    node: &LintDocument,
    child: &Child,
    sink: &mut FindingSink,
) {
    let is_at_limit = node.depth >= beyond.limits.depth;
    if beyond.skipped.is_empty() && !is_at_limit {
        return;
    }
    let digest = &child.descriptor.digest;
    let is_known = child
        .descriptor
        .media_type
        .as_ref()
        .is_some_and(crate::MediaType::is_known_manifest);
    if !is_known || tree.document(digest).is_some() {
        return;
    }
    let name = child_name(&child.descriptor);
    if beyond.skipped.contains(digest) {
        let message = format!("{name} was not checked: {}", beyond.describe_limits());
        sink.add(Rule::TreeTooLarge, |rule| {
            Finding::for_child(rule, child, message)
        });
    } else if is_at_limit && tree.stored_content(digest).is_none() {
        let message = format!(
            "{name} is nested below {} indexes and was not checked",
            node.depth + 1
        );
        sink.add(Rule::TreeTooDeep, |rule| {
            Finding::for_child(rule, child, message)
        });
    }
}

fn check_platform(child: &Child, config: &ImageConfig, sink: &mut FindingSink) {
    let Some(built_for) = &config.platform else {
        return;
    };
    if let Some(described) = child
        .descriptor
        .platform
        .as_ref()
        .filter(|described| !is_compatible(described, built_for))
    {
        let message = format!(
            "the platform is {described} in the index, but {built_for} in the child's config"
        );
        sink.add(Rule::PlatformMismatch, |rule| {
            Finding::for_child(rule, child, message)
        });
    }
}

/// Returns whether two platforms can describe the same image.
///
/// A variant or version is ignored if only one of the platforms has it. Versions are compared only
/// as far as both platforms specify them.
fn is_compatible(described: &Platform, built_for: &Platform) -> bool {
    let (one, other) = (described.processor(), built_for.processor());
    let same_processor = match (
        non_empty(described.variant.as_deref()),
        non_empty(built_for.variant.as_deref()),
    ) {
        (Some(_), Some(_)) => one == other,
        _ => one.0 == other.0,
    };
    let same_version = match (
        non_empty(described.os_version.as_deref()),
        non_empty(built_for.os_version.as_deref()),
    ) {
        (Some(one), Some(other)) => one
            .split('.')
            .zip(other.split('.'))
            .all(|(one, other)| one == other),
        _ => true,
    };
    described.system() == built_for.system() && same_processor && same_version
}

fn non_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn check_subject(tree: &LintTree, node: &LintDocument, sink: &mut FindingSink) {
    let is_missing =
        |subject: &&crate::Descriptor| matches!(tree.stored_content(&subject.digest), Some(None));
    if let Some(subject) = node.manifest.subject().filter(is_missing) {
        sink.add(Rule::MissingSubject, |_| {
            stored_content::missing_subject_finding(subject)
        });
    }
}
