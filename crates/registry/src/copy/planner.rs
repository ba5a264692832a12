//! From a request to a plan: the walk down the tree, and the look at the target for each part of it.

use std::collections::{HashMap, HashSet};

use futures_util::future;
use portolan_model::{Descriptor, Digest, Draft, Manifest, Reference};

use super::plan::{Action, Plan, PlannedBlob, PlannedDocument, Rewritten};
use super::together::in_order;
use super::tree::{Blob, Document, Tree, Want};
use super::visit::{found, has_visible_blob, visit};
use super::{Copier, Options, Place, Request, referrers, subset};
use crate::{Error, Kind, Precondition, Result, TagUpdate};

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 16;

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
        let (digest, current) = future::try_join(source_digest(request), current_tags(request)).await?;
        let mut planner = Planner {
            jobs: self.jobs,
            request,
            options,
            tree: Tree::default(),
            changed: HashMap::new(),
            remarks: Vec::new(),
        };
        let mut updates = request.tags.iter().zip(&current);
        let settled =
            !request.tags.is_empty() && updates.all(|(update, current)| is_settled(update, current.as_ref(), &digest));
        if settled && !options.looks_behind_what_is_there() {
            return Ok(planner.nothing(digest));
        }
        planner.plan(digest, &current).await
    }
}

async fn source_digest(request: &Request) -> Result<Digest> {
    let Place { registry, context, repository, .. } = &request.source;
    match &request.reference {
        Reference::Digest(digest) => Ok(digest.clone()),
        tag @ Reference::Tag(_) => {
            let head = registry.head_manifest(context, repository, tag).await;
            head.map(|info| info.digest)
                .map_err(|error| error.while_doing(format!("looking at {}", request.source.at(tag))))
        }
    }
}

/// Where each tag of the request points at the target.
async fn current_tags(request: &Request) -> Result<Vec<Option<Digest>>> {
    let Place { registry, context, repository, .. } = &request.target;
    let heads = request.tags.iter().map(|update| async move {
        let reference = update.tag.clone().into();
        let head = found(registry.head_manifest(context, repository, &reference).await);
        // A stranger is told nothing of what is there; the push says more.
        match head {
            Err(error) if matches!(error.kind(), Kind::Denied | Kind::Unauthorized) => Ok(None),
            head => Ok(head?.map(|info| info.digest)),
        }
    });
    in_order(request.tags.len().max(1), heads).await
}

struct Planner<'a> {
    jobs: usize,
    request: &'a Request,
    options: &'a Options,
    tree: Tree,
    /// Documents that are written anew, by their digest at the source.
    changed: HashMap<Digest, Manifest>,
    remarks: Vec<String>,
}

/// A document that is no child of another, and what is done with it.
struct Root {
    digest: Digest,
    updates: Vec<TagUpdate>,
}

impl Planner<'_> {
    async fn plan(mut self, source_digest: Digest, current: &[Option<Digest>]) -> Result<Plan> {
        let load = !self.request.tags.is_empty() || self.options.looks_behind_what_is_there();
        self.descend(vec![Want { descriptor: Descriptor::of(source_digest.clone()), load, manifest: true }]).await?;
        let dropped = self.cut(&source_digest)?;
        let mut ranks = Ranks { tree: &self.tree, dropped: &dropped, found: HashMap::new() };
        ranks.of(&source_digest);
        let main = ranks.documents();
        let mut roots = if self.options.referrers { self.referrers(&main).await? } else { Vec::new() };

        let digest = self.target_digest(&source_digest);
        let updates = self.request.tags.iter().zip(current);
        let updates = updates.filter(|(update, current)| !is_settled(update, current.as_ref(), &digest));
        let updates = updates.map(|(update, _)| update.clone()).collect();
        roots.push(Root { digest: source_digest.clone(), updates });
        let manifests = self.documents(&roots, &dropped);
        let blobs = self.blobs().await?;
        let mut plan = self.nothing(source_digest);
        plan.digest = digest;
        (plan.manifests, plan.blobs) = (manifests, blobs);
        Ok(plan)
    }

    fn nothing(&mut self, source_digest: Digest) -> Plan {
        let absent = self.tree.absent.iter();
        self.remarks.extend(absent.map(|absent| format!("{} is not at the source, and left out", absent.digest)));
        let mut rewritten: Vec<_> = self.changed.keys().map(|old| self.rewritten(old)).collect();
        rewritten.sort_unstable_by(|one, other| one.old.cmp(&other.old));
        Plan {
            request: self.request.clone(),
            sparse: self.options.sparse,
            source: self.request.source.at(&self.request.reference),
            target: self.request.target.name.to_string(),
            digest: source_digest.clone(),
            source_digest,
            tags: self.request.tags.iter().map(|update| update.tag.to_string()).collect(),
            manifests: Vec::new(),
            blobs: Vec::new(),
            rewritten,
            remarks: std::mem::take(&mut self.remarks),
        }
    }

    fn rewritten(&self, old: &Digest) -> Rewritten {
        Rewritten { old: old.clone(), new: self.target_digest(old) }
    }

    fn target_digest(&self, digest: &Digest) -> Digest {
        self.changed.get(digest).map_or_else(|| digest.clone(), |written| Digest::sha256(written.bytes()))
    }

    /// Visits everything below, level by level, each thing once.
    async fn descend(&mut self, mut level: Vec<Want>) -> Result<()> {
        for _ in 0..=MAX_DEPTH {
            let mut seen = HashSet::new();
            level.retain(|want| {
                !self.tree.knows(&want.descriptor.digest) && seen.insert(want.descriptor.digest.clone())
            });
            if level.is_empty() {
                return Ok(());
            }
            let visits = level.drain(..).map(|want| visit(self.request, self.options, want));
            for visit in in_order(self.jobs, visits).await? {
                level.extend(self.tree.take(visit, self.options));
            }
        }
        let message = format!("the indexes are nested more than {MAX_DEPTH} levels deep");
        Err(Error::new(Kind::ManifestInvalid, message))
    }

    /// Writes the indexes anew if only some platforms are wanted; answers the documents that are
    /// then left out.
    fn cut(&mut self, root: &Digest) -> Result<HashSet<Digest>> {
        if self.options.platforms.is_empty() {
            return Ok(HashSet::new());
        }
        let cut = subset::cut(&self.tree, root, &self.options.platforms)?;
        if !self.options.sparse {
            self.changed = cut.changed;
        }
        if !self.changed.is_empty() {
            self.remarks
                .push("the index was written anew with the chosen platforms alone, so its digest changes".into());
        }
        Ok(cut.empty)
    }

    /// Finds what refers to the documents, and what refers to that in turn.
    async fn referrers(&mut self, main: &[Digest]) -> Result<Vec<Root>> {
        let mut roots = self.signatures(main).await?;
        let mut subjects = main.to_vec();
        while !subjects.is_empty() {
            let lists = subjects.iter().map(|subject| referrers::of(&self.request.source, subject));
            let lists: Vec<Vec<Descriptor>> = in_order(self.jobs, lists).await?;
            let referrers: Vec<_> =
                lists.into_iter().flatten().filter(|referrer| !self.tree.knows(&referrer.digest)).collect();
            subjects = referrers.iter().map(|referrer| referrer.digest.clone()).collect();
            self.descend(
                referrers.into_iter().map(|descriptor| Want { descriptor, load: true, manifest: true }).collect(),
            )
            .await?;
            for referrer in &subjects {
                self.follow_subject(referrer);
                roots.push(Root { digest: referrer.clone(), updates: Vec::new() });
            }
        }
        Ok(roots)
    }

    /// A referrer of something that is written anew refers to that.
    fn follow_subject(&mut self, referrer: &Digest) {
        let Some(manifest) = self.tree.document(referrer).and_then(|document| document.manifest.as_ref()) else {
            return;
        };
        let Some(subject) = manifest.subject().and_then(|subject| self.changed.get(&subject.digest)) else { return };
        let mut draft = Draft::of(manifest);
        draft.replace_subject(&Digest::sha256(subject.bytes()), subject.bytes().len() as u64);
        if let Ok(written) = Manifest::parse(draft.to_bytes(), Some(manifest.media_type())) {
            self.remarks.push(format!(
                "{referrer} refers to the index that was written anew; if it is a signature, it no longer holds"
            ));
            self.changed.insert(referrer.clone(), written);
        }
    }

    /// What cosign keeps under tags. It names the digest that was signed, so it cannot follow another.
    async fn signatures(&mut self, main: &[Digest]) -> Result<Vec<Root>> {
        let tags = referrers::cosign_tags(&self.request.source, main).await?;
        let Place { registry, context, repository, .. } = &self.request.source;
        let mut roots = Vec::new();
        for tag in tags {
            let signed = main.iter().find(|digest| tag.as_str().contains(digest.encoded()));
            if signed.is_some_and(|signed| self.changed.contains_key(signed)) {
                self.remarks
                    .push(format!("the tag {tag} belongs to the index that was written anew, and was left out"));
                continue;
            }
            let info = registry.head_manifest(context, repository, &tag.clone().into()).await?;
            let descriptor = Descriptor::new(info.media_type, info.digest.clone(), info.size);
            self.descend(vec![Want { descriptor, load: true, manifest: true }]).await?;
            roots.push(Root { digest: info.digest, updates: vec![TagUpdate::always(tag)] });
        }
        Ok(roots)
    }

    /// Every document under the roots, children first and the last root last.
    fn documents(&self, roots: &[Root], dropped: &HashSet<Digest>) -> Vec<PlannedDocument> {
        let mut ranks = Ranks { tree: &self.tree, dropped, found: HashMap::new() };
        for root in roots {
            ranks.of(&root.digest);
        }
        let last = roots.last().map(|root| &root.digest);
        let mut planned: Vec<_> = ranks
            .found
            .iter()
            .filter_map(|(digest, rank)| {
                let rank = if Some(digest) == last { usize::MAX } else { *rank };
                let updates = roots.iter().filter(|root| root.digest == *digest).flat_map(|root| root.updates.clone());
                Some(self.planned(self.tree.document(digest)?, updates.collect(), rank))
            })
            .collect();
        planned.sort_unstable_by(|one, other| (one.rank, &one.digest).cmp(&(other.rank, &other.digest)));
        planned
    }

    fn planned(&self, document: &Document, updates: Vec<TagUpdate>, rank: usize) -> PlannedDocument {
        let written = self.changed.get(&document.digest);
        let manifest = written.or(document.manifest.as_ref());
        let bytes = manifest.map(|manifest| manifest.bytes().clone()).unwrap_or_default();
        PlannedDocument {
            digest: self.target_digest(&document.digest),
            media_type: document.media_type.clone(),
            size: manifest.map_or(document.size, |manifest| manifest.bytes().len() as u64),
            action: if document.there && written.is_none() { Action::There } else { Action::Copy },
            tags: updates.iter().map(|update| update.tag.to_string()).collect(),
            updates,
            bytes,
            rank,
            or_blob: document.or_blob,
        }
    }

    async fn blobs(&self) -> Result<Vec<PlannedBlob>> {
        let blobs = self.tree.blobs.iter().map(|blob| self.blob(blob));
        in_order(self.jobs, blobs).await
    }

    async fn blob(&self, blob: &Blob) -> Result<PlannedBlob> {
        let Request { source, target, .. } = self.request;
        let descriptor = blob.descriptor.clone();
        let there = has_visible_blob(target, &descriptor.digest).await?;
        let action = match blob.required {
            _ if there => Action::There,
            true if target.shares_registry_with(source) => Action::Mount { from: source.repository.clone() },
            true if !self.options.sparse => Action::Copy,
            _ => Action::CopyIfThere,
        };
        let (digest, media_type, size) = (descriptor.digest.clone(), descriptor.media_type.clone(), descriptor.size);
        Ok(PlannedBlob { digest, media_type, size, action, descriptor })
    }
}

/// Whether a tag need not be set, since it points there already.
fn is_settled(update: &TagUpdate, current: Option<&Digest>, digest: &Digest) -> bool {
    update.precondition == Precondition::None && current == Some(digest)
}

/// How high each document stands above those that name no other.
struct Ranks<'a> {
    tree: &'a Tree,
    dropped: &'a HashSet<Digest>,
    found: HashMap<Digest, usize>,
}

impl Ranks<'_> {
    /// The walk has bounded the depth.
    fn of(&mut self, digest: &Digest) -> usize {
        if let Some(rank) = self.found.get(digest) {
            return *rank;
        }
        let tree = self.tree;
        let children = tree.document(digest).map(|document| document.children.as_slice()).unwrap_or_default();
        let kept = children.iter().filter(|child| !self.dropped.contains(child) && tree.document(child).is_some());
        let kept: Vec<_> = kept.collect();
        let rank = kept.into_iter().map(|child| self.of(child) + 1).max().unwrap_or_default();
        self.found.insert(digest.clone(), rank);
        rank
    }

    fn documents(self) -> Vec<Digest> {
        let mut documents: Vec<_> = self.found.into_keys().collect();
        documents.sort_unstable();
        documents
    }
}
