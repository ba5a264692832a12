//! Lookup of sessions: in memory, then on disk.

use std::sync::Arc;
use std::time::Instant;

use portolan_model::Digest;
use portolan_registry::{Error, Result, Turn, UploadId};
use tokio::sync::OwnedMutexGuard;

use super::name::parse_id;
use super::table::{Content, Standing, State, Table};
use super::{Owner, Registration, SessionFiles, SessionKey, SessionName, Sessions};
use crate::append::Incoming;
use crate::{run_blocking, run_detached};

/// Maximum number of lookups of a session. Between lookup and lock, the entry of a session may be
/// removed although its file is still on disk. In this case, it is looked up again.
const SEARCHES: usize = 2;

/// Session that is locked for one call.
pub(super) struct Locked {
    pub(super) key: SessionKey,
    pub(super) state: State,
    pub(super) turn: Turn,
    /// `None` once the session has ended.
    pub(super) content: OwnedMutexGuard<Option<Content>>,
}

impl Locked {
    /// Takes the content of the session. Returns `None` if it has ended already.
    pub(super) fn take(self, table: &Arc<Table>, now: Instant) -> Option<(Content, Registration)> {
        Registration::take(table, self.key, &self.state, self.content, now)
    }

    /// Returns whether this process has hashed the content, and it has `digest`.
    pub(super) fn has_digest(&self, digest: &Digest) -> bool {
        let content = self.content.as_ref();
        content.is_some_and(|content| {
            content.incoming.length() > 0 && content.incoming.digest().as_ref() == Some(digest)
        })
    }
}

impl<F: SessionFiles> Sessions<F> {
    /// Finds a session of `owner`, ends the call that appends to the session, and waits until no
    /// other call uses it.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`](portolan_registry::Kind::UploadUnknown), and the error of
    /// [`Session::begin_turn`](super::table::Session::begin_turn).
    pub(super) async fn take_over(
        &self,
        owner: &Owner,
        id: &UploadId,
        offset: Option<u64>,
    ) -> Result<Locked> {
        for _ in 0..SEARCHES {
            let (key, state) = self.session(owner, id).await?;
            let turn = state.begin_turn(offset)?;
            let content = Arc::clone(&state.content).lock_owned().await;
            if content.is_some() {
                return Ok(Locked {
                    key,
                    state,
                    turn,
                    content,
                });
            }
        }
        Err(unknown_session(owner, id))
    }

    /// Returns the offset of a session of `owner`.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`](portolan_registry::Kind::UploadUnknown) if the owner has no
    /// such session.
    pub(super) async fn offset(&self, owner: &Owner, id: &UploadId) -> Result<u64> {
        for _ in 0..SEARCHES {
            let (_, state) = self.session(owner, id).await?;
            if let Some(offset) = state.offset().await {
                return Ok(offset);
            }
        }
        Err(unknown_session(owner, id))
    }

    /// Finds a session of `owner` in memory or on disk.
    async fn session(&self, owner: &Owner, id: &UploadId) -> Result<(SessionKey, State)> {
        let number = parse_id(id).ok_or_else(|| unknown_session(owner, id))?;
        let key = SessionKey::new(number, owner, &self.key);
        if let Some(state) = self.table.find(&key) {
            return Ok((key, state));
        }
        let sessions = self.clone();
        // Run the lookup in a separate task: if the caller is dropped halfway, the table must not
        // retain an entry whose file was not looked up.
        let found = run_detached(async move { sessions.find_on_disk(key).await }).await?;
        let state = found.ok_or_else(|| unknown_session(owner, id))?;
        Ok((key, state))
    }

    /// Finds a session that has no entry in the table: a session of an earlier process that was not
    /// listed yet, or a session on which a call failed halfway.
    ///
    /// Adds an entry to the table and locks it, then looks up the file. In the other order, another
    /// call could find, finish and remove the session between the lookup and the addition, and the
    /// entry would refer to a file that no longer exists.
    async fn find_on_disk(&self, key: SessionKey) -> Result<Option<State>> {
        let new = State::default();
        let mut content = Arc::clone(&new.content).lock_owned().await;
        let now = self.runtime.instant();
        let (state, added) = self.table.find_or_add(key, &new, now);
        if !added {
            return Ok(Some(state));
        }
        let files = Arc::clone(&self.files);
        let found = run_blocking(move || files.find(&key)).await;
        let Ok(Some(found)) = found else {
            self.table.remove(key, &state);
            return found.map(|_| None);
        };
        let name = SessionName {
            key,
            algorithm: found.algorithm.clone(),
        };
        let incoming = Incoming::resume(self.opener(&name), found.length, &found.algorithm);
        state.put(&mut content, Content { name, incoming });
        self.table.record_use(key, Standing::Closed, now);
        drop(content);
        self.end_surplus().await;
        Ok(Some(state))
    }
}

/// Returns the error for a session that `owner` does not have.
pub(super) fn unknown_session(owner: &Owner, id: &UploadId) -> Error {
    Error::upload_unknown(&owner.repository, id)
}
