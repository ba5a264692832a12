//! From a request to a plan: the walk down the tree, and the look at the target for each part of it.

use std::collections::{HashMap, HashSet};

use futures_util::future;
use portolan_model::convert::Remark;
use portolan_model::{Descriptor, Digest, Manifest, Reference};

use super::plan::{Action, Plan, PlannedBlob, PlannedDocument};
use super::ranks::Ranks;
use super::together::in_order;
use super::tree::{Blob, Document, Tree, Want};
use super::visit::{has_visible_blob, known_manifest, tagged, visit};
use super::{Copier, Options, Place, Request};
use crate::{Error, Kind, Result, TagUpdate};

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 16;

/// Deepest nesting that is followed if nothing of it is to be left.
const MAX_DEPTH_TO_FLATTEN: usize = 256;

impl Copier {
    /// What copying would do; nothing is written.
    ///
    /// It takes two requests if each tag points to the right digest already, and else about one to
    /// the target for each part of the tree, and one to the source for each manifest that moves.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`] when the source has no such manifest, or none for the platforms;
    /// [`Kind::ContentMissing`] when it lacks a part; whatever source and target fail with.
    pub async fn plan(&self, request: &Request, options: &Options) -> Result<Plan> {
        let (digest, current) =
            future::try_join(source_digest(request), current_tags(request)).await?;
        let mut planner = Planner {
            jobs: self.jobs,
            request,
            options,
            tree: Tree::default(),
            became: HashMap::new(),
            remarks: Vec::new(),
            losses: Vec::new(),
        };
        let mut updates = request.tags.iter().zip(&current);
        let settled = !request.tags.is_empty()
            && updates.all(|(update, current)| is_settled(update, current.as_ref(), &digest));
        if settled && !options.looks_behind_what_is_there() {
            return Ok(planner.nothing(digest));
        }
        planner.plan(digest, &current).await
    }
}

async fn source_digest(request: &Request) -> Result<Digest> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = &request.source;
    match &request.reference {
        Reference::Digest(digest) => Ok(digest.clone()),
        tag @ Reference::Tag(_) => {
            let head = registry.head_manifest(context, repository, tag).await;
            head.map(|info| info.digest).map_err(|error| {
                error.while_doing(format!("looking at {}", request.source.at(tag)))
            })
        }
    }
}

/// Where each tag of the request points at the target.
async fn current_tags(request: &Request) -> Result<Vec<Option<Digest>>> {
    let heads = request
        .tags
        .iter()
        .map(|update| tagged(&request.target, &update.tag));
    in_order(request.tags.len().max(1), heads).await
}

pub(super) struct Planner<'a> {
    pub(super) jobs: usize,
    pub(super) request: &'a Request,
    pub(super) options: &'a Options,
    /// What the source has, and what is written anew of it.
    pub(super) tree: Tree,
    /// What the digests of documents become that are written anew.
    pub(super) became: HashMap<Digest, Digest>,
    pub(super) remarks: Vec<String>,
    pub(super) losses: Vec<Remark>,
}

/// A document that is no child of another, and what is done with it.
pub(super) struct Root {
    /// Its digest at the target.
    pub(super) digest: Digest,
    pub(super) updates: Vec<TagUpdate>,
}

impl Planner<'_> {
    async fn plan(mut self, source_digest: Digest, current: &[Option<Digest>]) -> Result<Plan> {
        let load = !self.request.tags.is_empty() || self.options.looks_behind_what_is_there();
        let root = Want {
            descriptor: Descriptor::of(source_digest.clone()),
            load,
            manifest: true,
        };
        self.descend(vec![root], self.options).await?;
        let dropped = self.rewrite(&source_digest).await?;
        let digest = self.now(&source_digest).clone();
        let mut roots = if self.options.referrers {
            self.referrers(&digest, &dropped).await?
        } else {
            Vec::new()
        };
        let updates = self.request.tags.iter().zip(current);
        let updates =
            updates.filter(|(update, current)| !is_settled(update, current.as_ref(), &digest));
        let updates = updates.map(|(update, _)| update.clone()).collect();
        roots.push(Root {
            digest: digest.clone(),
            updates,
        });

        let there = self.rewritten_there().await?;
        let manifests = self.documents(&roots, &dropped, &there);
        let blobs = self.blobs(&manifests).await?;
        let rewritten = self.rewritten(&manifests);
        Ok(Plan {
            digest,
            manifests,
            blobs,
            rewritten,
            ..self.nothing(source_digest)
        })
    }

    fn nothing(&mut self, source_digest: Digest) -> Plan {
        let absent = self.tree.absent.iter();
        self.remarks.extend(
            absent.map(|absent| format!("{} is not at the source, and left out", absent.digest)),
        );
        Plan {
            request: self.request.clone(),
            sparse: self.options.sparse,
            source: self.request.source.at(&self.request.reference),
            target: self.request.target.name.to_string(),
            digest: source_digest.clone(),
            source_digest,
            tags: self
                .request
                .tags
                .iter()
                .map(|update| update.tag.to_string())
                .collect(),
            manifests: Vec::new(),
            blobs: Vec::new(),
            rewritten: Vec::new(),
            losses: std::mem::take(&mut self.losses),
            remarks: std::mem::take(&mut self.remarks),
        }
    }

    /// Documents that are written anew and that the target has already.
    async fn rewritten_there(&self) -> Result<HashSet<Digest>> {
        let written: HashSet<&Digest> = self.became.values().collect();
        let looks = written.into_iter().map(|digest| async move {
            Ok(known_manifest(&self.request.target, digest)
                .await?
                .map(|_| digest.clone()))
        });
        Ok(in_order(self.jobs, looks)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Visits everything below, level by level, each thing once.
    pub(super) async fn descend(&mut self, mut level: Vec<Want>, options: &Options) -> Result<()> {
        let flatten = options
            .conversion
            .is_some_and(|conversion| conversion.flatten);
        let deepest = if flatten {
            MAX_DEPTH_TO_FLATTEN
        } else {
            MAX_DEPTH
        };
        for depth in 0.. {
            let mut seen = HashSet::new();
            level.retain(|want| {
                !self.tree.knows(&want.descriptor.digest)
                    && seen.insert(want.descriptor.digest.clone())
            });
            if level.is_empty() {
                break;
            }
            if depth > deepest {
                return Err(too_deep(deepest, flatten));
            }
            let visits = level
                .drain(..)
                .map(|want| visit(self.request, options, want));
            for visit in in_order(self.jobs, visits).await? {
                level.extend(self.tree.take(visit, options));
            }
        }
        Ok(())
    }

    /// Every document under the roots, children first, those with tags behind all others, and the last
    /// root last.
    fn documents(
        &self,
        roots: &[Root],
        dropped: &HashSet<Digest>,
        there: &HashSet<Digest>,
    ) -> Vec<PlannedDocument> {
        let mut ranks = Ranks::new(&self.tree, dropped);
        for root in roots {
            ranks.of(&root.digest);
        }
        let last = roots.last().map(|root| &root.digest);
        let mut planned = Vec::new();
        for (digest, own_rank) in &ranks.found {
            let Some(document) = self.tree.document(digest) else {
                continue;
            };
            let updates = roots
                .iter()
                .filter(|root| root.digest == *digest)
                .flat_map(|root| root.updates.clone());
            let updates: Vec<_> = updates.collect();
            let late = match () {
                () if Some(digest) == last => usize::MAX,
                () if !updates.is_empty() => usize::MAX - 1,
                () => *own_rank,
            };
            if late == *own_rank || !ranks.is_a_child(digest) {
                planned.push(Self::planned(document, there, updates, late));
                continue;
            }
            // What another document names has to be there before it; its tags wait nevertheless.
            planned.push(Self::planned(document, there, Vec::new(), *own_rank));
            if !updates.is_empty() {
                let tagged = Self::planned(document, there, updates, late);
                planned.push(PlannedDocument {
                    action: Action::There,
                    ..tagged
                });
            }
        }
        planned.sort_unstable_by(|one, other| {
            (one.rank, &one.digest).cmp(&(other.rank, &other.digest))
        });
        planned
    }

    fn planned(
        document: &Document,
        rewritten_there: &HashSet<Digest>,
        updates: Vec<TagUpdate>,
        rank: usize,
    ) -> PlannedDocument {
        let bytes = document
            .manifest
            .as_ref()
            .map(|manifest| manifest.bytes().clone())
            .unwrap_or_default();
        let there = document.there || rewritten_there.contains(&document.digest);
        PlannedDocument {
            digest: document.digest.clone(),
            media_type: document.media_type.clone(),
            size: document.size,
            action: if there { Action::There } else { Action::Copy },
            tags: updates
                .iter()
                .map(|update| update.tag.to_string())
                .collect(),
            updates,
            bytes,
            rank,
            or_blob: document.or_blob,
        }
    }

    async fn blobs(&self, manifests: &[PlannedDocument]) -> Result<Vec<PlannedBlob>> {
        let named = self.named(manifests);
        let blobs = self
            .tree
            .blobs
            .iter()
            .filter(|blob| !self.options.reshapes() || named.contains(&blob.descriptor.digest));
        in_order(self.jobs, blobs.map(|blob| self.blob(blob))).await
    }

    /// What the documents name that the target does not have. What is written anew may name less than
    /// what it was before, and the target may have it already.
    fn named(&self, manifests: &[PlannedDocument]) -> HashSet<&Digest> {
        let missing = manifests
            .iter()
            .filter(|document| document.action != Action::There || self.options.recheck);
        let missing =
            missing.filter_map(|document| self.tree.document(&document.digest)?.manifest.as_ref());
        missing
            .flat_map(Manifest::children)
            .map(|child| &child.descriptor.digest)
            .collect()
    }

    async fn blob(&self, blob: &Blob) -> Result<PlannedBlob> {
        let Request { source, target, .. } = self.request;
        let descriptor = blob.descriptor.clone();
        let there = has_visible_blob(target, &descriptor.digest).await?;
        let required = blob.required && !self.options.sparse;
        let action = match required {
            _ if there => Action::There,
            _ if target.shares_registry_with(source) => Action::Mount {
                from: source.repository.clone(),
            },
            true => Action::Copy,
            false => Action::CopyIfThere,
        };
        let (digest, media_type, size) = (
            descriptor.digest.clone(),
            descriptor.media_type.clone(),
            descriptor.size,
        );
        Ok(PlannedBlob {
            digest,
            media_type,
            size,
            action,
            descriptor,
            required,
        })
    }
}

/// Whether a tag need not be set, since it points there already.
fn is_settled(update: &TagUpdate, current: Option<&Digest>, digest: &Digest) -> bool {
    current == Some(digest) && update.precondition.holds(current)
}

/// Indexes that are nested deeper than is followed.
#[derive(Debug, thiserror::Error)]
#[error("the indexes are nested more than {deepest} levels deep{}", if *.flatten { "" } else { "; take them apart with portolan convert --flatten" })]
pub struct TooDeep {
    deepest: usize,
    flatten: bool,
}

fn too_deep(deepest: usize, flatten: bool) -> Error {
    let error = TooDeep { deepest, flatten };
    Error::new(Kind::ManifestInvalid, error.to_string()).with_source(error)
}
