//! What comes along with a tree because it refers to it: referrers, and the tags that cosign gives.

use std::collections::{HashMap, HashSet};

use portolan_model::convert::{Effect, Remark};
use portolan_model::{Descriptor, Digest, Draft, Tag};

use super::planner::{Planner, Root};
use super::ranks::Ranks;
use super::rewriting::in_place_of;
use super::together::in_order;
use super::tree::{Document, Want};
use super::visit::tagged;
use super::{Options, Place, cosign};
use crate::{Result, TagUpdate};

/// What is found on the way from what is copied to what says something about it.
struct Search {
    tags: cosign::Tags,
    /// What was asked for already, by the digests at the source.
    asked: HashSet<Digest>,
    /// The tags at the target that are given already.
    taken: HashSet<Tag>,
    roots: Vec<Root>,
}

/// The documents of the source and the blobs that are children of an index, which others may refer to there.
struct Subjects {
    /// What is copied.
    kept: Vec<Digest>,
    /// What a conversion leaves out.
    fallen: Vec<Digest>,
}

impl Planner<'_> {
    /// Finds what refers to the documents under a root, and what refers to that in turn.
    pub(super) async fn referrers(
        &mut self,
        root: &Digest,
        dropped: &HashSet<Digest>,
    ) -> Result<Vec<Root>> {
        let tags = cosign::Tags::of(&self.request.source).await?;
        let mut search = Search {
            tags,
            asked: HashSet::new(),
            taken: HashSet::new(),
            roots: Vec::new(),
        };
        let Subjects { kept, fallen } = self.subjects(root, dropped);
        self.tell_left_behind(&search.tags, &fallen).await?;
        let mut subjects = kept;
        while !subjects.is_empty() {
            search.asked.extend(subjects.iter().cloned());
            let mut found = self.signatures(&mut search, &subjects).await?;
            found.extend(self.referring(&mut search, &subjects).await?);
            let mut new = HashSet::new();
            found.retain(|digest| !search.asked.contains(digest) && new.insert(digest.clone()));
            subjects = found;
        }
        Ok(search.roots)
    }

    fn subjects(&self, root: &Digest, dropped: &HashSet<Digest>) -> Subjects {
        let mut ranks = Ranks::new(&self.tree, dropped);
        ranks.of(root);
        let stays = |digest: &Digest| ranks.found.contains_key(self.now(digest));
        let (kept, fallen): (Vec<&Document>, Vec<_>) = self
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
        let kept_blobs = blobs_of(&mut ranks.found.keys());
        let mut fallen_blobs =
            blobs_of(&mut self.tree.originals().map(|document| &document.digest));
        fallen_blobs.retain(|blob| !kept_blobs.contains(blob));
        let sorted = |documents: Vec<&Document>, blobs: HashSet<Digest>| {
            let documents = documents
                .into_iter()
                .map(|document| document.digest.clone());
            let mut digests: Vec<_> = documents.chain(blobs).collect();
            digests.sort_unstable();
            digests
        };
        let kept = sorted(kept, kept_blobs);
        let fallen = if self.options.conversion.is_some() {
            sorted(fallen, fallen_blobs)
        } else {
            Vec::new()
        };
        Subjects {
            kept,
            fallen: fallen
                .into_iter()
                .filter(|digest| !dropped.contains(digest))
                .collect(),
        }
    }

    /// What says something about a document that is left out is lost with it.
    async fn tell_left_behind(&mut self, tags: &cosign::Tags, fallen: &[Digest]) -> Result<()> {
        let lists = fallen
            .iter()
            .map(|subject| self.request.source.referrers(subject, None));
        let lists: Vec<Vec<Descriptor>> = in_order(self.jobs, lists).await?;
        for (document, referrers) in fallen.iter().zip(lists) {
            let referrers = referrers
                .iter()
                .filter(|referrer| !self.tree.knows(&referrer.digest));
            let referrers = referrers.map(|referrer| match &referrer.artifact_type {
                Some(artifact_type) => {
                    format!("{} ({artifact_type}) refers to it", referrer.digest)
                }
                None => format!("{} refers to it", referrer.digest),
            });
            let tags = tags
                .about(document)
                .iter()
                .map(|tag| format!("the tag {tag} is about it"));
            self.losses.extend(referrers.chain(tags).map(|what| Remark {
                document: document.clone(),
                pointer: String::new(),
                effect: Effect::Lost,
                message: format!("{what}, and does not come along, since it is left out"),
            }));
        }
        Ok(())
    }

    /// Takes in what refers to some documents, and answers what that is.
    async fn referring(&mut self, search: &mut Search, subjects: &[Digest]) -> Result<Vec<Digest>> {
        let lists = subjects
            .iter()
            .map(|subject| self.request.source.referrers(subject, None));
        let lists: Vec<Vec<Descriptor>> = in_order(self.jobs, lists).await?;
        let referrers: Vec<_> = lists
            .into_iter()
            .flatten()
            .filter(|referrer| !self.tree.knows(&referrer.digest))
            .collect();
        let found: Vec<_> = referrers
            .iter()
            .map(|referrer| referrer.digest.clone())
            .collect();
        let wants = referrers.into_iter().map(|descriptor| Want {
            descriptor,
            load: true,
            manifest: true,
        });
        self.descend(wants.collect(), &self.options_of_referrers())
            .await?;
        for referrer in &found {
            self.follow_subject(referrer);
            search.roots.push(Root {
                digest: self.now(referrer).clone(),
                updates: Vec::new(),
            });
        }
        Ok(found)
    }

    /// What comes along is neither cut down to platforms nor converted.
    fn options_of_referrers(&self) -> Options {
        Options {
            platforms: Vec::new(),
            conversion: None,
            ..self.options.clone()
        }
    }

    /// A referrer of something that is written anew refers to that.
    fn follow_subject(&mut self, referrer: &Digest) {
        let Some(manifest) = self.tree.manifest(referrer) else {
            return;
        };
        let subject = manifest
            .subject()
            .and_then(|subject| self.became.get(&subject.digest));
        let Some(subject) = subject.and_then(|new| self.tree.document(new)) else {
            return;
        };
        let Some(media_type) = &subject.media_type else {
            return;
        };
        let mut draft = Draft::of(manifest);
        draft.replace_subject(media_type, &subject.digest, subject.size);
        if let Some(written) = in_place_of(referrer, draft.to_bytes(), manifest.media_type()) {
            self.remarks.push(format!(
                "{referrer} refers to what was written anew, and follows it; if it is a signature, it no longer holds"
            ));
            self.take_written(HashMap::from([(referrer.clone(), written)]));
        }
    }

    /// Takes in what cosign keeps under tags that name a digest, and answers what that is. The tags are given the digest
    /// that this has become; what the target has under such a tag may have been made there, and stays.
    async fn signatures(
        &mut self,
        search: &mut Search,
        subjects: &[Digest],
    ) -> Result<Vec<Digest>> {
        let Place {
            registry,
            context,
            repository,
            ..
        } = &self.request.source;
        let mut found = Vec::new();
        for (subject, tag) in search.tags.about_any(subjects) {
            let Some(new_tag) = self.follow_tag(&tag, subject) else {
                continue;
            };
            let info = registry
                .head_manifest(context, repository, &tag.into())
                .await?;
            let there = tagged(&self.request.target, &new_tag).await?;
            if there.as_ref().is_some_and(|there| *there != info.digest)
                || !search.taken.insert(new_tag.clone())
            {
                self.remarks.push(format!(
                    "the target has something else under the tag {new_tag}, which was left as it is"
                ));
                continue;
            }
            let descriptor = Descriptor::new(info.media_type, info.digest.clone(), info.size);
            let want = Want {
                descriptor,
                load: there.is_none(),
                manifest: true,
            };
            self.descend(vec![want], &self.options_of_referrers())
                .await?;
            let updates = if there.is_none() {
                vec![TagUpdate::always(new_tag)]
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

    /// The tag at the target, for which a remark is made if it is another.
    fn follow_tag(&mut self, tag: &Tag, signed: &Digest) -> Option<Tag> {
        let Some(new) = self.became.get(signed) else {
            return Some(tag.clone());
        };
        let new_tag = cosign::renamed(tag, signed, new)?;
        self.remarks.push(format!(
            "the tag {tag} comes along as {new_tag}; if it is a signature, it is of the bytes before and no longer holds"
        ));
        Some(new_tag)
    }
}
