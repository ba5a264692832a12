//! Deletion of tags, manifests, blobs and repositories. A deleted manifest or blob leaves a tombstone: a row that
//! marks the content as deleted. The references of a deleted manifest still protect its children
//! from garbage collection.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_model::{Digest, Manifest, RepositoryName, Tag};
use portolan_registry::{Context, Deleter, Deletion, Error, Parent, Result};

use crate::cache::Affected;
use crate::metadata::{
    ParentRow, Removal, Transaction, find_parents, find_unfinished, manifest_bytes, remove_blob,
    remove_manifest, remove_repository, remove_tag,
};
use crate::store::{Store, caller_name};

/// Maximum total size, in bytes, of the manifests that [`Store::reference_error`] parses. The first
/// manifest is always parsed, even if it is larger.
const MAX_PARSED: u64 = 8 << 20;

#[async_trait]
impl Deleter for Store {
    async fn delete_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<()> {
        let (name, wanted) = (repository.clone(), tag.clone());
        let who = caller_name(context);
        let affected = Affected::Some {
            tags: vec![tag.clone()],
            digests: Vec::new(),
        };
        let removed = self.change(repository, affected, move |transaction| {
            remove_tag(transaction, &name, &wanted, who.as_deref())
        });
        if removed.await? {
            Ok(())
        } else {
            Err(Error::manifest_unknown(repository, tag))
        }
    }

    /// Deletes a manifest with its tags. Many tags take several transactions, then one transaction
    /// deletes the manifest, and many references take further ones. If the process ends in between,
    /// some tags are left, and a repeated call continues.
    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let (wanted, who) = (digest.clone(), caller_name(context));
        let is_guarded = deletion == Deletion::Guarded;
        let remove = move |transaction: &mut dyn Transaction, name: &RepositoryName| {
            remove_manifest(transaction, name, &wanted, is_guarded, who.as_deref())
        };
        // The tags of the manifest are not known.
        match self.remove(repository, Affected::All, remove).await? {
            Removal::Unknown => Err(Error::manifest_unknown(repository, digest)),
            Removal::Referenced => Err(self.reference_error(repository, digest).await?),
            Removal::Removed | Removal::Partial | Removal::Unfinished => Ok(()),
        }
    }

    async fn delete_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let wanted = digest.clone();
        let is_guarded = deletion == Deletion::Guarded;
        let affected = Affected::Some {
            tags: Vec::new(),
            digests: vec![digest.clone()],
        };
        let remove = move |transaction: &mut dyn Transaction, name: &RepositoryName| {
            remove_blob(transaction, name, &wanted, is_guarded)
        };
        match self.remove(repository, affected, remove).await? {
            Removal::Unknown => Err(Error::blob_unknown(repository, digest)),
            Removal::Referenced => Err(self.reference_error(repository, digest).await?),
            Removal::Removed | Removal::Partial | Removal::Unfinished => Ok(()),
        }
    }

    /// Deletes a repository in several transactions, tags first. If the process ends in between, a
    /// part of the content is left, and a repeated call continues.
    async fn delete_repository(
        &self,
        context: &Context,
        repository: &RepositoryName,
    ) -> Result<()> {
        let who = caller_name(context);
        let remove = move |transaction: &mut dyn Transaction, name: &RepositoryName| {
            remove_repository(transaction, name, who.as_deref())
        };
        match self.remove(repository, Affected::All, remove).await? {
            Removal::Unknown => Err(Error::repository_unknown(repository)),
            _ => Ok(()),
        }
    }
}

impl Store {
    /// Removes content of a repository. Runs `work` in as many transactions as it needs, and returns
    /// its last outcome. Only the first transaction may run beside other long ones.
    async fn remove(
        &self,
        repository: &RepositoryName,
        affected: Affected,
        work: impl Fn(&mut dyn Transaction, &RepositoryName) -> Result<Removal> + Send + Sync + 'static,
    ) -> Result<Removal> {
        let (repository, work) = (repository.clone(), Arc::new(work));
        self.run_detached(|store| async move {
            let (mut needs_turn, mut has_begun) = (false, false);
            loop {
                let mut turn = None;
                if needs_turn {
                    turn = Some(store.long_write().await?);
                }
                let change = store
                    .parts
                    .cache
                    .begin_change(&repository, affected.clone());
                let (name, work) = (repository.clone(), Arc::clone(&work));
                let removed = store
                    .parts
                    .database
                    .write(move |it| work(it, &name))
                    .await?;
                drop(change);
                if store.has_unfinished(&repository, removed).await? {
                    if turn.is_none() {
                        turn = Some(store.long_write().await?);
                    }
                    let finished = store.finish_manifests(&repository).await;
                    if removed == Removal::Unfinished {
                        finished?;
                    } else if let Err(error) = finished {
                        // The content is deleted. Its references are marked later.
                        tracing::warn!(%error, %repository, "the references of a deleted manifest could not be marked");
                    }
                }
                drop(turn);
                needs_turn = true;
                match removed {
                    Removal::Partial => has_begun = true,
                    Removal::Unfinished => (),
                    // Another call has removed the rest.
                    Removal::Unknown if has_begun => return Ok(Removal::Removed),
                    end => return Ok(end),
                }
            }
        })
        .await
    }

    /// Returns whether a removal with this outcome needs further transactions.
    async fn has_unfinished(&self, repository: &RepositoryName, removed: Removal) -> Result<bool> {
        Ok(match removed {
            Removal::Partial | Removal::Unfinished => true,
            Removal::Removed => {
                let unfinished = self.parts.database.lookup(find_unfinished(repository));
                unfinished.await?.is_some()
            }
            Removal::Unknown | Removal::Referenced => false,
        })
    }

    /// Returns the error for the deletion of `digest` while other manifests reference it. The error
    /// lists these manifests.
    ///
    /// The manifests are parsed to find the JSON pointers of the references. They are read after
    /// the transaction that rejected the deletion, so a manifest that was deleted in the meantime
    /// is not listed.
    async fn reference_error(&self, repository: &RepositoryName, digest: &Digest) -> Result<Error> {
        let lookup = find_parents(repository, digest, Parent::MAX_LISTED);
        let rows = self.parts.database.lookup(lookup).await?;
        let mut parents = Vec::new();
        let mut parsed = 0;
        for row in rows {
            parsed += row.size;
            // Always list the first manifest, however large it is.
            if parents.len() >= Parent::MAX_LISTED || (parsed > MAX_PARSED && !parents.is_empty()) {
                break;
            }
            parents.extend(self.places(&row, digest).await?);
        }
        parents.truncate(Parent::MAX_LISTED);
        Ok(Error::content_referenced(digest, &parents))
    }

    /// Returns each place where the manifest of `row` references `digest`.
    async fn places(&self, row: &ParentRow, digest: &Digest) -> Result<Vec<Parent>> {
        let lookup = manifest_bytes(row.content_id);
        let Some(bytes) = self.parts.database.lookup(lookup).await? else {
            return Ok(Vec::new());
        };
        let manifest = Manifest::parse(bytes.into(), Some(&row.media_type))
            .map_err(|error| Error::internal("failed to read a stored manifest", error))?;
        let named = manifest.children().iter();
        let places = named.filter(|child| child.descriptor.digest == *digest);
        Ok(places
            .map(|child| Parent {
                digest: row.digest.clone(),
                pointer: child.pointer.clone(),
            })
            .collect())
    }
}
