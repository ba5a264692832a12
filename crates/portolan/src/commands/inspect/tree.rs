//! Everything below a manifest, drawn.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use futures_util::{StreamExt, TryStreamExt, stream};
use portolan_model::{ChildKind, Descriptor, Digest, Manifest, MediaType, Platform};
use portolan_registry::copy::Place;
use serde::Serialize;

use crate::documents::{self, Document};
use crate::failure::Outcome;
use crate::output::size;

/// Deepest nesting that is looked into.
const MAX_DEPTH: usize = 16;

/// Documents that are read at the same time.
const AT_ONCE: usize = 8;

/// A manifest with all below it. Its JSON has stable names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tree {
    #[serde(flatten)]
    root: Node,
    /// Of everything in it that is there, each digest once, in bytes.
    total_size: u64,
}

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
    state: State,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Node>,
}

/// What is remarkable about a part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// Nothing.
    There,
    /// It was drawn before, with all below it.
    Shared,
    /// The repository does not hold it.
    Absent,
    /// Too deep to look into.
    TooDeep,
}

impl Tree {
    pub(super) async fn of(place: &Place, document: &Document) -> Outcome<Self> {
        let manifest = document.manifest()?;
        let root = Descriptor::new(
            manifest.media_type().clone(),
            document.info.digest.clone(),
            document.info.size,
        );
        let below = Below::read(place, &root.digest, manifest).await?;
        let mut drawing = Drawing {
            below: &below,
            seen: HashSet::new(),
            total_size: 0,
        };
        let root = drawing.node(&root, ChildKind::Manifest, 0);
        Ok(Self {
            root,
            total_size: drawing.total_size,
        })
    }

    /// The tree in lines, `name` at its root.
    pub(super) fn drawn(&self, name: &str) -> String {
        let mut text = format!("{name}  {}\n", self.root.line());
        self.root.draw_children("", &mut text);
        text + &size(self.total_size) + " in all\n"
    }
}

/// What was found under the digests of an index's children.
struct Below {
    manifests: HashMap<Digest, Manifest>,
    absent: HashSet<Digest>,
}

enum Found {
    Manifest(Box<Manifest>),
    Blob,
    Absent,
}

impl Below {
    /// Reads level by level, each document once.
    async fn read(place: &Place, digest: &Digest, root: Manifest) -> Outcome<Self> {
        let mut below = Self {
            manifests: HashMap::new(),
            absent: HashSet::new(),
        };
        let mut asked = HashSet::from([digest.clone()]);
        let mut level = children(&root);
        below.manifests.insert(digest.clone(), root);
        for _ in 0..MAX_DEPTH {
            level.retain(|child| asked.insert(child.digest.clone()));
            let reads = level
                .drain(..)
                .map(|child| find(place, child))
                .collect::<Vec<_>>();
            let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
            for (digest, found) in found {
                match found {
                    Found::Manifest(manifest) => {
                        level.extend(children(&manifest));
                        below.manifests.insert(digest, *manifest);
                    }
                    Found::Blob => (),
                    Found::Absent => drop(below.absent.insert(digest)),
                }
            }
        }
        Ok(below)
    }
}

fn children(manifest: &Manifest) -> Vec<Descriptor> {
    let children = manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    children.map(|child| child.descriptor.clone()).collect()
}

/// What is under the digest of a child: a document that nobody can read is as good as a blob.
async fn find(place: &Place, child: Descriptor) -> Outcome<(Digest, Found)> {
    let digest = child.digest;
    let found = match documents::read_if_there(place, &digest.clone().into()).await? {
        Some(document) => document
            .manifest()
            .map_or(Found::Blob, |manifest| Found::Manifest(Box::new(manifest))),
        None if documents::has_blob(place, &digest).await? => Found::Blob,
        None => Found::Absent,
    };
    Ok((digest, found))
}

struct Drawing<'a> {
    below: &'a Below,
    seen: HashSet<Digest>,
    total_size: u64,
}

impl Drawing<'_> {
    fn node(&mut self, descriptor: &Descriptor, kind: ChildKind, depth: usize) -> Node {
        let below = self.below;
        let manifest = below
            .manifests
            .get(&descriptor.digest)
            .filter(|_| kind == ChildKind::Manifest);
        let state = self.state(descriptor, depth);
        if state == State::There {
            self.total_size = self
                .total_size
                .saturating_add(descriptor.size.unwrap_or_default());
        }
        let children = match manifest {
            Some(manifest) if state == State::There => {
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
                Some(manifest) => documents::kind(manifest).into(),
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

    fn state(&mut self, descriptor: &Descriptor, depth: usize) -> State {
        if self.below.absent.contains(&descriptor.digest) {
            State::Absent
        } else if depth > MAX_DEPTH {
            State::TooDeep
        } else if self.seen.insert(descriptor.digest.clone()) {
            State::There
        } else {
            State::Shared
        }
    }
}

impl Node {
    fn line(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.platform.as_ref().map(ToString::to_string));
        words.push(self.kind.clone());
        words.push(self.digest.to_string());
        words.extend(self.media_type.as_ref().map(ToString::to_string));
        words.extend(self.size.map(size));
        words.extend(match self.state {
            State::There => None,
            State::Shared => Some("(shared, see above)".into()),
            State::Absent => Some("(absent)".into()),
            State::TooDeep => Some("(too deep to look into)".into()),
        });
        words.join("  ")
    }

    fn draw_children(&self, indent: &str, text: &mut String) {
        for (position, child) in self.children.iter().enumerate() {
            let (branch, continued) = if position + 1 == self.children.len() {
                ("└── ", "    ")
            } else {
                ("├── ", "│   ")
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{indent}{branch}{}", child.line());
            child.draw_children(&format!("{indent}{continued}"), text);
        }
    }
}
