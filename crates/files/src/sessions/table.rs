//! Table of the sessions that are in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portolan_registry::{Error, Result, Turn, Turns};

use super::{SessionKey, SessionName};
use crate::append::{Incoming, StoredLength};

/// State of a session, shared by its calls.
pub(super) type State = Arc<Session>;

/// State of a session.
#[derive(Default)]
pub(super) struct Session {
    /// Content, or `None` once the session has ended or was dropped from memory. A call holds the
    /// lock as long as it uses the session.
    pub(super) content: Arc<tokio::sync::Mutex<Option<Content>>>,
    turns: Turns,
    /// Length of the content while a call appends to it.
    appending: Mutex<Option<StoredLength>>,
}

/// Content of a session, and the name of its file.
pub(super) struct Content {
    pub(super) name: SessionName,
    pub(super) incoming: Incoming,
}

impl Session {
    /// Creates the state of a session with content.
    pub(super) fn new(content: Content) -> Self {
        Self {
            content: Arc::new(tokio::sync::Mutex::new(Some(content))),
            ..Self::default()
        }
    }

    /// Returns the number of bytes that are stored, or `None` if the session has ended or was
    /// dropped from memory. Does not wait for a call that appends.
    pub(super) async fn offset(&self) -> Option<u64> {
        if let Some(length) = self.appending_length() {
            return Some(length);
        }
        let content = self.content.lock().await;
        content.as_ref().map(|content| content.incoming.length())
    }

    /// Begins the turn of a call, and ends the call that currently appends. `offset` is the
    /// position of the first byte of the new call, if the sender has declared one.
    ///
    /// # Errors
    /// Returns [`Kind::OutOfOrder`](portolan_registry::Kind::OutOfOrder) if a call currently
    /// appends and `offset` is not the offset of the session. In this case, the call that appends
    /// continues.
    pub(super) fn begin_turn(&self, offset: Option<u64>) -> Result<Turn> {
        if let (Some(length), Some(begins_at)) = (self.appending_length(), offset)
            && length != begins_at
        {
            return Err(Error::out_of_order(length, begins_at));
        }
        Ok(self.turns.next())
    }

    /// Sets the length of the content while a call appends to it.
    pub(super) fn set_appending(&self, length: Option<StoredLength>) {
        *self.appending() = length;
    }

    fn appending_length(&self) -> Option<u64> {
        self.appending().as_ref().map(StoredLength::get)
    }

    fn appending(&self) -> MutexGuard<'_, Option<StoredLength>> {
        self.appending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sessions in memory, by key. A session has an entry before its file is created and until its file
/// is moved or removed, so no call uses a file without an entry. A file without an entry belongs to
/// an earlier process, or to a session that was dropped from memory because too many sessions were
/// closed.
#[derive(Default)]
pub(super) struct Table {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    sessions: HashMap<SessionKey, Entry>,
    /// Idle sessions without bytes, the least recently used first.
    empty: BTreeMap<u64, SessionKey>,
    /// Idle sessions with an open file, the least recently used first.
    open: BTreeMap<u64, SessionKey>,
    /// Idle sessions with a closed file, the least recently used first.
    closed: BTreeMap<u64, SessionKey>,
    /// Idle sessions with bytes, by repository, the least recently used first.
    partial: HashMap<u128, BTreeMap<u64, SessionKey>>,
    /// Number of uses of all sessions so far.
    uses: u64,
}

struct Entry {
    state: State,
    standing: Standing,
    /// Number of the last use. It is the key of this entry in the map of its standing.
    last_use: u64,
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
    /// Returns the sessions with `standing` in the order of their last use, or `None` for busy
    /// sessions, because they have no order.
    fn order(&mut self, standing: Standing) -> Option<&mut BTreeMap<u64, SessionKey>> {
        match standing {
            Standing::Empty => Some(&mut self.empty),
            Standing::Open => Some(&mut self.open),
            Standing::Closed => Some(&mut self.closed),
            Standing::Busy => None,
        }
    }

    fn enter(&mut self, key: SessionKey, standing: Standing, last_use: u64) {
        if let Some(order) = self.order(standing) {
            order.insert(last_use, key);
        }
        if standing.is_partial() {
            let partial = self.partial.entry(key.repository()).or_default();
            partial.insert(last_use, key);
        }
    }

    fn leave(&mut self, key: SessionKey, standing: Standing, last_use: u64) {
        if let Some(order) = self.order(standing) {
            order.remove(&last_use);
        }
        if standing.is_partial()
            && let Some(partial) = self.partial.get_mut(&key.repository())
        {
            partial.remove(&last_use);
            if partial.is_empty() {
                self.partial.remove(&key.repository());
            }
        }
    }

    /// Sets the standing of a session, and moves the session to the end of the order of this
    /// standing. `used_at` is the time of the use, or `None` if the session was not used.
    fn place(&mut self, key: SessionKey, standing: Standing, used_at: Option<Instant>) {
        let Some(entry) = self.sessions.get_mut(&key) else {
            return;
        };
        let (before, last_use) = (entry.standing, entry.last_use);
        self.uses += 1;
        (entry.standing, entry.last_use) = (standing, self.uses);
        entry.used_at = used_at.unwrap_or(entry.used_at);
        let uses = self.uses;
        self.leave(key, before, last_use);
        self.enter(key, standing, uses);
    }

    /// Removes a session with its position, unless `key` has another state by now.
    fn remove(&mut self, key: SessionKey, state: &State) {
        // The key may belong to a newer entry of a session that was found on disk again.
        let is_same = |entry: &Entry| Arc::ptr_eq(&entry.state, state);
        if self.sessions.get(&key).is_some_and(is_same)
            && let Some(entry) = self.sessions.remove(&key)
        {
            self.leave(key, entry.standing, entry.last_use);
        }
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
        self.entries().place(key, standing, Some(now));
    }

    /// Records the standing of a session, without counting it as a use.
    pub(super) fn set_standing(&self, key: SessionKey, standing: Standing) {
        self.entries().place(key, standing, None);
    }

    /// Returns whether the session with `key` has `standing`.
    pub(super) fn has_standing(&self, key: &SessionKey, standing: Standing) -> bool {
        let entries = self.entries();
        let entry = entries.sessions.get(key);
        entry.is_some_and(|entry| entry.standing == standing)
    }

    /// Removes the entry of a session, unless `key` has another state by now.
    pub(super) fn remove(&self, key: SessionKey, state: &State) {
        self.entries().remove(key, state);
    }

    /// Returns the least recently used session with `standing`, if more than `limit` sessions have
    /// this standing.
    pub(super) fn find_surplus(
        &self,
        standing: Standing,
        limit: usize,
    ) -> Option<(SessionKey, State)> {
        let mut entries = self.entries();
        let order = entries.order(standing)?;
        let key = *order.values().next().filter(|_| order.len() > limit)?;
        let entry = entries.sessions.get(&key)?;
        Some((key, Arc::clone(&entry.state)))
    }

    /// Returns the least recently used idle session with bytes in the repository of `key`, if this
    /// repository has more than `limit` such sessions.
    pub(super) fn find_partial_surplus(
        &self,
        key: &SessionKey,
        limit: usize,
    ) -> Option<(SessionKey, State)> {
        let entries = self.entries();
        let partial = entries.partial.get(&key.repository())?;
        let key = *partial.values().next().filter(|_| partial.len() > limit)?;
        let entry = entries.sessions.get(&key)?;
        Some((key, Arc::clone(&entry.state)))
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

/// Entry of an ended session in the table. It exists until the file of the session is moved or
/// removed, so that no call mistakes the file for a session of an earlier process. Dropping this
/// value removes the entry.
pub struct Registration {
    table: Arc<Table>,
    key: SessionKey,
    state: State,
}

impl Registration {
    pub(super) fn new(table: &Arc<Table>, key: SessionKey, state: &State) -> Self {
        // An ended session has no resources to free, so it must have no position in an order.
        table.set_standing(key, Standing::Busy);
        Self {
            table: Arc::clone(table),
            key,
            state: Arc::clone(state),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.table.remove(self.key, &self.state);
    }
}
