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
use portolan_model::{ChildKind, Digest, Family, Finding, Manifest, MediaType, Rule};

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

    /// Stores what was pushed, and sets the tags to what that becomes in the types of `family`. What cannot be
    /// converted is tagged as it is, with a finding that says why.
    pub(super) async fn normalised(mut self, tree: &Tree, family: Family) -> Result<PutOutcome> {
        match converted(tree, family) {
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
        let rehearsal = PutManifest { dry_run: true, ..self.options.clone() };
        let rehearsed = put(self.place, self.bytes.clone(), rehearsal).await?;
        if self.options.dry_run {
            return Ok(PutOutcome { normalised, ..rehearsed });
        }
        let mut tags = take(&mut self.options.tags);
        let sparse = self.options.policy.verdict(Rule::MissingChild) != Verdict::Reject;
        let outcome = put(self.place, self.bytes, self.options).await?;
        for Written { digest, manifest } in children_first(converted) {
            let options = PutManifest {
                media_type: Some(manifest.media_type().clone()),
                digest: Some(digest.clone()),
                tags: if *digest == converted.root { take(&mut tags) } else { Vec::new() },
                // What was pushed has passed; this is the same content.
                policy: Policy::for_copies(sparse),
                ..PutManifest::default()
            };
            put(self.place, manifest.bytes().clone(), options).await?;
        }
        Ok(PutOutcome { normalised, ..outcome })
    }
}

async fn put(place: &Place, bytes: Bytes, options: PutManifest) -> Result<PutOutcome> {
    place.registry.put_manifest(&place.context, &place.repository, bytes, options).await
}

/// What the tree becomes: nothing if it is of the family already, and a finding if part of it would not be.
fn converted(tree: &Tree, family: Family) -> Result<Option<Converted>, Box<Finding>> {
    let to = match family {
        Family::Oci => Format::Oci,
        Family::Docker => Format::Docker,
        Family::Other => return Ok(None),
    };
    let Some(root) = tree.documents().first() else { return Ok(None) };
    let left_out = tree.findings().find(|finding| matches!(finding.rule, Rule::TreeTooDeep | Rule::TreeTooLarge));
    if let Some(left_out) = left_out {
        return Err(not_normalised(&left_out.message));
    }
    let conversion = Conversion { to: Some(to), ..Conversion::default() };
    let document = |digest: &Digest| tree.document(digest).map(|document| &document.manifest);
    let converted = convert(&root.digest, document, |_| None, &conversion);
    let converted = converted.map_err(|error| not_normalised(&error.to_string()))?;
    match tree.documents().iter().find_map(|document| left(document, root, &converted, to)) {
        Some(finding) => Err(finding),
        None => Ok((converted.root != root.digest).then_some(converted)),
    }
}

/// What of a document is still of the other family.
fn left(document: &TreeDocument, root: &TreeDocument, converted: &Converted, to: Format) -> Option<Box<Finding>> {
    let TreeDocument { digest, manifest, .. } = document;
    let manifest = converted.documents.get(digest).map_or(manifest, |written| &written.manifest);
    let (pointer, media_type) = other_types(manifest, to).next()?;
    let remark = converted.remarks.iter().find(|remark| remark.document == *digest && remark.pointer == pointer);
    let reason = remark.map_or_else(|| format!("{media_type} stays"), |remark| remark.message.clone());
    let finding = Finding {
        document: (*digest != root.digest).then(|| digest.clone()),
        pointer: pointer.to_owned(),
        ..*not_normalised(&reason)
    };
    Some(Box::new(finding))
}

/// The types in a document that are of the other family, each with its place.
fn other_types(manifest: &Manifest, to: Format) -> impl Iterator<Item = (&str, &MediaType)> {
    let own = [("", manifest.media_type())];
    let children = manifest.children().iter().filter(|child| child.kind != ChildKind::Other);
    let children = children.filter_map(|child| Some((child.pointer.as_str(), child.descriptor.media_type.as_ref()?)));
    let types = own.into_iter().chain(children);
    types.filter(move |(_, media_type)| ![to.family(), Family::Other].contains(&media_type.family()))
}

fn not_normalised(reason: &str) -> Box<Finding> {
    let message = format!("the tags point to what was pushed, which is not converted: {reason}");
    Box::new(Finding::new(Rule::NotNormalised, "", message))
}

/// The documents that were written anew, each after those that it names.
fn children_first(converted: &Converted) -> Vec<&Written> {
    let written: HashMap<&Digest, &Written> =
        converted.documents.values().map(|written| (&written.digest, written)).collect();
    let (mut order, mut seen) = (Vec::new(), HashSet::new());
    let mut steps = vec![(&converted.root, false)];
    while let Some((digest, is_complete)) = steps.pop() {
        let Some(written) = written.get(digest) else { continue };
        if is_complete {
            order.push(*written);
        } else if seen.insert(digest) {
            steps.push((digest, true));
            steps.extend(written.manifest.children().iter().map(|child| (&child.descriptor.digest, false)));
        }
    }
    order
}
