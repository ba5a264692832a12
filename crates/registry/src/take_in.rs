//! Children of an index that were pushed as blobs, although their descriptors call them manifests.

use std::collections::HashSet;

use bytes::Bytes;
use portolan_model::{Child, ChildKind, Digest, Manifest};
use serde_json::json;

use crate::{Error, Held, Kind, Policy, Result, admit};

/// Most bytes that a manifest may have.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// Deepest nesting of children that are taken in by one put.
const MAX_DEPTH: usize = 16;

/// What a repository holds, asked where a concurrent deletion cannot come between.
pub trait Holdings {
    /// What it holds under `digest`, as a manifest or as a blob.
    fn held(&self, digest: &Digest) -> Result<Option<Held>>;

    /// Whether it holds `digest` as a manifest.
    fn holds_manifest(&self, digest: &Digest) -> Result<bool>;

    /// The bytes of a blob that it holds and that has no more than [`MAX_MANIFEST_BYTES`]; nothing if
    /// they are not at hand. Then what was taken in so far is not all, and the caller has to fetch
    /// them and begin again.
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

/// The children that have to be stored as manifests together with `manifest`, each behind what it names.
///
/// They are those that `manifests` gives a known manifest type but that are held as blobs alone,
/// and theirs in turn. Each passes every check that it would pass if it were pushed by itself, so
/// that nothing gets around limits, policy and edges by being pushed as a blob.
///
/// # Errors
/// [`Kind::ManifestInvalid`] or [`Kind::ContentMissing`] with the child's place and findings; what
/// `holdings` fails with.
pub fn take_in(manifest: &Manifest, policy: &Policy, holdings: &impl Holdings) -> Result<Vec<TakenIn>> {
    let mut walk = Walk { policy, holdings, seen: HashSet::new(), taken: Vec::new() };
    walk.children(manifest, 0)?;
    Ok(walk.taken)
}

/// Whether `child` is to be stored as a manifest, if it is not one already.
fn claims_to_be_a_manifest(child: &Child) -> bool {
    let known = child.descriptor.media_type.as_ref().is_some_and(portolan_model::MediaType::is_known_manifest);
    child.kind == ChildKind::Manifest && known
}

struct Walk<'a, H> {
    policy: &'a Policy,
    holdings: &'a H,
    seen: HashSet<Digest>,
    taken: Vec<TakenIn>,
}

impl<H: Holdings> Walk<'_, H> {
    fn children(&mut self, parent: &Manifest, depth: usize) -> Result<()> {
        for child in parent.children().iter().filter(|child| claims_to_be_a_manifest(child)) {
            let digest = &child.descriptor.digest;
            if self.seen.insert(digest.clone()) && !self.holdings.holds_manifest(digest)? {
                self.child(child, depth + 1).map_err(|error| in_child(child, error))?;
            }
        }
        Ok(())
    }

    fn child(&mut self, child: &Child, depth: usize) -> Result<()> {
        let digest = child.descriptor.digest.clone();
        let Some(Held { size, .. }) = self.holdings.held(&digest)? else { return Ok(()) };
        if depth > MAX_DEPTH {
            return Err(Error::new(Kind::ManifestInvalid, format!("it is nested more than {MAX_DEPTH} levels deep")));
        }
        if size > MAX_MANIFEST_BYTES as u64 {
            let message = format!("it has {size} bytes, and a manifest has at most {MAX_MANIFEST_BYTES}");
            return Err(Error::new(Kind::ManifestInvalid, message));
        }
        let Some(bytes) = self.holdings.read_blob(&digest)? else { return Ok(()) };
        let claimed = child.descriptor.media_type.as_ref();
        let manifest = Manifest::parse(bytes, claimed).map_err(|error| Error::manifest_unreadable(claimed, &error))?;
        self.children(&manifest, depth)?;
        admit(&manifest, self.policy, &[], |digest| self.holdings.held(digest))?;
        self.taken.push(TakenIn { digest, manifest });
        Ok(())
    }
}

/// A child that is refused refuses its parent; a failure to look at it is none of its own.
fn in_child(child: &Child, error: Error) -> Error {
    if !matches!(error.kind(), Kind::ManifestInvalid | Kind::ContentMissing) {
        return error;
    }
    let Child { pointer, descriptor, .. } = child;
    let message =
        format!("{pointer} was pushed as a blob and cannot be taken in as the manifest it is said to be: {error}");
    let detail = json!({"pointer": pointer, "digest": descriptor.digest, "reason": error.detail()});
    Error::new(error.kind().clone(), message).with_detail(detail)
}
