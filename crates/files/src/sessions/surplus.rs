//! Limits on the memory and the file descriptors that idle sessions use.

use std::sync::Arc;

use super::table::{Content, Standing};
use super::{MAX_CLOSED_SESSIONS, MAX_OPEN_FILES, MIN_IDLE, SessionFiles, SessionKey, Sessions};
use crate::run_blocking;

impl<F: SessionFiles> Sessions<F> {
    /// Drops the least recently used sessions with `standing` from memory until at most `limit` are
    /// left.
    pub(super) fn drop_surplus(&self, standing: Standing, limit: usize) {
        while let Some((key, state)) = self.table.find_surplus(standing, limit) {
            // A call that holds the lock is using the session, and makes it the most recently used
            // session afterwards.
            let Ok(mut content) = state.content.try_lock() else {
                return;
            };
            // A call may have used the session since it was found, and given it another standing.
            if self.table.has_standing(&key, standing) {
                *content = None;
                self.table.remove(key, &state);
            }
        }
    }

    /// Ends the least recently used sessions with bytes in the repository of `key` until their
    /// number is within the limit. Sessions that were used within [`MIN_IDLE`] do not end.
    pub(super) async fn end_surplus(&self, key: &SessionKey) {
        while let Some((key, state)) = self.table.find_partial_surplus(key, self.max_partial) {
            if !self.end_if_idle(key, &state, MIN_IDLE).await {
                return;
            }
        }
    }

    /// Closes the file of the least recently used session, if more than [`MAX_OPEN_FILES`] are
    /// open.
    pub(super) async fn close_surplus(&self) {
        let Some((key, state)) = self.table.find_surplus(Standing::Open, MAX_OPEN_FILES) else {
            return;
        };
        let Ok(mut content) = Arc::clone(&state.content).try_lock_owned() else {
            return;
        };
        let Some(Content { name, mut incoming }) = content.take() else {
            return;
        };
        let (files, reopen) = (Arc::clone(&self.files), self.opener(&name));
        let closed = run_blocking(move || match files.close(&mut incoming, reopen) {
            Ok(()) => Ok(Content { name, incoming }),
            Err(error) => files.remove(&name).and(Err(error)),
        });
        match closed.await {
            Ok(closed) => {
                let standing = Standing::from_incoming(&closed.incoming);
                *content = Some(closed);
                self.table.set_standing(key, standing);
                drop(content);
                self.drop_surplus(Standing::Closed, MAX_CLOSED_SESSIONS);
            }
            Err(error) => {
                tracing::error!(%error, "an idle upload session ended: its file was not synced");
                self.table.remove(key, &state);
            }
        }
    }
}
