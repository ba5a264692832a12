//! Deletions in a registry over HTTP (distribution-spec, "Content Management").

use async_trait::async_trait;
use http::{Method, StatusCode};
use portolan_model::{Digest, Reference, RepositoryName, Tag};
use portolan_registry::{Context, Deleter, Deletion, Error, Kind, Reader, Result, StoredManifest};
use portolan_wire::{ApiEndpoint, Endpoint};

use crate::Client;
use crate::request::{Access, RegistryRequest};

#[async_trait]
impl Deleter for Client {
    /// Deletes a tag.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the registry deletes manifests only by digest.
    async fn delete_tag(&self, _: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let endpoint = Endpoint::Manifest(repository.clone(), Reference::Tag(tag.clone()));
        let missing = Error::manifest_unknown(repository, tag);
        let deleted = self.delete(&endpoint, Deletion::Guarded, missing).await;
        deleted.map_err(|error| match error.kind() {
            Kind::Unsupported | Kind::DigestInvalid => {
                self.single_tag_deletion_error(repository, tag, &error)
            }
            _ => error,
        })
    }

    /// Deletes a manifest. If the registry does not support the referrers API, the client also
    /// removes the manifest from the referrers index of its subject.
    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let subject = self
            .subject_in_referrers_tag(context, repository, digest)
            .await?;
        let endpoint = Endpoint::Manifest(repository.clone(), Reference::Digest(digest.clone()));
        self.delete(
            &endpoint,
            deletion,
            Error::manifest_unknown(repository, digest),
        )
        .await?;
        match subject {
            Some(subject) => {
                self.remove_referrer(context, repository, &subject, digest)
                    .await
            }
            None => Ok(()),
        }
    }

    async fn delete_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let endpoint = Endpoint::Blob(repository.clone(), digest.clone());
        self.delete(&endpoint, deletion, Error::blob_unknown(repository, digest))
            .await
    }

    /// Deletes a repository with the API of Portolan.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the registry is not Portolan.
    async fn delete_repository(&self, _: &Context, repository: &RepositoryName) -> Result<()> {
        if !self.host.features().await?.is_portolan {
            let predicate =
                "cannot delete a repository at once: the distribution API has no such operation";
            return Err(Error::from_host(
                Kind::Unsupported,
                self.host.name(),
                predicate,
            ));
        }
        let request = self.host.api_request(
            Method::DELETE,
            &ApiEndpoint::Repository(repository.clone()),
            "",
            Access::for_repository(repository, &["delete"]),
        );
        self.send_deletion(&request, Error::repository_unknown(repository))
            .await
    }
}

impl Client {
    async fn delete(&self, endpoint: &Endpoint, deletion: Deletion, missing: Error) -> Result<()> {
        let query = match deletion {
            Deletion::Guarded => "",
            Deletion::Forced => "force=true",
        };
        let request = self.host.request(Method::DELETE, endpoint, query);
        self.send_deletion(&request, missing).await
    }

    async fn send_deletion(&self, request: &RegistryRequest, missing: Error) -> Result<()> {
        let answer = self.host.send_with_retries(request).await?;
        // A retry gets 404 if an earlier attempt succeeded but its response was lost.
        if answer.is_success() || (answer.status == StatusCode::NOT_FOUND && answer.attempts > 1) {
            return Ok(());
        }
        Err(self.host.error_or_missing(answer, &missing).await)
    }

    /// Returns the subject of a manifest. The referrers index of this subject may contain the
    /// manifest. Returns `None` if the registry is Portolan, which needs no referrers indexes, or
    /// if the manifest has no subject or cannot be read.
    async fn subject_in_referrers_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Digest>> {
        if self.host.features().await?.is_portolan {
            return Ok(None);
        }
        let reference = digest.clone().into();
        // The subject of an unreadable manifest is unknown. The manifest may still be deletable.
        let Ok(read) = self.get_manifest(context, repository, &reference).await else {
            return Ok(None);
        };
        let manifest = StoredManifest::collect(read, &reference)
            .await?
            .parse()
            .ok();
        Ok(manifest.and_then(|manifest| Some(manifest.subject()?.digest.clone())))
    }

    fn single_tag_deletion_error(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        error: &Error,
    ) -> Error {
        let predicate = format!(
            "cannot delete the single tag {tag} of {repository}; deleting the manifest by digest \
             would also delete all other tags that point to it ({})",
            error.message_with("it")
        );
        Error::from_host(Kind::Unsupported, self.host.name(), predicate).with_detail(error.detail())
    }
}
