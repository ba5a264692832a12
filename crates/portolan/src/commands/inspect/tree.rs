//! Tree of all content below a manifest, for `portolan inspect --tree`.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use portolan_model::{ChildKind, Descriptor, Digest, Manifest, MediaType, Platform};
use portolan_registry::{Repository, StoredManifest};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::manifest_io;
use crate::output::{Text, format_size};

/// Maximum nesting depth of manifests. Deeper manifests are not read.
const MAX_DEPTH: usize = 16;

/// Number of manifests to read concurrently.
const CONCURRENCY: usize = 8;

/// Tree of a manifest and all content below it. Scripts parse the JSON form, so its fields are
/// stable.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestTree {
    #[serde(flatten)]
    root: Node,
    /// Total size of the content that the repository has, in bytes. Each digest counts once.
    total_size: u64,
}

/// Node of the tree: a manifest or a blob.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    state: NodeState,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Node>,
}

/// State of a [`Node`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum NodeState {
    /// Present in the repository.
    Present,
    /// The node is already shown elsewhere in the tree, with all content below it, so it is not
    /// expanded again.
    Shared,
    /// Missing from the repository.
    Absent,
    /// Nested too deep to be read.
    TooDeep,
}

impl ManifestTree {
    /// Reads the tree below a manifest.
    pub(super) async fn load(repository: &Repository, document: &StoredManifest) -> Outcome<Self> {
        let manifest = manifest_io::parse(document)?;
        let root = Descriptor::new(
            manifest.media_type().clone(),
            document.info.digest.clone(),
            document.info.size,
        );
        let below = Descendants::read(repository, &root.digest, manifest).await?;
        let mut drawing = TreeBuilder {
            descendants: &below,
            seen: HashSet::new(),
            total_size: 0,
        };
        let root = drawing.node(&root, ChildKind::Manifest, 0);
        Ok(Self {
            root,
            total_size: drawing.total_size,
        })
    }

    /// Renders the tree with `name` as its root.
    pub(super) fn render(&self, name: &str) -> Text {
        let mut text = Text::default().with_line(format_args!("{name}  {}", self.root.line()));
        self.root.draw_children("", &mut text);
        text.with_line(format_args!("total: {}", format_size(self.total_size)))
    }
}

/// Root manifest and all manifests below it, and the digests that were not found.
struct Descendants {
    manifests: HashMap<Digest, Manifest>,
    absent: HashSet<Digest>,
}

/// Content that the repository has for the digest of a child.
enum ChildContent {
    Manifest(Box<Manifest>),
    Blob,
    Absent,
}

impl Descendants {
    /// Reads all manifests below `root`, level by level. Reads each manifest once, even if it is
    /// referenced several times.
    async fn read(repository: &Repository, digest: &Digest, root: Manifest) -> Outcome<Self> {
        let mut below = Self {
            manifests: HashMap::new(),
            absent: HashSet::new(),
        };
        let mut requested = HashSet::from([digest.clone()]);
        let mut level = children(&root);
        below.manifests.insert(digest.clone(), root);
        for _ in 0..MAX_DEPTH {
            level.retain(|child| requested.insert(child.digest.clone()));
            let reads = level
                .drain(..)
                .map(|child| read_child(repository, child))
                .collect::<Vec<_>>();
            let found: Vec<_> = stream::iter(reads)
                .buffered(CONCURRENCY)
                .try_collect()
                .await?;
            for (digest, found) in found {
                match found {
                    ChildContent::Manifest(manifest) => {
                        level.extend(children(&manifest));
                        below.manifests.insert(digest, *manifest);
                    }
                    ChildContent::Blob => (),
                    ChildContent::Absent => drop(below.absent.insert(digest)),
                }
            }
        }
        Ok(below)
    }
}

/// Returns the descriptors of the children that are manifests, and not configs or layers.
fn children(manifest: &Manifest) -> Vec<Descriptor> {
    let children = manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    children.map(|child| child.descriptor.clone()).collect()
}

/// Reads the content of a child. A document that cannot be parsed is treated as a blob.
async fn read_child(repository: &Repository, child: Descriptor) -> Outcome<(Digest, ChildContent)> {
    let digest = child.digest;
    let with_name = |error| Failure::from(error).context(repository.full_name(&digest));
    let document = repository.try_manifest(&digest.clone().into()).await;
    let found = match document.map_err(with_name)? {
        Some(document) => document.parse().map_or(ChildContent::Blob, |manifest| {
            ChildContent::Manifest(Box::new(manifest))
        }),
        None if repository.has_blob(&digest).await.map_err(with_name)? => ChildContent::Blob,
        None => ChildContent::Absent,
    };
    Ok((digest, found))
}

/// Builder of the nodes of a [`ManifestTree`].
struct TreeBuilder<'a> {
    descendants: &'a Descendants,
    /// Digests that already have a node.
    seen: HashSet<Digest>,
    total_size: u64,
}

impl TreeBuilder<'_> {
    fn node(&mut self, descriptor: &Descriptor, kind: ChildKind, depth: usize) -> Node {
        let below = self.descendants;
        let manifest = below
            .manifests
            .get(&descriptor.digest)
            .filter(|_| kind == ChildKind::Manifest);
        let state = self.state(descriptor, depth);
        if state == NodeState::Present {
            self.total_size = self
                .total_size
                .saturating_add(descriptor.size.unwrap_or_default());
        }
        let children = match manifest {
            Some(manifest) if state == NodeState::Present => {
                let parts = manifest
                    .children()
                    .iter()
                    .filter(|child| child.kind != ChildKind::Other);
                parts
                    .map(|child| self.node(&child.descriptor, child.kind, depth + 1))
                    .collect()
            }
            _ => Vec::new(),
        };
        Node {
            kind: match manifest {
                Some(manifest) => manifest_io::kind_name(manifest).into(),
                None if kind == ChildKind::Manifest => "unknown".into(),
                None => kind.as_str().into(),
            },
            platform: descriptor.platform.clone(),
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.clone(),
            artifact_type: descriptor.artifact_type.clone(),
            size: descriptor.size,
            state,
            children,
        }
    }

    fn state(&mut self, descriptor: &Descriptor, depth: usize) -> NodeState {
        if self.descendants.absent.contains(&descriptor.digest) {
            NodeState::Absent
        } else if depth > MAX_DEPTH {
            NodeState::TooDeep
        } else if self.seen.insert(descriptor.digest.clone()) {
            NodeState::Present
        } else {
            NodeState::Shared
        }
    }
}

impl Node {
    fn line(&self) -> String {
        let mut fields: Vec<String> = Vec::new();
        fields.extend(self.platform.as_ref().map(ToString::to_string));
        fields.push(self.kind.clone());
        fields.push(self.digest.to_string());
        fields.extend(self.media_type.as_ref().map(ToString::to_string));
        fields.extend(self.size.map(format_size));
        fields.extend(match self.state {
            NodeState::Present => None,
            NodeState::Shared => Some("(shared, see above)".into()),
            NodeState::Absent => Some("(missing)".into()),
            NodeState::TooDeep => Some("(nested too deep)".into()),
        });
        fields.join("  ")
    }

    fn draw_children(&self, indent: &str, text: &mut Text) {
        for (position, child) in self.children.iter().enumerate() {
            let (branch, continued) = if position + 1 == self.children.len() {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            text.line(format_args!("{indent}{branch}{}", child.line()));
            child.draw_children(&format!("{indent}{continued}"), text);
        }
    }
}
