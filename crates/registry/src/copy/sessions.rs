//! Upload sessions that were begun and not finished, perhaps by another process.

use portolan_model::Digest;

use crate::UploadId;

/// Remembers the upload session of each blob, so that an interrupted copy goes on where it stood.
///
/// `target` is the name of the [`Place`](super::Place) that the blob goes to. A memory that fails
/// has no way to say so: the blob is then uploaded anew, and nothing is lost but time.
pub trait Sessions: Send + Sync {
    /// The session that was kept last.
    fn find(&self, target: &str, digest: &Digest) -> Option<UploadId>;

    /// Keeps a session in the place of an earlier one.
    fn keep(&self, target: &str, digest: &Digest, id: &UploadId);

    /// The session has ended.
    fn forget(&self, target: &str, digest: &Digest);
}

/// What is remembered of one blob: nothing of one that is sent in a single request anyway.
pub(super) struct Memory<'a> {
    sessions: &'a dyn Sessions,
    target: &'a str,
    digest: &'a Digest,
    worthwhile: bool,
    kept: Option<UploadId>,
}

impl<'a> Memory<'a> {
    pub(super) fn of(
        sessions: &'a dyn Sessions,
        target: &'a str,
        digest: &'a Digest,
        worthwhile: bool,
    ) -> Self {
        let kept = if worthwhile {
            sessions.find(target, digest)
        } else {
            None
        };
        Self {
            sessions,
            target,
            digest,
            worthwhile,
            kept,
        }
    }

    /// The session that was kept last, also by an earlier process.
    pub(super) fn kept(&self) -> Option<&UploadId> {
        self.kept.as_ref()
    }

    pub(super) fn keep(&mut self, id: &UploadId) {
        if self.worthwhile && self.kept.as_ref() != Some(id) {
            self.sessions.keep(self.target, self.digest, id);
            self.kept = Some(id.clone());
        }
    }

    pub(super) fn forget(&mut self) {
        if self.kept.take().is_some() {
            self.sessions.forget(self.target, self.digest);
        }
    }
}

/// Remembers nothing: each copy begins anew.
#[derive(Clone, Copy, Debug)]
pub struct NoSessions;

impl Sessions for NoSessions {
    fn find(&self, _: &str, _: &Digest) -> Option<UploadId> {
        None
    }

    fn keep(&self, _: &str, _: &Digest, _: &UploadId) {}

    fn forget(&self, _: &str, _: &Digest) {}
}
