//! Tags that are set to what was pushed, converted to the types that the policy wants.
//!
//! What is pushed is stored as it is, under its digest. Then the converted documents are stored, each after those that
//! it names, and the tags are set together with the last of them: whatever fails before that, no tag points to
//! anything that is not there.

use std::collections::{HashMap, HashSet};
use std::mem::take;

use bytes::Bytes;
use portolan_model::convert::{Conversion, Converted, Format, Written, convert};
use portolan_model::lint::{Tree, TreeDocument};
use portolan_model::{Child, ChildKind, Digest, Family, Finding, Manifest, MediaType, Rule};

use crate::copy::Place;
use crate::{Policy, PutManifest, PutOutcome, Result, Verdict};

/// A manifest on its way into a repository.
pub(super) struct Push<'a> {
    pub(super) place: &'a Place,
    pub(super) bytes: Bytes,
    pub(super) options: PutManifest,
}

impl Push<'_> {
    /// Stores what was pushed, and sets the tags to it.
    pub(super) async fn unchanged(self) -> Result<PutOutcome> {
        put(self.place, self.bytes, self.options).await
    }

    /// Stores what was pushed, and sets the tags to what that becomes in the types of `format`. What cannot be
    /// converted is tagged as it is, with a finding that says why.
    pub(super) async fn normalised(mut self, tree: &Tree, format: Format) -> Result<PutOutcome> {
        match converted(tree, format) {
            Ok(Some(converted)) => self.with_tags_at(&converted).await,
            Ok(None) => self.unchanged().await,
            Err(finding) => {
                self.options.known.push(*finding);
                self.unchanged().await
            }
        }
    }

    async fn with_tags_at(mut self, converted: &Converted) -> Result<PutOutcome> {
        let normalised = Some(converted.root.clone());
        // Whatever speaks against it, the tags' conditions too, is told before anything is stored.
        let rehearsal = PutManifest {
            dry_run: true,
            ..self.options.clone()
        };
        let rehearsed = put(self.place, self.bytes.clone(), rehearsal).await?;
        if self.options.dry_run {
            return Ok(PutOutcome {
                normalised,
                ..mended(rehearsed)
            });
        }
        let mut tags = take(&mut self.options.tags);
        let sparse = self.options.policy.verdict(Rule::MissingChild) != Verdict::Reject;
        let outcome = put(self.place, self.bytes, self.options).await?;
        for Written { digest, manifest } in children_first(converted) {
            let options = PutManifest {
                media_type: Some(manifest.media_type().clone()),
                digest: Some(digest.clone()),
                tags: if *digest == converted.root {
                    take(&mut tags)
                } else {
                    Vec::new()
                },
                // What was pushed has passed; this is the same content.
                policy: Policy::for_copies(sparse),
                ..PutManifest::default()
            };
            put(self.place, manifest.bytes().clone(), options).await?;
        }
        Ok(PutOutcome {
            normalised,
            ..mended(outcome)
        })
    }
}

/// The outcome without warnings of what the tags do not point to any more.
fn mended(mut outcome: PutOutcome) -> PutOutcome {
    for judged in &mut outcome.findings {
        if is_mended(judged.finding.rule) {
            judged.verdict = Verdict::Accept;
        }
    }
    outcome
}

/// Whether normalising mends what `rule` finds.
pub fn is_mended(rule: Rule) -> bool {
    matches!(rule, Rule::IndexMixedFamilies | Rule::ManifestMixedFamilies)
}

/// The digest that the tags of a push are set to where the policy has them set to what is of `format`; none if they
/// are set to what is pushed, since nothing in it is of the other family.
///
/// # Errors
/// The finding that tells why they are set to what is pushed although something in it is of the other family.
pub fn normalised(tree: &Tree, format: Format) -> Result<Option<Digest>, Box<Finding>> {
    converted(tree, format).map(|converted| converted.map(|converted| converted.root))
}

async fn put(place: &Place, bytes: Bytes, options: PutManifest) -> Result<PutOutcome> {
    place
        .registry
        .put_manifest(&place.context, &place.repository, bytes, options)
        .await
}

/// What the tree becomes: nothing if nothing in it is of the other family, and a finding if part of it would stay so.
fn converted(tree: &Tree, to: Format) -> Result<Option<Converted>, Box<Finding>> {
    let Some(root) = tree.documents().first() else {
        return Ok(None);
    };
    let is_other =
        |document: &TreeDocument| other_types(tree, &document.manifest, to).next().is_some();
    let left_out = tree
        .findings()
        .find(|finding| matches!(finding.rule, Rule::TreeTooDeep | Rule::TreeTooLarge));
    if let Some(left_out) = left_out {
        return Err(not_normalised(&left_out.message));
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
    let converted = converted.map_err(|error| not_normalised(&error.to_string()))?;
    match tree
        .documents()
        .iter()
        .find_map(|document| left(tree, document, &converted, to))
    {
        Some(finding) => Err(finding),
        None => Ok((converted.root != root.digest).then_some(converted)),
    }
}

/// What of a document is still of the other family.
fn left(
    tree: &Tree,
    document: &TreeDocument,
    converted: &Converted,
    to: Format,
) -> Option<Box<Finding>> {
    let TreeDocument {
        digest,
        manifest,
        depth,
        ..
    } = document;
    let manifest = converted
        .documents
        .get(digest)
        .map_or(manifest, |written| &written.manifest);
    let (pointer, media_type) = other_types(tree, manifest, to).next()?;
    let remark = converted
        .remarks
        .iter()
        .find(|remark| remark.document == *digest && remark.pointer == pointer);
    let reason = remark.map_or_else(
        || format!("{media_type} stays"),
        |remark| remark.message.clone(),
    );
    let finding = Finding {
        document: (*depth > 0).then(|| digest.clone()),
        pointer: pointer.to_owned(),
        ..*not_normalised(&reason)
    };
    Some(Box::new(finding))
}

/// The types in a document that are of the other family, each with its place: its own, those that it gives to what it
/// names, and those that its children are stored with where they are no documents of the tree.
fn other_types<'a>(
    tree: &'a Tree,
    manifest: &'a Manifest,
    to: Format,
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

/// The type that a child is stored with, unless it is a document of the tree, and speaks for itself.
fn stored_type<'a>(tree: &'a Tree, child: &Child) -> Option<&'a MediaType> {
    let digest = &child.descriptor.digest;
    if child.kind != ChildKind::Manifest || tree.document(digest).is_some() {
        return None;
    }
    tree.held(digest)??.media_type.as_ref()
}

fn not_normalised(reason: &str) -> Box<Finding> {
    let message = format!("what was pushed cannot be converted: {reason}");
    Box::new(Finding::new(Rule::NotNormalised, "", message))
}

/// The documents that were written anew, each after those that it names.
fn children_first(converted: &Converted) -> Vec<&Written> {
    let written: HashMap<&Digest, &Written> = converted
        .documents
        .values()
        .map(|written| (&written.digest, written))
        .collect();
    let (mut order, mut seen) = (Vec::new(), HashSet::new());
    let mut steps = vec![(&converted.root, false)];
    while let Some((digest, is_complete)) = steps.pop() {
        let Some(written) = written.get(digest) else {
            continue;
        };
        if is_complete {
            order.push(*written);
        } else if seen.insert(digest) {
            steps.push((digest, true));
            steps.extend(
                written
                    .manifest
                    .children()
                    .iter()
                    .map(|child| (&child.descriptor.digest, false)),
            );
        }
    }
    order
}
