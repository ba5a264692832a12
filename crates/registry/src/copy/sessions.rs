//! Storage of unfinished upload sessions, so that a later process can resume them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use portolan_model::Digest;

use crate::{Repository, UploadId};

/// Store of the upload session of each blob, so that an interrupted copy can resume.
///
/// Entries are identified by the digest of the blob and by `target`, the display name of the target
/// [`Repository`](crate::Repository). The methods cannot report errors: if the store fails, the
/// blob is uploaded from the beginning, and this only costs time.
pub trait SessionStore: Send + Sync {
    /// Returns the most recently stored session of a blob.
    fn find(&self, target: &str, digest: &Digest) -> Option<UploadId>;

    /// Stores a session of a blob. Replaces an earlier session.
    fn save(&self, target: &str, digest: &Digest, id: &UploadId);

    /// Removes the session of a blob, because it has ended.
    fn remove(&self, target: &str, digest: &Digest);
}

/// Open upload sessions of one copy, by the digest of their blobs.
#[derive(Default)]
pub(super) struct OpenSessions(Mutex<HashMap<Digest, UploadId>>);

impl OpenSessions {
    fn set(&self, digest: &Digest, id: Option<&UploadId>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match id {
            Some(id) => open.insert(digest.clone(), id.clone()),
            None => open.remove(digest),
        };
    }

    /// Cancels all sessions, because the copy was given up. A session remains stored until it is
    /// canceled, so that a process that is killed in between does not leave it behind.
    pub(super) async fn cancel(self, target: &Repository, stored: &dyn SessionStore) {
        let open = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (digest, id) in open {
            cancel(target, &id).await;
            stored.remove(&target.display_name, &digest);
        }
    }
}

/// Cancels a session. Ignores an error, because the registry expires the session later.
pub(super) async fn cancel(target: &Repository, id: &UploadId) {
    let Repository {
        registry,
        context,
        name,
        ..
    } = target;
    let _ = registry.cancel_upload(context, name, id).await;
}

/// Upload session of one blob: among the open sessions of the copy, and in a [`SessionStore`]. A
/// small blob has no entry in the store, because it is sent in a single request.
pub(super) struct BlobSession<'a> {
    open: &'a OpenSessions,
    sessions: &'a dyn SessionStore,
    target: &'a str,
    digest: &'a Digest,
    /// False for a small blob. Its session is not stored, because resuming it would not save time.
    is_persistent: bool,
    session: Option<UploadId>,
}

impl<'a> BlobSession<'a> {
    /// Loads the entry of a blob. If the blob is not `worthwhile`, nothing is loaded or stored.
    pub(super) fn load(
        open: &'a OpenSessions,
        sessions: &'a dyn SessionStore,
        target: &'a str,
        digest: &'a Digest,
        worthwhile: bool,
    ) -> Self {
        let stored = if worthwhile {
            sessions.find(target, digest)
        } else {
            None
        };
        open.set(digest, stored.as_ref());
        Self {
            open,
            sessions,
            target,
            digest,
            is_persistent: worthwhile,
            session: stored,
        }
    }

    /// Returns the most recent session of the blob, possibly from an earlier process.
    pub(super) fn session(&self) -> Option<&UploadId> {
        self.session.as_ref()
    }

    pub(super) fn save(&mut self, id: &UploadId) {
        if self.session.as_ref() == Some(id) {
            return;
        }
        if self.is_persistent {
            self.sessions.save(self.target, self.digest, id);
        }
        self.open.set(self.digest, Some(id));
        self.session = Some(id.clone());
    }

    pub(super) fn remove(&mut self) {
        if self.session.take().is_none() {
            return;
        }
        if self.is_persistent {
            self.sessions.remove(self.target, self.digest);
        }
        self.open.set(self.digest, None);
    }
}

/// [`SessionStore`] that stores nothing, so that each upload starts from the beginning.
#[derive(Clone, Copy, Debug)]
pub struct NoSessionStore;

impl SessionStore for NoSessionStore {
    fn find(&self, _: &str, _: &Digest) -> Option<UploadId> {
        None
    }

    fn save(&self, _: &str, _: &Digest, _: &UploadId) {}

    fn remove(&self, _: &str, _: &Digest) {}
}
