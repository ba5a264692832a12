//! Everything below a manifest: flat, each document once, so that neither depth nor repetition costs.

use std::collections::{BTreeMap, HashSet};

use portolan_model::lint::{self, Finding, Severity};
use portolan_model::{
    Child, Descriptor, Digest, Manifest, MediaType, Platform, Reference, Role, Shape,
};
use portolan_registry::Page;
use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;
use crate::mend::{Mended, Mender};

/// About how many bytes of findings are shown in all.
const FINDING_BYTES: usize = 8 << 20;

/// Everything below a manifest or index. A document that is named in several places stands here once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tree<'a> {
    /// The tag or digest that was asked for.
    reference: String,
    /// The digest of the first document.
    #[schema(value_type = String)]
    digest: &'a Digest,
    /// The documents, parents before their children; the first is the one that was asked for.
    documents: Vec<TreeDocument<'a>>,
    /// Number of findings in all documents, those too that are not shown, by how grave they are.
    findings: FindingCounts,
    /// What is stored of it, each digest counted once.
    totals: TreeTotals,
}

/// A manifest or index of a tree.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TreeDocument<'a> {
    /// The digest that it is named by.
    #[schema(value_type = String)]
    digest: &'a Digest,
    /// The type that it is stored with.
    #[schema(value_type = String)]
    media_type: &'a MediaType,
    /// What it is.
    kind: DocumentKind,
    /// Its own size in bytes.
    size: u64,
    /// Number of indexes above it, on the shortest way.
    depth: usize,
    /// Its artifact type, or else the type of its config.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    artifact_type: Option<MediaType>,
    /// The manifest that it says something about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Descriptor, required = false)]
    subject: Option<&'a Descriptor>,
    /// Its annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    annotations: BTreeMap<&'a str, &'a str>,
    /// What an image's config says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    config: Option<TreeConfig<'a>>,
    /// Everything that it names, in its order.
    children: Vec<TreeChild<'a>>,
    /// What is remarkable about it.
    #[schema(value_type = Vec<schemas::Finding>)]
    findings: Vec<Mended<'a>>,
    /// Whether there are more of them: the answer shows about 8 MiB of findings in all.
    more_findings: bool,
    /// What is said about it by other manifests: signatures, attestations, any artifact with it as subject.
    #[schema(value_type = Vec<schemas::Descriptor>)]
    referrers: &'a [Descriptor],
    /// Whether there are more of them, which `/v2/NAME/referrers/DIGEST` lists.
    more_referrers: bool,
}

/// What a document is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DocumentKind {
    /// Names manifests.
    Index,
    /// Names a config and layers; of an image or of another artifact.
    Manifest,
    /// Of a type that nobody here knows, and not like one that is known.
    Other,
}

/// The part of an image's config that tells images apart.
#[derive(Debug, Serialize, ToSchema)]
struct TreeConfig<'a> {
    /// The platform that it was built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Platform, required = false)]
    platform: Option<&'a Platform>,
    /// When it was built, as it is written there (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    created: Option<&'a str>,
}

/// What a document names.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TreeChild<'a> {
    /// Where it is named, as a JSON pointer (RFC 6901).
    pointer: &'a str,
    /// What it is to the document: `config`, `layer`, `manifest`, `blob`, or `other` in a field of unknown meaning.
    kind: &'static str,
    /// Its digest.
    #[schema(value_type = String)]
    digest: &'a Digest,
    /// The type that is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    media_type: Option<&'a MediaType>,
    /// The size in bytes that is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    size: Option<u64>,
    /// The artifact type that is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    artifact_type: Option<&'a MediaType>,
    /// The platform that is said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Platform, required = false)]
    platform: Option<&'a Platform>,
    /// What else is said of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    annotations: &'a BTreeMap<String, String>,
    /// How it is stored in this repository.
    stored: Stored,
}

/// How something is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Stored {
    /// As a manifest: it is another document of this tree, unless a limit was reached.
    Manifest,
    /// As a blob.
    Blob,
    /// Not at all.
    Absent,
    /// Nobody looked: it stands in a field of unknown meaning, or beyond a limit.
    Unknown,
}

/// Number of findings by how grave they are.
#[derive(Debug, Default, Serialize, ToSchema)]
struct FindingCounts {
    /// Against the specification, or the content cannot be used.
    error: usize,
    /// Some tools will stumble.
    warning: usize,
    /// Worth knowing.
    info: usize,
}

/// What is stored of a tree, each digest counted once.
#[derive(Debug, Default, Serialize, ToSchema)]
struct TreeTotals {
    /// Number of manifests and indexes.
    documents: usize,
    /// Number of blobs.
    blobs: usize,
    /// Bytes of all of them.
    bytes: u64,
}

impl<'a> Tree<'a> {
    /// What was seen below `reference`, with the first page of the referrers to each document, as far as they were
    /// asked for; nothing if nothing was. `mender` names what `reference` does.
    pub(crate) fn new(
        reference: &Reference,
        tree: &'a lint::Tree,
        referrers: &'a [Page<Descriptor>],
        mender: &'a Mender,
    ) -> Option<Self> {
        let (mut pages, mut room) = (referrers.iter(), FINDING_BYTES);
        let document = |document: &'a lint::TreeDocument| {
            let findings = shown(&document.findings, mender, &mut room);
            TreeDocument::new(tree, document, pages.next(), findings)
        };
        let documents: Vec<_> = tree.documents().iter().map(document).collect();
        let digest = documents.first()?.digest;
        let (findings, totals) = (FindingCounts::of(tree), TreeTotals::of(tree));
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
        tree: &'a lint::Tree,
        document: &'a lint::TreeDocument,
        page: Option<&'a Page<Descriptor>>,
        findings: Vec<Mended<'a>>,
    ) -> Self {
        let lint::TreeDocument {
            digest,
            manifest,
            depth,
            ..
        } = document;
        Self {
            digest,
            media_type: manifest.media_type(),
            kind: DocumentKind::of(manifest),
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

/// The findings that there is still room for.
fn shown<'a>(findings: &'a [Finding], mender: &'a Mender, room: &mut usize) -> Vec<Mended<'a>> {
    let mended = findings.iter().map(|finding| Mended { finding, mender });
    let fits = |finding: &Mended| {
        let has_room = *room > 0;
        *room = room.saturating_sub(if has_room { finding.size() } else { 0 });
        has_room
    };
    mended.take_while(fits).collect()
}

impl DocumentKind {
    fn of(manifest: &Manifest) -> Self {
        match (manifest.media_type().role(), manifest.shape()) {
            (Role::Index, _) | (_, Shape::Index) => Self::Index,
            (Role::Manifest, _) | (_, Shape::Image) => Self::Manifest,
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
    fn new(tree: &lint::Tree, child: &'a Child) -> Self {
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
            stored: Stored::of(tree, &descriptor.digest),
        }
    }
}

impl Stored {
    fn of(tree: &lint::Tree, digest: &Digest) -> Self {
        match tree.held(digest) {
            None => Self::Unknown,
            Some(None) => Self::Absent,
            Some(Some(held)) if held.media_type.is_some() => Self::Manifest,
            Some(Some(_)) => Self::Blob,
        }
    }
}

impl FindingCounts {
    fn of(tree: &lint::Tree) -> Self {
        let mut counts = Self::default();
        for finding in tree.findings() {
            match finding.rule.severity() {
                Severity::Error => counts.error += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }
}

impl TreeTotals {
    fn of(tree: &lint::Tree) -> Self {
        let children = tree
            .documents()
            .iter()
            .flat_map(|document| document.manifest.children());
        let own = tree.documents().iter().map(|document| &document.digest);
        let (mut totals, mut counted) = (Self::default(), HashSet::new());
        for digest in own.chain(children.map(|child| &child.descriptor.digest)) {
            let Some(Some(held)) = tree.held(digest) else {
                continue;
            };
            if counted.insert(digest) {
                totals.bytes = totals.bytes.saturating_add(held.size);
                *if held.media_type.is_some() {
                    &mut totals.documents
                } else {
                    &mut totals.blobs
                } += 1;
            }
        }
        totals
    }
}
