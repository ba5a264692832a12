//! Listing repositories, tags and referrers of layouts.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Context, Error, Lister, Page, PageRequest, Result};

use super::{Layouts, Places};
use crate::files::blocking;

#[async_trait]
impl<P: Places> Lister for Layouts<P> {
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        let (places, page) = (Arc::clone(&self.places), page.clone());
        blocking(move || {
            let behind = |name: &RepositoryName| {
                page.after
                    .as_deref()
                    .is_none_or(|after| name.as_str() > after)
            };
            let names = places.list()?.into_iter().filter(behind);
            Ok(Page::cut(
                names.take(page.limit.saturating_add(1)).collect(),
                page.limit,
            ))
        })
        .await
    }

    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let (places, repository, page) =
            (Arc::clone(&self.places), repository.clone(), page.clone());
        blocking(move || match places.find(&repository)? {
            Some(layout) if layout.exists()? => layout.tags(&page),
            _ => Err(Error::repository_unknown(&repository)),
        })
        .await
    }

    async fn referrers(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let (places, repository, digest) =
            (Arc::clone(&self.places), repository.clone(), digest.clone());
        let (artifact_type, page) = (artifact_type.cloned(), page.clone());
        blocking(move || match places.find(&repository)? {
            Some(layout) => layout.referrers(&digest, artifact_type.as_ref(), &page),
            None => Ok(Page {
                items: Vec::new(),
                next: None,
            }),
        })
        .await
    }
}
