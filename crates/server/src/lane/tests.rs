//! Tests of the lane: who enters, who waits, who is rejected, and what is dropped.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use portolan_registry::Kind;
use tokio::sync::oneshot;

use super::*;

/// Size of the documents in the tests.
const LARGE: usize = 100 << 10;

fn client() -> Client {
    IpAddr::V4(Ipv4Addr::LOCALHOST).into()
}

/// Returns a lane for two documents, in which one more may wait.
fn lane() -> Lane {
    let mut settings = Settings::default();
    settings.limits.lane_bytes = 2 * LARGE;
    settings.limits.lane_queue_bytes = LARGE;
    Lane::new(&settings).unwrap()
}

#[tokio::test]
async fn documents_enter_until_the_lane_is_full() {
    let lane = lane();
    let (first, _second) = (
        lane.enter(client(), LARGE).await.unwrap(),
        lane.enter(client(), LARGE).await.unwrap(),
    );
    let mut third = Box::pin(lane.enter(client(), LARGE));
    assert!(third.as_mut().now_or_never().is_none());
    let error = lane.enter(client(), LARGE).await.err().unwrap();
    assert_eq!(error.kind(), &Kind::TooManyRequests { retry_after: 5 });
    assert_eq!(error.detail()["limit"], 2 * LARGE);
    drop(first);
    third.await.unwrap();
}

#[tokio::test]
async fn a_waiting_caller_that_goes_away_makes_room() {
    let lane = lane();
    let _full = lane.enter(client(), 2 * LARGE).await.unwrap();
    let mut waiting = Box::pin(lane.enter(client(), LARGE));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert!(lane.enter(client(), LARGE).await.is_err());
    drop(waiting);
    assert!(lane.enter(client(), LARGE).now_or_never().is_none());
}

#[tokio::test]
async fn short_work_never_waits() {
    let lane = lane();
    let _full = lane.enter(client(), 2 * LARGE).await.unwrap();
    let thread = std::thread::current().id();
    let work = async move { Ok::<_, Error>(std::thread::current().id()) };
    assert_eq!(lane.run(client(), SHORT_WORK, work).await.unwrap(), thread);
}

#[tokio::test]
async fn a_document_above_the_limit_gets_the_full_lane() {
    let lane = lane();
    let share = lane.enter(client(), 100 * LARGE).await.unwrap();
    assert!(lane.enter(client(), LARGE).now_or_never().is_none());
    drop(share);
    lane.enter(client(), LARGE).await.unwrap();
}

#[tokio::test]
async fn heavy_work_runs_on_the_threads_of_the_lane() {
    let lane = lane();
    let name = async { Ok::<_, Error>(std::thread::current().name().map(str::to_owned)) };
    assert_eq!(
        lane.run(client(), LARGE, name).await.unwrap().as_deref(),
        Some("lane")
    );
}

/// Sets its flag when it is dropped.
struct Dropped(Option<oneshot::Sender<()>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

#[tokio::test]
async fn running_work_is_dropped_with_its_caller() {
    let lane = lane();
    let (started, has_started) = oneshot::channel();
    let (dropped, was_dropped) = oneshot::channel();
    let guard = Dropped(Some(dropped));
    let work = async move {
        let _guard = guard;
        let _ = started.send(());
        pending::<Result<()>>().await
    };
    let mut run = Box::pin(lane.run(client(), 2 * LARGE, work));
    assert!(run.as_mut().now_or_never().is_none());
    has_started.await.unwrap();
    drop(run);
    was_dropped.await.unwrap();
    // The share is free again.
    lane.enter(client(), LARGE).await.unwrap();
}

#[tokio::test]
async fn waiting_work_is_dropped_before_it_runs() {
    let lane = lane();
    let full = lane.enter(client(), 2 * LARGE).await.unwrap();
    let has_run = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&has_run);
    let work = async move {
        flag.store(true, Ordering::Relaxed);
        Ok::<_, Error>(())
    };
    assert!(
        Box::pin(lane.run(client(), LARGE, work))
            .now_or_never()
            .is_none()
    );
    drop(full);
    lane.run(client(), LARGE, async { Ok::<_, Error>(()) })
        .await
        .unwrap();
    assert!(!has_run.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_panic_is_an_error_and_frees_the_share() {
    let lane = lane();
    let work = async { panic!("a fault of the test") };
    let error = lane
        .run::<(), Error>(client(), 2 * LARGE, work)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &Kind::Internal);
    lane.enter(client(), 2 * LARGE).await.unwrap();
}
