//! Tests of shares: who gets units, who waits, who is rejected, and whose bodies end.

use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Waker};

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::state::CONTENTION;
use super::*;

const WAIT: Duration = Duration::from_secs(10);
const RATE: u64 = 1000;

fn client(number: u8) -> Client {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)).into()
}

fn shares(units: u64) -> Shares {
    Shares::new(ShareLimits {
        units,
        waiting: units,
        wait: WAIT,
        body_rate: RATE,
        unit_name: "slots",
    })
}

async fn take(shares: &Shares, number: u8, units: u64) -> Share {
    shares.acquire(client(number), units).await.unwrap()
}

/// Starts to wait for a unit.
fn waiting(shares: &Shares, number: u8) -> JoinHandle<Result<Share>> {
    let shares = shares.clone();
    tokio::spawn(async move { shares.acquire(client(number), 1).await })
}

/// Runs the tasks that have started.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Receives `bytes` bytes per second until the body ends. Then releases the share.
fn receive(mut share: Share, bytes: usize) -> JoinHandle<()> {
    let progress = Arc::new(Progress::default());
    share.register_body(Some(progress.clone()));
    tokio::spawn(async move {
        let _share = share;
        while !progress.wait(&Context::from_waker(Waker::noop())) {
            sleep(Duration::from_secs(1)).await;
            progress.receive(bytes);
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_alone_takes_everything() {
    let shares = shares(3);
    let held = join_all((0..3).map(|_| take(&shares, 1, 1))).await;
    assert!(shares.acquire(client(1), 1).now_or_never().is_none());
    drop(held);
    take(&shares, 1, 100).await;
}

#[tokio::test(start_paused = true)]
async fn a_released_unit_goes_to_the_client_that_uses_the_least() {
    let shares = shares(5);
    let mut held = join_all((0..4).map(|_| take(&shares, 1, 1))).await;
    let _other = take(&shares, 2, 1).await;
    let (first, second) = (waiting(&shares, 1), waiting(&shares, 2));
    settle().await;
    let third = waiting(&shares, 3);
    settle().await;
    held.pop();
    let _third = third.await.unwrap().unwrap();
    held.pop();
    let _second = second.await.unwrap().unwrap();
    assert!(!first.is_finished());
    held.pop();
    first.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_had_to_wait_does_not_wait_for_each_unit() {
    let shares = shares(32);
    let mut bodies: Vec<_> = (0..32).map(|_| receive_later(&shares, 1)).collect();
    settle().await;
    // Requests of the same client that wait for what becomes free.
    bodies.extend((0..8).map(|_| receive_later(&shares, 1)));
    settle().await;
    let started = Instant::now();
    drop(take(&shares, 2, 1).await);
    assert!(started.elapsed() <= WAIT + Duration::from_secs(1));
    for _ in 0..100 {
        let taken = shares.acquire(client(2), 1).now_or_never();
        drop(taken.expect("a unit is free").unwrap());
    }
    sleep(CONTENTION * 2).await;
    assert!(shares.acquire(client(1), 1).now_or_never().is_some());
}

/// Takes a unit, and receives a byte per second with it.
fn receive_later(shares: &Shares, number: u8) -> JoinHandle<()> {
    let shares = shares.clone();
    tokio::spawn(async move {
        if let Ok(share) = shares.acquire(client(number), 1).await {
            receive(share, 1).await.unwrap();
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_bounded() {
    let shares = shares(1);
    let _held = take(&shares, 1, 1).await;
    let started = Instant::now();
    let error = shares.acquire(client(2), 1).await.err().unwrap();
    assert_eq!(error.kind(), &Kind::TooManyRequests { retry_after: 5 });
    assert_eq!(error.detail()["limit"], 1);
    assert!(started.elapsed() >= WAIT && started.elapsed() < WAIT * 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_units_that_do_not_exist() {
    let rejected = shares(0).acquire(client(1), 1).now_or_never().unwrap();
    assert!(rejected.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_has_a_place_for_each_client() {
    let shares = shares(2);
    let held = take(&shares, 1, 2).await;
    let (first, second) = (waiting(&shares, 1), waiting(&shares, 1));
    settle().await;
    // The queue is full for its own client, but not for another one.
    assert!(
        shares
            .acquire(client(1), 1)
            .now_or_never()
            .unwrap()
            .is_err()
    );
    let other = waiting(&shares, 2);
    settle().await;
    assert!(second.await.unwrap().is_err());
    drop(held);
    assert!(first.await.unwrap().is_ok());
    assert!(other.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_ends_leaves_the_queue() {
    let shares = shares(1);
    let held = take(&shares, 1, 1).await;
    let gone = waiting(&shares, 2);
    settle().await;
    gone.abort();
    let next = waiting(&shares, 3);
    settle().await;
    drop(held);
    assert!(next.await.unwrap().is_ok());
    assert_eq!(shares.state().free(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_each_other_are_resolved() {
    let shares = shares(4);
    let (mut first, mut second) = (take(&shares, 1, 3).await, take(&shares, 2, 1).await);
    let grow = |share: &mut Share, units| share.grow_to(units).now_or_never();
    assert!(grow(&mut first, 4).is_none());
    let waiting = tokio::spawn(async move { second.grow_to(4).await.map(|()| second) });
    settle().await;
    let started = Instant::now();
    assert!(first.grow_to(4).await.is_err());
    assert_eq!(started.elapsed(), Duration::ZERO);
    drop(first);
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_each_other_and_for_a_stalled_body_are_resolved() {
    let shares = shares(4);
    let mut stalled = take(&shares, 1, 2).await;
    let progress = Arc::new(Progress::default());
    stalled.register_body(Some(progress.clone()));
    let (mut second, mut third) = (take(&shares, 1, 1).await, take(&shares, 1, 1).await);
    let waiting = tokio::spawn(async move { second.grow_to(2).await.map(|()| second) });
    settle().await;
    progress.begin_wait();
    let started = Instant::now();
    assert!(third.grow_to(2).await.is_err());
    assert!(started.elapsed() < WAIT / 2, "{:?}", started.elapsed());
    drop(third);
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_small_request_does_not_wait_for_those_that_grow() {
    let shares = shares(32);
    let (mut first, mut second) = (take(&shares, 1, 1).await, take(&shares, 1, 1).await);
    first.grow_to(28).await.unwrap();
    let growing = tokio::spawn(async move { second.grow_to(4).await.map(|()| second) });
    settle().await;
    let started = Instant::now();
    for number in [1, 2] {
        let _small = take(&shares, number, 1).await;
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    drop(first);
    assert!(growing.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_end_when_another_client_waits() {
    let shares = shares(1000);
    let slots = join_all((0..1000).map(|_| take(&shares, 1, 1))).await;
    let bodies: Vec<_> = slots.into_iter().map(|slot| receive(slot, 10)).collect();
    sleep(Duration::from_mins(2)).await;
    let own = waiting(&shares, 1);
    assert!(own.await.unwrap().is_err());
    assert!(bodies.iter().all(|body| !body.is_finished()));
    let started = Instant::now();
    take(&shares, 2, 1).await;
    assert!(started.elapsed() < WAIT / 2, "{:?}", started.elapsed());
    join_all(bodies).await;
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_end_during_a_shutdown() {
    let shares = shares(3);
    let slow = receive(take(&shares, 1, 1).await, 10);
    let fast = receive(take(&shares, 1, 1).await, 2000);
    sleep(Duration::from_secs(4)).await;
    shares.end_slow_bodies(Duration::from_secs(5));
    sleep(Duration::from_secs(1)).await;
    assert!(!slow.is_finished());
    shares.end_slow_bodies(Duration::from_secs(5));
    slow.await.unwrap();
    assert!(!fast.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_slowest_body_ends_if_nothing_is_released() {
    let shares = shares(3);
    let rates = [30_000, 20_000, 40_000];
    let mut bodies = Vec::new();
    for rate in rates {
        bodies.push(receive(take(&shares, 1, 1).await, rate));
    }
    sleep(Duration::from_mins(1)).await;
    let started = Instant::now();
    let _slot = take(&shares, 2, 1).await;
    assert!(started.elapsed() >= WAIT);
    let ended: Vec<_> = bodies.iter().map(JoinHandle::is_finished).collect();
    assert_eq!(ended, [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn as_many_bodies_end_as_a_request_needs() {
    let shares = shares(6);
    let mut bodies = Vec::new();
    for rate in [30_000, 20_000, 40_000] {
        bodies.push(receive(take(&shares, 1, 2).await, rate));
    }
    sleep(Duration::from_mins(1)).await;
    let _units = take(&shares, 2, 3).await;
    let ended: Vec<_> = bodies.iter().map(JoinHandle::is_finished).collect();
    assert_eq!(ended, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_share_that_shrinks_releases_the_rest() {
    let shares = shares(4);
    let mut share = take(&shares, 1, 4).await;
    share.shrink_to(1);
    assert_eq!(shares.state().free(), 3);
    drop(share);
    assert_eq!(shares.state().free(), 4);
}

#[tokio::test(start_paused = true)]
async fn bodies_of_a_client_that_does_not_use_more_continue() {
    let shares = shares(2);
    let first = receive(take(&shares, 1, 1).await, 30_000);
    let _second = receive(take(&shares, 2, 1).await, 30_000);
    sleep(Duration::from_mins(1)).await;
    assert!(shares.acquire(client(2), 1).await.is_err());
    assert!(!first.is_finished());
}
