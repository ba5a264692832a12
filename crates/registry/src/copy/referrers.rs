//! Search for content that refers to the copied manifests: their referrers, and the manifests that
//! cosign tags point to.

use std::collections::{HashMap, HashSet};

use portolan_model::convert::{Effect, Remark};
use portolan_model::{Descriptor, Digest, ManifestDraft, Tag};

use super::concurrency::in_order;
use super::order::Ranks;
use super::planner::{Planner, Root};
use super::resolve::find_target_tag;
use super::rewriting::build_replacement;
use super::tree::{Document, ResolveRequest};
use super::{CopyOptions, cosign};
use crate::{Result, TagUpdate};

/// State of the search for content that refers to the copied manifests.
struct Search {
    /// Cosign tags in the source repository.
    tags: cosign::CosignTags,
    /// Digests (manifests and blobs) at the source whose referrers have already been searched. Ends
    /// the search if referrers form a cycle.
    visited: HashSet<Digest>,
    /// Cosign tags at the target that this plan already uses. A second source tag with the same
    /// target name is skipped.
    assigned_tags: HashSet<Tag>,
    /// Referrers and cosign manifests found so far.
    roots: Vec<Root>,
}

/// Digests at the source that may be subjects of referrers: manifests, and blobs that are children
/// of an index.
struct Subjects {
    /// Subjects that the copy includes.
    copied: Vec<Digest>,
    /// Subjects that a conversion drops.
    dropped: Vec<Digest>,
}

impl Planner<'_> {
    /// Finds the referrers of `root` and of all manifests below it, and the referrers of these
    /// referrers. Adds the found manifests to the tree, and returns a root for each.
    pub(super) async fn find_referrers(
        &mut self,
        root: &Digest,
        dropped: &HashSet<Digest>,
    ) -> Result<Vec<Root>> {
        let tags = cosign::CosignTags::list(&self.request.source).await?;
        let mut search = Search {
            tags,
            visited: HashSet::new(),
            assigned_tags: HashSet::new(),
            roots: Vec::new(),
        };
        let Subjects {
            copied: kept,
            dropped: omitted,
        } = self.subjects(root, dropped);
        self.report_lost_referrers(&search.tags, &omitted).await?;
        let mut subjects = kept;
        // Search breadth-first: the manifests found in one round are the subjects of the next
        // round. `visited` ensures that the search ends if referrers form a cycle.
        while !subjects.is_empty() {
            search.visited.extend(subjects.iter().cloned());
            let mut found = self.add_signatures(&mut search, &subjects).await?;
            found.extend(self.add_referrers(&mut search, &subjects).await?);
            let mut new = HashSet::new();
            found.retain(|digest| !search.visited.contains(digest) && new.insert(digest.clone()));
            subjects = found;
        }
        Ok(search.roots)
    }

    /// Returns the digests that may be subjects, sorted. Documents in `dropped` are in neither
    /// list. Without a conversion, the list of dropped subjects is empty.
    fn subjects(&self, root: &Digest, dropped: &HashSet<Digest>) -> Subjects {
        let mut ranks = Ranks::new(&self.tree, dropped);
        ranks.compute(root);
        let stays = |digest: &Digest| ranks.by_digest.contains_key(self.target_digest(digest));
        let (kept, omitted): (Vec<&Document>, Vec<_>) = self
            .tree
            .originals()
            .partition(|document| stays(&document.digest));
        let blobs_of = |parents: &mut dyn Iterator<Item = &Digest>| -> HashSet<Digest> {
            let children = parents
                .filter_map(|parent| self.tree.document(parent))
                .flat_map(|parent| &parent.children);
            children
                .filter(|child| self.tree.has_blob(child))
                .cloned()
                .collect()
        };
        let kept_blobs = blobs_of(&mut ranks.by_digest.keys());
        let mut omitted_blobs =
            blobs_of(&mut self.tree.originals().map(|document| &document.digest));
        omitted_blobs.retain(|blob| !kept_blobs.contains(blob));
        let sorted = |documents: Vec<&Document>, blobs: HashSet<Digest>| {
            let documents = documents
                .into_iter()
                .map(|document| document.digest.clone());
            let mut digests: Vec<_> = documents.chain(blobs).collect();
            digests.sort_unstable();
            digests
        };
        let kept = sorted(kept, kept_blobs);
        let omitted = if self.options.conversion.is_some() {
            sorted(omitted, omitted_blobs)
        } else {
            Vec::new()
        };
        Subjects {
            copied: kept,
            dropped: omitted
                .into_iter()
                .filter(|digest| !dropped.contains(digest))
                .collect(),
        }
    }

    /// Adds a [`Remark`] to the losses for each referrer and cosign tag of `omitted`, the content
    /// that the conversion drops.
    async fn report_lost_referrers(
        &mut self,
        tags: &cosign::CosignTags,
        omitted: &[Digest],
    ) -> Result<()> {
        let lists = omitted
            .iter()
            .map(|subject| self.request.source.referrers(subject, None));
        let lists: Vec<Vec<Descriptor>> = in_order(self.jobs, lists).await?;
        for (document, referrers) in omitted.iter().zip(lists) {
            let referrers = referrers
                .iter()
                .filter(|referrer| !self.tree.contains(&referrer.digest));
            let referrers = referrers.map(|referrer| match &referrer.artifact_type {
                Some(artifact_type) => {
                    format!("{} ({artifact_type}) refers to it", referrer.digest)
                }
                None => format!("{} refers to it", referrer.digest),
            });
            let tags = tags
                .for_digest(document)
                .iter()
                .map(|tag| format!("tag {tag} refers to it"));
            self.losses.extend(referrers.chain(tags).map(|loss| Remark {
                document: document.clone(),
                pointer: String::new(),
                effect: Effect::Lost,
                message: format!("{loss} and is not copied, because its subject is dropped"),
            }));
        }
        Ok(())
    }

    /// Adds the referrers of `subjects` that are not yet in the tree, and returns the digests of
    /// these referrers.
    async fn add_referrers(
        &mut self,
        search: &mut Search,
        subjects: &[Digest],
    ) -> Result<Vec<Digest>> {
        let lists = subjects
            .iter()
            .map(|subject| self.request.source.referrers(subject, None));
        let lists: Vec<Vec<Descriptor>> = in_order(self.jobs, lists).await?;
        let referrers: Vec<_> = lists
            .into_iter()
            .flatten()
            .filter(|referrer| !self.tree.contains(&referrer.digest))
            .collect();
        let found: Vec<_> = referrers
            .iter()
            .map(|referrer| referrer.digest.clone())
            .collect();
        let wants = referrers.into_iter().map(|descriptor| ResolveRequest {
            descriptor,
            needs_content: true,
            is_manifest: true,
        });
        self.descend(wants.collect(), &self.referrer_options())
            .await?;
        for referrer in &found {
            self.update_subject(referrer);
            search.roots.push(Root {
                digest: self.target_digest(referrer).clone(),
                updates: Vec::new(),
            });
        }
        Ok(found)
    }

    /// Returns the options for copying referrers. Unlike the image, referrers are neither reduced
    /// to platforms nor converted.
    fn referrer_options(&self) -> CopyOptions {
        CopyOptions {
            platforms: Vec::new(),
            conversion: None,
            ..self.options.clone()
        }
    }

    /// Rewrites a referrer if its subject was rewritten, so that it refers to the new digest.
    fn update_subject(&mut self, referrer: &Digest) {
        let Some(manifest) = self.tree.manifest(referrer) else {
            return;
        };
        let subject = manifest
            .subject()
            .and_then(|subject| self.rewritten_digests.get(&subject.digest));
        let Some(subject) = subject.and_then(|new| self.tree.document(new)) else {
            return;
        };
        let Some(media_type) = &subject.media_type else {
            return;
        };
        let mut draft = ManifestDraft::from_manifest(manifest);
        draft.replace_subject(media_type, &subject.digest, subject.size);
        if let Some(written) = build_replacement(referrer, draft.to_bytes(), manifest.media_type())
        {
            self.remarks.push(format!(
                "{referrer} refers to a rewritten document and was updated; if it is a signature, it is no longer valid"
            ));
            self.add_rewritten(HashMap::from([(referrer.clone(), written)]));
        }
    }

    /// Adds the manifests that the cosign tags of `subjects` point to, and returns their digests.
    ///
    /// If a subject has another digest at the target, its tags are renamed to match. A tag that
    /// points to a different manifest at the target is skipped, because it may have been created at
    /// the target.
    async fn add_signatures(
        &mut self,
        search: &mut Search,
        subjects: &[Digest],
    ) -> Result<Vec<Digest>> {
        let mut found = Vec::new();
        for (subject, tag) in search.tags.for_digests(subjects) {
            let Some(new_tag) = self.rename_tag(&tag, subject) else {
                continue;
            };
            // HEAD may return the digest of another manifest (see `reread_root` in the planner).
            let info = self.request.source.manifest(&tag.into()).await?.info;
            let current = find_target_tag(&self.request.target, &new_tag).await?;
            let current = current.map(|info| info.digest);
            if current
                .as_ref()
                .is_some_and(|current| *current != info.digest)
                || !search.assigned_tags.insert(new_tag.clone())
            {
                self.remarks.push(format!(
                    "tag {new_tag} has other content at the target and was not changed"
                ));
                continue;
            }
            let descriptor = Descriptor::new(info.media_type, info.digest.clone(), info.size);
            let want = ResolveRequest {
                descriptor,
                needs_content: current.is_none(),
                is_manifest: true,
            };
            self.descend(vec![want], &self.referrer_options()).await?;
            let updates = if current.is_none() {
                vec![TagUpdate::unconditional(new_tag)]
            } else {
                Vec::new()
            };
            search.roots.push(Root {
                digest: info.digest.clone(),
                updates,
            });
            found.push(info.digest);
        }
        Ok(found)
    }

    /// Returns the name that `tag`, a cosign tag of the manifest `signed`, gets at the target. Adds
    /// a remark if the name changes.
    fn rename_tag(&mut self, tag: &Tag, signed: &Digest) -> Option<Tag> {
        let Some(new) = self.rewritten_digests.get(signed) else {
            return Some(tag.clone());
        };
        let new_tag = cosign::rename(tag, signed, new)?;
        self.remarks.push(format!(
            "tag {tag} is copied as {new_tag}; if it is a signature, it was made for the original bytes and is no longer valid"
        ));
        Some(new_tag)
    }
}
