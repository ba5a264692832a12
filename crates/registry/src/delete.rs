//! Deletion of whole trees, of untagged manifests, and of repositories.
//!
//! A [`DeletionPlan`] lists what is to be deleted; nothing is deleted before
//! [`DeletionPlan::execute`]. The plan is made from the references between the manifests of the
//! repository: indexes name their children, referrers name their subject, and tags name manifests.
//! A cosign tag (`sha256-HEX.sig`) or a referrers tag (`sha256-HEX`) belongs to the manifest whose
//! digest it states, so it keeps nothing alive by itself.
//!
//! Only some registries list their manifests ([`Lister::manifests`](crate::Lister::manifests)).
//! With others, only manifests that a tag leads to are known.

mod graph;
mod survey;
#[cfg(test)]
mod tests;

use portolan_model::{Digest, Tag};

use crate::{Deletion, Error, Kind, PageRequest, Repository, Result};

use graph::{Doomed, Graph};
use survey::Scope;

/// Number of items to request per page.
const PAGE: usize = 1000;

/// Content of a repository that is to be deleted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeletionPlan {
    /// Tags to delete, in byte order. Most of them go with the manifest that they point to.
    pub tags: Vec<Tag>,
    /// Manifests to delete, parents before their children. The first one is the root of a tree.
    pub manifests: Vec<Digest>,
    /// Tags of the root of a tree. They are in `tags` too.
    pub root_tags: Vec<Tag>,
    /// Tags to delete whose manifest remains or is missing.
    loose_tags: Vec<Tag>,
    method: Method,
}

/// Way of executing a plan.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Method {
    /// Delete the root, and then what nothing else names.
    Tree,
    /// Delete one manifest after the other.
    #[default]
    Manifests,
    /// Delete the repository in one call.
    Repository,
}

impl DeletionPlan {
    /// Plans the deletion of a manifest with its tags, and of everything below it and around it
    /// that nothing else names: the manifests of an index, and the referrers of deleted manifests,
    /// such as signatures and attestations.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`] if the manifest does not exist, and the error of a
    /// manifest that cannot be read, because the content that it references is unknown.
    pub async fn for_tree(repository: &Repository, root: &Digest) -> Result<Self> {
        let graph = match Graph::list(repository).await {
            Err(error) if *error.kind() == Kind::Unsupported => {
                Graph::walk(repository, Scope::Tree(root)).await?
            }
            graph => graph?,
        };
        let doomed = graph.tree(root);
        if doomed.is_empty() {
            return Err(Error::manifest_unknown(&repository.name, root));
        }
        Ok(Self {
            root_tags: graph.tags_of(root),
            method: Method::Tree,
            ..Self::from_doomed(&graph, &doomed, Some(root))
        })
    }

    /// Plans the deletion of the untagged manifests of a repository: those that no tag names, that
    /// are in no tagged index, and that are not referrers of such content.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the registry cannot list manifests,
    /// [`Kind::RepositoryUnknown`] if the repository does not exist, and the error of a manifest
    /// that cannot be read, because the content that it references is unknown.
    pub async fn for_untagged(repository: &Repository) -> Result<Self> {
        let graph = Graph::list(repository).await?;
        Ok(Self::from_doomed(&graph, &graph.find_untagged(), None))
    }

    /// Plans the deletion of a repository. If the registry cannot list manifests, the plan has the
    /// manifests that a tag leads to, see [`DeletionPlan::is_complete`].
    ///
    /// # Errors
    /// Returns [`Kind::RepositoryUnknown`] if the repository does not exist, and, if the registry
    /// cannot list manifests, the error of a manifest that cannot be read.
    pub async fn for_repository(repository: &Repository) -> Result<Self> {
        match repository.manifests().await {
            Ok(manifests) => Ok(Self {
                tags: list_tags(repository).await?,
                manifests: manifests
                    .into_iter()
                    .map(|manifest| manifest.digest)
                    .collect(),
                method: Method::Repository,
                ..Self::default()
            }),
            Err(error) if *error.kind() == Kind::Unsupported => {
                let graph = Graph::walk(repository, Scope::Everything).await?;
                Ok(Self {
                    tags: graph.tags().cloned().collect(),
                    loose_tags: graph.dangling_tags(),
                    ..Self::from_doomed(&graph, &graph.everything(), None)
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Returns whether the plan for a repository has all its content, and not only the content
    /// that a tag leads to.
    pub fn is_complete(&self) -> bool {
        self.method == Method::Repository
    }

    fn from_doomed(graph: &Graph, doomed: &Doomed, first: Option<&Digest>) -> Self {
        let (tags, loose_tags) = graph.doomed_tags(doomed);
        Self {
            tags,
            manifests: graph.parents_first(doomed, first),
            loose_tags,
            ..Self::default()
        }
    }

    /// Deletes the content of the plan. Returns the plan without the manifests that were not
    /// deleted, because another manifest references them by now, or because they are already gone.
    ///
    /// `deletion` applies to the root of a tree. It is deleted first, so an error about it leaves
    /// everything as it is.
    ///
    /// # Errors
    /// Returns the errors of [`Deleter`](crate::Deleter). A part of the content may be deleted.
    pub async fn execute(mut self, repository: &Repository, deletion: Deletion) -> Result<Self> {
        if self.method == Method::Repository {
            repository.delete().await?;
            return Ok(self);
        }
        let mut manifests = self.manifests.into_iter();
        let mut deleted = Vec::new();
        if self.method == Method::Tree
            && let Some(root) = manifests.next()
        {
            repository.delete_manifest(&root, deletion).await?;
            deleted.push(root);
        }
        for digest in manifests {
            match repository.delete_manifest(&digest, Deletion::Guarded).await {
                Ok(()) => deleted.push(digest),
                Err(error) if is_settled(&error) => (),
                Err(error) => return Err(error.with_prefix(repository.full_name(&digest))),
            }
        }
        for tag in &self.loose_tags {
            match repository.delete_tag(tag).await {
                Err(error) if !is_settled(&error) => {
                    return Err(error.with_prefix(repository.full_name(tag)));
                }
                _ => (),
            }
        }
        self.manifests = deleted;
        Ok(self)
    }
}

/// Returns whether content no longer exists, or must remain because something names it by now.
fn is_settled(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::ManifestUnknown | Kind::Referenced { .. }
    )
}

async fn list_tags(repository: &Repository) -> Result<Vec<Tag>> {
    let (mut tags, mut request) = (Vec::new(), PageRequest::first(PAGE));
    loop {
        let page = repository.tags_page(&request).await?;
        tags.extend(page.items);
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(tags),
        }
    }
}
