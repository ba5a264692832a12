//! Promotion of blobs to manifests. Some clients push the children of an index as blobs, although
//! the index declares a manifest type for them.

use std::collections::HashSet;
use std::sync::Arc;

use portolan_model::lint::FindingSink;
use portolan_model::{Child, ChildKind, Digest, Finding, Manifest, Rule};

use crate::pushed::{ParsedManifest, PushedManifest, UnparsedChild};
use crate::{Result, Stored};

/// Maximum size of a manifest in bytes.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// Maximum nesting depth of children that one push promotes.
const MAX_DEPTH: usize = 16;

/// Scope for [`FindingSink::finish_with_scope`] that names all documents below the pushed manifest
/// in messages.
pub(crate) const OTHER_DOCUMENTS: &str = "other documents";

/// Lookup of the content of one repository. Implementations must prevent concurrent deletions, for
/// example with a transaction or a lock.
pub trait ContentLookup {
    /// Returns the size and type of the manifest or blob with this digest.
    fn find(&self, digest: &Digest) -> Result<Option<Stored>>;

    /// Returns whether the repository has a manifest with this digest. A blob does not count.
    fn has_manifest(&self, digest: &Digest) -> Result<bool>;
}

/// Result of [`promote`].
#[derive(Debug, Default)]
pub(crate) struct Promotion {
    /// Children to store as manifests, in storage order: a manifest comes after the manifests that
    /// it references.
    pub(crate) promoted: Vec<Arc<ParsedManifest>>,
    /// Findings about children that cannot become manifests. [`Finding::document`] is the manifest
    /// that declares the child (`None`: the pushed manifest).
    pub(crate) unpromotable: FindingSink,
    /// Children that must be parsed before the promotion is complete.
    pub(crate) unparsed: Vec<UnparsedChild>,
}

/// Determines the children to store as manifests together with `push`.
///
/// A child is promoted if its descriptor in `manifests` declares a known manifest type but the
/// repository has it only as a blob. The same applies to the children of a promoted child. Each
/// child is checked like a manifest that a client pushes directly. Otherwise, pushing it as a blob
/// would bypass limits, policies and the check of references.
///
/// # Errors
/// Returns the errors of `lookup`.
pub(crate) fn promote(push: &PushedManifest, lookup: &dyn ContentLookup) -> Result<Promotion> {
    let mut walk = Walk {
        push,
        lookup,
        seen: HashSet::new(),
        promotion: Promotion::default(),
    };
    walk.check_children(push.manifest(), None, 0)?;
    Ok(walk.promotion)
}

/// Returns whether the parent of `child` declares it to be a manifest of a known type, so that it
/// must be stored as a manifest.
pub(crate) fn is_declared_manifest(child: &Child) -> bool {
    let known = child
        .descriptor
        .media_type
        .as_ref()
        .is_some_and(portolan_model::MediaType::is_known_manifest);
    child.kind == ChildKind::Manifest && known
}

struct Walk<'a> {
    push: &'a PushedManifest,
    lookup: &'a dyn ContentLookup,
    seen: HashSet<Digest>,
    promotion: Promotion,
}

impl Walk<'_> {
    /// Checks the children of a document. `document` is the digest of `parent`, or `None` for the
    /// pushed manifest.
    fn check_children(
        &mut self,
        parent: &Manifest,
        document: Option<&Digest>,
        depth: usize,
    ) -> Result<()> {
        for child in parent
            .children()
            .iter()
            .filter(|child| is_declared_manifest(child))
        {
            let digest = &child.descriptor.digest;
            if !self.seen.insert(digest.clone()) || self.lookup.has_manifest(digest)? {
                continue;
            }
            let Some(stored) = self.lookup.find(digest)? else {
                continue;
            };
            match self.find_parsed(child, &stored, depth + 1) {
                Ok(Some(parsed)) => {
                    self.check_children(&parsed.manifest, Some(digest), depth + 1)?;
                    // After the recursion: a manifest must be stored after the manifests that it
                    // references.
                    self.promotion.promoted.push(parsed);
                }
                Ok(None) => self
                    .promotion
                    .unparsed
                    .push(UnparsedChild::new(&child.descriptor, stored.size)),
                Err((rule, reason)) => self
                    .promotion
                    .unpromotable
                    .push(rejected_child(rule, child, document, &stored, &reason)),
            }
        }
        Ok(())
    }

    /// Returns a child that was parsed as a manifest, or `None` if it must be parsed first.
    ///
    /// # Errors
    /// Returns the violated rule with a reason if the child cannot become a manifest.
    fn find_parsed(
        &self,
        child: &Child,
        stored: &Stored,
        depth: usize,
    ) -> Result<Option<Arc<ParsedManifest>>, (Rule, String)> {
        if depth > MAX_DEPTH {
            let reason = format!("nested more than {MAX_DEPTH} levels deep");
            return Err((Rule::TreeTooDeep, reason));
        }
        if stored.size > MAX_MANIFEST_BYTES as u64 {
            let reason = format!(
                "it has {} bytes, but the limit for a manifest is {MAX_MANIFEST_BYTES}",
                stored.size
            );
            return Err((Rule::UnreadableChild, reason));
        }
        match self.push.parsed_child(&child.descriptor) {
            None => Ok(None),
            Some(Ok(parsed)) => Ok(Some(Arc::clone(parsed))),
            Some(Err(reason)) => Err((Rule::UnreadableChild, reason.clone())),
        }
    }
}

/// Creates the finding about a child that cannot be promoted. The finding rejects the push.
fn rejected_child(
    rule: Rule,
    child: &Child,
    document: Option<&Digest>,
    stored: &Stored,
    reason: &str,
) -> Finding {
    let Child {
        pointer,
        descriptor,
        ..
    } = child;
    let message = format!(
        "pushed as a blob, and cannot be stored as a manifest of the declared type: {reason}"
    );
    Finding {
        document: document.cloned(),
        digest: Some(descriptor.digest.clone()),
        media_type: descriptor.media_type.clone(),
        claimed_size: descriptor.size,
        stored_size: Some(stored.size),
        ..Finding::new(rule, pointer, message)
    }
}
