//! From a request to a plan: the walk down the tree, and the look at the target for each part of it.

use std::collections::{HashMap, HashSet};

use futures_util::future;
use portolan_model::{ChildKind, Descriptor, Digest, Draft, Manifest, Platform, Reference};

use super::plan::{Action, Plan, PlannedBlob, PlannedDocument, Rewritten};
use super::ranks::Ranks;
use super::together::in_order;
use super::tree::{Blob, Document, Tree, Want};
use super::visit::{found, has_visible_blob, known_manifest, tagged, visit};
use super::{Copier, Options, Place, Request, cosign, subset};
use crate::{Error, Kind, MAX_MANIFEST_BYTES, Precondition, Result, TagUpdate};

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
    let heads = request.tags.iter().map(|update| tagged(&request.target, &update.tag));
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
        let root = Want { descriptor: Descriptor::of(source_digest.clone()), load, manifest: true };
        self.descend(vec![root], self.options).await?;
        let dropped = self.cut(&source_digest).await?;
        let mut ranks = Ranks::new(&self.tree, &dropped);
        ranks.of(&source_digest);
        let main = ranks.documents();
        let mut roots = if self.options.referrers { self.referrers(&main).await? } else { Vec::new() };

        let digest = self.target_digest(&source_digest);
        let updates = self.request.tags.iter().zip(current);
        let updates = updates.filter(|(update, current)| !is_settled(update, current.as_ref(), &digest));
        let updates = updates.map(|(update, _)| update.clone()).collect();
        roots.push(Root { digest: source_digest.clone(), updates });
        let there = self.rewritten_there().await?;
        let manifests = self.documents(&roots, &dropped, &there);
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

    /// Documents that are written anew and that the target has already.
    async fn rewritten_there(&self) -> Result<HashSet<Digest>> {
        let looks = self.changed.keys().map(|old| async move {
            let new = self.target_digest(old);
            Ok(known_manifest(&self.request.target, &new).await?.map(|_| new))
        });
        Ok(in_order(self.jobs, looks).await?.into_iter().flatten().collect())
    }

    /// Visits everything below, level by level, each thing once.
    async fn descend(&mut self, mut level: Vec<Want>, options: &Options) -> Result<()> {
        for _ in 0..=MAX_DEPTH {
            let mut seen = HashSet::new();
            level.retain(|want| {
                !self.tree.knows(&want.descriptor.digest) && seen.insert(want.descriptor.digest.clone())
            });
            if level.is_empty() {
                return Ok(());
            }
            let visits = level.drain(..).map(|want| visit(self.request, options, want));
            for visit in in_order(self.jobs, visits).await? {
                level.extend(self.tree.take(visit, options));
            }
        }
        let message = format!("the indexes are nested more than {MAX_DEPTH} levels deep");
        Err(Error::new(Kind::ManifestInvalid, message))
    }

    /// Writes the indexes anew if only some platforms are wanted; answers the documents that are
    /// then left out.
    async fn cut(&mut self, root: &Digest) -> Result<HashSet<Digest>> {
        if self.options.platforms.is_empty() {
            return Ok(HashSet::new());
        }
        if !subset::is_cut(self.tree.document(root)) {
            self.check_platform(root).await?;
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

    /// An image that says what it is for has to be for a platform that is wanted.
    async fn check_platform(&self, root: &Digest) -> Result<()> {
        let manifest = self.tree.document(root).and_then(|document| document.manifest.as_ref());
        let config =
            manifest.and_then(|manifest| manifest.children().iter().find(|child| child.kind == ChildKind::Config));
        let Some(config) = config else { return Ok(()) };
        let Place { registry, context, repository, .. } = &self.request.source;
        let Some(read) = found(registry.get_blob(context, repository, &config.descriptor.digest, None).await)? else {
            return Ok(());
        };
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await?;
        // An artifact's config need not name a platform.
        let Ok(platform) = serde_json::from_slice::<Platform>(&bytes) else { return Ok(()) };
        if self.options.platforms.iter().any(|wanted| platform.satisfies(wanted)) {
            return Ok(());
        }
        let wanted: Vec<_> = self.options.platforms.iter().map(ToString::to_string).collect();
        let message = format!(
            "{} is one image for {platform}, and not for {}",
            self.request.source.at(&self.request.reference),
            wanted.join(", ")
        );
        Err(Error::new(Kind::ManifestUnknown, message))
    }

    /// What comes along is not cut down to platforms.
    fn options_of_referrers(&self) -> Options {
        Options { platforms: Vec::new(), ..self.options.clone() }
    }

    /// Finds what refers to the documents, and what refers to that in turn.
    async fn referrers(&mut self, main: &[Digest]) -> Result<Vec<Root>> {
        let mut roots = self.signatures(main).await?;
        let mut subjects = main.to_vec();
        while !subjects.is_empty() {
            let lists = subjects.iter().map(|subject| self.request.source.referrers(subject, None));
            let lists: Vec<Vec<Descriptor>> = in_order(self.jobs, lists).await?;
            let referrers: Vec<_> =
                lists.into_iter().flatten().filter(|referrer| !self.tree.knows(&referrer.digest)).collect();
            subjects = referrers.iter().map(|referrer| referrer.digest.clone()).collect();
            let wants = referrers.into_iter().map(|descriptor| Want { descriptor, load: true, manifest: true });
            self.descend(wants.collect(), &self.options_of_referrers()).await?;
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

    /// What cosign keeps under tags. It names the digest that was signed, so it cannot follow another,
    /// and what the target has under such a tag may have been made there, and stays.
    async fn signatures(&mut self, main: &[Digest]) -> Result<Vec<Root>> {
        let tags = cosign::tags(&self.request.source, main).await?;
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
            let there = tagged(&self.request.target, &tag).await?;
            if there.as_ref().is_some_and(|there| *there != info.digest) {
                self.remarks
                    .push(format!("the target has something else under the tag {tag}, which was left as it is"));
                continue;
            }
            let descriptor = Descriptor::new(info.media_type, info.digest.clone(), info.size);
            let want = Want { descriptor, load: there.is_none(), manifest: true };
            self.descend(vec![want], &self.options_of_referrers()).await?;
            let updates = if there.is_none() { vec![TagUpdate::always(tag)] } else { Vec::new() };
            roots.push(Root { digest: info.digest, updates });
        }
        Ok(roots)
    }

    /// Every document under the roots, children first, those with tags behind all others, and the last
    /// root last.
    fn documents(&self, roots: &[Root], dropped: &HashSet<Digest>, there: &HashSet<Digest>) -> Vec<PlannedDocument> {
        let mut ranks = Ranks::new(&self.tree, dropped);
        for root in roots {
            ranks.of(&root.digest);
        }
        let last = roots.last().map(|root| &root.digest);
        let mut planned = Vec::new();
        for (digest, own_rank) in &ranks.found {
            let Some(document) = self.tree.document(digest) else { continue };
            let updates = roots.iter().filter(|root| root.digest == *digest).flat_map(|root| root.updates.clone());
            let updates: Vec<_> = updates.collect();
            let late = match () {
                () if Some(digest) == last => usize::MAX,
                () if !updates.is_empty() => usize::MAX - 1,
                () => *own_rank,
            };
            if late == *own_rank || !ranks.is_a_child(digest) {
                planned.push(self.planned(document, there, updates, late));
                continue;
            }
            // What another document names has to be there before it; its tags wait nevertheless.
            planned.push(self.planned(document, there, Vec::new(), *own_rank));
            if !updates.is_empty() {
                let tagged = self.planned(document, there, updates, late);
                planned.push(PlannedDocument { action: Action::There, ..tagged });
            }
        }
        planned.sort_unstable_by(|one, other| (one.rank, &one.digest).cmp(&(other.rank, &other.digest)));
        planned
    }

    fn planned(
        &self,
        document: &Document,
        rewritten_there: &HashSet<Digest>,
        updates: Vec<TagUpdate>,
        rank: usize,
    ) -> PlannedDocument {
        let written = self.changed.get(&document.digest);
        let manifest = written.or(document.manifest.as_ref());
        let bytes = manifest.map(|manifest| manifest.bytes().clone()).unwrap_or_default();
        let digest = self.target_digest(&document.digest);
        let there = if written.is_some() { rewritten_there.contains(&digest) } else { document.there };
        PlannedDocument {
            digest,
            media_type: document.media_type.clone(),
            size: manifest.map_or(document.size, |manifest| manifest.bytes().len() as u64),
            action: if there { Action::There } else { Action::Copy },
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
        let required = blob.required && !self.options.sparse;
        let action = match required {
            _ if there => Action::There,
            _ if target.shares_registry_with(source) => Action::Mount { from: source.repository.clone() },
            true => Action::Copy,
            false => Action::CopyIfThere,
        };
        let (digest, media_type, size) = (descriptor.digest.clone(), descriptor.media_type.clone(), descriptor.size);
        Ok(PlannedBlob { digest, media_type, size, action, descriptor, required })
    }
}

/// Whether a tag need not be set, since it points there already.
fn is_settled(update: &TagUpdate, current: Option<&Digest>, digest: &Digest) -> bool {
    update.precondition == Precondition::None && current == Some(digest)
}
