//! Deleting, which leaves a tombstone that still holds the content.

use async_trait::async_trait;
use portolan_model::{Digest, RepositoryName, Tag};
use portolan_registry::{Context, Deleter, Deletion, Error, Result};

use crate::metadata::{
    Change, Database, Transaction, find_child_blob, find_repository, parents, remove_blob,
    remove_manifest, remove_tag, remove_tags_on, withdraw,
};
use crate::store::{Store, now};

#[async_trait]
impl<D: Database> Deleter for Store<D> {
    async fn delete_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<()> {
        let (name, wanted, who, now) = (
            repository.clone(),
            tag.clone(),
            context.caller().to_string(),
            now(),
        );
        let removed = self.inner.database.write(move |transaction| {
            let Some(repository_id) = find_repository(transaction, &name)? else {
                return Ok(false);
            };
            remove_tag(
                transaction,
                Change {
                    repository_id,
                    who: &who,
                    now,
                },
                &wanted,
            )
        });
        if removed.await? {
            Ok(())
        } else {
            Err(Error::manifest_unknown(repository, tag))
        }
    }

    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let (name, wanted, who, now) = (
            repository.clone(),
            digest.clone(),
            context.caller().to_string(),
            now(),
        );
        let removed = self.inner.database.write(move |transaction| {
            let Some(repository_id) = find_repository(transaction, &name)? else {
                return Ok(false);
            };
            let is_child_blob = find_child_blob(transaction, &name, &wanted)?.is_some();
            let removed =
                remove_manifest(transaction, repository_id, &wanted, now)? || is_child_blob;
            if removed {
                guard(transaction, &name, &wanted, deletion)?;
                remove_tags_on(
                    transaction,
                    Change {
                        repository_id,
                        who: &who,
                        now,
                    },
                    &wanted,
                )?;
                withdraw(transaction, repository_id, &wanted, now)?;
            }
            Ok(removed)
        });
        if removed.await? {
            Ok(())
        } else {
            Err(Error::manifest_unknown(repository, digest))
        }
    }

    async fn delete_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let (name, wanted, now) = (repository.clone(), digest.clone(), now());
        let removed = self.inner.database.write(move |transaction| {
            let removed = remove_blob(transaction, &name, &wanted, now)?;
            if removed {
                guard(transaction, &name, &wanted, deletion)?;
            }
            Ok(removed)
        });
        if removed.await? {
            Ok(())
        } else {
            Err(Error::blob_unknown(repository, digest))
        }
    }
}

/// Refuses to delete what a stored manifest names. An error here undoes the whole transaction.
fn guard(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    deletion: Deletion,
) -> Result<()> {
    if deletion == Deletion::Forced {
        return Ok(());
    }
    let parents = parents(transaction, repository, digest)?;
    if parents.is_empty() {
        Ok(())
    } else {
        Err(Error::referenced(digest, &parents))
    }
}
