//! Lists, page by page.

use async_trait::async_trait;
use portolan_model::{Descriptor, Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Context, Error, Lister, Page, PageRequest, Result, referrers_page};

use crate::metadata::{Database, list_referrers, list_repositories, list_tags};
use crate::store::Store;

#[async_trait]
impl<D: Database> Lister for Store<D> {
    async fn repositories(&self, _: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        let (after, limit) = bounds(page);
        let names = self
            .inner
            .database
            .read(move |transaction| list_repositories(transaction, &after, limit + 1));
        Ok(Page::cut(names.await?, limit))
    }

    async fn tags(
        &self,
        _: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let (after, limit) = bounds(page);
        let name = repository.clone();
        let tags = self
            .inner
            .database
            .read(move |transaction| list_tags(transaction, &name, &after, limit + 1));
        let tags = tags
            .await?
            .ok_or_else(|| Error::repository_unknown(repository))?;
        Ok(Page::cut(tags, limit))
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
        let (name, subject, wanted) = (repository.clone(), digest.clone(), artifact_type.cloned());
        let found = self.inner.database.read(move |transaction| {
            list_referrers(
                transaction,
                &name,
                &subject,
                wanted.as_ref(),
                &after,
                limit + 1,
            )
        });
        Ok(referrers_page(found.await?, limit))
    }
}

/// No name, tag or digest is empty, so the empty text stands before all of them.
fn bounds(page: &PageRequest) -> (String, usize) {
    (
        page.after.clone().unwrap_or_default(),
        page.limit.min(usize::MAX - 1),
    )
}
