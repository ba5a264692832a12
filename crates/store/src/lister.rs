//! Lists of repositories, tags and referrers, page by page.

use async_trait::async_trait;
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Context, Error, Lister, Page, PageRequest, Result, referrers_page};

use crate::metadata::{
    REFERRERS_PAGE, list_manifests, list_referrers, list_repositories, list_tags,
};
use crate::store::Store;

/// Total size of annotations, in bytes, that is more than enough for a page of referrers.
/// [`referrers_page`] ends a page well below it, because clients read at most 4 MiB.
const MORE_THAN_A_PAGE: usize = 4 << 20;

#[async_trait]
impl Lister for Store {
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        let (after, limit) = bounds(page);
        let lookup = list_repositories(after, limit + 1);
        let names = self.parts.database.lookup(lookup).await?;
        Ok(Page::from_items(names, limit))
    }

    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let (after, limit) = bounds(page);
        let lookup = list_tags(repository, after, limit + 1);
        let tags = self.parts.database.lookup(lookup).await?;
        let tags = tags.ok_or_else(|| Error::repository_unknown(repository))?;
        Ok(Page::from_items(tags, limit))
    }

    async fn referrers(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let (after, limit) = bounds(page);
        let mut found = Vec::<Descriptor>::new();
        let mut bytes = 0;
        loop {
            let wanted = REFERRERS_PAGE.min(limit + 1 - found.len());
            let after = found.last().map_or(after, |last| last.digest.as_str());
            let lookup = list_referrers(repository, digest, artifact_type, after, wanted);
            let batch = self.parts.database.lookup(lookup).await?;
            let is_last = batch.len() < wanted || found.len() + batch.len() > limit;
            bytes += batch.iter().map(annotation_bytes).sum::<usize>();
            found.extend(batch);
            if is_last || bytes > MORE_THAN_A_PAGE {
                return Ok(referrers_page(found, limit));
            }
        }
    }

    /// Lists manifests in the order in which they were first pushed.
    async fn manifests(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let (after, limit) = bounds(page);
        let after = after.parse().ok();
        let lookup = list_manifests(repository, after.as_ref(), limit.saturating_add(1));
        let heads = self.parts.database.lookup(lookup).await?;
        let heads = heads.ok_or_else(|| Error::repository_unknown(repository))?;
        let descriptors = heads
            .into_iter()
            .map(|head| Descriptor::new(head.media_type, head.digest, head.size));
        Ok(referrers_page(descriptors, limit))
    }
}

fn annotation_bytes(descriptor: &Descriptor) -> usize {
    let annotations = descriptor.annotations.iter();
    annotations
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

/// Returns the entry that precedes a page, and the limit of the page. The first page begins after
/// the empty string, because it sorts before every name, tag and digest. The limit is capped so
/// that adding 1 to it does not overflow.
fn bounds(page: &PageRequest) -> (&str, usize) {
    let after = page.after.as_deref().unwrap_or_default();
    (after, page.limit.min(usize::MAX - 1))
}
