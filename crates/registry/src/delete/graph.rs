//! References between the manifests and tags of a repository, and the manifests that go with a
//! deletion.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use portolan_model::{Digest, Manifest, Tag};

use crate::copy::cosign::subject_of_tag;

/// Manifests and tags of a repository.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<Digest, Node>,
    /// Tags, with the manifests that they point to. `None` for a tag without a manifest.
    tags: BTreeMap<Tag, Option<Digest>>,
}

/// References of a manifest.
#[derive(Debug)]
pub(super) struct Node {
    /// Content that the manifest references: manifests and blobs.
    content: BTreeSet<Digest>,
    subject: Option<Digest>,
    /// True if the manifest has a name that is not a tag.
    pub(super) is_named: bool,
}

/// Manifests that are to be deleted.
pub(super) type Doomed = BTreeSet<Digest>;

impl Node {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let children = manifest.children().iter();
        Self {
            content: children
                .map(|child| child.descriptor.digest.clone())
                .collect(),
            subject: manifest.subject().map(|subject| subject.digest.clone()),
            is_named: false,
        }
    }
}

impl Graph {
    pub(super) fn add(&mut self, digest: Digest, node: Node) {
        self.nodes.insert(digest, node);
    }

    pub(super) fn add_tag(&mut self, tag: Tag, digest: Option<Digest>) {
        self.tags.insert(tag, digest);
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.nodes.contains_key(digest)
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.tags.keys()
    }

    /// Returns the tags without a manifest.
    pub(super) fn dangling_tags(&self) -> Vec<Tag> {
        let tags = self.tags.iter();
        tags.filter(|(_, target)| target.as_ref().is_none_or(|digest| !self.contains(digest)))
            .map(|(tag, _)| tag.clone())
            .collect()
    }

    pub(super) fn tags_of(&self, digest: &Digest) -> Vec<Tag> {
        let tags = self.tags.iter();
        tags.filter(|(_, target)| target.as_ref() == Some(digest))
            .map(|(tag, _)| tag.clone())
            .collect()
    }

    /// Returns all manifests.
    pub(super) fn everything(&self) -> Doomed {
        self.nodes.keys().cloned().collect()
    }

    /// Returns the manifests that no tag leads to.
    pub(super) fn find_untagged(&self) -> Doomed {
        let kept = self.reach(self.named_manifests(), None);
        let nodes = self.nodes.keys();
        nodes
            .filter(|digest| !kept.contains(*digest))
            .cloned()
            .collect()
    }

    /// Returns `root` and the manifests that only `root` leads to. Empty if `root` is unknown.
    pub(super) fn tree(&self, root: &Digest) -> Doomed {
        let candidates = self.find_all_below(root);
        let outside = self
            .nodes
            .keys()
            .filter(|digest| !candidates.contains(*digest));
        let named = self.named_manifests().filter(|digest| *digest != root);
        let kept = self.reach(outside.chain(named), Some(root));
        candidates.difference(&kept).cloned().collect()
    }

    /// Returns `root` and all manifests that it leads to.
    pub(super) fn find_all_below(&self, root: &Digest) -> Doomed {
        let mut reached = self.reach([root].into_iter(), None);
        reached.retain(|digest| self.contains(digest));
        reached
    }

    /// Returns the tags that go with `doomed`, and those of them whose manifest remains or is
    /// missing.
    pub(super) fn doomed_tags(&self, doomed: &Doomed) -> (Vec<Tag>, Vec<Tag>) {
        let goes = |digest: &Option<Digest>| digest.as_ref().is_some_and(|it| doomed.contains(it));
        let all = self
            .tags
            .iter()
            .filter(|(tag, target)| goes(target) || goes(&subject_of_tag(tag)));
        let loose = all.clone().filter(|(_, target)| !goes(target));
        (
            all.map(|(tag, _)| tag.clone()).collect(),
            loose.map(|(tag, _)| tag.clone()).collect(),
        )
    }

    /// Returns `doomed` in an order with parents before their children. If possible, `first` comes
    /// first.
    pub(super) fn parents_first(&self, doomed: &Doomed, first: Option<&Digest>) -> Vec<Digest> {
        let children = |digest: &Digest| {
            let content = self.nodes.get(digest).map(|node| &node.content);
            content
                .into_iter()
                .flatten()
                .filter(|child| doomed.contains(*child))
        };
        let mut parents: HashMap<&Digest, usize> = HashMap::new();
        for child in doomed.iter().flat_map(children) {
            *parents.entry(child).or_default() += 1;
        }
        let mut order: Vec<&Digest> = doomed
            .iter()
            .filter(|digest| !parents.contains_key(digest))
            .collect();
        order.sort_by_key(|digest| Some(*digest) != first);
        let mut position = 0;
        while let Some(parent) = order.get(position).copied() {
            for child in children(parent) {
                let left = parents.entry(child).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    order.push(child);
                }
            }
            position += 1;
        }
        order.into_iter().cloned().collect()
    }

    /// Returns the manifests that have a name of their own: a tag, unless the tag belongs to
    /// another manifest of the repository, or the name in a layout.
    fn named_manifests(&self) -> impl Iterator<Item = &Digest> {
        let is_attached =
            |tag: &Tag| subject_of_tag(tag).is_some_and(|subject| self.contains(&subject));
        let tagged = self.tags.iter().filter(move |(tag, _)| !is_attached(tag));
        let named = self.nodes.iter().filter(|(_, node)| node.is_named);
        tagged
            .filter_map(|(_, target)| target.as_ref())
            .chain(named.map(|(digest, _)| digest))
    }

    /// Returns `roots` and all content that they lead to: what they reference, the referrers of all
    /// this content, and the manifests that its cosign and referrers tags point to. Does not pass
    /// through `barrier`.
    fn reach<'a>(
        &'a self,
        roots: impl Iterator<Item = &'a Digest>,
        barrier: Option<&Digest>,
    ) -> BTreeSet<Digest> {
        let followers = self.followers();
        let (mut reached, mut next) = (BTreeSet::new(), roots.collect::<Vec<_>>());
        while let Some(digest) = next.pop() {
            if Some(digest) == barrier || !reached.insert(digest.clone()) {
                continue;
            }
            next.extend(
                self.nodes
                    .get(digest)
                    .into_iter()
                    .flat_map(|node| &node.content),
            );
            next.extend(followers.get(digest).into_iter().flatten());
        }
        reached
    }

    /// Returns the manifests that belong to each digest: its referrers, and the manifests that its
    /// cosign and referrers tags point to.
    fn followers(&self) -> HashMap<Digest, Vec<&Digest>> {
        let referrers = self
            .nodes
            .iter()
            .filter_map(|(digest, node)| Some((node.subject.clone()?, digest)));
        let tagged = self
            .tags
            .iter()
            .filter_map(|(tag, target)| Some((subject_of_tag(tag)?, target.as_ref()?)));
        let mut followers: HashMap<_, Vec<_>> = HashMap::new();
        for (subject, follower) in referrers.chain(tagged) {
            followers.entry(subject).or_default().push(follower);
        }
        followers
    }
}
