//! Limits on the number of idle sessions, and on their file descriptors.

use std::sync::Arc;
use std::time::Duration;

use super::table::{Content, Standing};
use super::{MAX_OPEN_FILES, MIN_IDLE, SessionFiles, SessionKey, Sessions};
use crate::run_blocking;

impl<F: SessionFiles> Sessions<F> {
    /// Ends idle sessions until their number is within the limit.
    pub(super) async fn end_surplus(&self) {
        while let Some((key, state)) = self.table.find_surplus(self.max_idle) {
            if !self.end_if_idle(key, &state, Duration::ZERO).await {
                return;
            }
        }
    }

    /// Ends idle sessions with bytes in the repository of `key` until their number is within the
    /// limit. Sessions that were used within [`MIN_IDLE`] do not end.
    pub(super) async fn end_surplus_of_repository(&self, key: &SessionKey) {
        let limit = self.max_partial;
        while let Some((key, state)) = self.table.find_surplus_of_repository(key, limit) {
            if !self.end_if_idle(key, &state, MIN_IDLE).await {
                return;
            }
        }
    }

    /// Closes the file of the least recently used session, if more than [`MAX_OPEN_FILES`] are
    /// open.
    pub(super) async fn close_surplus(&self) {
        let Some((key, state)) = self.table.find_open_surplus(MAX_OPEN_FILES) else {
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
            }
            Err(error) => {
                tracing::error!(%error, "an idle upload session ended: its file was not synced");
                self.table.remove(key, &state);
            }
        }
    }
}
