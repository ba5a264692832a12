//! Sessions whose content was taken, because it is stored or removed.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use super::SessionKey;
use super::table::{Content, Standing, State, Table};

/// Entry in the table of a session whose content was taken. As long as this value exists, calls that
/// change the session wait, so that none mistakes the file for a session of an earlier process. Calls
/// that ask for its length do not wait.
///
/// Dropping this value ends the session and removes the entry. So move or remove the file first.
pub struct Registration {
    table: Arc<Table>,
    key: SessionKey,
    state: State,
    /// Lock of the session. `None` inside unless the content was returned.
    content: OwnedMutexGuard<Option<Content>>,
    taken_at: Instant,
}

impl Registration {
    /// Takes the content of a session that the caller has locked, at the time `now`. Returns `None` if
    /// the session has ended.
    pub(super) fn take(
        table: &Arc<Table>,
        key: SessionKey,
        state: &State,
        mut content: OwnedMutexGuard<Option<Content>>,
        now: Instant,
    ) -> Option<(Content, Self)> {
        let taken = content.take()?;
        // The session has no resources to free, so it must have no position in an order.
        table.set_standing(key, Standing::Busy);
        let registration = Self {
            table: Arc::clone(table),
            key,
            state: Arc::clone(state),
            content,
            taken_at: now,
        };
        Some((taken, registration))
    }

    /// Returns the content to the session, which continues.
    pub(super) fn put_back(mut self, content: Content) {
        let standing = Standing::from_incoming(&content.incoming);
        self.state.put(&mut self.content, content);
        self.table.record_use(self.key, standing, self.taken_at);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.content.is_none() {
            self.state.end();
            self.table.remove(self.key, &self.state);
        }
    }
}
