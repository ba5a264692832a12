//! Children of an index that were pushed as blobs, although their descriptors call them manifests.

use std::collections::HashSet;

use bytes::Bytes;
use portolan_model::lint::{Notes, Reach};
use portolan_model::{Child, ChildKind, Digest, Finding, Manifest, Rule};

use crate::admission::found;
use crate::{Error, Held, Judged, Policy, Result, Verdict};

/// Most bytes that a manifest may have.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// Deepest nesting of children that are taken in by one put.
const MAX_DEPTH: usize = 16;

/// What findings about all that is below one document are counted in.
pub(crate) const OTHER_DOCUMENTS: &str = "other documents";

/// What a repository holds, asked where a concurrent deletion cannot come between.
pub trait Holdings {
    /// What it holds under `digest`, as a manifest or as a blob.
    fn held(&self, digest: &Digest) -> Result<Option<Held>>;

    /// Whether it holds `digest` as a manifest.
    fn holds_manifest(&self, digest: &Digest) -> Result<bool>;

    /// The bytes of a blob that it holds and that has no more than [`MAX_MANIFEST_BYTES`]; nothing if
    /// they are not at hand. Then what is admitted is nothing yet, and the caller has to fetch them and
    /// begin again.
    fn read_blob(&self, digest: &Digest) -> Result<Option<Bytes>>;
}

/// A blob that is to be stored as a manifest too.
#[derive(Clone, Debug)]
pub struct TakenIn {
    /// The digest that its parent names it by.
    pub digest: Digest,
    /// What it says, read as the type that its parent gives it.
    pub manifest: Manifest,
}

/// The children of one put, and what was found in them.
#[derive(Debug)]
pub(crate) struct Children {
    /// Those that are to be stored as manifests, each behind what it names.
    pub(crate) taken_in: Vec<TakenIn>,
    /// What was found in them, and why others cannot be taken in, each with its document.
    pub(crate) findings: Vec<Judged>,
}

/// The children that have to be stored as manifests together with `manifest`; nothing if one that has to be
/// read is not at hand.
///
/// They are those that `manifests` gives a known manifest type but that are held as blobs alone,
/// and theirs in turn. Each passes every check that it would pass if it were pushed by itself, so
/// that nothing gets around limits, policy and edges by being pushed as a blob. What cannot be a manifest at
/// all is rejected, whatever the policy says.
///
/// # Errors
/// What `holdings` fails with.
pub(crate) fn take_in(
    manifest: &Manifest,
    policy: &Policy,
    holdings: &impl Holdings,
) -> Result<Option<Children>> {
    let mut walk = Walk {
        policy,
        holdings,
        seen: HashSet::new(),
        taken_in: Vec::new(),
        notes: Notes::default(),
        is_complete: true,
    };
    walk.children(manifest, None, 0)?;
    let Walk {
        taken_in,
        notes,
        is_complete,
        ..
    } = walk;
    let findings = notes
        .finish_in(OTHER_DOCUMENTS)
        .into_iter()
        .map(|finding| judged(finding, policy));
    Ok(is_complete.then(|| Children {
        taken_in,
        findings: findings.collect(),
    }))
}

/// Whether `child` is to be stored as a manifest, if it is not one already.
fn claims_to_be_a_manifest(child: &Child) -> bool {
    let known = child
        .descriptor
        .media_type
        .as_ref()
        .is_some_and(portolan_model::MediaType::is_known_manifest);
    child.kind == ChildKind::Manifest && known
}

struct Walk<'a, H> {
    policy: &'a Policy,
    holdings: &'a H,
    seen: HashSet<Digest>,
    taken_in: Vec<TakenIn>,
    notes: Notes,
    /// Whether everything that had to be read was at hand.
    is_complete: bool,
}

impl<H: Holdings> Walk<'_, H> {
    /// Looks at the children of a document; the one that is put has no digest here.
    fn children(
        &mut self,
        parent: &Manifest,
        document: Option<&Digest>,
        depth: usize,
    ) -> Result<()> {
        for child in parent
            .children()
            .iter()
            .filter(|child| claims_to_be_a_manifest(child))
        {
            let digest = &child.descriptor.digest;
            if !self.seen.insert(digest.clone()) || self.holdings.holds_manifest(digest)? {
                continue;
            }
            let Some(held) = self.holdings.held(digest)? else {
                continue;
            };
            match self.read(child, &held, depth + 1)? {
                Ok(Some(manifest)) => self.child(digest, manifest, depth + 1)?,
                Ok(None) => self.is_complete = false,
                Err((rule, reason)) => self
                    .notes
                    .take(refused(rule, child, document, &held, &reason)),
            }
        }
        Ok(())
    }

    /// The child as a manifest, or why it is none; nothing if its bytes are not at hand.
    fn read(
        &self,
        child: &Child,
        held: &Held,
        depth: usize,
    ) -> Result<Result<Option<Manifest>, (Rule, String)>> {
        if depth > MAX_DEPTH {
            return Ok(Err((
                Rule::TreeTooDeep,
                format!("it is nested more than {MAX_DEPTH} levels deep"),
            )));
        }
        if held.size > MAX_MANIFEST_BYTES as u64 {
            let reason = format!(
                "it has {} bytes, and a manifest has at most {MAX_MANIFEST_BYTES}",
                held.size
            );
            return Ok(Err((Rule::UnreadableChild, reason)));
        }
        let Some(bytes) = self.holdings.read_blob(&child.descriptor.digest)? else {
            return Ok(Ok(None));
        };
        let claimed = child.descriptor.media_type.as_ref();
        let read = Manifest::parse(bytes, claimed);
        let unreadable = |error| {
            (
                Rule::UnreadableChild,
                Error::manifest_unreadable(claimed, &error).to_string(),
            )
        };
        Ok(read.map(Some).map_err(unreadable))
    }

    fn child(&mut self, digest: &Digest, manifest: Manifest, depth: usize) -> Result<()> {
        self.children(&manifest, Some(digest), depth)?;
        for finding in found(&manifest, self.policy, |digest| self.holdings.held(digest))? {
            self.notes.take(Finding {
                document: Some(digest.clone()),
                ..finding
            });
        }
        self.taken_in.push(TakenIn {
            digest: digest.clone(),
            manifest,
        });
        Ok(())
    }
}

/// A child that refuses its parent.
fn refused(
    rule: Rule,
    child: &Child,
    document: Option<&Digest>,
    held: &Held,
    reason: &str,
) -> Finding {
    let Child {
        pointer,
        descriptor,
        ..
    } = child;
    let message = format!(
        "it was pushed as a blob and cannot be taken in as the manifest that it is said to be: {reason}"
    );
    Finding {
        document: document.cloned(),
        digest: Some(descriptor.digest.clone()),
        media_type: descriptor.media_type.clone(),
        claimed_size: descriptor.size,
        stored_size: Some(held.size),
        ..Finding::new(rule, pointer, message)
    }
}

/// What cannot be taken in is the one thing that is found here about a tree, and is no matter of policy.
fn judged(finding: Finding, policy: &Policy) -> Judged {
    match finding.rule.reach() {
        Reach::Tree => Judged {
            verdict: Verdict::Reject,
            finding,
        },
        _ => policy.judged(finding),
    }
}
