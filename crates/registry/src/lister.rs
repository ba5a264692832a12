//! Listing repositories, tags and referrers, page by page (distribution-spec, "Content Discovery").

use async_trait::async_trait;
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};

use crate::{Context, Result};

/// Lists repositories, tags and referrers, in byte order.
#[async_trait]
pub trait Lister: Send + Sync {
    /// Lists the repositories that contain at least one blob or manifest.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    async fn repositories(
        &self,
        context: &Context,
        page: &PageRequest,
    ) -> Result<Page<RepositoryName>>;

    /// Lists the tags of a repository.
    ///
    /// # Errors
    /// Returns [`Kind::RepositoryUnknown`](crate::Kind::RepositoryUnknown) if the repository does
    /// not exist.
    async fn tags(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>>;

    /// Lists descriptors of the manifests whose subject is `digest`, ordered by digest.
    ///
    /// With `artifact_type`, lists only manifests of this artifact type. Each descriptor has the
    /// media type, artifact type and annotations of its manifest. The list is empty for an unknown
    /// repository or digest. A page stays well below 4 MiB, even if `page` requests more
    /// descriptors, because clients read at most 4 MiB of an index.
    ///
    /// # Errors
    /// Returns an error only if the registry itself fails.
    async fn referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>>;

    /// Lists descriptors of the manifests of a repository, tagged or not, with their media type and
    /// size. Does not list blobs that are served as manifests.
    ///
    /// A manifest may have a name that is not a tag, in an OCI layout. Only then, its descriptor has
    /// annotations, with these names.
    ///
    /// The registry chooses the order. A page can begin after any manifest of the repository, even
    /// if the manifest was deleted in the meantime. The distribution specification has no such
    /// list.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`](crate::Kind::Unsupported) if the registry cannot list
    /// manifests, and [`Kind::RepositoryUnknown`](crate::Kind::RepositoryUnknown) if the repository
    /// does not exist.
    async fn manifests(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>>;
}

/// Request for one page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageRequest {
    /// Maximum number of items on the page.
    pub limit: usize,
    /// Last item of the previous page. The page begins after it in sort order, so the item need not
    /// exist. `None` requests the first page.
    pub after: Option<String>,
}

impl PageRequest {
    /// Requests the first page of a list.
    pub fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page<T> {
    /// Items on the page, in order.
    pub items: Vec<T>,
    /// Value of [`PageRequest::after`] for the next page, or `None` on the last page.
    pub next: Option<String>,
}

impl<T: ToString> Page<T> {
    /// Creates a page of the first `limit` items. If `items` has more items, the page refers to a
    /// next page.
    pub fn from_items(mut items: Vec<T>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(ToString::to_string);
        Self { items, next }
    }
}
