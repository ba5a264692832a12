//! A tree of documents as it was seen, and what is remarkable about it.

use std::collections::HashMap;

use super::walk::Beyond;
use super::{Finding, Held, ImageConfig, Notes, Severity, document, mend, whole};
use crate::{Child, ChildKind, Digest, Manifest, MediaType};

/// Most findings of one tree that are told one by one; about further documents the first of each rule is, with their number.
const MAX_FINDINGS: usize = 100_000;

/// A tree of documents: those that were read, and what is known of everything else that they name.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    documents: Vec<TreeDocument>,
    positions: HashMap<Digest, usize>,
    pub(super) held: HashMap<Digest, Option<Held>>,
    pub(super) configs: HashMap<Digest, ImageConfig>,
    pub(super) unreadable: HashMap<Digest, String>,
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
    /// The config that it names.
    config: Option<Digest>,
}

/// The findings of each document.
fn judged(all: impl Iterator<Item = Notes>) -> Vec<Vec<Finding>> {
    let mut room = MAX_FINDINGS;
    let mut judge = |notes: Notes| {
        let count = notes.findings().len();
        let notes = if count > room { notes.briefly() } else { notes };
        room = room.saturating_sub(count);
        notes.finish()
    };
    all.map(&mut judge).collect()
}

impl TreeDocument {
    /// Whether it is a manifest and no image, going by its config.
    pub fn is_artifact(&self) -> bool {
        let config = self
            .config_child()
            .and_then(|config| config.descriptor.media_type.as_ref());
        self.manifest.media_type().as_str() == MediaType::OCI_MANIFEST
            && config.is_some_and(|config| !config.is_image_config())
    }

    pub(crate) fn config_child(&self) -> Option<&Child> {
        config(&self.manifest)
    }
}

fn config(manifest: &Manifest) -> Option<&Child> {
    manifest
        .children()
        .iter()
        .find(|child| child.kind == ChildKind::Config)
}

impl Tree {
    /// Every document that was read, parents before their children; the first is the one that was asked about.
    pub fn documents(&self) -> &[TreeDocument] {
        &self.documents
    }

    /// The document under a digest, if it was read.
    pub fn document(&self, digest: &Digest) -> Option<&TreeDocument> {
        self.positions
            .get(digest)
            .map(|position| &self.documents[*position])
    }

    /// What is stored under a digest: nothing if nobody looked, `Some(None)` if it is not there.
    pub fn held(&self, digest: &Digest) -> Option<Option<&Held>> {
        self.held.get(digest).map(Option::as_ref)
    }

    /// What an image's config says, by the digest of the config, if it was read.
    pub fn config(&self, digest: &Digest) -> Option<&ImageConfig> {
        self.configs.get(digest)
    }

    /// What an image's config says, by the digest of the image, if both were read.
    pub fn config_of(&self, image: &Digest) -> Option<&ImageConfig> {
        self.config(self.document(image)?.config.as_ref()?)
    }

    /// All findings, document by document.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.documents
            .iter()
            .flat_map(|document| &document.findings)
    }

    /// How grave the gravest finding is.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().map(|finding| finding.rule.severity()).max()
    }

    pub(super) fn add(&mut self, digest: Digest, manifest: Manifest, depth: usize) {
        self.positions.insert(digest.clone(), self.documents.len());
        let config = config(&manifest).map(|config| config.descriptor.digest.clone());
        self.documents.push(TreeDocument {
            digest,
            manifest,
            depth,
            findings: Vec::new(),
            config,
        });
    }

    pub(super) fn judge(&mut self, beyond: &Beyond) {
        let judge = |node: &TreeDocument| {
            let is_artifact =
                |digest: &Digest| self.document(digest).is_some_and(TreeDocument::is_artifact);
            let mut notes = document::notes(&node.manifest, is_artifact);
            whole::note(self, beyond, node, &mut notes);
            notes
        };
        let all = judged(self.documents.iter().map(judge));
        for (position, (node, mut findings)) in self.documents.iter_mut().zip(all).enumerate() {
            if position > 0 {
                for finding in &mut findings {
                    finding.document = Some(node.digest.clone());
                    finding.mend = mend::below(finding.mend);
                }
            }
            node.findings = findings;
        }
    }
}
