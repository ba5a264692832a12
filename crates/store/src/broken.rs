//! Broken blobs: whichever request finds the object of a blob damaged marks the blob. From then on,
//! no repository serves the blob, until a push of its content replaces the object.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use portolan_model::Digest;
use portolan_registry::{Body, Error, Result, verify_digest};

use crate::blobs::{Damage, ObjectKey};
use crate::metadata::{BlobRow, Transaction, mark_broken};
use crate::store::Store;

impl Store {
    /// Returns the result of an access to the object `key` of the blob `digest`. If the object is
    /// damaged, marks the blob as broken and returns `None`: a new lookup of the blob either finds
    /// nothing, or another object that has replaced the damaged one.
    pub(crate) async fn if_undamaged<T>(
        &self,
        digest: &Digest,
        key: &ObjectKey,
        accessed: Result<T>,
    ) -> Result<Option<T>> {
        let error = match accessed {
            Ok(accessed) => return Ok(Some(accessed)),
            Err(error) => error,
        };
        match Damage::find_in(&error) {
            Some(damage) => self.mark_broken(digest, key, damage).await.map(|()| None),
            None => Err(error),
        }
    }

    /// Returns whether the object of the blob `digest` exists with the right size. Otherwise, marks
    /// the blob as broken.
    pub(crate) async fn has_object(&self, digest: &Digest, row: &BlobRow) -> Result<bool> {
        let checked = self.parts.objects.check(&row.key, row.size).await;
        let undamaged = self.if_undamaged(digest, &row.key, checked).await?;
        Ok(undamaged.is_some())
    }

    /// Reads and verifies a whole blob of up to `limit` bytes.
    ///
    /// # Errors
    /// Returns an error with source [`Damage`] if the object is damaged.
    pub(crate) async fn read_whole(
        &self,
        digest: &Digest,
        row: &BlobRow,
        limit: usize,
    ) -> Result<Bytes> {
        let body = self
            .parts
            .objects
            .read(&row.key, row.size, 0..row.size, None);
        let bytes = body.await?.collect(limit).await?;
        verify_digest(&bytes, Some(digest)).map_err(|_| Error::from(Damage::Digest))?;
        Ok(bytes)
    }

    /// Returns a body that marks the blob as broken if it turns out to be damaged while it is sent.
    pub(crate) fn watch(&self, digest: &Digest, key: ObjectKey, body: Body) -> Body {
        let Body::Stream { pieces, length } = body else {
            return body;
        };
        // A body that is being sent must not keep the store open.
        let (parts, digest) = (Arc::downgrade(&self.parts), digest.clone());
        let watched = pieces.or_else(move |error| {
            let (parts, digest) = (parts.upgrade(), digest.clone());
            async move {
                if let (Some(damage), Some(parts)) = (Damage::find_in(&error), parts) {
                    let store = Self::from_parts(parts);
                    if let Err(error) = store.mark_broken(&digest, &key, damage).await {
                        tracing::warn!(%error, %digest, "failed to mark a blob as broken");
                    }
                }
                Err(error)
            }
        });
        Body::Stream {
            pieces: Box::pin(watched),
            length,
        }
    }

    /// Marks a blob as broken, unless another object has replaced the damaged one.
    async fn mark_broken(&self, digest: &Digest, key: &ObjectKey, damage: Damage) -> Result<()> {
        let (digest, key) = (digest.clone(), *key);
        self.parts.cache.ignore_object(key);
        self.run_detached(move |store| async move {
            let blob = digest.clone();
            let mark = move |transaction: &mut dyn Transaction| mark_broken(transaction, &blob, &key);
            if store.parts.database.write(mark).await? {
                let path = store.parts.objects.location(&key);
                tracing::error!(
                    %digest,
                    path,
                    %damage,
                    "a blob is broken and is not served any more; push its content again to repair it, and check the disk"
                );
            }
            Ok(())
        })
        .await
    }
}
