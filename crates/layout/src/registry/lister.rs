//! Lists of the repositories, tags and referrers in layouts.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_files::run_blocking;
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Context, Error, Lister, Page, PageRequest, Result};

use super::{LayoutSource, Layouts};

#[async_trait]
impl<P: LayoutSource> Lister for Layouts<P> {
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        let (layouts, page) = (Arc::clone(&self.source), page.clone());
        run_blocking(move || {
            let is_next = |name: &RepositoryName| {
                page.after
                    .as_deref()
                    .is_none_or(|after| name.as_str() > after)
            };
            let names = layouts.list()?.into_iter().filter(is_next);
            Ok(Page::from_items(
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
        let (layouts, repository, page) =
            (Arc::clone(&self.source), repository.clone(), page.clone());
        run_blocking(move || match layouts.find(&repository)? {
            Some(layout) if layout.has_content()? => layout.tags(&page),
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
        let (layouts, repository, digest) =
            (Arc::clone(&self.source), repository.clone(), digest.clone());
        let (artifact_type, page) = (artifact_type.cloned(), page.clone());
        run_blocking(move || match layouts.find(&repository)? {
            Some(layout) => layout.referrers(&digest, artifact_type.as_ref(), &page),
            None => Ok(Page {
                items: Vec::new(),
                next: None,
            }),
        })
        .await
    }

    /// Lists manifests by digest. A manifest with a name that is not a tag has this name as an
    /// annotation.
    async fn manifests(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        let (layouts, repository, page) =
            (Arc::clone(&self.source), repository.clone(), page.clone());
        run_blocking(move || match layouts.find(&repository)? {
            Some(layout) if layout.has_content()? => layout.manifests(&page),
            _ => Err(Error::repository_unknown(&repository)),
        })
        .await
    }
}
