//! Table of the sessions that are in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use portolan_registry::{Error, Result, Turn, Turns};

use super::by_client::{ByClient, Position};
use super::{SessionKey, SessionName};
use crate::append::{Incoming, StoredLength};

/// State of a session, shared by its calls.
pub(super) type State = Arc<Session>;

/// State of a session.
#[derive(Default)]
pub(super) struct Session {
    /// Content, or `None` if a call has taken it. A call holds the lock as long as it uses the
    /// session.
    pub(super) content: Arc<tokio::sync::Mutex<Option<Content>>>,
    turns: Turns,
    /// Length of the content, also while a call has taken it. `None` if the session has ended or is
    /// being looked up.
    length: Mutex<Option<StoredLength>>,
}

/// Content of a session, and the name of its file.
pub(super) struct Content {
    pub(super) name: SessionName,
    pub(super) incoming: Incoming,
}

impl Session {
    /// Creates the state of a session with content.
    pub(super) fn new(content: Content) -> Self {
        let length = Mutex::new(Some(content.incoming.stored_length()));
        Self {
            content: Arc::new(tokio::sync::Mutex::new(Some(content))),
            turns: Turns::default(),
            length,
        }
    }

    /// Sets the content of the session, which the caller has locked as `slot`.
    pub(super) fn put(&self, slot: &mut Option<Content>, content: Content) {
        *self.lock_length() = Some(content.incoming.stored_length());
        *slot = Some(content);
    }

    /// Records that the session has ended.
    pub(super) fn end(&self) {
        *self.lock_length() = None;
    }

    /// Returns the number of bytes that are stored, or `None` if the session has ended. Waits for a
    /// lookup of the session, but not for a call that uses it.
    pub(super) async fn offset(&self) -> Option<u64> {
        if let Some(length) = self.length() {
            return Some(length);
        }
        let content = self.content.lock().await;
        content.as_ref().map(|content| content.incoming.length())
    }

    /// Begins the turn of a call, and ends the call that currently appends. `offset` is the
    /// position of the first byte of the new call, if the sender has declared one.
    ///
    /// # Errors
    /// Returns [`Kind::OutOfOrder`](portolan_registry::Kind::OutOfOrder) if `offset` is not the
    /// offset of the session. In this case, a call that appends continues.
    pub(super) fn begin_turn(&self, offset: Option<u64>) -> Result<Turn> {
        if let (Some(length), Some(begins_at)) = (self.length(), offset)
            && length != begins_at
        {
            return Err(Error::out_of_order(length, begins_at));
        }
        Ok(self.turns.next())
    }

    fn length(&self) -> Option<u64> {
        self.lock_length().as_ref().map(StoredLength::get)
    }

    fn lock_length(&self) -> MutexGuard<'_, Option<StoredLength>> {
        self.length.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sessions, by key. A session has an entry before its file is created and until its file is moved
/// or removed, so no call uses a file without an entry. A file without an entry belongs to an
/// earlier process and was not listed yet, or a call on its session failed halfway.
#[derive(Default)]
pub(super) struct Table {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    sessions: HashMap<SessionKey, Entry>,
    /// Idle sessions.
    idle: ByClient,
    /// Idle sessions with bytes, by repository.
    repositories: HashMap<u128, ByClient>,
    /// Idle sessions with bytes, the least recently used first.
    partial: BTreeSet<Position>,
    /// Idle sessions with an open file, the least recently used first.
    open: BTreeSet<Position>,
    /// Number of uses of all sessions so far.
    uses: i64,
}

struct Entry {
    state: State,
    standing: Standing,
    /// Number of the last use. It is not positive if only earlier processes have used the session.
    last_use: i64,
    used_at: Instant,
}

/// Use of a session, and the resources that it occupies while it is idle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// In use by a call, or ended.
    Busy,
    /// Idle and without a file, so it exists only in memory.
    Empty,
    /// Idle with an open file.
    Open,
    /// Idle with a file that is not open.
    Closed,
}

impl Entry {
    fn is_idle(&self, idle: Duration, now: Instant) -> bool {
        self.standing != Standing::Busy && now.saturating_duration_since(self.used_at) >= idle
    }
}

impl Standing {
    /// Returns the standing of an idle session with the content `incoming`.
    pub(super) fn from_incoming(incoming: &Incoming) -> Self {
        if incoming.is_unwritten() {
            Self::Empty
        } else if incoming.file().is_some() {
            Self::Open
        } else {
            Self::Closed
        }
    }

    /// Returns whether an idle session of this standing has bytes.
    fn is_partial(self) -> bool {
        matches!(self, Self::Open | Self::Closed)
    }
}

impl Entries {
    fn enter(&mut self, standing: Standing, position: Position) {
        if standing != Standing::Busy {
            self.idle.insert(position);
        }
        if standing == Standing::Open {
            self.open.insert(position);
        }
        if standing.is_partial() {
            self.partial.insert(position);
            let repository = self.repositories.entry(position.1.repository());
            repository.or_default().insert(position);
        }
    }

    fn leave(&mut self, standing: Standing, position: Position) {
        if standing == Standing::Busy {
            return;
        }
        self.idle.remove(position);
        self.open.remove(&position);
        self.partial.remove(&position);
        let repository = position.1.repository();
        if let Some(sessions) = self.repositories.get_mut(&repository) {
            sessions.remove(position);
            if sessions.len() == 0 {
                self.repositories.remove(&repository);
            }
        }
    }

    /// Sets the standing and the last use of a session.
    fn place(&mut self, key: SessionKey, standing: Standing, last_use: i64) -> Option<&mut Entry> {
        let entry = self.sessions.get(&key)?;
        self.leave(entry.standing, (entry.last_use, key));
        self.enter(standing, (last_use, key));
        let entry = self.sessions.get_mut(&key)?;
        (entry.standing, entry.last_use) = (standing, last_use);
        Some(entry)
    }

    fn next_use(&mut self) -> i64 {
        self.uses += 1;
        self.uses
    }

    /// Removes a session with its position, unless `key` has another state by now.
    fn remove(&mut self, key: SessionKey, state: &State) {
        // The key may belong to a newer entry of a session that was found on disk again.
        let is_same = |entry: &Entry| Arc::ptr_eq(&entry.state, state);
        if self.sessions.get(&key).is_some_and(is_same)
            && let Some(entry) = self.sessions.remove(&key)
        {
            self.leave(entry.standing, (entry.last_use, key));
        }
    }

    /// Returns a session with its state.
    fn with_state(&self, key: SessionKey) -> Option<(SessionKey, State)> {
        let entry = self.sessions.get(&key)?;
        Some((key, Arc::clone(&entry.state)))
    }
}

impl Table {
    /// Locks the entries. Ignores poisoning, because a panic in another thread does not leave the
    /// entries inconsistent.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state of the session with `key`, if it has an entry.
    pub(super) fn find(&self, key: &SessionKey) -> Option<State> {
        let entries = self.entries();
        entries
            .sessions
            .get(key)
            .map(|entry| Arc::clone(&entry.state))
    }

    /// Returns the state of the session with `key`, and `false`. If the session has no entry, adds
    /// a busy entry with `state`, and returns this state and `true`.
    pub(super) fn find_or_add(
        &self,
        key: SessionKey,
        state: &State,
        now: Instant,
    ) -> (State, bool) {
        let mut entries = self.entries();
        if let Some(entry) = entries.sessions.get(&key) {
            return (Arc::clone(&entry.state), false);
        }
        let entry = Entry {
            state: Arc::clone(state),
            standing: Standing::Busy,
            last_use: 0,
            used_at: now,
        };
        entries.sessions.insert(key, entry);
        (Arc::clone(state), true)
    }

    /// Records that a session was used at `now` and has the given standing from now on.
    pub(super) fn record_use(&self, key: SessionKey, standing: Standing, now: Instant) {
        let mut entries = self.entries();
        let last_use = entries.next_use();
        if let Some(entry) = entries.place(key, standing, last_use) {
            entry.used_at = now;
        }
    }

    /// Records a session of an earlier process, which was last used when its file was modified.
    /// Every session that this process has used counts as used more recently. `used_at` is the
    /// begin of its idle time.
    pub(super) fn record_earlier(&self, key: SessionKey, modified: SystemTime, used_at: Instant) {
        let since = modified.duration_since(SystemTime::UNIX_EPOCH);
        let since = since.map_or(0, |since| {
            i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
        });
        let last_use = since - i64::MAX;
        if let Some(entry) = self.entries().place(key, Standing::Closed, last_use) {
            entry.used_at = used_at;
        }
    }

    /// Records the standing of a session, without counting it as a use.
    pub(super) fn set_standing(&self, key: SessionKey, standing: Standing) {
        let mut entries = self.entries();
        let last_use = entries.sessions.get(&key).map(|entry| entry.last_use);
        if let Some(last_use) = last_use {
            entries.place(key, standing, last_use);
        }
    }

    /// Removes the entry of a session, unless `key` has another state by now.
    pub(super) fn remove(&self, key: SessionKey, state: &State) {
        self.entries().remove(key, state);
    }

    /// Returns the least recently used idle session of the client that has the most of them, if there
    /// are more than `limit` idle sessions.
    pub(super) fn find_surplus(&self, limit: usize) -> Option<(SessionKey, State)> {
        let entries = self.entries();
        let surplus = (entries.idle.len() > limit).then_some(&entries.idle)?;
        entries.with_state(surplus.first_to_end()?)
    }

    /// Returns such a session of the repository of `key`, if this repository has more than `limit`
    /// idle sessions with bytes.
    pub(super) fn find_surplus_of_repository(
        &self,
        key: &SessionKey,
        limit: usize,
    ) -> Option<(SessionKey, State)> {
        let entries = self.entries();
        let sessions = entries.repositories.get(&key.repository())?;
        let surplus = (sessions.len() > limit).then_some(sessions)?;
        entries.with_state(surplus.first_to_end()?)
    }

    /// Returns the least recently used session with an open file, if there are more than `limit`.
    pub(super) fn find_open_surplus(&self, limit: usize) -> Option<(SessionKey, State)> {
        let entries = self.entries();
        let (_, key) = entries
            .open
            .first()
            .filter(|_| entries.open.len() > limit)?;
        entries.with_state(*key)
    }

    /// Returns the least recently used session with bytes.
    pub(super) fn find_oldest(&self) -> Option<(SessionKey, State)> {
        let entries = self.entries();
        let (_, key) = entries.partial.first()?;
        entries.with_state(*key)
    }

    /// Returns the sessions that no call has used for `idle`.
    pub(super) fn find_idle(&self, idle: Duration, now: Instant) -> Vec<(SessionKey, State)> {
        let entries = self.entries();
        let sessions = entries.sessions.iter();
        sessions
            .filter(|(_, entry)| entry.is_idle(idle, now))
            .map(|(key, entry)| (*key, Arc::clone(&entry.state)))
            .collect()
    }

    /// Returns whether no call has used the session for `idle`. The result remains valid while the
    /// caller holds the lock of the session.
    pub(super) fn is_idle(&self, key: &SessionKey, idle: Duration, now: Instant) -> bool {
        let entries = self.entries();
        let entry = entries.sessions.get(key);
        entry.is_some_and(|entry| entry.is_idle(idle, now))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries().sessions.len()
    }
}
