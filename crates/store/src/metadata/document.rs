//! Manifest that is parsed before its transaction, with everything that the database stores about
//! it.

use std::sync::Arc;

use portolan_model::{Digest, Manifest};
use portolan_registry::ParsedManifest;

use super::references::{Edge, edges};
use super::referrers::Referrer;

/// Parsed manifest to store. Everything is parsed in advance, so that the transaction is short.
#[derive(Debug)]
pub(crate) struct Document {
    /// Digest of the manifest.
    pub(crate) digest: Digest,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) referrer: Option<Referrer>,
}

impl Document {
    /// Extracts the rows to store for a parsed manifest.
    pub(crate) fn new(parsed: &ParsedManifest) -> Self {
        let manifest = Arc::clone(&parsed.manifest);
        Self {
            edges: edges(&manifest),
            referrer: Referrer::from_manifest(&manifest),
            digest: parsed.digest.clone(),
            manifest,
        }
    }

    /// Returns the digests to look up before the document is checked and stored: its references,
    /// its subject and its own digest.
    pub(crate) fn digests(&self) -> impl Iterator<Item = &Digest> {
        let edges = self.edges.iter().map(|edge| &edge.digest);
        let subject = self.manifest.subject().map(|subject| &subject.digest);
        edges.chain(subject).chain([&self.digest])
    }
}
