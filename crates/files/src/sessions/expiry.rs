//! Expiry of idle sessions.

use std::time::Duration;

use portolan_registry::Result;

use super::folder::SHARDS;
use super::table::{Content, State};
use super::{Registration, SessionFiles, SessionFolder, SessionKey, SessionName, Sessions};
use crate::append::Incoming;
use crate::run_blocking;

impl Sessions<SessionFolder> {
    /// Ends the sessions that no call has used for `idle`, and returns the number of ended
    /// sessions. Logs an error for each file that cannot be removed.
    ///
    /// The idle time of a session in memory is measured with the monotonic clock, so a change of
    /// the wall clock ends no session. For a session of an earlier process, it is the time since
    /// the last modification of its file.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub async fn expire(&self, idle: Duration) -> Result<usize> {
        let ended = self.end_idle(idle).await?;
        if !self.files().is_sweep_due(self.runtime.instant()) {
            return Ok(ended);
        }
        Ok(ended + self.end_earlier(idle).await?)
    }

    /// Ends the sessions in memory that no call has used for `idle`, and returns the number of
    /// ended sessions.
    pub(super) async fn end_idle(&self, idle: Duration) -> Result<usize> {
        let now = self.runtime.instant();
        let mut ended = 0;
        for (key, state) in self.table.find_idle(idle, now) {
            ended += usize::from(self.end_if_idle(key, &state, idle).await);
        }
        Ok(ended)
    }

    /// Ends the sessions of earlier processes that nobody has used for `idle`. Call it before this
    /// process opens its first session. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read, or a file cannot be removed.
    pub fn expire_at_start(&self, idle: Duration) -> Result<()> {
        let now = self.runtime.instant();
        for shard in 0..SHARDS {
            let found = self.files.sweep(shard, idle, now, &|_| false)?;
            for name in found.due {
                self.files.remove(&name)?;
            }
        }
        self.files.end_sweep(idle, now, idle)
    }

    /// Ends the idle sessions of earlier processes, and returns the number of ended sessions. Also
    /// removes files that such processes were receiving without a session.
    pub(super) async fn end_earlier(&self, idle: Duration) -> Result<usize> {
        let now = self.runtime.instant();
        let (mut ended, mut next) = (0, idle);
        // Sweep one subfolder at a time: the names of all due sessions together may take much
        // memory.
        for shard in 0..SHARDS {
            let sessions = self.clone();
            let found = run_blocking(move || {
                let is_known = |key: &SessionKey| sessions.table.find(key).is_some();
                sessions.files.sweep(shard, idle, now, &is_known)
            });
            let found = found.await?;
            next = next.min(found.next);
            for name in found.due {
                ended += usize::from(self.claim_and_remove(name).await);
            }
        }
        let files = self.files().clone();
        run_blocking(move || files.end_sweep(idle, now, next)).await?;
        Ok(ended)
    }

    /// Removes the file of a session of an earlier process, and returns whether that succeeded.
    /// First adds an entry to the table, so that no call can use the session. Skips a session that
    /// has an entry already: a call has found it since the sweep, so it is not idle.
    async fn claim_and_remove(&self, name: SessionName) -> bool {
        let key = name.key;
        let (state, added) = self
            .table
            .find_or_add(key, &State::default(), self.runtime.instant());
        if !added {
            return false;
        }
        let incoming = Incoming::resume(self.opener(&name), 0, &name.algorithm);
        let registration = Registration::new(&self.table, key, &state);
        self.remove_or_report(Content { name, incoming }, registration)
            .await
    }
}

impl<F: SessionFiles> Sessions<F> {
    /// Ends a session if no call has used it for `idle`, and returns whether it ended.
    pub(super) async fn end_if_idle(&self, key: SessionKey, state: &State, idle: Duration) -> bool {
        // If the lock is held, a call is using the session. If it is free, a call may have used the
        // session since it was listed, so check the idle time again.
        let Ok(mut content) = state.content.try_lock() else {
            return false;
        };
        if !self.table.is_idle(&key, idle, self.runtime.instant()) {
            return false;
        }
        let Some(ended) = content.take() else {
            return false;
        };
        // Register the session before its lock is released. Otherwise, the ended session could be
        // dropped from the table in between.
        let registration = Registration::new(&self.table, key, state);
        drop(content);
        self.remove_or_report(ended, registration).await
    }

    /// Removes the file of an expired session, and returns whether that succeeded. Logs an error
    /// instead of returning it, so that other sessions still expire.
    async fn remove_or_report(&self, content: Content, registration: Registration) -> bool {
        let removed = self.remove(content, registration).await;
        if let Err(error) = &removed {
            tracing::error!(%error, "failed to remove the file of an expired upload session");
        }
        removed.is_ok()
    }
}
