//! The way through a tree, piece by piece: the caller is asked for each thing once, level by level.

use std::collections::HashMap;

use bytes::Bytes;

use super::tree::{Tree, TreeDocument};
use super::{Finding, Held, ImageConfig, Rule};
use crate::{Child, ChildKind, Digest, Manifest, MediaType, Role};

/// How much of a tree is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Deepest nesting that is followed; the document that was asked about is at depth 0.
    pub depth: usize,
    /// Most documents that are read.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 16, documents: 100_000 }
    }
}

/// What is wanted of a digest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Seek {
    /// Whether it is there, as a manifest or as a blob.
    Presence,
    /// The config of an image, to read it.
    Config,
    /// The manifest, to read it.
    Manifest,
}

/// Something that has to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// Under this digest.
    pub digest: Digest,
    /// The type that the first descriptor gives it.
    pub media_type: Option<MediaType>,
    /// What is wanted of it.
    pub seek: Seek,
    depth: usize,
}

/// What was found under a digest.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A manifest, read as the type that it is stored with.
    Manifest(Manifest),
    /// Content, with its bytes if a config was wanted and they were had.
    Content(Held, Option<Bytes>),
    /// It is there, and cannot be read as a manifest for this reason.
    Unreadable(Held, String),
    /// It is not there.
    Absent,
    /// Nobody looked. Nothing is said about it then.
    Unknown,
}

/// A look at a whole tree, in which nothing is read twice, however often it is named.
///
/// The caller takes [`Lint::wants`], answers each with [`Lint::supply`] in the same order, and again until there are
/// none. Time and memory are linear in the size of the tree, and nothing recurses.
#[derive(Debug)]
pub struct Lint {
    limits: Limits,
    tree: Tree,
    /// Whatever is wanted or known, by digest.
    sought: HashMap<Digest, Seek>,
    queue: Vec<Want>,
    /// Manifests that were asked for, the first one too.
    manifests: usize,
    too_large: bool,
}

impl Lint {
    /// Begins at a document that is known under `digest`.
    pub fn new(digest: Digest, manifest: Manifest, limits: Limits) -> Self {
        let tree = Tree::default();
        let mut lint = Self { limits, tree, sought: HashMap::new(), queue: Vec::new(), manifests: 1, too_large: false };
        lint.sought.insert(digest.clone(), Seek::Manifest);
        lint.take(digest, manifest, 0);
        lint
    }

    /// What has to be looked at next, all of it at the same depth; nothing when the tree is known.
    pub fn wants(&mut self) -> Vec<Want> {
        std::mem::take(&mut self.queue)
    }

    /// What was found for one of [`Lint::wants`].
    pub fn supply(&mut self, want: &Want, answer: Answer) {
        let digest = want.digest.clone();
        match answer {
            Answer::Manifest(manifest) => self.take(digest, manifest, want.depth),
            Answer::Content(held, bytes) => {
                let config = bytes.filter(|_| want.seek == Seek::Config).map(|bytes| ImageConfig::read(&bytes));
                self.tree.configs.extend(config.map(|config| (digest.clone(), config)));
                self.tree.held.insert(digest, Some(held));
            }
            Answer::Unreadable(held, reason) => {
                self.tree.unreadable.insert(digest.clone(), reason);
                self.tree.held.insert(digest, Some(held));
            }
            Answer::Absent => drop(self.tree.held.insert(digest, None)),
            Answer::Unknown => (),
        }
    }

    /// Judges what was seen.
    pub fn finish(mut self) -> Tree {
        if self.too_large {
            let most = self.limits.documents;
            let message = format!("the tree has more than {most} documents; only so many were looked at");
            self.tree.remarks.push(Finding::new(Rule::TreeTooLarge, "", message));
        }
        self.tree.judge(self.limits.depth);
        self.tree
    }

    fn take(&mut self, digest: Digest, manifest: Manifest, depth: usize) {
        let held = Held { size: manifest.bytes().len() as u64, media_type: Some(manifest.media_type().clone()) };
        self.tree.held.insert(digest.clone(), Some(held));
        for child in manifest.children().iter().filter(|child| child.kind != ChildKind::Other) {
            self.seek(child, depth + 1);
        }
        if let Some(subject) = manifest.subject() {
            self.want(&subject.digest, None, Seek::Presence, depth + 1);
        }
        self.tree.add(TreeDocument { digest, manifest, depth, findings: Vec::new() });
    }

    fn seek(&mut self, child: &Child, depth: usize) {
        let media_type = child.descriptor.media_type.as_ref();
        let known = media_type.is_some_and(|media_type| matches!(media_type.role(), Role::Manifest | Role::Index));
        let seek = match child.kind {
            ChildKind::Manifest if known && depth > self.limits.depth => return,
            ChildKind::Manifest if known => Seek::Manifest,
            ChildKind::Config => Seek::Config,
            _ => Seek::Presence,
        };
        self.want(&child.descriptor.digest, media_type, seek, depth);
    }

    /// Asks for something, unless as much or more of it was asked for already.
    fn want(&mut self, digest: &Digest, media_type: Option<&MediaType>, seek: Seek, depth: usize) {
        if self.sought.get(digest).is_some_and(|known| *known >= seek) {
            return;
        }
        if seek == Seek::Manifest {
            if self.manifests == self.limits.documents {
                self.too_large = true;
                return;
            }
            self.manifests += 1;
        }
        self.sought.insert(digest.clone(), seek);
        self.queue.push(Want { digest: digest.clone(), media_type: media_type.cloned(), seek, depth });
    }
}
