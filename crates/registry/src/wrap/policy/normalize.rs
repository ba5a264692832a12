//! Normalization: the pushed manifest is converted to the format that the policy requires, and the
//! tags point to the converted manifest.
//!
//! The pushed manifest is stored unchanged too. After it, the converted documents are stored,
//! children first. The tags are set together with the last document, so that no tag points to
//! incomplete content if an earlier step fails.

use std::collections::HashMap;
use std::mem::take;
use std::sync::Arc;

use portolan_model::convert::{Conversion, Converted, ConvertedDocument, ImageFormat, convert};
use portolan_model::lint::{LintDocument, LintTree};
use portolan_model::{Child, ChildKind, Digest, Family, Finding, Manifest, MediaType, Rule};

use super::push::{ManifestPush, PushAction};
use crate::order;
use crate::{Policy, PutManifest, PutOutcome, Result, Verdict};

impl ManifestPush<'_> {
    /// Stores the pushed manifest, and sets the tags to the manifest converted to `format`.
    ///
    /// If the pushed manifest cannot be converted, the tags point to the pushed manifest itself,
    /// and a finding with the reason is added.
    pub(super) async fn run_normalized(
        mut self,
        tree: &LintTree,
        format: ImageFormat,
    ) -> Result<PutOutcome> {
        match convert_tree(tree, format) {
            Ok(Some(converted)) => self.run_with_tags_at(&converted).await,
            Ok(None) => self.run_unchanged().await,
            Err(finding) => {
                self.admission.findings.push(*finding);
                self.run_unchanged().await
            }
        }
    }

    async fn run_with_tags_at(mut self, converted: &Converted) -> Result<PutOutcome> {
        let Self {
            context,
            repository,
            ..
        } = self;
        let normalized = Some(converted.root.clone());
        let registry = self.registry();
        // Check everything that may fail, including the preconditions of the tags, before anything
        // is stored.
        let checked = registry
            .check_manifest(
                context,
                repository,
                self.bytes.clone(),
                self.options.clone(),
            )
            .await?;
        if self.action == PushAction::Check {
            return Ok(PutOutcome {
                normalized,
                ..accept_fixed(checked)
            });
        }
        let mut tags = take(&mut self.options.tags);
        let sparse = self.admission.policy.verdict(Rule::MissingChild) != Verdict::Reject;
        let outcome = registry
            .put_manifest(context, repository, self.bytes, self.options)
            .await?;
        // The pushed manifest has passed the policy, and the converted documents have the same
        // content.
        let lenient = self.local.handle(Arc::new(Policy::for_copies(sparse)));
        for ConvertedDocument { digest, manifest } in children_first(converted) {
            let options = PutManifest {
                media_type: Some(manifest.media_type().clone()),
                digest: Some(digest.clone()),
                tags: if *digest == converted.root {
                    take(&mut tags)
                } else {
                    Vec::new()
                },
            };
            lenient
                .put_manifest(context, repository, manifest.bytes().clone(), options)
                .await?;
        }
        Ok(PutOutcome {
            normalized,
            ..accept_fixed(outcome)
        })
    }
}

/// Accepts the findings that do not apply to the converted manifest, because the tags point to that
/// manifest.
fn accept_fixed(mut outcome: PutOutcome) -> PutOutcome {
    for judged in &mut outcome.findings {
        if is_fixed_by_normalization(judged.finding.rule) {
            judged.verdict = Verdict::Accept;
        }
    }
    outcome
}

/// Returns whether normalization fixes findings of `rule`.
pub fn is_fixed_by_normalization(rule: Rule) -> bool {
    matches!(rule, Rule::IndexMixedFamilies | Rule::ManifestMixedFamilies)
}

/// Returns the digest that the tags of a push will point to under a policy that normalizes to
/// `format`.
///
/// Returns `None` if the tags will point to the pushed manifest, because it already has only types
/// of `format`, or of no format.
///
/// # Errors
/// Returns a finding with the reason if something in the manifest cannot be converted to `format`.
/// In this case, the tags point to the pushed manifest.
pub fn normalized_digest(
    tree: &LintTree,
    format: ImageFormat,
) -> Result<Option<Digest>, Box<Finding>> {
    convert_tree(tree, format).map(|converted| converted.map(|converted| converted.root))
}

/// Converts a tree to the format `to`. Returns `None` if the tree has only types of this format, or
/// of no format, and a finding if a part of the tree cannot be converted.
fn convert_tree(tree: &LintTree, to: ImageFormat) -> Result<Option<Converted>, Box<Finding>> {
    let Some(root) = tree.documents().first() else {
        return Ok(None);
    };
    let is_other =
        |document: &LintDocument| foreign_types(tree, &document.manifest, to).next().is_some();
    let truncated = tree
        .findings()
        .find(|finding| matches!(finding.rule, Rule::TreeTooDeep | Rule::TreeTooLarge));
    // The linter has read only a part of the tree. Converting only this part would mix the formats.
    if let Some(finding) = truncated {
        return Err(not_normalized(&finding.message));
    }
    if !tree.documents().iter().any(is_other) {
        return Ok(None);
    }
    let conversion = Conversion {
        to: Some(to),
        ..Conversion::default()
    };
    let document = |digest: &Digest| tree.document(digest).map(|document| &document.manifest);
    let converted = convert(&root.digest, document, |_| None, &conversion);
    let converted = converted.map_err(|error| not_normalized(&error.to_string()))?;
    match tree
        .documents()
        .iter()
        .find_map(|document| find_unconverted(tree, document, &converted, to))
    {
        Some(finding) => Err(finding),
        None => Ok((converted.root != root.digest).then_some(converted)),
    }
}

/// Finds a media type that is still of the old format after the conversion of a document to `to`.
fn find_unconverted(
    tree: &LintTree,
    document: &LintDocument,
    converted: &Converted,
    to: ImageFormat,
) -> Option<Box<Finding>> {
    let LintDocument {
        digest,
        manifest,
        depth,
        ..
    } = document;
    let manifest = converted
        .documents
        .get(digest)
        .map_or(manifest, |written| &written.manifest);
    let (pointer, media_type) = foreign_types(tree, manifest, to).next()?;
    let remark = converted
        .remarks
        .iter()
        .find(|remark| remark.document == *digest && remark.pointer == pointer);
    let reason = remark.map_or_else(
        || format!("{media_type} cannot be converted"),
        |remark| remark.message.clone(),
    );
    let finding = Finding {
        document: (*depth > 0).then(|| digest.clone()),
        pointer: pointer.to_owned(),
        ..*not_normalized(&reason)
    };
    Some(Box::new(finding))
}

/// Returns the media types in a manifest that belong to a format other than `to`, as pairs of the
/// JSON pointer and the type.
///
/// Checks the type of the manifest, the types that it declares for its children, and the stored
/// types of those children that are not documents of the tree.
fn foreign_types<'a>(
    tree: &'a LintTree,
    manifest: &'a Manifest,
    to: ImageFormat,
) -> impl Iterator<Item = (&'a str, &'a MediaType)> {
    let own = [("", manifest.media_type())];
    let children = manifest
        .children()
        .iter()
        .filter(|child| child.kind != ChildKind::Other);
    let children = children.flat_map(move |child| {
        let types = child
            .descriptor
            .media_type
            .as_ref()
            .into_iter()
            .chain(stored_type(tree, child));
        types.map(|media_type| (child.pointer.as_str(), media_type))
    });
    let types = own.into_iter().chain(children);
    types
        .filter(move |(_, media_type)| ![to.family(), Family::Other].contains(&media_type.family()))
}

/// Returns the media type of a child manifest in the repository, or `None` for a child that is a
/// document of the tree, because [`find_unconverted`] checks each document separately.
fn stored_type<'a>(tree: &'a LintTree, child: &Child) -> Option<&'a MediaType> {
    let digest = &child.descriptor.digest;
    if child.kind != ChildKind::Manifest || tree.document(digest).is_some() {
        return None;
    }
    tree.stored_content(digest)??.media_type.as_ref()
}

fn not_normalized(reason: &str) -> Box<Finding> {
    let message = format!("the pushed manifest cannot be converted: {reason}");
    Box::new(Finding::new(Rule::NotNormalized, "", message))
}

/// Returns the rewritten documents in storage order: children first.
fn children_first(converted: &Converted) -> Vec<&ConvertedDocument> {
    let written: HashMap<&Digest, &ConvertedDocument> = converted
        .documents
        .values()
        .map(|written| (&written.digest, written))
        .collect();
    let children = |digest: &Digest| {
        let document = written.get(digest).copied();
        let children = document.into_iter().flat_map(|document| {
            let children = document.manifest.children().iter();
            children.map(|child| &child.descriptor.digest)
        });
        children.filter(|child| written.contains_key(child))
    };
    let mut ranks = HashMap::new();
    order::rank(&converted.root, &children, &mut ranks);
    let mut ranked: Vec<_> = ranks
        .iter()
        .filter_map(|(digest, rank)| Some((rank, *written.get(digest)?)))
        .collect();
    ranked.sort_unstable_by_key(|(rank, document)| (*rank, &document.digest));
    ranked.into_iter().map(|(_, document)| document).collect()
}
