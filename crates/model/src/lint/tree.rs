//! Tree of documents, with the findings about them.

use std::collections::HashMap;

use super::walk::LimitState;
use super::{Finding, FindingSink, ImageConfig, Severity, Stored, document, tree_rules};
use crate::{Child, ChildKind, Digest, Manifest, MediaType};

/// Maximum number of individually listed findings of one tree.
///
/// Beyond this limit, only the first finding of each rule is listed for each document, with the
/// number of omitted findings.
const MAX_FINDINGS: usize = 100_000;

/// Root document and all documents below it (manifests and indexes), with the findings about them,
/// and the size and type of the content that they reference.
#[derive(Clone, Debug, Default)]
pub struct LintTree {
    documents: Vec<LintDocument>,
    positions: HashMap<Digest, usize>,
    /// Results of lookups of content, by digest. The value is `None` if the content does not exist.
    pub(super) contents: HashMap<Digest, Option<Stored>>,
    pub(super) configs: HashMap<Digest, ImageConfig>,
    /// Reasons why content cannot be read as a manifest, by digest.
    pub(super) unreadable: HashMap<Digest, String>,
}

/// Document in a [`LintTree`].
#[derive(Clone, Debug)]
pub struct LintDocument {
    /// Digest of the document, as in the descriptor of its parent.
    pub digest: Digest,
    /// Parsed document.
    pub manifest: Manifest,
    /// Number of indexes above the document, on the shortest path from the root.
    pub depth: usize,
    /// Findings about the document.
    pub findings: Vec<Finding>,
    /// Digest of the config, if the document has one.
    config: Option<Digest>,
}

/// Returns the findings about each document. Summarizes the findings about documents beyond the
/// limit of the tree.
fn collect_findings(all: impl Iterator<Item = FindingSink>) -> Vec<Vec<Finding>> {
    let mut room = MAX_FINDINGS;
    let mut judge = |sink: FindingSink| {
        let count = sink.findings().len();
        let sink = if count > room { sink.summarize() } else { sink };
        room = room.saturating_sub(count);
        sink.finish()
    };
    all.map(&mut judge).collect()
}

impl LintDocument {
    /// Returns whether this is the manifest of an artifact: its config is not an image config.
    pub fn is_artifact(&self) -> bool {
        let config = self
            .config_child()
            .and_then(|config| config.descriptor.media_type.as_ref());
        self.manifest.media_type().as_str() == MediaType::OCI_MANIFEST
            && config.is_some_and(|config| !config.is_image_config())
    }

    pub(crate) fn config_child(&self) -> Option<&Child> {
        config_child(&self.manifest)
    }
}

fn config_child(manifest: &Manifest) -> Option<&Child> {
    manifest
        .children()
        .iter()
        .find(|child| child.kind == ChildKind::Config)
}

impl LintTree {
    /// Returns all documents, starting with the root. A parent precedes its children.
    pub fn documents(&self) -> &[LintDocument] {
        &self.documents
    }

    /// Returns the document with this digest, if it is in the tree.
    pub fn document(&self, digest: &Digest) -> Option<&LintDocument> {
        self.positions
            .get(digest)
            .map(|position| &self.documents[*position])
    }

    /// Returns the size and type of the stored content with this digest.
    ///
    /// `None` means that the content was not looked up, and `Some(None)` that it does not exist.
    pub fn stored_content(&self, digest: &Digest) -> Option<Option<&Stored>> {
        self.contents.get(digest).map(Option::as_ref)
    }

    /// Returns the image config with this digest, if the check has read it.
    pub fn config(&self, digest: &Digest) -> Option<&ImageConfig> {
        self.configs.get(digest)
    }

    /// Returns the config of the image with this digest, if the check has read both.
    pub fn config_of(&self, image: &Digest) -> Option<&ImageConfig> {
        self.config(self.document(image)?.config.as_ref()?)
    }

    /// Returns the findings about all documents, document by document.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.documents
            .iter()
            .flat_map(|document| &document.findings)
    }

    /// Returns the highest severity of all findings, or `None` if there are no findings.
    pub fn max_severity(&self) -> Option<Severity> {
        self.findings().map(|finding| finding.severity).max()
    }

    /// Makes room for further documents.
    pub(super) fn reserve(&mut self, documents: usize) {
        self.documents.reserve(documents);
        self.positions.reserve(documents);
    }

    pub(super) fn add(&mut self, digest: Digest, manifest: Manifest, depth: usize) {
        self.positions.insert(digest.clone(), self.documents.len());
        let config = config_child(&manifest).map(|config| config.descriptor.digest.clone());
        self.documents.push(LintDocument {
            digest,
            manifest,
            depth,
            findings: Vec::new(),
            config,
        });
    }

    /// Checks all documents, and stores the findings in them.
    pub(super) fn check(&mut self, beyond: &LimitState) {
        let judge = |node: &LintDocument| {
            let is_artifact =
                |digest: &Digest| self.document(digest).is_some_and(LintDocument::is_artifact);
            let mut sink = document::collect_findings(&node.manifest, is_artifact);
            tree_rules::check(self, beyond, node, &mut sink);
            sink
        };
        let all = collect_findings(self.documents.iter().map(judge));
        for (position, findings) in all.into_iter().enumerate() {
            self.add_findings_at(position, findings);
        }
    }

    /// Adds findings about a document of the tree.
    pub(super) fn add_findings(&mut self, document: &Digest, findings: Vec<Finding>) {
        if let Some(position) = self.positions.get(document) {
            self.add_findings_at(*position, findings);
        }
    }

    fn add_findings_at(&mut self, position: usize, mut findings: Vec<Finding>) {
        let Some(node) = self.documents.get_mut(position) else {
            return;
        };
        if position > 0 {
            for finding in &mut findings {
                finding.document = Some(node.digest.clone());
                finding.fix = finding.fix.for_nested_index();
            }
        }
        node.findings.append(&mut findings);
    }
}
