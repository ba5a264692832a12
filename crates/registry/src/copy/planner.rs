//! Planning of a copy. The planner walks the tree at the source, and looks up its manifests and
//! blobs at the target.

use std::collections::{HashMap, HashSet};

use futures_util::future;
use portolan_model::convert::Remark;
use portolan_model::{Descriptor, Digest, Manifest, Reference};

use super::concurrency::in_order;
use super::order::Ranks;
use super::plan::{Plan, PlannedAction, PlannedBlob, PlannedDocument};
use super::resolve::{find_target_blob, find_target_manifest, find_target_tag, resolve};
use super::tree::{Blob, CopyTree, Document, ResolveRequest};
use super::{Copier, CopyOptions, CopyRequest};
use crate::{Error, Kind, ManifestInfo, Result, TagUpdate};

/// Maximum nesting depth of indexes.
const MAX_DEPTH: usize = 16;

/// Maximum nesting depth of indexes if the conversion flattens them into one index.
const MAX_DEPTH_TO_FLATTEN: usize = 256;

impl Copier {
    /// Plans a copy without writing anything.
    ///
    /// If each tag already points to the right digest, this takes one request to the source, and
    /// one request to the target for each tag. Otherwise, it takes about one request to the target
    /// for each manifest and blob, and one request to the source for each manifest to copy.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`] if the manifest does not exist at the source or has no
    /// image for a selected platform, [`Kind::ContentMissing`] if the source lacks content that it
    /// references, and the errors of both registries.
    pub async fn plan(&self, request: &CopyRequest, options: &CopyOptions) -> Result<Plan> {
        let (root, current) = future::try_join(source_root(request), current_tags(request)).await?;
        let planned = self
            .plan_from(root.clone(), &current, request, options)
            .await;
        match planned {
            Err(error) if *error.kind() == Kind::ManifestUnknown => {
                let reread = reread_root(request, &root).await;
                let Some(root) = reread else {
                    return Err(error);
                };
                self.plan_from(root, &current, request, options).await
            }
            planned => planned,
        }
    }

    /// Plans a copy of `source`. `current` contains the manifests at the target that the tags of
    /// the request point to.
    async fn plan_from(
        &self,
        source: Descriptor,
        current: &[Option<ManifestInfo>],
        request: &CopyRequest,
        options: &CopyOptions,
    ) -> Result<Plan> {
        let digest = source.digest.clone();
        // If the target reports another size for the manifest than the source, the tag must be set
        // again.
        let agrees = |info: &ManifestInfo| {
            info.digest != digest || source.size.is_none_or(|size| size == info.size)
        };
        let digests = current.iter().map(|info| {
            let info = info.as_ref().filter(|info| agrees(info));
            info.map(|info| info.digest.clone())
        });
        let current: Vec<_> = digests.collect();
        let mut planner = Planner {
            jobs: self.jobs,
            request,
            options,
            tree: CopyTree::default(),
            rewritten_digests: HashMap::new(),
            remarks: Vec::new(),
            losses: Vec::new(),
        };
        let mut updates = request.tags.iter().zip(&current);
        let settled = !request.tags.is_empty()
            && updates
                .all(|(update, current)| is_tag_up_to_date(update, current.as_ref(), &digest));
        if settled && !options.walks_present_documents() {
            return Ok(planner.empty_plan(digest));
        }
        planner.plan(source, &current).await
    }
}

/// Returns the digest of the requested manifest. For a tag, this requires a lookup at the source,
/// and the result contains the size too.
async fn source_root(
    CopyRequest {
        source, reference, ..
    }: &CopyRequest,
) -> Result<Descriptor> {
    if let Reference::Digest(digest) = reference {
        return Ok(Descriptor::from_digest(digest.clone()));
    }
    let info = source.head_manifest(reference).await.map_err(|error| {
        error.with_prefix(format!("failed to look up {}", source.full_name(reference)))
    })?;
    Ok(root_descriptor(info))
}

/// Returns a descriptor without the media type, because registries may report different types for
/// the same manifest.
fn root_descriptor(info: ManifestInfo) -> Descriptor {
    Descriptor {
        size: Some(info.size),
        ..Descriptor::from_digest(info.digest)
    }
}

/// Reads the manifest that the requested tag points to. Used if the digest in `root`, which a
/// lookup of the tag has returned, does not exist at the source. Returns `None` if the manifest has
/// the same digest or cannot be read.
///
/// For a lookup with HEAD, Docker Hub once returned the digest of an image in the index that the
/// tag points to.
async fn reread_root(request: &CopyRequest, root: &Descriptor) -> Option<Descriptor> {
    let tag @ Reference::Tag(_) = &request.reference else {
        return None;
    };
    let info = request.source.manifest(tag).await.ok()?.info;
    (info.digest != root.digest).then(|| root_descriptor(info))
}

/// Returns the manifest that each tag of the request points to at the target, or `None` for a tag
/// that does not exist.
async fn current_tags(request: &CopyRequest) -> Result<Vec<Option<ManifestInfo>>> {
    let heads = request
        .tags
        .iter()
        .map(|update| find_target_tag(&request.target, &update.tag));
    in_order(request.tags.len().max(1), heads).await
}

/// State of the planning of one copy.
pub(super) struct Planner<'a> {
    pub(super) jobs: usize,
    pub(super) request: &'a CopyRequest,
    pub(super) options: &'a CopyOptions,
    /// Documents and blobs of the source, and rewritten documents.
    pub(super) tree: CopyTree,
    /// Digests of rewritten documents, by the digests of the originals.
    pub(super) rewritten_digests: HashMap<Digest, Digest>,
    pub(super) remarks: Vec<String>,
    pub(super) losses: Vec<Remark>,
}

/// Document that a copy starts from (the requested manifest or a referrer), with the tags to set on
/// it.
pub(super) struct Root {
    /// Digest of the document at the target.
    pub(super) digest: Digest,
    pub(super) updates: Vec<TagUpdate>,
}

impl Planner<'_> {
    async fn plan(mut self, source: Descriptor, current: &[Option<Digest>]) -> Result<Plan> {
        let source_digest = source.digest.clone();
        let load = !self.request.tags.is_empty() || self.options.walks_present_documents();
        let root = ResolveRequest {
            descriptor: source,
            needs_content: load,
            is_manifest: true,
        };
        // The order matters: the tree must be complete before it is rewritten, and referrers are
        // searched after that, because they must refer to the new digests.
        self.descend(vec![root], self.options).await?;
        let dropped = self.rewrite(&source_digest).await?;
        let digest = self.target_digest(&source_digest).clone();
        let mut roots = if self.options.referrers {
            self.find_referrers(&digest, &dropped).await?
        } else {
            Vec::new()
        };
        let updates = self.request.tags.iter().zip(current);
        let updates = updates
            .filter(|(update, current)| !is_tag_up_to_date(update, current.as_ref(), &digest));
        let updates = updates.map(|(update, _)| update.clone()).collect();
        roots.push(Root {
            digest: digest.clone(),
            updates,
        });

        let present = self.find_present_rewritten().await?;
        let manifests = self.plan_documents(&roots, &dropped, &present);
        let blobs = self.plan_blobs(&manifests).await?;
        let rewritten = self.list_rewritten(&manifests);
        Ok(Plan {
            digest,
            manifests,
            blobs,
            rewritten,
            ..self.empty_plan(source_digest)
        })
    }

    /// Creates a plan that transfers nothing. Moves the losses and remarks into it.
    fn empty_plan(&mut self, source_digest: Digest) -> Plan {
        let absent = self.tree.absent.iter();
        self.remarks.extend(
            absent.map(|absent| format!("{} is missing at the source; skipped", absent.digest)),
        );
        Plan {
            request: self.request.clone(),
            source: self.request.source.full_name(&self.request.reference),
            target: self.request.target.display_name.to_string(),
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

    /// Returns the rewritten documents that the target already has.
    async fn find_present_rewritten(&self) -> Result<HashSet<Digest>> {
        let written: HashSet<&Digest> = self.rewritten_digests.values().collect();
        let looks = written.into_iter().map(|digest| async move {
            let descriptor = Descriptor::from_digest(digest.clone());
            Ok(find_target_manifest(&self.request.target, &descriptor)
                .await?
                .map(|_| digest.clone()))
        });
        Ok(in_order(self.jobs, looks)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Resolves the requests in `level`, and adds the results and all content below them to the
    /// tree, level by level. Visits each digest once.
    pub(super) async fn descend(
        &mut self,
        mut level: Vec<ResolveRequest>,
        options: &CopyOptions,
    ) -> Result<()> {
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
                !self.tree.contains(&want.descriptor.digest)
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
                .map(|want| resolve(self.request, options, want));
            for visit in in_order(self.jobs, visits).await? {
                self.read_config_platforms(&visit, options).await?;
                level.extend(self.tree.add(visit, options));
            }
        }
        Ok(())
    }

    /// Plans all documents below the roots in storage order: children before parents, documents
    /// with tags after documents without tags, and the requested manifest (the last root) at the
    /// end.
    fn plan_documents(
        &self,
        roots: &[Root],
        dropped: &HashSet<Digest>,
        present: &HashSet<Digest>,
    ) -> Vec<PlannedDocument> {
        let mut ranks = Ranks::new(&self.tree, dropped);
        for root in roots {
            ranks.compute(&root.digest);
        }
        let last = roots.last().map(|root| &root.digest);
        let mut planned = Vec::new();
        for (digest, own_rank) in &ranks.by_digest {
            let Some(document) = self.tree.document(digest) else {
                continue;
            };
            let updates = roots
                .iter()
                .filter(|root| root.digest == *digest)
                .flat_map(|root| root.updates.clone());
            let updates: Vec<_> = updates.collect();
            // Set tags after all content is stored, and the tags of the requested manifest last. So
            // if a copy fails, none of the requested tags has moved.
            let late = match () {
                () if Some(digest) == last => usize::MAX,
                () if !updates.is_empty() => usize::MAX - 1,
                () => *own_rank,
            };
            if late == *own_rank || !ranks.is_child(digest) {
                planned.push(Self::plan_document(document, present, updates, late));
                continue;
            }
            // This document must be stored before the documents that reference it. Its tags are
            // still set at the end, in a separate step.
            planned.push(Self::plan_document(
                document,
                present,
                Vec::new(),
                *own_rank,
            ));
            if !updates.is_empty() {
                let tagged = Self::plan_document(document, present, updates, late);
                planned.push(PlannedDocument {
                    action: PlannedAction::Present,
                    ..tagged
                });
            }
        }
        planned.sort_unstable_by(|one, other| {
            (one.rank, &one.digest).cmp(&(other.rank, &other.digest))
        });
        planned
    }

    fn plan_document(
        document: &Document,
        rewritten_present: &HashSet<Digest>,
        updates: Vec<TagUpdate>,
        rank: usize,
    ) -> PlannedDocument {
        let bytes = document
            .manifest
            .as_ref()
            .map(|manifest| manifest.bytes().clone())
            .unwrap_or_default();
        let present = document.present || rewritten_present.contains(&document.digest);
        PlannedDocument {
            digest: document.digest.clone(),
            media_type: document.media_type.clone(),
            size: document.size,
            action: if present {
                PlannedAction::Present
            } else {
                PlannedAction::Copy
            },
            tags: updates
                .iter()
                .map(|update| update.tag.to_string())
                .collect(),
            updates,
            bytes,
            rank,
            blob_fallback: document.blob_fallback,
        }
    }

    async fn plan_blobs(&self, manifests: &[PlannedDocument]) -> Result<Vec<PlannedBlob>> {
        let named = self.needed_digests(manifests);
        let blobs =
            self.tree.blobs.iter().filter(|blob| {
                !self.options.may_rewrite() || named.contains(&blob.descriptor.digest)
            });
        in_order(self.jobs, blobs.map(|blob| self.plan_blob(blob))).await
    }

    /// Returns the digests that the documents to copy reference. Only these can be missing at the
    /// target.
    ///
    /// If documents are rewritten, the tree may have more blobs than that: a rewritten document may
    /// reference fewer blobs than its original, and the target may already have the rewritten
    /// document.
    fn needed_digests(&self, manifests: &[PlannedDocument]) -> HashSet<&Digest> {
        let missing = manifests
            .iter()
            .filter(|document| document.action != PlannedAction::Present || self.options.recheck);
        let missing =
            missing.filter_map(|document| self.tree.document(&document.digest)?.manifest.as_ref());
        missing
            .flat_map(Manifest::children)
            .map(|child| &child.descriptor.digest)
            .collect()
    }

    async fn plan_blob(&self, blob: &Blob) -> Result<PlannedBlob> {
        let CopyRequest { source, target, .. } = self.request;
        let descriptor = blob.descriptor.clone();
        let found = find_target_blob(target, &descriptor.digest).await?;
        let is_damaged = found
            .as_ref()
            .is_some_and(|info| descriptor.size.is_some_and(|size| size != info.size));
        let required = blob.required && !self.options.sparse;
        let action = match required {
            _ if found.is_some() && !is_damaged => PlannedAction::Present,
            _ if target.shares_registry_with(source) && !is_damaged => PlannedAction::Mount {
                from: source.name.clone(),
            },
            true => PlannedAction::Copy,
            false => PlannedAction::CopyIfPresent,
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
            is_damaged,
        })
    }
}

/// Returns whether a tag already points to `digest`, so that it does not have to be set.
fn is_tag_up_to_date(update: &TagUpdate, current: Option<&Digest>, digest: &Digest) -> bool {
    current == Some(digest) && update.precondition.is_met(current)
}

/// Error for indexes with too many levels of nesting.
#[derive(Debug, thiserror::Error)]
#[error("the indexes are nested more than {deepest} levels deep{}", if *.flatten { "" } else { "; flatten them with portolan convert --flatten" })]
pub struct TooDeep {
    deepest: usize,
    flatten: bool,
}

fn too_deep(deepest: usize, flatten: bool) -> Error {
    let error = TooDeep { deepest, flatten };
    Error::new(Kind::MANIFEST_INVALID, error.to_string()).with_source(error)
}
