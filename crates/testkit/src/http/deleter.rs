//! Deletions over HTTP.

use async_trait::async_trait;
use http::Method;
use portolan_model::{Digest, Reference, RepositoryName, Tag};
use portolan_registry::{Body, Context, Deleter, Deletion, Result};
use portolan_wire::{ApiEndpoint, Endpoint};

use super::HttpRegistry;

#[async_trait]
impl Deleter for HttpRegistry {
    async fn delete_tag(&self, _: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let reference = Reference::Tag(tag.clone());
        self.delete(
            &Endpoint::Manifest(repository.clone(), reference),
            Deletion::Guarded,
        )
        .await
    }

    async fn delete_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let reference = Reference::Digest(digest.clone());
        self.delete(&Endpoint::Manifest(repository.clone(), reference), deletion)
            .await
    }

    async fn delete_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.delete(
            &Endpoint::Blob(repository.clone(), digest.clone()),
            deletion,
        )
        .await
    }

    async fn delete_repository(&self, _: &Context, repository: &RepositoryName) -> Result<()> {
        let target = ApiEndpoint::Repository(repository.clone()).to_path();
        self.call(self.request_to(Method::DELETE, &target), Body::empty())
            .await
            .map(drop)
    }
}

impl HttpRegistry {
    async fn delete(&self, endpoint: &Endpoint, deletion: Deletion) -> Result<()> {
        let query = match deletion {
            Deletion::Guarded => "",
            Deletion::Forced => "force=true",
        };
        self.call(self.request(Method::DELETE, endpoint, query), Body::empty())
            .await
            .map(drop)
    }
}
