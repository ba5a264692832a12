//! What comes along with a tree because it refers to it: referrers, and the tags that cosign gives.

use std::collections::{HashMap, HashSet};

use portolan_model::{Descriptor, Digest, Draft, Tag};

use super::planner::{Planner, Root};
use super::ranks::Ranks;
use super::rewriting::in_place_of;
use super::together::in_order;
use super::tree::Want;
use super::visit::tagged;
use super::{Options, Place, cosign};
use crate::{Result, TagUpdate};

impl Planner<'_> {
    /// Finds what refers to the documents under a root, and what refers to that in turn.
    pub(super) async fn referrers(&mut self, root: &Digest, dropped: &HashSet<Digest>) -> Result<Vec<Root>> {
        let mut subjects = self.referred(root, dropped);
        let mut roots = self.signatures(&subjects).await?;
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
                roots.push(Root { digest: self.now(referrer).clone(), updates: Vec::new() });
            }
        }
        Ok(roots)
    }

    /// What is copied under a root, by the digests at the source, which others refer to there.
    fn referred(&self, root: &Digest, dropped: &HashSet<Digest>) -> Vec<Digest> {
        let mut ranks = Ranks::new(&self.tree, dropped);
        ranks.of(root);
        let originals = self.tree.originals().map(|document| &document.digest);
        let mut referred: Vec<_> =
            originals.filter(|digest| ranks.found.contains_key(self.now(digest))).cloned().collect();
        referred.sort_unstable();
        referred
    }

    /// What comes along is neither cut down to platforms nor converted.
    fn options_of_referrers(&self) -> Options {
        Options { platforms: Vec::new(), conversion: None, ..self.options.clone() }
    }

    /// A referrer of something that is written anew refers to that.
    fn follow_subject(&mut self, referrer: &Digest) {
        let Some(manifest) = self.tree.manifest(referrer) else { return };
        let subject = manifest.subject().and_then(|subject| self.became.get(&subject.digest));
        let Some(subject) = subject.and_then(|new| self.tree.document(new)) else { return };
        let Some(media_type) = &subject.media_type else { return };
        let mut draft = Draft::of(manifest);
        draft.replace_subject(media_type, &subject.digest, subject.size);
        if let Some(written) = in_place_of(referrer, draft.to_bytes(), manifest.media_type()) {
            self.remarks.push(format!(
                "{referrer} refers to what was written anew, and follows it; if it is a signature, it no longer holds"
            ));
            self.take_written(HashMap::from([(referrer.clone(), written)]));
        }
    }

    /// What cosign keeps under tags that name a digest. They are given the digest that this has become;
    /// what the target has under such a tag may have been made there, and stays.
    async fn signatures(&mut self, main: &[Digest]) -> Result<Vec<Root>> {
        let tags = cosign::tags(&self.request.source, main).await?;
        let Place { registry, context, repository, .. } = &self.request.source;
        let (mut roots, mut taken) = (Vec::new(), HashSet::new());
        for tag in tags {
            let Some(new_tag) = self.follow_tag(&tag, main) else { continue };
            let info = registry.head_manifest(context, repository, &tag.clone().into()).await?;
            let there = tagged(&self.request.target, &new_tag).await?;
            if there.as_ref().is_some_and(|there| *there != info.digest) || !taken.insert(new_tag.clone()) {
                self.remarks
                    .push(format!("the target has something else under the tag {new_tag}, which was left as it is"));
                continue;
            }
            let descriptor = Descriptor::new(info.media_type, info.digest.clone(), info.size);
            let want = Want { descriptor, load: there.is_none(), manifest: true };
            self.descend(vec![want], &self.options_of_referrers()).await?;
            let updates = if there.is_none() { vec![TagUpdate::always(new_tag)] } else { Vec::new() };
            roots.push(Root { digest: info.digest, updates });
        }
        Ok(roots)
    }

    /// The tag at the target, for which a remark is made if it is another.
    fn follow_tag(&mut self, tag: &Tag, main: &[Digest]) -> Option<Tag> {
        let signed = main.iter().find(|digest| tag.as_str().contains(digest.encoded()))?;
        let Some(new) = self.became.get(signed) else { return Some(tag.clone()) };
        let new_tag = cosign::renamed(tag, signed, new)?;
        self.remarks.push(format!(
            "the tag {tag} comes along as {new_tag}; if it is a signature, it is of the bytes before and no longer holds"
        ));
        Some(new_tag)
    }
}
