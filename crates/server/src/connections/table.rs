//! Table of connections: who has a slot, who waits for one, and who gives one up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::Client;
use super::state::{Activity, ConnectionState, Heads};

/// Connections of one client by their ids, the oldest first.
type Open = BTreeMap<u64, Arc<ConnectionState>>;

/// Table of all connections.
pub(super) struct Table {
    limit: usize,
    waiting_limit: usize,
    /// Time after which those that wait may end a busy connection.
    patience: Duration,
    next_id: u64,
    open: HashMap<Client, Open>,
    /// Connections that must give up their slots and still have them, with the time of the request.
    closing: HashMap<u64, (Arc<ConnectionState>, Instant)>,
    /// Number of slots in use.
    used: usize,
    waiting: VecDeque<Waiting>,
    /// True if all connections that could be closed were busy when they were last examined.
    all_busy: bool,
    /// Time since which the progress of all connections is measured.
    marked: Option<Instant>,
}

struct Waiting {
    client: Client,
    id: u64,
    state: Arc<ConnectionState>,
}

impl Table {
    pub(super) fn new(limit: usize, waiting_limit: usize, patience: Duration) -> Self {
        Self {
            limit,
            waiting_limit: waiting_limit.min(limit),
            patience,
            next_id: 0,
            open: HashMap::new(),
            closing: HashMap::new(),
            used: 0,
            waiting: VecDeque::new(),
            all_busy: false,
            marked: None,
        }
    }

    /// Adds a connection. Returns its id, and whether it has to wait for a slot.
    pub(super) fn enter(&mut self, client: Client, state: Arc<ConnectionState>) -> (u64, bool) {
        let id = self.next_id;
        self.next_id += 1;
        if self.waiting.is_empty() {
            self.marked = None;
        }
        self.waiting.push_back(Waiting { client, id, state });
        self.grant();
        self.make_room();
        if self.waiting.len() > self.waiting_limit {
            self.reject_one();
        }
        (id, !self.waiting.is_empty())
    }

    /// Removes a connection, and gives its slot to one that waits.
    pub(super) fn leave(&mut self, client: Client, id: u64) {
        if self.closing.remove(&id).is_some() || self.remove_open(client, id).is_some() {
            self.used -= 1;
            self.grant();
        } else {
            self.waiting.retain(|waiting| waiting.id != id);
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Tries again to find a slot for those that wait.
    pub(super) fn retry(&mut self, now: Instant) {
        self.all_busy = false;
        self.make_room();
        self.end_slow(now);
    }

    /// Closes the largest incomplete head of the client that has the most memory, until the heads
    /// are within their budget. Each connection of a proxy counts as a client.
    pub(super) fn shed_heads(&mut self, heads: &Heads) {
        while heads.is_exceeded() {
            let largest = self.open.iter().filter_map(|(client, open)| {
                let (id, head) = open
                    .iter()
                    .map(|(id, state)| (*id, state.head()))
                    .max_by_key(|(_, head)| *head)?;
                let all = open.values().map(|state| state.head()).sum();
                let weight = if client.is_proxy() { head } else { all };
                Some((weight, *client, id))
            });
            let Some((1.., client, id)) = largest.max_by_key(|(weight, ..)| *weight) else {
                return;
            };
            self.close(client, id);
        }
    }

    /// Requests the end of all connections.
    pub(super) fn close_all(&mut self) {
        let open = self.open.values().flat_map(BTreeMap::values);
        let waiting = self.waiting.iter().map(|waiting| &waiting.state);
        open.chain(waiting).for_each(|state| state.close());
    }

    /// Gives free slots to those that wait: first to the client with the fewest connections, and
    /// to its oldest connection.
    fn grant(&mut self) {
        while self.used < self.limit {
            let next = (0..self.waiting.len()).min_by_key(|i| self.share(self.waiting[*i].client));
            let Some(Waiting { client, id, state }) = next.and_then(|i| self.waiting.remove(i))
            else {
                return;
            };
            state.open();
            self.open.entry(client).or_default().insert(id, state);
            self.used += 1;
        }
    }

    /// Closes connections for those that wait, beyond the ones that are closing already.
    fn make_room(&mut self) {
        let mut ahead = HashMap::new();
        let mut shares = Vec::with_capacity(self.waiting.len());
        for Waiting { client, .. } in &self.waiting {
            let ahead = ahead.entry(*client).or_insert(0);
            *ahead += usize::from(!client.is_proxy());
            shares.push(self.share(*client) + (*ahead).max(1));
        }
        shares.sort_unstable();
        for share in shares.into_iter().skip(self.closing.len()) {
            if self.all_busy || !self.close_one(share) {
                return;
            }
        }
    }

    /// Closes a connection of the client that has the most connections and is not busy with all of
    /// them, if it has more than `share`. Returns whether there is such a client.
    fn close_one(&mut self, share: usize) -> bool {
        let mut larger: Vec<_> = self
            .open
            .iter()
            .map(|(client, open)| (Reverse(open.len()), *client))
            .filter(|(count, _)| count.0 > share)
            .collect();
        larger.sort_unstable_by_key(|(count, _)| *count);
        let found = larger
            .iter()
            .find_map(|(_, client)| Some((*client, dispensable(*client, self.open.get(client)?)?)));
        self.all_busy = found.is_none() && !larger.is_empty();
        found.is_some_and(|(client, id)| {
            self.close(client, id);
            true
        })
    }

    /// Ends busy connections for clients that wait, each time that the progress of all connections
    /// was measured for long enough. Ends those that had to close within this time and did not.
    fn end_slow(&mut self, now: Instant) {
        if self.waiting.is_empty() || self.marked.is_some_and(|it| now < it + self.patience) {
            return;
        }
        for (state, since) in self.closing.values() {
            if *since + self.patience <= now {
                state.abort();
            }
        }
        if self.marked.is_some() {
            let clients: HashSet<Client> = self.waiting.iter().map(|it| it.client).collect();
            for client in clients.into_iter().skip(self.closing.len()) {
                self.abort_slowest(self.share(client) + 1);
            }
        }
        self.open
            .values()
            .flat_map(BTreeMap::values)
            .for_each(|state| state.mark());
        self.marked = Some(now);
    }

    /// Ends the connection with the least progress of the client with the most connections, if it
    /// has more than `share`. The connections of a proxy belong to many clients.
    fn abort_slowest(&mut self, share: usize) {
        let hosts = self.open.iter().filter(|(client, _)| !client.is_proxy());
        let most = hosts.max_by_key(|(_, open)| open.len());
        let Some((client, open)) = most.filter(|(_, open)| open.len() > share) else {
            return;
        };
        let measured = open.iter();
        let measured = measured.filter_map(|(id, state)| Some((state.progress()?, *id)));
        if let Some((_, id)) = measured.min() {
            let (client, state) = (*client, open[&id].clone());
            self.close(client, id);
            state.abort();
        }
    }

    /// Closes the newest waiting connection of the client that has the most of them.
    fn reject_one(&mut self) {
        let mut counts: HashMap<Client, usize> = HashMap::new();
        for Waiting { client, .. } in &self.waiting {
            *counts.entry(*client).or_default() += usize::from(!client.is_proxy());
        }
        let newest = (0..self.waiting.len()).max_by_key(|i| (counts[&self.waiting[*i].client], *i));
        if let Some(waiting) = newest.and_then(|i| self.waiting.remove(i)) {
            waiting.state.close();
        }
    }

    /// Requests the end of a connection, which keeps its slot until it has ended.
    fn close(&mut self, client: Client, id: u64) {
        if let Some(state) = self.remove_open(client, id) {
            state.take_head();
            state.close();
            self.closing.insert(id, (state, Instant::now()));
        }
    }

    fn remove_open(&mut self, client: Client, id: u64) -> Option<Arc<ConnectionState>> {
        let open = self.open.get_mut(&client)?;
        let removed = open.remove(&id);
        if open.is_empty() {
            self.open.remove(&client);
        }
        removed
    }

    /// Returns the number of connections that count for a client. A proxy stands for many clients,
    /// so none counts.
    fn share(&self, client: Client) -> usize {
        match client {
            Client::Host(_) => self.open.get(&client).map_or(0, BTreeMap::len),
            Client::Proxy(_) => 0,
        }
    }
}

/// Returns the id of an idle connection, or of one without a complete request head. The latter may
/// belong to another client if the peer is a proxy, so a proxy loses only idle ones.
fn dispensable(client: Client, open: &Open) -> Option<u64> {
    let first = |wanted| {
        let found = open.iter().find(|(_, state)| state.activity() == wanted);
        found.map(|(id, _)| *id)
    };
    first(Activity::Idle).or_else(|| first(Activity::Head).filter(|_| !client.is_proxy()))
}

#[cfg(test)]
mod tests;
