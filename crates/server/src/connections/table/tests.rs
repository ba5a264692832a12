//! Tests of the table: slots, waiting connections, and memory for request heads.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::FutureExt;

use super::*;
use crate::connections::state::RequestGuard;

const HEAD: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

/// Table of a number of slots, where as many connections may wait.
struct Fixture {
    table: Table,
    heads: Arc<Heads>,
    states: BTreeMap<u64, Arc<ConnectionState>>,
}

impl Fixture {
    fn new(limit: usize) -> Self {
        Self {
            table: Table::new(limit, limit, PATIENCE),
            heads: Arc::new(Heads::new(5 * HEAD, HEAD)),
            states: BTreeMap::new(),
        }
    }

    fn enter(&mut self, client: Client) -> u64 {
        let state = Arc::new(ConnectionState::new(self.heads.clone()));
        let (id, _) = self.table.enter(client, state.clone());
        self.states.insert(id, state);
        id
    }

    /// Adds a connection with a request in progress.
    fn enter_busy(&mut self, client: Client) -> (u64, RequestGuard) {
        let id = self.enter(client);
        (id, RequestGuard::begin(&self.states[&id]))
    }

    fn is_open(&self, client: Client, id: u64) -> bool {
        let open = self.table.open.get(&client);
        open.is_some_and(|open| open.contains_key(&id))
    }

    fn waiting(&self) -> Vec<u64> {
        let waiting = self.table.waiting.iter();
        waiting.map(|waiting| waiting.id).collect()
    }

    fn closing(&self) -> Vec<u64> {
        self.table.closing.keys().copied().collect()
    }
}

fn host(number: u8) -> Client {
    Client::Host(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)).into())
}

fn proxy() -> Client {
    Client::Proxy(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

#[test]
fn a_client_with_fewer_connections_gets_the_slot_of_an_idle_one() {
    let mut fixture = Fixture::new(4);
    let (_, _busy) = fixture.enter_busy(host(1));
    let (_, _also_busy) = fixture.enter_busy(host(1));
    let idle = fixture.enter(host(1));
    let head = fixture.enter(host(1));
    fixture.states[&head].add_received(1);

    let second = fixture.enter(host(2));
    assert_eq!(fixture.closing(), [idle]);
    fixture.table.leave(host(1), idle);
    assert!(fixture.is_open(host(2), second));

    let third = fixture.enter(host(3));
    assert_eq!(fixture.closing(), [head], "no connection is idle");
    fixture.table.leave(host(1), head);
    assert!(fixture.is_open(host(3), third));
}

#[test]
fn no_client_loses_its_only_connection() {
    let mut fixture = Fixture::new(2);
    let _open = [fixture.enter(host(1)), fixture.enter(host(2))];
    let third = fixture.enter(host(3));
    assert!(fixture.closing().is_empty());
    assert_eq!(fixture.waiting(), [third]);
}

#[test]
fn a_client_that_is_alone_waits_for_itself() {
    let mut fixture = Fixture::new(2);
    let (first, _) = (fixture.enter(host(1)), fixture.enter(host(1)));
    let third = fixture.enter(host(1));
    assert_eq!(fixture.waiting(), [third]);
    assert!(fixture.closing().is_empty());
    fixture.table.leave(host(1), first);
    assert!(fixture.is_open(host(1), third));
}

#[test]
fn a_free_slot_goes_to_the_client_with_the_fewest_connections() {
    let mut fixture = Fixture::new(2);
    let (first, _busy) = fixture.enter_busy(host(1));
    let (_, _also_busy) = fixture.enter_busy(host(1));
    fixture.enter(host(1));
    let second = fixture.enter(host(2));
    assert!(fixture.closing().is_empty(), "all connections are busy");
    fixture.table.leave(host(1), first);
    assert!(fixture.is_open(host(2), second));
}

#[test]
fn a_connection_that_is_no_longer_busy_is_closed_for_one_that_waits() {
    let mut fixture = Fixture::new(2);
    let (first, busy) = fixture.enter_busy(host(1));
    let (_, also_busy) = fixture.enter_busy(host(1));
    fixture.enter(host(2));
    drop(busy);
    fixture.table.retry(Instant::now());
    assert_eq!(fixture.closing(), [first]);
    drop(also_busy);
    fixture.table.retry(Instant::now());
    assert_eq!(fixture.closing(), [first], "one for each that waits");
}

#[tokio::test]
async fn a_busy_connection_without_progress_ends_if_another_client_waits_for_long() {
    let mut fixture = Fixture::new(3);
    let busy = [(); 3].map(|()| fixture.enter_busy(host(1)));
    let own = fixture.enter(host(1));
    let start = Instant::now();
    fixture.table.retry(start);
    fixture.table.retry(start + PATIENCE);
    assert!(fixture.closing().is_empty(), "nobody else waits");
    let other = fixture.enter(host(2));
    for (bytes, (id, _)) in [2, 0, 1].into_iter().zip(&busy) {
        fixture.states[id].add_moved(bytes);
    }
    fixture.table.retry(start + PATIENCE * 3 / 2);
    assert!(fixture.closing().is_empty(), "it has not waited for long");
    fixture.table.retry(start + PATIENCE * 2);
    assert_eq!(fixture.closing(), [busy[1].0]);
    fixture.states[&busy[1].0].wait_abort().await;
    fixture.table.leave(host(1), busy[1].0);
    assert!(fixture.is_open(host(2), other));
    assert_eq!(fixture.waiting(), [own]);
}

#[tokio::test]
async fn a_connection_that_does_not_close_ends() {
    let mut fixture = Fixture::new(2);
    let (idle, _other) = (fixture.enter(host(1)), fixture.enter(host(1)));
    fixture.enter(host(2));
    assert_eq!(fixture.closing(), [idle]);
    // A request had just begun.
    let _busy = RequestGuard::begin(&fixture.states[&idle]);
    let aborted = fixture.states[&idle].wait_abort();
    assert!(aborted.now_or_never().is_none());
    fixture.table.retry(Instant::now() + PATIENCE);
    fixture.states[&idle].wait_abort().await;
}

#[test]
fn the_client_with_the_most_waiting_connections_loses_the_newest() {
    let mut fixture = Fixture::new(2);
    let _busy = [fixture.enter_busy(host(1)), fixture.enter_busy(host(1))];
    let (first, second) = (fixture.enter(host(1)), fixture.enter(host(1)));
    let other = fixture.enter(host(2));
    assert_eq!(fixture.waiting(), [first, other]);
    fixture.table.leave(host(1), second);
    fixture.table.leave(host(1), first);
    assert_eq!(fixture.waiting(), [other]);
}

#[test]
fn a_proxy_counts_as_many_clients_and_loses_only_idle_connections() {
    let mut fixture = Fixture::new(2);
    let head = fixture.enter(proxy());
    fixture.states[&head].add_received(1);
    let idle = fixture.enter(proxy());
    let new = fixture.enter(proxy());
    assert_eq!(fixture.closing(), [idle]);
    fixture.table.leave(proxy(), idle);
    assert!(fixture.is_open(proxy(), new));
    fixture.states[&new].add_received(1);
    fixture.enter(host(1));
    assert!(
        fixture.closing().is_empty(),
        "heads may be of other clients"
    );
}

#[test]
fn the_client_with_the_most_memory_for_heads_loses_the_largest() {
    let mut fixture = Fixture::new(9);
    let other = fixture.enter(host(2));
    fixture.states[&other].add_received(HEAD);
    let ids = [HEAD / 2, HEAD, HEAD / 4].map(|size| {
        let id = fixture.enter(host(1));
        fixture.states[&id].add_received(size);
        id
    });
    let heads = fixture.heads.clone();
    fixture.table.shed_heads(&heads);
    assert!(fixture.closing().is_empty(), "they are within the budget");
    fixture.states[&ids[0]].add_received(HEAD / 4);
    fixture.states[&ids[2]].add_received(HEAD / 4);
    fixture.table.shed_heads(&heads);
    assert_eq!(fixture.closing(), [ids[1]]);
    assert!(!heads.is_exceeded());
}
