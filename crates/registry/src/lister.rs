//! Listing repositories, tags and referrers, page by page (distribution-spec, "Content Discovery").

use async_trait::async_trait;
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};

use crate::{Context, Result};

/// Lists what there is, in byte order.
#[async_trait]
pub trait Lister: Send + Sync {
    /// The repositories that hold anything.
    ///
    /// # Errors
    /// Failures of the registry itself alone.
    async fn repositories(
        &self,
        context: &Context,
        page: &PageRequest,
    ) -> Result<Page<RepositoryName>>;

    /// The tags of a repository.
    ///
    /// # Errors
    /// [`Kind::RepositoryUnknown`](crate::Kind::RepositoryUnknown).
    async fn tags(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>>;

    /// Descriptors of the manifests whose subject is `digest`, with type, artifact type and
    /// annotations, ordered by digest. None for a repository or digest that nobody knows.
    ///
    /// A page stays well below the 4 MiB that clients read of an index, whatever its limit.
    ///
    /// # Errors
    /// Failures of the registry itself alone.
    async fn referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>>;
}

/// Which page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageRequest {
    /// Most items that it may have.
    pub limit: usize,
    /// The item that it begins behind; it need not exist.
    pub after: Option<String>,
}

impl PageRequest {
    /// The first page.
    pub fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// What to ask for behind this page, if anything is left.
    pub next: Option<String>,
}

impl<T: ToString> Page<T> {
    /// The page that `items` make, of which there are more than `limit` if another page follows.
    pub fn cut(mut items: Vec<T>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(ToString::to_string);
        Self { items, next }
    }
}
