//! Expiry of idle sessions, and the list of the sessions of earlier processes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use portolan_registry::Result;

use super::folder::SHARDS;
use super::table::{Content, State};
use super::{
    MIN_IDLE, Registration, SessionFiles, SessionFolder, SessionKey, SessionName, Sessions,
};
use crate::append::Incoming;
use crate::run_blocking;

impl Sessions<SessionFolder> {
    /// Ends the sessions that no call has used for `idle`, and returns the number of ended
    /// sessions. Logs an error for each file that cannot be removed.
    ///
    /// The idle time is measured with the monotonic clock, so a change of the wall clock ends no
    /// session. The idle time of a session of an earlier process begins when this process lists it,
    /// in its first call of this method, or at most [`MIN_IDLE`] earlier.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub async fn expire(&self, idle: Duration) -> Result<usize> {
        self.list_earlier().await?;
        let now = self.runtime.instant();
        let mut ended = 0;
        for (key, state) in self.table.find_idle(idle, now) {
            ended += usize::from(self.end_if_idle(key, &state, idle).await);
        }
        Ok(ended)
    }

    /// Ends the sessions of earlier processes whose files were not modified for `idle`. Call it
    /// before this process opens its first session. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read, or a file cannot be removed.
    pub fn expire_at_start(&self, idle: Duration) -> Result<()> {
        let now = self.runtime.now();
        for shard in 0..SHARDS {
            let mut due = Vec::new();
            self.files.search(shard, &mut |name| {
                if let Ok(Some(file)) = self.files.inspect(&name)
                    && let Ok(age) = now.duration_since(file.modified)
                    && age >= idle
                {
                    due.push(name);
                }
            })?;
            for name in due {
                self.files.remove(&name)?;
            }
        }
        self.files.report_strays()
    }

    /// Adds the sessions of earlier processes to the table, so that they count for the limits and
    /// expire. Also removes files that such processes were receiving without a session. Does
    /// nothing if all sessions in the folder are in the table.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub(super) async fn list_earlier(&self) -> Result<()> {
        if !self.unlisted.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let listed = self.list_shards().await;
        if listed.is_err() {
            self.set_unlisted();
        }
        listed
    }

    async fn list_shards(&self) -> Result<()> {
        let now = self.runtime.instant();
        for shard in 0..SHARDS {
            let sessions = self.clone();
            run_blocking(move || {
                let files = &sessions.files;
                files.search(shard, &mut |name| sessions.list_file(name, now))
            })
            .await?;
            // An earlier version may have left more sessions than fit into memory.
            self.end_surplus().await;
        }
        let files = Arc::clone(self.files());
        run_blocking(move || files.report_strays()).await
    }

    /// Adds a session of an earlier process to the table, unless a call has found it already.
    ///
    /// Adds and locks the entry before it inspects the file, as the lookup of a session does.
    fn list_file(&self, name: SessionName, now: Instant) {
        let (key, state) = (name.key, State::default());
        let Ok(mut content) = state.content.try_lock() else {
            return;
        };
        let (_, added) = self.table.find_or_add(key, &state, now);
        if !added {
            return;
        }
        let Ok(Some(file)) = self.files.inspect(&name) else {
            self.table.remove(key, &state);
            return;
        };
        let incoming = Incoming::resume(self.opener(&name), file.length, &name.algorithm);
        state.put(&mut content, Content { name, incoming });
        // The wall clock may be wrong, so it only decides whether the session may end on a full disk.
        let age = self.runtime.now().duration_since(file.modified);
        let idle = age.unwrap_or_default().min(MIN_IDLE);
        let used_at = now.checked_sub(idle).unwrap_or(now);
        self.table.record_earlier(key, file.modified, used_at);
    }
}

impl<F: SessionFiles> Sessions<F> {
    /// Ends a session if no call has used it for `idle`, and returns whether it ended.
    pub(super) async fn end_if_idle(&self, key: SessionKey, state: &State, idle: Duration) -> bool {
        // If the lock is held, a call is using the session. If it is free, a call may have used the
        // session since it was listed, so check the idle time again.
        let Ok(content) = Arc::clone(&state.content).try_lock_owned() else {
            return false;
        };
        let now = self.runtime.instant();
        if !self.table.is_idle(&key, idle, now) {
            return false;
        }
        let taken = Registration::take(&self.table, key, state, content, now);
        let Some((ended, registration)) = taken else {
            return false;
        };
        let removed = self.remove(ended, registration).await;
        // Log the error instead of returning it, so that other sessions still end.
        if let Err(error) = &removed {
            tracing::error!(%error, "failed to remove the file of an upload session");
        }
        removed.is_ok()
    }

    /// Records that the folder may contain a session without an entry in the table.
    pub(super) fn set_unlisted(&self) {
        self.unlisted.store(true, Ordering::Release);
    }
}
