//! Idle sessions by client, and which of them ends first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::SessionKey;

/// Last use and key of a session. The least recently used session is the first one.
pub(super) type Position = (i64, SessionKey);

/// Idle sessions by client.
#[derive(Default)]
pub(super) struct ByClient {
    clients: HashMap<u32, BTreeSet<Position>>,
    /// For each client, the number of its sessions and its least recently used session. The client
    /// with the most sessions is the last one. Of several such clients, it is the one with the least
    /// recently used session.
    ranks: BTreeSet<(usize, Reverse<Position>)>,
    count: usize,
}

impl ByClient {
    /// Returns the number of sessions of all clients.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, position: Position) {
        self.change(position, |sessions| {
            sessions.insert(position);
        });
    }

    pub(super) fn remove(&mut self, position: Position) {
        self.change(position, |sessions| {
            sessions.remove(&position);
        });
    }

    /// Returns the least recently used session of the client that has the most sessions.
    pub(super) fn first_to_end(&self) -> Option<SessionKey> {
        let (_, Reverse((_, key))) = self.ranks.last()?;
        Some(*key)
    }

    fn change(&mut self, (_, key): Position, change: impl FnOnce(&mut BTreeSet<Position>)) {
        let sessions = self.clients.entry(key.client()).or_default();
        if let Some(rank) = rank(sessions) {
            self.ranks.remove(&rank);
        }
        self.count -= sessions.len();
        change(sessions);
        self.count += sessions.len();
        match rank(sessions) {
            Some(rank) => {
                self.ranks.insert(rank);
            }
            None => {
                self.clients.remove(&key.client());
            }
        }
    }
}

fn rank(sessions: &BTreeSet<Position>) -> Option<(usize, Reverse<Position>)> {
    Some((sessions.len(), Reverse(*sessions.first()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(last_use: i64, client: u128) -> Position {
        let id = u128::from(last_use.unsigned_abs()) << 32 | client;
        (last_use, SessionKey::from_id(id))
    }

    #[test]
    fn the_client_with_the_most_sessions_loses_its_oldest() {
        let mut sessions = ByClient::default();
        let (few, many) = (1, 2);
        sessions.insert(position(1, few));
        for last_use in 2..5 {
            sessions.insert(position(last_use, many));
        }
        for last_use in 2..4 {
            let oldest = position(last_use, many);
            assert_eq!(sessions.first_to_end(), Some(oldest.1));
            sessions.remove(oldest);
        }
        // Both clients have one session. The older one ends first.
        assert_eq!(sessions.first_to_end(), Some(position(1, few).1));
        sessions.remove(position(1, few));
        sessions.remove(position(1, few));
        assert_eq!(sessions.len(), 1);
        sessions.remove(position(4, many));
        assert_eq!((sessions.len(), sessions.first_to_end()), (0, None));
        assert!(sessions.clients.is_empty() && sessions.ranks.is_empty());
    }
}
