//! Storage of received content as a blob of a repository, and mounts of existing blobs.

use portolan_model::{Digest, RepositoryName};
use portolan_registry::{Action, Context, Result};

use crate::blobs::{ObjectKey, Staged};
use crate::metadata::{
    Linked, NewObject, StoredBlob, blob_sources, claim_own, find_blob_content, link_blob,
    mount_blob,
};
use crate::object_keys::end_if_closed;
use crate::store::Store;
use crate::uploads::Finished;

/// Number of repositories that a single lookup returns when a mount searches for a source.
const SOURCES_PAGE: usize = 100;
/// Maximum number of lookups of a source for one mount. If the caller may not pull from any of the
/// repositories found so far, the mount fails, and the caller uploads the blob instead.
const SOURCES_PAGES: usize = 10;

impl Store {
    /// Stores received content durably as a blob of the repository. If this fails, the content
    /// remains in its session, so that the client does not have to send it again.
    pub(crate) async fn commit_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        received: Finished,
    ) -> Result<()> {
        let stored = self.store_blob(repository, digest, &received).await;
        let uploads = &self.parts.uploads;
        match stored {
            Ok(()) => uploads.end(received.staged).await,
            Err(error) => uploads.put_back(received.staged).await.and(Err(error)),
        }
    }

    async fn store_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        received: &Finished,
    ) -> Result<()> {
        if self.link_known(repository, digest).await? {
            return Ok(());
        }
        let key = self.parts.keys.next(&self.parts.database).await?;
        if let Err(error) = self.parts.objects.install(&received.staged, &key).await {
            self.abandon(digest, &key, &received.staged).await;
            return Err(error);
        }
        self.link_object(repository, digest, &key, received).await
    }

    /// Links the blob to the repository if its content is stored already, and returns whether it
    /// is. Only its row is not enough: a broken blob needs the received content.
    async fn link_known(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        let known = self.parts.database.lookup(find_blob_content(digest));
        let usable = known.await?.filter(|blob| !blob.is_broken);
        let Some(StoredBlob { row, .. }) = usable else {
            return Ok(false);
        };
        if !self.has_object(digest, &row).await? {
            return Ok(false);
        }
        Ok(self.link(repository, digest, None).await? != Linked::Gone)
    }

    /// Creates or repairs the blob with the content of the object `key`, and links it to the repository.
    async fn link_object(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        key: &ObjectKey,
        received: &Finished,
    ) -> Result<()> {
        let object = NewObject {
            size: received.size,
            key: *key,
        };
        match self.link(repository, digest, Some(object)).await {
            Ok(Linked::New) => {
                self.parts.keys.resolve(key);
                Ok(())
            }
            // Another push has stored the same content in the meantime, and the blob uses the
            // object of that push. The transaction has claimed the object of this push, so delete
            // it.
            Ok(Linked::Known | Linked::Gone) => {
                self.parts.keys.resolve(key);
                self.delete_claimed(vec![*key]).await
            }
            Err(error) => {
                self.abandon(digest, key, &received.staged).await;
                Err(error)
            }
        }
    }

    /// Returns the object `key` to its upload after an error, if it exists and no blob has the key.
    /// If this fails too, the range of the key is not released, and the sweep after the next start
    /// deletes the object.
    async fn abandon(&self, digest: &Digest, key: &ObjectKey, staged: &Staged) {
        let abandoned = *key;
        let claimed = self
            .parts
            .database
            .write(move |transaction| claim_own(transaction, &abandoned));
        let claimed = claimed.await;
        if claimed.is_ok() {
            self.parts.keys.resolve(key);
        }
        // A blob may have the key: its transaction may have reported an error, but was committed.
        let is_unused = match &claimed {
            Ok(is_unused) => *is_unused,
            Err(_) => self.is_unused(digest, key).await,
        };
        let mut returned = Ok(());
        if is_unused {
            returned = self.parts.objects.take_back(staged, key).await;
        }
        let deleted = match claimed {
            Ok(true) => self.delete_claimed(vec![*key]).await,
            claimed => claimed.map(drop),
        };
        if let Err(error) = returned.and(deleted) {
            tracing::warn!(%error, %key, "failed to return or delete an object that belongs to no blob");
        }
    }

    /// Returns whether no blob has `key`, which was allocated for the blob `digest`. Works on a full
    /// disk too.
    async fn is_unused(&self, digest: &Digest, key: &ObjectKey) -> bool {
        let blob = self.parts.database.lookup(find_blob_content(digest)).await;
        blob.is_ok_and(|blob| blob.is_none_or(|blob| blob.row.key != *key))
    }

    /// Runs [`link_blob`] in a transaction.
    async fn link(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        object: Option<NewObject>,
    ) -> Result<Linked> {
        let (repository, digest) = (repository.clone(), digest.clone());
        let write = self
            .parts
            .database
            .write(move |transaction| link_blob(transaction, &repository, &digest, object));
        end_if_closed(write.await)
    }

    /// Links a blob of the repository `from` to `repository`, and returns whether a blob was
    /// linked; a broken blob is not. If `from` is `None`, searches all repositories. The caller must
    /// be allowed to pull from the source repository.
    pub(super) async fn try_mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<bool> {
        let source = match from {
            Some(from) => Some(from.clone()).filter(|from| context.allows(Action::Pull, from)),
            None => self.find_source(context, digest).await?,
        };
        let Some(source) = source else {
            return Ok(false);
        };
        let Some(row) = self.find_blob(&source, digest).await? else {
            return Ok(false);
        };
        if !self.has_object(digest, &row).await? {
            return Ok(false);
        }
        let (target, digest) = (repository.clone(), digest.clone());
        self.parts
            .database
            .write(move |transaction| mount_blob(transaction, &source, &target, &digest))
            .await
    }

    /// Returns the first repository that serves the blob and that the caller may pull from.
    async fn find_source(
        &self,
        context: &Context,
        digest: &Digest,
    ) -> Result<Option<RepositoryName>> {
        let mut after = 0;
        for _ in 0..SOURCES_PAGES {
            let page = self
                .parts
                .database
                .lookup(blob_sources(digest, after, SOURCES_PAGE))
                .await?;
            let Some(last) = page.last() else {
                return Ok(None);
            };
            let (last, is_full) = (last.id, page.len() == SOURCES_PAGE);
            let live = page.into_iter().filter(|source| source.is_live);
            let mut names = live.map(|source| source.name);
            let allowed = names.find(|name| context.allows(Action::Pull, name));
            if allowed.is_some() || !is_full {
                return Ok(allowed);
            }
            after = last;
        }
        Ok(None)
    }
}
