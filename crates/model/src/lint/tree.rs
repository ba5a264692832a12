//! A tree of documents as it was seen, and what is remarkable about it.

use std::collections::HashMap;

use super::{Finding, Held, ImageConfig, document, stored};
use crate::{Digest, Manifest};

/// A tree of documents: those that were read, and what is known of everything else that they name.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    documents: Vec<TreeDocument>,
    positions: HashMap<Digest, usize>,
    pub(super) held: HashMap<Digest, Option<Held>>,
    pub(super) configs: HashMap<Digest, ImageConfig>,
    pub(super) unreadable: HashMap<Digest, String>,
    /// Findings about the tree as a whole.
    pub(super) remarks: Vec<Finding>,
}

/// A document of a tree.
#[derive(Clone, Debug)]
pub struct TreeDocument {
    /// The digest that it is named by.
    pub digest: Digest,
    /// What it says.
    pub manifest: Manifest,
    /// How many indexes stand above it, on the shortest way.
    pub depth: usize,
    /// What is remarkable about it.
    pub findings: Vec<Finding>,
}

impl Tree {
    /// Every document that was read, parents before their children; the first is the one that was asked about.
    pub fn documents(&self) -> &[TreeDocument] {
        &self.documents
    }

    /// The document under a digest, if it was read.
    pub fn document(&self, digest: &Digest) -> Option<&TreeDocument> {
        self.positions.get(digest).map(|position| &self.documents[*position])
    }

    /// What is stored under a digest: nothing if nobody looked, `Some(None)` if it is not there.
    pub fn held(&self, digest: &Digest) -> Option<Option<&Held>> {
        self.held.get(digest).map(Option::as_ref)
    }

    /// What an image's config says, if it was read.
    pub fn config(&self, digest: &Digest) -> Option<&ImageConfig> {
        self.configs.get(digest)
    }

    /// All findings, those about the tree as a whole first, then document by document.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.remarks.iter().chain(self.documents.iter().flat_map(|document| &document.findings))
    }

    pub(super) fn add(&mut self, document: TreeDocument) {
        self.positions.insert(document.digest.clone(), self.documents.len());
        self.documents.push(document);
    }

    pub(super) fn judge(&mut self, _depth: usize) {
        let mut all = Vec::new();
        for node in &self.documents {
            let mut findings = document(&node.manifest);
            let held = |digest: &Digest| self.held.get(digest).cloned().ok_or(());
            findings.extend(stored(&node.manifest, held).unwrap_or_default());
            all.push(findings);
        }
        for (position, (node, mut findings)) in self.documents.iter_mut().zip(all).enumerate() {
            if position > 0 {
                findings.iter_mut().for_each(|finding| finding.document = Some(node.digest.clone()));
            }
            node.findings = findings;
        }
    }
}
