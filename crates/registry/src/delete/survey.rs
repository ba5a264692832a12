//! Reading of the manifests and tags of a repository into a [`Graph`].

use std::collections::BTreeSet;

use portolan_model::{ChildKind, Digest, Tag};

use super::graph::{Graph, Node};
use super::list_tags;
use crate::copy::concurrency::in_order;
use crate::{Kind, Repository, Result};

/// Number of manifests that are read at the same time.
const CONCURRENCY: usize = 8;

/// Manifests whose referrers are needed, if the registry cannot list manifests.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// A manifest, and those that it leads to.
    Tree(&'a Digest),
    /// All known manifests.
    Everything,
}

/// Manifest that was read.
struct ReadManifest {
    digest: Digest,
    node: Node,
    /// Manifests that it references.
    children: Vec<Digest>,
}

impl Graph {
    /// Reads all manifests that the registry lists.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the registry cannot list manifests.
    pub(super) async fn list(repository: &Repository) -> Result<Self> {
        let listed = repository.manifests().await?;
        let mut graph = Self::default();
        graph.read_tags(repository).await?;
        let reads = listed
            .iter()
            .map(|manifest| read(repository, &manifest.digest));
        let reads = in_order(CONCURRENCY, reads).await?;
        for (descriptor, read) in listed.iter().zip(reads) {
            if let Some(ReadManifest {
                digest, mut node, ..
            }) = read
            {
                node.is_named = !descriptor.annotations.is_empty();
                graph.add(digest, node);
            }
        }
        Ok(graph)
    }

    /// Reads the manifests that tags and the root of `scope` lead to, and the referrers that
    /// `scope` needs.
    pub(super) async fn walk(repository: &Repository, scope: Scope<'_>) -> Result<Self> {
        let mut graph = Self::default();
        let mut found = graph.read_tags(repository).await?;
        if let Scope::Tree(root) = scope {
            found.insert(root.clone());
        }
        let mut asked = BTreeSet::new();
        loop {
            graph.read_below(repository, found).await?;
            let mut subjects = match scope {
                Scope::Tree(root) => graph.find_all_below(root),
                Scope::Everything => graph.everything(),
            };
            subjects.retain(|subject| asked.insert(subject.clone()));
            if subjects.is_empty() {
                return Ok(graph);
            }
            let lists = subjects
                .iter()
                .map(|subject| repository.referrers(subject, None));
            let lists: Vec<_> = in_order(CONCURRENCY, lists).await?;
            found = lists
                .into_iter()
                .flatten()
                .map(|referrer| referrer.digest)
                .collect();
        }
    }

    /// Reads the tags, and returns the manifests that they point to.
    async fn read_tags(&mut self, repository: &Repository) -> Result<BTreeSet<Digest>> {
        let tags = list_tags(repository).await?;
        let targets = tags.iter().map(|tag| resolve(repository, tag));
        let targets: Vec<_> = in_order(CONCURRENCY, targets).await?;
        for (tag, target) in tags.into_iter().zip(targets.clone()) {
            self.add_tag(tag, target);
        }
        Ok(targets.into_iter().flatten().collect())
    }

    /// Reads the manifests `wanted` and those below them. Skips manifests that do not exist.
    async fn read_below(
        &mut self,
        repository: &Repository,
        mut wanted: BTreeSet<Digest>,
    ) -> Result<()> {
        loop {
            wanted.retain(|digest| !self.contains(digest));
            if wanted.is_empty() {
                return Ok(());
            }
            let reads = wanted.iter().map(|digest| read(repository, digest));
            let reads: Vec<_> = in_order(CONCURRENCY, reads).await?;
            wanted = BTreeSet::new();
            for ReadManifest {
                digest,
                node,
                children,
            } in reads.into_iter().flatten()
            {
                self.add(digest, node);
                wanted.extend(children);
            }
        }
    }
}

/// Returns the manifest that a tag points to, or `None` if it does not exist.
async fn resolve(repository: &Repository, tag: &Tag) -> Result<Option<Digest>> {
    match repository.resolve(&tag.clone().into()).await {
        Ok(digest) => Ok(Some(digest)),
        Err(error) if *error.kind() == Kind::ManifestUnknown => Ok(None),
        Err(error) => Err(error.with_prefix(repository.full_name(tag))),
    }
}

/// Reads the references of a manifest. Returns `None` if it does not exist.
async fn read(repository: &Repository, digest: &Digest) -> Result<Option<ReadManifest>> {
    let stored = repository.try_manifest(&digest.clone().into()).await;
    let manifest = stored.and_then(|stored| stored.map(|stored| stored.parse()).transpose());
    let manifest = manifest.map_err(|error| error.with_prefix(repository.full_name(digest)))?;
    Ok(manifest.map(|manifest| {
        let children = manifest.children().iter();
        let manifests = children.filter(|child| child.kind == ChildKind::Manifest);
        ReadManifest {
            digest: digest.clone(),
            node: Node::new(&manifest),
            children: manifests
                .map(|child| child.descriptor.digest.clone())
                .collect(),
        }
    }))
}
