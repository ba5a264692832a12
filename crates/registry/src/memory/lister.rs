//! Listing repositories, tags and referrers from memory.

use async_trait::async_trait;
use portolan_model::{Descriptor, Digest, Manifest, MediaType, RepositoryName, Tag};

use super::MemoryRegistry;
use crate::{
    Context, Error, Lister, Page, PageRequest, Result, referrer_descriptor, referrers_page,
};

#[async_trait]
impl Lister for MemoryRegistry {
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        let repositories = self.lock();
        let existing = repositories
            .iter()
            .filter(|(_, held)| held.exists())
            .map(|(name, _)| name);
        Ok(cut(existing, page, RepositoryName::as_str))
    }

    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let tags = self.find(repository, |held| {
            held.exists()
                .then(|| cut(held.tags.keys(), page, Tag::as_str))
        });
        tags.ok_or_else(|| Error::repository_unknown(repository))
    }

    async fn referrers(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let found = self.find(repository, |held| {
            let referrers = held.manifests.iter().filter(|(own, manifest)| {
                is_behind(own.as_str(), page)
                    && refers_to(manifest, digest)
                    && artifact_type
                        .is_none_or(|wanted| manifest.artifact_type().as_ref() == Some(wanted))
            });
            Some(referrers_page(
                referrers.map(|(own, manifest)| referrer_descriptor(manifest, own)),
                page.limit,
            ))
        });
        Ok(found.unwrap_or(Page {
            items: Vec::new(),
            next: None,
        }))
    }
}

fn refers_to(manifest: &Manifest, digest: &Digest) -> bool {
    manifest
        .subject()
        .is_some_and(|subject| subject.digest == *digest)
}

fn is_behind(item: &str, page: &PageRequest) -> bool {
    page.after.as_deref().is_none_or(|after| item > after)
}

/// The page of `items`, which are in the order of their texts.
fn cut<'a, T: Clone + ToString + 'a>(
    items: impl Iterator<Item = &'a T>,
    page: &PageRequest,
    text: impl Fn(&T) -> &str,
) -> Page<T> {
    let behind = items.filter(|item| is_behind(text(item), page));
    Page::cut(
        behind.take(page.limit.saturating_add(1)).cloned().collect(),
        page.limit,
    )
}
