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
            .filter(|(_, state)| state.exists())
            .map(|(name, _)| name);
        Ok(build_page(existing, page, RepositoryName::as_str))
    }

    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let tags = self.find(repository, |state| {
            state
                .exists()
                .then(|| build_page(state.tags.keys(), page, Tag::as_str))
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
        let found = self.find(repository, |state| {
            let referrers = state.manifests.iter().filter(|(own, manifest)| {
                is_after(own.as_str(), page)
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

    async fn manifests(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let listed = self.find(repository, |state| {
            let following = state.manifests.iter();
            let following = following.filter(|(digest, _)| is_after(digest.as_str(), page));
            let descriptors = following.map(|(digest, manifest)| {
                let size = manifest.bytes().len() as u64;
                Descriptor::new(manifest.media_type().clone(), digest.clone(), size)
            });
            state
                .exists()
                .then(|| referrers_page(descriptors, page.limit))
        });
        listed.ok_or_else(|| Error::repository_unknown(repository))
    }
}

fn refers_to(manifest: &Manifest, digest: &Digest) -> bool {
    manifest
        .subject()
        .is_some_and(|subject| subject.digest == *digest)
}

fn is_after(item: &str, page: &PageRequest) -> bool {
    page.after.as_deref().is_none_or(|after| item > after)
}

/// Returns the requested page of `items`. The items must be in the byte order of their text.
fn build_page<'a, T: Clone + ToString + 'a>(
    items: impl Iterator<Item = &'a T>,
    page: &PageRequest,
    text: impl Fn(&T) -> &str,
) -> Page<T> {
    let behind = items.filter(|item| is_after(text(item), page));
    Page::from_items(
        behind.take(page.limit.saturating_add(1)).cloned().collect(),
        page.limit,
    )
}
