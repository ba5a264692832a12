//! Deleting over HTTP (distribution-spec, "Content Management").

use async_trait::async_trait;
use http::{Method, StatusCode};
use portolan_model::{Digest, Manifest, Reference, RepositoryName, Tag};
use portolan_registry::{
    Context, Deleter, Deletion, Error, Kind, MAX_MANIFEST_BYTES, Reader, Result,
};
use portolan_wire::Endpoint;

use crate::Client;

#[async_trait]
impl Deleter for Client {
    /// [`Kind::Unsupported`] where the registry deletes by digest alone.
    async fn delete_tag(&self, _: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let endpoint = Endpoint::Manifest(repository.clone(), Reference::Tag(tag.clone()));
        let missing = Error::manifest_unknown(repository, tag);
        let deleted = self.delete(&endpoint, Deletion::Guarded, missing).await;
        deleted.map_err(|error| match error.kind() {
            Kind::Unsupported | Kind::DigestInvalid => self.no_tag_alone(repository, tag, &error),
            _ => error,
        })
    }

    /// Where the registry does not list referrers, a manifest is also taken off the index that lists
    /// it instead.
    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let subject = self.listed_under(context, repository, digest).await?;
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
}

impl Client {
    async fn delete(&self, endpoint: &Endpoint, deletion: Deletion, missing: Error) -> Result<()> {
        let query = match deletion {
            Deletion::Guarded => "",
            Deletion::Forced => "force=true",
        };
        let answer = self
            .host
            .exchange(&self.host.call(Method::DELETE, endpoint, query))
            .await?;
        // It is gone, if an earlier attempt was heard after all.
        if answer.is_success() || (answer.status == StatusCode::NOT_FOUND && answer.attempts > 1) {
            return Ok(());
        }
        Err(self.host.refusal_or(answer, &missing).await)
    }

    /// The subject under which clients list a manifest, since its registry does not.
    async fn listed_under(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Digest>> {
        if self.host.abilities.referrers.known() == Some(true) || self.host.features().await?.any {
            return Ok(None);
        }
        let reference = digest.clone().into();
        // What cannot be read has no subject to be known; whether it can be deleted is another matter.
        let Ok(read) = self.get_manifest(context, repository, &reference).await else {
            return Ok(None);
        };
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await?;
        let manifest = Manifest::parse(bytes, Some(&read.info.media_type)).ok();
        let subject = manifest.and_then(|manifest| Some(manifest.subject()?.digest.clone()));
        match subject {
            Some(subject) if !self.lists_referrers(repository, &subject).await? => {
                Ok(Some(subject))
            }
            _ => Ok(None),
        }
    }

    fn no_tag_alone(&self, repository: &RepositoryName, tag: &Tag, error: &Error) -> Error {
        let message = format!(
            "{} cannot delete the tag {tag} of {repository} alone; deleting the manifest by its digest would, \
             but takes every other tag on it along ({error})",
            self.host.name()
        );
        Error::new(Kind::Unsupported, message).with_detail(error.detail().clone())
    }
}
