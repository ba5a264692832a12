//! Content that was received becomes a repository's blob.

use portolan_model::{Digest, RepositoryName};
use portolan_registry::{Action, Context, Result};

use crate::blobs::ObjectKey;
use crate::metadata::{
    Database, Linked, NewBlob, find_blob, find_blob_content, link_blob, source_repositories,
};
use crate::store::{Inner, now};
use crate::uploads::Finished;

impl<D: Database> Inner<D> {
    /// Makes what was received durable, and a blob of the repository.
    pub(super) async fn keep(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        received: Finished,
    ) -> Result<()> {
        let key = match self.place(repository, digest, &received).await {
            Ok(Some(key)) => key,
            // It goes also where that failed, or a full disk would stay full of what nobody will ask for.
            unplaced => {
                let discarded = self.uploads.discard(received.staged).await;
                return unplaced.and(discarded);
            }
        };
        let blob = NewBlob {
            digest: digest.clone(),
            size: received.size,
            key: Some(key.clone()),
        };
        // If this fails, the key is still noted as doomed and the object goes at the next start.
        match self.link(repository, blob).await? {
            Linked::New => Ok(()),
            // Somebody finished the same content meanwhile: theirs serves, ours is not needed.
            Linked::Known | Linked::Gone => self.objects.delete(&key).await,
        }
    }

    /// Puts what was received under a key of its own; nowhere if the content was known, and is linked now.
    async fn place(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        received: &Finished,
    ) -> Result<Option<ObjectKey>> {
        let known = NewBlob {
            digest: digest.clone(),
            size: received.size,
            key: None,
        };
        if self.is_known(digest).await? && self.link(repository, known).await? != Linked::Gone {
            return Ok(None);
        }
        let key = self.keys.take(&self.database, now()).await?;
        self.objects.install(&received.staged, &key).await?;
        Ok(Some(key))
    }

    /// Whether the blob is the repository's now, by way of another one that the caller may pull from.
    pub(super) async fn mounted(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<bool> {
        let (context, target, wanted, from) = (
            context.clone(),
            repository.clone(),
            digest.clone(),
            from.cloned(),
        );
        let now = now();
        let mounted = self.database.write(move |transaction| {
            let sources = match &from {
                Some(from) => find_blob(transaction, from, &wanted)?
                    .map(|_| from.clone())
                    .into_iter()
                    .collect(),
                None => source_repositories(transaction, &wanted)?,
            };
            let allowed = sources
                .iter()
                .any(|source| context.allows(Action::Pull, source));
            let blob = NewBlob {
                digest: wanted.clone(),
                size: 0,
                key: None,
            };
            Ok(allowed && link_blob(transaction, &target, &blob, now)? == Linked::Known)
        });
        mounted.await
    }

    async fn is_known(&self, digest: &Digest) -> Result<bool> {
        let digest = digest.clone();
        self.database
            .read(move |transaction| Ok(find_blob_content(transaction, &digest)?.is_some()))
            .await
    }

    async fn link(&self, repository: &RepositoryName, blob: NewBlob) -> Result<Linked> {
        let (repository, now) = (repository.clone(), now());
        self.database
            .write(move |transaction| link_blob(transaction, &repository, &blob, now))
            .await
    }
}
