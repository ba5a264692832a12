//! The way through a tree, piece by piece: the caller is asked for each thing once, level by level.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;

use super::stored::stored_children;
use super::weight::weight;
use super::{Held, ImageConfig, Tree};
use crate::{Child, ChildKind, Digest, Manifest, MediaType};

/// Most memory that the documents of one tree may take. An index of 10,000 images takes less than half of it.
const MAX_WEIGHT: usize = 256 << 20;

/// Most bytes of configs that are read of one tree, to keep a few words of each.
const MAX_CONFIGS: u64 = 256 << 20;

/// How much of a tree is looked at. What is beyond is told as findings, and so is what takes more than 256 MiB of memory,
/// and what is beyond 256 MiB of configs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Deepest nesting that is followed; the document that was asked about is at depth 0.
    pub depth: usize,
    /// Most documents that are read.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 16,
            documents: 100_000,
        }
    }
}

/// What is wanted of a digest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Seek {
    /// Whether it is there, as a manifest or as a blob.
    Presence,
    /// The config of an image, to read it. A caller need not bring one that is larger than it likes.
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
#[expect(
    clippy::large_enum_variant,
    reason = "an answer is taken in as soon as it is made"
)]
pub enum Answer {
    /// A manifest, read as the type that it is stored with.
    Manifest(Manifest),
    /// Content, with its bytes if a config was wanted and they were had.
    /// If a manifest was wanted and no type is held, it is there as a blob alone.
    Content(Held, Option<Bytes>),
    /// It is there, and cannot be read as a manifest for this reason.
    Unreadable(Held, String),
    /// It is not there.
    Absent,
    /// Nobody looked. Nothing is said about it then.
    Unknown,
}

/// What was not looked at.
#[derive(Debug)]
pub(super) struct Beyond {
    pub(super) limits: Limits,
    /// Manifests that were beyond the limits of number and memory, and configs beyond theirs.
    pub(super) left_out: HashSet<Digest>,
}

impl Beyond {
    pub(super) fn bounds(&self) -> String {
        format!(
            "at most {} documents are, of at most {} MiB together",
            self.limits.documents,
            MAX_WEIGHT >> 20
        )
    }

    pub(super) fn bounds_of_configs() -> String {
        format!("at most {} MiB of configs are", MAX_CONFIGS >> 20)
    }
}

/// A look at a whole tree, in which nothing is read twice, however often it is named.
///
/// The caller takes each [`Lint::next_want`] and answers it with [`Lint::supply`], in the same order, until there is none;
/// several may be under way. Nothing more is asked for once the bounds are reached. Time and memory are linear in the size of
/// the tree, and nothing recurses.
#[derive(Debug)]
pub struct Lint {
    tree: Tree,
    /// Whatever is wanted or known, by digest.
    sought: HashMap<Digest, Seek>,
    queue: VecDeque<Want>,
    /// Manifests that were asked for, the first one too.
    manifests: usize,
    /// What the documents that were kept take.
    weight: usize,
    /// Whether a document was not kept, for which there was no room.
    full: bool,
    /// Bytes of the configs that were read.
    configs: u64,
    beyond: Beyond,
}

impl Lint {
    /// Begins at a document that is known under `digest`.
    pub fn new(digest: Digest, manifest: Manifest, limits: Limits) -> Self {
        let mut lint = Self {
            tree: Tree::default(),
            sought: HashMap::from([(digest.clone(), Seek::Manifest)]),
            queue: VecDeque::new(),
            manifests: 1,
            weight: weight(&manifest),
            full: false,
            configs: 0,
            beyond: Beyond {
                limits,
                left_out: HashSet::new(),
            },
        };
        lint.hold(&digest, &manifest);
        lint.take(digest, manifest, 0);
        lint
    }

    /// What has to be looked at next. If there is nothing, there may be once what is under way is answered.
    pub fn next_want(&mut self) -> Option<Want> {
        while let Some(want) = self.queue.pop_front() {
            match want.seek {
                Seek::Manifest if self.full => drop(self.beyond.left_out.insert(want.digest)),
                Seek::Config if self.configs >= MAX_CONFIGS => {
                    self.beyond.left_out.insert(want.digest.clone());
                    return Some(Want {
                        seek: Seek::Presence,
                        ..want
                    });
                }
                _ => return Some(want),
            }
        }
        None
    }

    /// What was found for a [`Lint::next_want`].
    pub fn supply(&mut self, want: &Want, answer: Answer) {
        let digest = want.digest.clone();
        match answer {
            Answer::Manifest(manifest) => {
                self.hold(&digest, &manifest);
                self.supply_manifest(want, manifest);
            }
            Answer::Content(held, bytes) => {
                if want.seek == Seek::Manifest && held.media_type.is_none() {
                    self.tree
                        .unreadable
                        .insert(digest.clone(), "it is stored as a blob alone".into());
                }
                if let Some(bytes) = bytes.filter(|_| want.seek == Seek::Config) {
                    self.configs += bytes.len() as u64;
                    self.tree
                        .configs
                        .insert(digest.clone(), ImageConfig::read(&bytes));
                }
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
        self.tree.judge(&self.beyond);
        self.tree
    }

    /// Keeps a manifest that was wanted, unless it was supplied before or there is no room for it.
    fn supply_manifest(&mut self, want: &Want, manifest: Manifest) {
        if want.seek != Seek::Manifest || self.tree.document(&want.digest).is_some() {
            return;
        }
        let weight = self.weight + weight(&manifest);
        if self.full || weight > MAX_WEIGHT {
            self.full = true;
            self.beyond.left_out.insert(want.digest.clone());
        } else {
            self.weight = weight;
            self.take(want.digest.clone(), manifest, want.depth);
        }
    }

    fn hold(&mut self, digest: &Digest, manifest: &Manifest) {
        let held = Held {
            size: manifest.bytes().len() as u64,
            media_type: Some(manifest.media_type().clone()),
        };
        self.tree.held.insert(digest.clone(), Some(held));
    }

    fn take(&mut self, digest: Digest, manifest: Manifest, depth: usize) {
        for child in stored_children(&manifest) {
            self.seek(child, depth + 1);
        }
        if let Some(subject) = manifest.subject() {
            self.want(&subject.digest, None, Seek::Presence, depth + 1);
        }
        self.tree.add(digest, manifest, depth);
    }

    fn seek(&mut self, child: &Child, depth: usize) {
        let media_type = child.descriptor.media_type.as_ref();
        let seek = match child.kind {
            ChildKind::Manifest if media_type.is_some_and(MediaType::is_known_manifest) => {
                Seek::Manifest
            }
            ChildKind::Config if media_type.is_some_and(MediaType::is_image_config) => Seek::Config,
            _ => Seek::Presence,
        };
        if seek != Seek::Manifest || depth <= self.beyond.limits.depth {
            self.want(&child.descriptor.digest, media_type, seek, depth);
        }
    }

    /// Asks for something, unless as much or more of it was asked for already.
    fn want(&mut self, digest: &Digest, media_type: Option<&MediaType>, seek: Seek, depth: usize) {
        if self.sought.get(digest).is_some_and(|known| *known >= seek) {
            return;
        }
        if seek == Seek::Manifest {
            if self.manifests >= self.beyond.limits.documents {
                self.beyond.left_out.insert(digest.clone());
                return;
            }
            self.manifests += 1;
        }
        self.sought.insert(digest.clone(), seek);
        self.queue.push_back(Want {
            digest: digest.clone(),
            media_type: media_type.cloned(),
            seek,
            depth,
        });
    }
}
