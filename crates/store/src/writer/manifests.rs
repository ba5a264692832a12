//! Push of a manifest. One transaction stores the manifest, the blobs that become manifests with
//! it, and its tags. Many references follow in further transactions. A check only returns the outcome.

use std::sync::Arc;

use portolan_registry::{Attempt, PutOutcome, Result};

use super::put::{Put, StoredPut};
use crate::metadata::{Lookup, Outcome, View};
use crate::store::Store;

/// Help for a push whose manifest is stored, but not all of its references.
const UNFINISHED: &str =
    "the manifest is stored, and the registry writes its references later; push it again";

/// Action to take on a pushed manifest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PushAction {
    /// Store the manifest and set its tags.
    Put,
    /// Return the outcome of storing the manifest, without storing it.
    Check,
}

impl Store {
    /// Stores or checks a manifest. All documents are parsed before the transaction: it only looks
    /// up content, checks and writes. If a child has changed in the meantime so that another blob
    /// must be parsed, the transaction changes nothing. In this case, this function parses the blob
    /// and tries again.
    pub(super) async fn push_manifest(
        &self,
        mut put: Put,
        action: PushAction,
    ) -> Result<PutOutcome> {
        self.parts.space.check().await?;
        self.parse_declared_children(&mut put).await?;
        let mut put = Arc::new(put);
        loop {
            let attempt = match action {
                PushAction::Put => self.try_store(&put).await?,
                PushAction::Check => self.rehearse(&put).await?,
            };
            let children = match attempt {
                Attempt::Done(outcome) => return Ok(outcome),
                Attempt::NeedsChildren(children) => children,
            };
            self.parse_children(Arc::make_mut(&mut put), children)
                .await?;
        }
    }

    /// Runs one transaction. It stores the manifest, or returns the children that must be parsed
    /// first.
    async fn try_store(&self, put: &Arc<Put>) -> Result<Attempt<PutOutcome>> {
        // The closure must hold no handle to the store. Otherwise the database thread could drop
        // the last handle, and would wait for itself to end.
        let (attempt, media_types) = (Arc::clone(put), Arc::clone(&self.parts.media_types));
        let mut turn = None;
        if put.is_paged() {
            // A rejected push should not take a turn.
            if let Attempt::NeedsChildren(children) = self.rehearse(put).await? {
                return Ok(Attempt::NeedsChildren(children));
            }
            turn = Some(self.long_write().await?);
        }
        let repository = put.push.repository();
        let change = self
            .parts
            .cache
            .begin_change(repository, put.affected_entries());
        let written = self.parts.database.write(move |transaction| {
            attempt.store(transaction, |media_type| media_types.is_stored(media_type))
        });
        let written = written.await?;
        drop(change);
        if turn.is_some() && matches!(written, Attempt::Done(_)) {
            let documents = put.documents().cloned().collect();
            let written = self.write_edges(repository, documents).await;
            written.map_err(|error| error.with_help(UNFINISHED))?;
        }
        drop(turn);
        written.and_then(|stored| {
            let StoredPut {
                outcome,
                media_types,
            } = stored;
            self.parts.media_types.remember(media_types);
            Ok(outcome)
        })
    }

    /// Checks the manifest like [`Put::store`], but with lookups instead of a transaction. Each
    /// lookup sees a consistent state, but different lookups may see different states.
    async fn rehearse(&self, put: &Put) -> Result<Attempt<PutOutcome>> {
        let mut outcomes = Vec::new();
        for statement in put.lookups() {
            let rows = self
                .parts
                .database
                .lookup(Lookup::new(statement, Ok))
                .await?;
            outcomes.push(Outcome { rows, changed: 0 });
        }
        put.rehearse(&View::decode(put.options.tags.len(), outcomes)?)
    }
}
