//! Traversal of a tree of documents, level by level. [`Linter`] requests each piece of content from
//! its caller once.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;

use super::cost::memory_cost;
use super::stored_content::known_children;
use super::{ImageConfig, LintTree, Stored};
use crate::{Child, ChildKind, Digest, Manifest, MediaType};

/// Maximum total size of the configs that are read for one tree, in bytes.
///
/// Only a few fields of each config stay in memory.
const MAX_CONFIG_BYTES: u64 = 256 << 20;

/// Limits of the check of a tree.
///
/// Content beyond a limit is skipped and reported as a finding. Configs have a fixed limit of 256
/// MiB, because only a few of their fields stay in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LintLimits {
    /// Maximum nesting depth of documents. The root is at depth 0.
    pub depth: usize,
    /// Maximum number of documents in the tree.
    pub documents: usize,
    /// Maximum memory use of the documents in bytes, as [`memory_cost`] estimates it. An index of
    /// 10,000 images needs about 50 MiB.
    pub memory: usize,
}

impl Default for LintLimits {
    fn default() -> Self {
        Self {
            depth: 16,
            documents: 100_000,
            memory: 256 << 20,
        }
    }
}

/// Kind of requested information. Each kind includes the kinds before it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ContentKind {
    /// Presence of the content as a manifest or blob, with its size and type.
    Presence,
    /// Bytes of an image config. The caller may omit them if the config is too large.
    Config,
    /// Parsed manifest.
    Manifest,
}

/// Request of a [`Linter`] for content.
#[derive(Clone, Debug, PartialEq)]
pub struct ContentRequest {
    /// Digest of the content.
    pub digest: Digest,
    /// Media type in the first descriptor that references the content.
    pub media_type: Option<MediaType>,
    /// Kind of requested information.
    pub kind: ContentKind,
    depth: usize,
}

/// Response to a [`ContentRequest`].
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a response is consumed as soon as it is created"
)]
pub enum ContentResponse {
    /// Manifest, parsed as the media type that the registry stores with it.
    Manifest(Manifest),
    /// Existing content that was not requested as a manifest, or is not stored as a manifest. A
    /// response to a request for a config includes the bytes.
    ///
    /// In response to a request for a manifest, a missing media type means that the content is
    /// stored only as a blob.
    Content(Stored, Option<Bytes>),
    /// Existing content that cannot be read as a manifest, with the reason.
    Unreadable(Stored, String),
    /// Content that does not exist.
    Absent,
    /// No information about the content. It causes no findings.
    Unknown,
}

/// Limits of a check, and the content that was skipped because of them.
#[derive(Debug)]
pub(super) struct LimitState {
    pub(super) limits: LintLimits,
    /// Manifests and configs that were skipped.
    pub(super) skipped: HashSet<Digest>,
}

impl LimitState {
    pub(super) fn describe_limits(&self) -> String {
        format!(
            "the limits are {} documents and {} MiB of memory",
            self.limits.documents,
            self.limits.memory >> 20
        )
    }

    pub(super) fn describe_config_limit() -> String {
        format!("the limit is {} MiB of configs", MAX_CONFIG_BYTES >> 20)
    }
}

/// Check of a full tree of documents, without IO.
///
/// The caller gets requests from [`Linter::next_request`] and responds to each with
/// [`Linter::supply`], in the same order, until there are no more requests. Several requests may be
/// in flight. The linter requests each piece of content once, even if it is referenced several
/// times, and no more manifests after a limit is reached. Time and memory are linear in the size of
/// the tree, and no function recurses.
#[derive(Debug)]
pub struct Linter {
    tree: LintTree,
    /// Highest kind of information requested so far, by digest.
    requested: HashMap<Digest, ContentKind>,
    queue: VecDeque<ContentRequest>,
    /// Number of manifests requested so far, including the root.
    manifest_count: usize,
    /// Memory use of the documents in the tree, in bytes.
    cost: usize,
    /// True once a document did not fit into the memory limit. No further manifests are requested
    /// after that.
    is_full: bool,
    /// Total size of the configs read so far, in bytes.
    config_bytes: u64,
    limit_state: LimitState,
}

impl Linter {
    /// Creates a linter for the tree whose root is `manifest` with the given digest.
    pub fn new(digest: Digest, manifest: Manifest, limits: LintLimits) -> Self {
        let mut lint = Self {
            tree: LintTree::default(),
            requested: HashMap::from([(digest.clone(), ContentKind::Manifest)]),
            queue: VecDeque::new(),
            manifest_count: 1,
            cost: memory_cost(&manifest),
            is_full: false,
            config_bytes: 0,
            limit_state: LimitState {
                limits,
                skipped: HashSet::new(),
            },
        };
        lint.record_stored(&digest, &manifest);
        lint.add_document(digest, manifest, 0);
        lint
    }

    /// Returns the next request for content.
    ///
    /// Returns `None` if no request is pending. Responses to requests in flight may create further
    /// requests.
    pub fn next_request(&mut self) -> Option<ContentRequest> {
        while let Some(request) = self.queue.pop_front() {
            match request.kind {
                ContentKind::Manifest if self.is_full => {
                    self.limit_state.skipped.insert(request.digest);
                }
                // Beyond the limit, a config is not read, but only checked for presence.
                ContentKind::Config if self.config_bytes >= MAX_CONFIG_BYTES => {
                    self.limit_state.skipped.insert(request.digest.clone());
                    return Some(ContentRequest {
                        kind: ContentKind::Presence,
                        ..request
                    });
                }
                _ => return Some(request),
            }
        }
        None
    }

    /// Supplies the response to a request from [`Linter::next_request`].
    pub fn supply(&mut self, request: &ContentRequest, response: ContentResponse) {
        let digest = request.digest.clone();
        match response {
            ContentResponse::Manifest(manifest) => {
                self.record_stored(&digest, &manifest);
                self.add_manifest(request, manifest);
            }
            ContentResponse::Content(content, bytes) => {
                if request.kind == ContentKind::Manifest && content.media_type.is_none() {
                    self.tree
                        .unreadable
                        .insert(digest.clone(), "it is stored only as a blob".into());
                }
                if let Some(bytes) = bytes.filter(|_| request.kind == ContentKind::Config) {
                    self.config_bytes += bytes.len() as u64;
                    self.tree
                        .configs
                        .insert(digest.clone(), ImageConfig::read(&bytes));
                }
                self.tree.contents.insert(digest, Some(content));
            }
            ContentResponse::Unreadable(content, reason) => {
                self.tree.unreadable.insert(digest.clone(), reason);
                self.tree.contents.insert(digest, Some(content));
            }
            ContentResponse::Absent => drop(self.tree.contents.insert(digest, None)),
            ContentResponse::Unknown => (),
        }
    }

    /// Checks all documents, and returns the tree with the findings.
    pub fn finish(mut self) -> LintTree {
        self.tree.check(&self.limit_state);
        self.tree
    }

    /// Adds a requested manifest to the tree, unless it was already supplied or exceeds the memory
    /// limit.
    fn add_manifest(&mut self, request: &ContentRequest, manifest: Manifest) {
        if request.kind != ContentKind::Manifest || self.tree.document(&request.digest).is_some() {
            return;
        }
        let cost = self.cost + memory_cost(&manifest);
        if self.is_full || cost > self.limit_state.limits.memory {
            self.is_full = true;
            self.limit_state.skipped.insert(request.digest.clone());
        } else {
            self.cost = cost;
            self.add_document(request.digest.clone(), manifest, request.depth);
        }
    }

    fn record_stored(&mut self, digest: &Digest, manifest: &Manifest) {
        let content = Stored {
            size: manifest.bytes().len() as u64,
            media_type: Some(manifest.media_type().clone()),
        };
        self.tree.contents.insert(digest.clone(), Some(content));
    }

    fn add_document(&mut self, digest: Digest, manifest: Manifest, depth: usize) {
        self.reserve(manifest.children());
        for child in known_children(&manifest) {
            self.request_child(child, depth + 1);
        }
        if let Some(subject) = manifest.subject() {
            self.request(&subject.digest, None, ContentKind::Presence, depth + 1);
        }
        self.tree.add(digest, manifest, depth);
    }

    /// Makes room for the children of a document, so that lists and maps do not grow in small steps.
    fn reserve(&mut self, children: &[Child]) {
        self.requested.reserve(children.len());
        self.tree.contents.reserve(children.len());
        let manifests = children
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest);
        self.tree
            .reserve(manifests.count().min(self.limit_state.limits.documents));
    }

    fn request_child(&mut self, child: &Child, depth: usize) {
        let media_type = child.descriptor.media_type.as_ref();
        let kind = match child.kind {
            ChildKind::Manifest if media_type.is_some_and(MediaType::is_known_manifest) => {
                ContentKind::Manifest
            }
            ChildKind::Config if media_type.is_some_and(MediaType::is_image_config) => {
                ContentKind::Config
            }
            _ => ContentKind::Presence,
        };
        if kind != ContentKind::Manifest || depth <= self.limit_state.limits.depth {
            self.request(&child.descriptor.digest, media_type, kind, depth);
        }
    }

    /// Queues a request, unless an earlier request includes the same information.
    fn request(
        &mut self,
        digest: &Digest,
        media_type: Option<&MediaType>,
        kind: ContentKind,
        depth: usize,
    ) {
        let requested = self.requested.entry(digest.clone());
        if matches!(&requested, Entry::Occupied(known) if *known.get() >= kind) {
            return;
        }
        if kind == ContentKind::Manifest {
            if self.manifest_count >= self.limit_state.limits.documents {
                self.limit_state.skipped.insert(digest.clone());
                return;
            }
            self.manifest_count += 1;
        }
        requested.insert_entry(kind);
        self.queue.push_back(ContentRequest {
            digest: digest.clone(),
            media_type: media_type.cloned(),
            kind,
            depth,
        });
    }
}
