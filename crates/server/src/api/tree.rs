//! Content below a manifest as a flat list with each document once, so that neither depth nor
//! repetition costs.

use std::collections::{BTreeMap, HashSet};

use portolan_model::lint::{self, Finding, Severity};
use portolan_model::{
    Child, Descriptor, Digest, Manifest, MediaType, MediaTypeRole, Platform, Reference, Shape,
};
use portolan_registry::Page;
use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;
use crate::fixes::{FixRenderer, RenderedFinding};

/// Approximate maximum size of the listed findings, in bytes.
const MAX_FINDING_BYTES: usize = 8 << 20;

/// Everything below a manifest or index. A document that is referenced several times is listed
/// once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tree<'a> {
    /// Requested tag or digest.
    reference: String,
    /// Digest of the first document.
    #[schema(value_type = String)]
    digest: &'a Digest,
    /// Documents, parents before their children. The first is the requested one.
    documents: Vec<TreeDocument<'a>>,
    /// Number of findings in all documents by severity, including findings that are not listed.
    findings: FindingCounts,
    /// Totals of the stored content, each digest counted once.
    totals: TreeTotals,
}

/// Manifest or index of a tree.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TreeDocument<'a> {
    /// Digest by which it is referenced.
    #[schema(value_type = String)]
    digest: &'a Digest,
    /// Media type that it is stored with.
    #[schema(value_type = String)]
    media_type: &'a MediaType,
    /// Kind of document.
    kind: DocumentKind,
    /// Size of the document itself, in bytes.
    size: u64,
    /// Number of indexes above it, on the shortest path.
    depth: usize,
    /// Artifact type, or else the media type of its config.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    artifact_type: Option<MediaType>,
    /// Manifest that it refers to as its subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Descriptor, required = false)]
    subject: Option<&'a Descriptor>,
    /// Annotations of the document.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    annotations: BTreeMap<&'a str, &'a str>,
    /// Excerpt of an image's config.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    config: Option<TreeConfig<'a>>,
    /// Descriptors in the document, in its order.
    children: Vec<TreeChild<'a>>,
    /// Findings about this document.
    #[schema(value_type = Vec<schemas::Finding>)]
    findings: Vec<RenderedFinding<'a>>,
    /// True if more findings exist: the response lists about 8 MiB of findings in total.
    more_findings: bool,
    /// Manifests with this one as subject: signatures, attestations and other artifacts.
    #[schema(value_type = Vec<schemas::Descriptor>)]
    referrers: &'a [Descriptor],
    /// True if more referrers exist; `/v2/NAME/referrers/DIGEST` lists all of them.
    more_referrers: bool,
}

/// Kind of a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DocumentKind {
    /// Lists manifests.
    Index,
    /// References a config and layers, of an image or of another artifact.
    Manifest,
    /// Has an unknown type and an unknown structure.
    Other,
}

/// Excerpt of an image's config that distinguishes images.
#[derive(Debug, Serialize, ToSchema)]
struct TreeConfig<'a> {
    /// Platform of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Platform, required = false)]
    platform: Option<&'a Platform>,
    /// Build time as written in the config (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    created: Option<&'a str>,
}

/// Descriptor in a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TreeChild<'a> {
    /// Position in the document, as a JSON pointer (RFC 6901).
    pointer: &'a str,
    /// Role in the document: `config`, `layer`, `manifest`, `blob`, or `other` in a field of
    /// unknown meaning.
    kind: &'static str,
    /// Digest of the child.
    #[schema(value_type = String)]
    digest: &'a Digest,
    /// Media type in the descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    media_type: Option<&'a MediaType>,
    /// Size in the descriptor, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    size: Option<u64>,
    /// Artifact type in the descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    artifact_type: Option<&'a MediaType>,
    /// Platform in the descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Platform, required = false)]
    platform: Option<&'a Platform>,
    /// Annotations in the descriptor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    annotations: &'a BTreeMap<String, String>,
    /// Form in which this repository stores it.
    stored: StoredAs,
}

/// Form in which content is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StoredAs {
    /// Stored as a manifest: it is another document of this tree, unless a limit was reached.
    Manifest,
    /// Stored as a blob.
    Blob,
    /// Not stored.
    Absent,
    /// Not checked: it is in a field of unknown meaning, or beyond a limit.
    Unknown,
}

/// Number of findings by severity.
#[derive(Debug, Default, Serialize, ToSchema)]
struct FindingCounts {
    /// Violates the specification, or the content is unusable.
    error: usize,
    /// Some tools will fail.
    warning: usize,
    /// Informational.
    info: usize,
}

/// Totals of a tree's stored content, each digest counted once.
#[derive(Debug, Default, Serialize, ToSchema)]
struct TreeTotals {
    /// Number of manifests and indexes.
    documents: usize,
    /// Number of blobs.
    blobs: usize,
    /// Total size in bytes.
    bytes: u64,
}

impl<'a> Tree<'a> {
    /// Builds the response from the tree below `reference` and the first page of referrers of each
    /// document, as far as they were loaded. Returns `None` if the tree is empty. `renderer` renders
    /// the fixes of findings.
    pub(crate) fn new(
        reference: &Reference,
        tree: &'a lint::LintTree,
        referrers: &'a [Page<Descriptor>],
        renderer: &'a FixRenderer,
    ) -> Option<Self> {
        let (mut pages, mut room) = (referrers.iter(), MAX_FINDING_BYTES);
        let document = |document: &'a lint::LintDocument| {
            let findings = fit_findings(&document.findings, renderer, &mut room);
            TreeDocument::new(tree, document, pages.next(), findings)
        };
        let documents: Vec<_> = tree.documents().iter().map(document).collect();
        let digest = documents.first()?.digest;
        let (findings, totals) = (FindingCounts::count(tree), TreeTotals::compute(tree));
        Some(Self {
            reference: reference.to_string(),
            digest,
            documents,
            findings,
            totals,
        })
    }
}

impl<'a> TreeDocument<'a> {
    fn new(
        tree: &'a lint::LintTree,
        document: &'a lint::LintDocument,
        page: Option<&'a Page<Descriptor>>,
        findings: Vec<RenderedFinding<'a>>,
    ) -> Self {
        let lint::LintDocument {
            digest,
            manifest,
            depth,
            ..
        } = document;
        Self {
            digest,
            media_type: manifest.media_type(),
            kind: DocumentKind::from_manifest(manifest),
            size: manifest.bytes().len() as u64,
            depth: *depth,
            artifact_type: manifest.artifact_type(),
            subject: manifest.subject(),
            annotations: manifest.annotations().collect(),
            config: tree.config_of(digest).map(TreeConfig::new),
            children: manifest
                .children()
                .iter()
                .map(|child| TreeChild::new(tree, child))
                .collect(),
            more_findings: findings.len() < document.findings.len(),
            findings,
            referrers: page.map_or(&[], |page| &page.items),
            more_referrers: page.is_none_or(|page| page.next.is_some()),
        }
    }
}

/// Returns the findings that fit into the remaining `room`.
fn fit_findings<'a>(
    findings: &'a [Finding],
    renderer: &'a FixRenderer,
    room: &mut usize,
) -> Vec<RenderedFinding<'a>> {
    let rendered = findings
        .iter()
        .map(|finding| RenderedFinding { finding, renderer });
    let fits = |finding: &RenderedFinding| {
        let has_room = *room > 0;
        *room = room.saturating_sub(if has_room { finding.size() } else { 0 });
        has_room
    };
    rendered.take_while(fits).collect()
}

impl DocumentKind {
    fn from_manifest(manifest: &Manifest) -> Self {
        match (manifest.media_type().role(), manifest.shape()) {
            (MediaTypeRole::Index, _) | (_, Shape::Index) => Self::Index,
            (MediaTypeRole::Manifest, _) | (_, Shape::Image) => Self::Manifest,
            _ => Self::Other,
        }
    }
}

impl<'a> TreeConfig<'a> {
    fn new(config: &'a lint::ImageConfig) -> Self {
        Self {
            platform: config.platform.as_ref(),
            created: config.created.as_deref(),
        }
    }
}

impl<'a> TreeChild<'a> {
    fn new(tree: &lint::LintTree, child: &'a Child) -> Self {
        let Child {
            pointer,
            kind,
            descriptor,
            ..
        } = child;
        Self {
            pointer,
            kind: kind.as_str(),
            digest: &descriptor.digest,
            media_type: descriptor.media_type.as_ref(),
            size: descriptor.size,
            artifact_type: descriptor.artifact_type.as_ref(),
            platform: descriptor.platform.as_ref(),
            annotations: &descriptor.annotations,
            stored: StoredAs::find(tree, &descriptor.digest),
        }
    }
}

impl StoredAs {
    fn find(tree: &lint::LintTree, digest: &Digest) -> Self {
        match tree.stored_content(digest) {
            None => Self::Unknown,
            Some(None) => Self::Absent,
            Some(Some(content)) if content.media_type.is_some() => Self::Manifest,
            Some(Some(_)) => Self::Blob,
        }
    }
}

impl FindingCounts {
    fn count(tree: &lint::LintTree) -> Self {
        let mut counts = Self::default();
        for finding in tree.findings() {
            match finding.severity {
                Severity::Error => counts.error += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }
}

impl TreeTotals {
    fn compute(tree: &lint::LintTree) -> Self {
        let children = tree
            .documents()
            .iter()
            .flat_map(|document| document.manifest.children());
        let own = tree.documents().iter().map(|document| &document.digest);
        let (mut totals, mut counted) = (Self::default(), HashSet::new());
        for digest in own.chain(children.map(|child| &child.descriptor.digest)) {
            let Some(Some(content)) = tree.stored_content(digest) else {
                continue;
            };
            if counted.insert(digest) {
                totals.bytes = totals.bytes.saturating_add(content.size);
                *if content.media_type.is_some() {
                    &mut totals.documents
                } else {
                    &mut totals.blobs
                } += 1;
            }
        }
        totals
    }
}
