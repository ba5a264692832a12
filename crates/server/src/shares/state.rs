//! State of a shared resource: who uses it, who waits for it, and whose bodies are being received.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::{self, Receiver, Sender};
use tokio::time::Instant;

use super::Share;
use crate::client_address::Client;
use crate::progress::Progress;

/// Part of all units that requests may not use to grow, and that a client may not use that has more
/// than its fair part while others had to wait: one of so many.
const RESERVED: u64 = 16;

/// Time for which units are reserved after a client had to wait for those of another client.
pub(super) const CONTENTION: Duration = Duration::from_secs(30);

pub(super) struct State {
    free: u64,
    total: u64,
    used: HashMap<Client, u64>,
    /// Requests that wait, in the order of their arrival.
    waiting: BTreeMap<u64, Waiter>,
    bodies: HashMap<u64, Body>,
    next_id: u64,
    released: Instant,
    checked: Instant,
    /// Last time when a client had to wait that uses less than another.
    contended: Option<Instant>,
}

/// Request for units.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) client: Client,
    pub(super) units: u64,
    /// Units that the request uses already.
    pub(super) held: u64,
}

struct Waiter {
    request: Request,
    reply: Sender<Share>,
}

struct Body {
    client: Client,
    /// Units that the client uses for this body.
    units: u64,
    progress: Arc<Progress>,
}

impl Request {
    pub(super) fn new(client: Client, units: u64) -> Self {
        Self {
            client,
            units,
            held: 0,
        }
    }
}

impl State {
    pub(super) fn new(units: u64) -> Self {
        let now = Instant::now();
        Self {
            free: units,
            total: units,
            used: HashMap::new(),
            waiting: BTreeMap::new(),
            bodies: HashMap::new(),
            next_id: 0,
            released: now,
            checked: now,
            contended: None,
        }
    }

    /// Takes the units of `request` if they are free and nobody waits. A request that uses nothing
    /// yet does not wait for those that grow.
    pub(super) fn try_take(&mut self, request: &Request) -> bool {
        let mut waiting = self.waiting.values().map(|waiter| waiter.request);
        let has_turn = if request.held == 0 {
            waiting.all(|waiting| waiting.held > 0)
        } else {
            waiting.next().is_none()
        };
        let takes = has_turn && request.units <= self.available(request);
        if takes {
            self.take(request);
        }
        takes
    }

    /// Adds a request to the queue, in which requests wait for up to `limit` units. If the queue is
    /// full, the request takes the place of one of the client that waits for the most. Returns
    /// `None` if this is its own client.
    pub(super) fn enqueue(
        &mut self,
        request: Request,
        limit: u64,
    ) -> Option<(u64, Receiver<Share>)> {
        while self.waiting_units(None) + request.units > limit {
            let most = self.waiting_most()?;
            let own = self.waiting_units(Some(request.client)) + request.units;
            if self.waiting_units(Some(most)) <= own {
                return None;
            }
            self.reject_newest(|waiting| waiting.client == most);
        }
        let own = self.used(request.client);
        let is_small = !self.exceeds_fair_part(request.client);
        if is_small && self.used.values().any(|used| *used > own) {
            self.contended = Some(Instant::now());
        }
        let (reply, granted) = oneshot::channel();
        let id = self.new_id();
        self.waiting.insert(id, Waiter { request, reply });
        self.resolve_deadlock(Duration::MAX);
        Some((id, granted))
    }

    /// Removes the next request that gets its units: the oldest of the client that uses the least.
    /// Those that use nothing yet come before those that grow.
    pub(super) fn next_grant(&mut self) -> Option<(Request, Sender<Share>)> {
        let least = |(id, waiter): &(&u64, &Waiter)| {
            let Request { client, held, .. } = waiter.request;
            (self.used(client), held > 0, **id)
        };
        let (&id, waiter) = self.waiting.iter().min_by_key(least)?;
        if waiter.request.units > self.available(&waiter.request) {
            return None;
        }
        let Waiter { request, reply } = self.waiting.remove(&id)?;
        self.take(&request);
        Some((request, reply))
    }

    pub(super) fn remove_waiting(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    pub(super) fn put_back(&mut self, client: Client, units: u64) {
        self.free += units;
        self.released = Instant::now();
        if let Some(used) = self.used.get_mut(&client) {
            *used = used.saturating_sub(units);
            if *used == 0 {
                self.used.remove(&client);
            }
        }
    }

    pub(super) fn add_body(&mut self, client: Client, units: u64, progress: Arc<Progress>) -> u64 {
        let id = self.new_id();
        let body = Body {
            client,
            units,
            progress,
        };
        self.bodies.insert(id, body);
        id
    }

    pub(super) fn set_units(&mut self, body: u64, units: u64) {
        if let Some(body) = self.bodies.get_mut(&body) {
            body.units = units;
        }
    }

    pub(super) fn remove_body(&mut self, id: u64) {
        self.bodies.remove(&id);
    }

    /// Ends the bodies below `rate` bytes per second of clients that use more than another client
    /// that waits. Does nothing within `pause` after the last call.
    pub(super) fn end_slow_bodies(&mut self, rate: u64, pause: Duration) {
        if self.checked.elapsed() < pause {
            return;
        }
        self.checked = Instant::now();
        // A request that waits although there are enough units leaves them to others.
        let waiting = self.waiting.values().map(|waiter| waiter.request);
        let waiting: HashMap<Client, u64> = waiting
            .filter(|request| request.units > self.free || request.held > 0)
            .map(|request| (request.client, self.used(request.client)))
            .collect();
        for body in self.bodies.values() {
            let used = self.used(body.client);
            let mut others = waiting.iter().filter(|(client, _)| **client != body.client);
            if others.any(|(_, waits)| *waits < used) && body.progress.is_below(rate) {
                body.progress.end();
            }
        }
    }

    /// Ends all bodies below `rate` bytes per second that have been received for longer than `time`.
    pub(super) fn end_all_slow_bodies(&self, rate: u64, time: Duration) {
        for body in self.bodies.values() {
            if body.progress.is_below_for(time, rate) {
                body.progress.end();
            }
        }
    }

    /// Ends the slowest bodies of the client that uses the most, if it uses more than the client of
    /// `request` and nothing was released for `wait`: as many as use the requested units together.
    pub(super) fn end_slowest_bodies(&self, request: &Request, wait: Duration) {
        let Request {
            client,
            units,
            held,
        } = *request;
        let leaves_units = units <= self.free && held == 0;
        if self.released.elapsed() < wait || leaves_units {
            return;
        }
        let own = self.used(client);
        // Ending a body that has arrived, or that waits for the server, would free nothing.
        let useful = self.bodies.values().filter(|body| {
            let is_useful = body.progress.is_waiting() && !body.progress.is_ended();
            is_useful && body.client != client && self.used(body.client) > own
        });
        let mut useful: Vec<_> = useful.collect();
        useful.sort_by_cached_key(|body| (Reverse(self.used(body.client)), body.progress.rate()));
        let Some(most) = useful.first().map(|body| body.client) else {
            return;
        };
        let mut ended = self.available(request);
        for body in useful.into_iter().filter(|body| body.client == most) {
            body.progress.end();
            ended += body.units;
            if ended >= units {
                return;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> u64 {
        self.free
    }

    /// Returns the units that `request` may take. Requests that grow leave some for those that use
    /// nothing yet, unless nobody else uses any. A client with more than its fair part leaves some for
    /// the next requests of clients that had to wait, which would otherwise wait again for each.
    fn available(&self, request: &Request) -> u64 {
        if request.held > 0 && request.held == self.total - self.free {
            return self.free;
        }
        let is_contended = self.contended.is_some_and(|at| at.elapsed() < CONTENTION);
        let reserved =
            if request.held == 0 && !(is_contended && self.exceeds_fair_part(request.client)) {
                0
            } else {
                self.total / RESERVED
            };
        self.free.saturating_sub(reserved)
    }

    /// Returns whether a client uses more than it would if one more client used as much as each.
    fn exceeds_fair_part(&self, client: Client) -> bool {
        self.used(client) * (self.used.len() as u64 + 1) > self.total
    }

    fn take(&mut self, request: &Request) {
        self.free -= request.units;
        *self.used.entry(request.client).or_default() += request.units;
    }

    fn used(&self, client: Client) -> u64 {
        self.used.get(&client).copied().unwrap_or_default()
    }

    /// Returns the units that `client` waits for, or all clients together.
    fn waiting_units(&self, client: Option<Client>) -> u64 {
        let requests = self.waiting.values().map(|waiter| waiter.request);
        requests
            .filter(|request| client.is_none_or(|client| client == request.client))
            .map(|request| request.units)
            .sum()
    }

    fn waiting_most(&self) -> Option<Client> {
        let mut units = HashMap::<Client, u64>::new();
        for waiter in self.waiting.values() {
            *units.entry(waiter.request.client).or_default() += waiter.request.units;
        }
        let most = units.into_iter().max_by_key(|(_, units)| *units);
        most.map(|(client, _)| client)
    }

    /// Rejects a request of the client that uses the most, if all units belong to requests that
    /// wait for more and to bodies whose clients have sent nothing for `pause`.
    pub(super) fn resolve_deadlock(&mut self, pause: Duration) {
        let waiting = self.waiting.values().map(|waiter| waiter.request.held);
        let stalled = self.bodies.values();
        let stalled = stalled.filter(|body| body.progress.waits_for(pause));
        let stuck: u64 = waiting.chain(stalled.map(|body| body.units)).sum();
        if self.waiting.len() < 2 || stuck < self.total - self.free {
            return;
        }
        let holders = self.waiting.values().map(|waiter| waiter.request);
        let holders = holders.filter(|request| request.held > 0);
        let most = holders.max_by_key(|request| self.used(request.client));
        if let Some(most) = most {
            self.reject_newest(|request| request.client == most.client && request.held > 0);
        }
    }

    /// Dropping the waiter tells its request that it is rejected.
    fn reject_newest(&mut self, matches: impl Fn(&Request) -> bool) {
        let mut newest = self.waiting.iter().rev();
        let found = newest.find(|(_, waiter)| matches(&waiter.request));
        if let Some(id) = found.map(|(id, _)| *id) {
            self.waiting.remove(&id);
        }
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}
