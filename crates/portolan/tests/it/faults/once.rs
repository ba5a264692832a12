//! Each kind of fault, once for each kind of request: the copy must recover and succeed.

use std::time::{Duration, Instant};

use portolan_testkit::proxy::{
    BodyFault, Fault, Method, RequestClass, RequestFilter, StatusCode, Trigger,
};

use super::stage::{ProxiedRegistry, Scenario};

/// Offsets in a body. The first is before its first byte.
const OFFSETS: [u64; 3] = [0, 1000, 700_001];

type Kinds = &'static [(Method, RequestClass)];

/// Requests to the source.
const READS: Kinds = &[
    (Method::HEAD, RequestClass::Manifest),
    (Method::GET, RequestClass::Manifest),
    (Method::GET, RequestClass::Blob),
];

/// Requests to the target.
const WRITES: Kinds = &[
    (Method::HEAD, RequestClass::Manifest),
    (Method::HEAD, RequestClass::Blob),
    (Method::POST, RequestClass::Uploads),
    (Method::PATCH, RequestClass::Upload),
    (Method::PUT, RequestClass::Upload),
    (Method::PUT, RequestClass::Manifest),
];

/// Requests whose responses have a body, and requests that have a body themselves.
const READ_BODIES: Kinds = &[
    (Method::GET, RequestClass::Manifest),
    (Method::GET, RequestClass::Blob),
];
const WRITTEN_BODIES: Kinds = &[
    (Method::PATCH, RequestClass::Upload),
    (Method::PUT, RequestClass::Upload),
    (Method::PUT, RequestClass::Manifest),
];

/// Requests with the largest response bodies.
const READ_BLOBS: Kinds = &[(Method::GET, RequestClass::Blob)];

fn inject_once(side: &ProxiedRegistry, kinds: Kinds, fault: Fault) {
    for (method, class) in kinds {
        side.proxy.inject(
            RequestFilter::for_class(method.clone(), *class),
            Trigger::Nth(1),
            fault,
        );
    }
}

/// Copies to a new target while the fault is injected at the source. The copy must succeed.
async fn assert_recovers_at_source(stage: &mut Scenario, kinds: Kinds, fault: Fault) {
    stage.reset();
    inject_once(&stage.source, kinds, fault);
    let copied = stage.copy().await;
    assert_eq!(
        (copied, stage.source.proxy.fault_count()),
        (Ok(()), kinds.len()),
        "{fault:?} at the source"
    );
}

/// Copies to a new target while the fault is injected there. The copy must succeed.
async fn assert_recovers_at_target(stage: &mut Scenario, kinds: Kinds, fault: Fault) {
    stage.reset();
    inject_once(&stage.target, kinds, fault);
    let copied = stage.copy().await;
    assert_eq!(
        (copied, stage.target.proxy.fault_count()),
        (Ok(()), kinds.len()),
        "{fault:?} at the target"
    );
}

async fn assert_recovers(fault: Fault) {
    let mut stage = Scenario::new().await;
    assert_recovers_at_source(&mut stage, READS, fault).await;
    assert_recovers_at_target(&mut stage, WRITES, fault).await;
}

/// Injects faults into bodies, at several offsets.
async fn assert_recovers_in_bodies(reads: Kinds, writes: Kinds, fault: fn(u64) -> BodyFault) {
    let mut stage = Scenario::new().await;
    for offset in OFFSETS {
        assert_recovers_at_source(&mut stage, reads, Fault::Response(fault(offset))).await;
        assert_recovers_at_target(&mut stage, writes, Fault::Request(fault(offset))).await;
    }
}

#[tokio::test]
async fn recovers_from_server_errors() {
    assert_recovers(Fault::Reject {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        retry_after: None,
    })
    .await;
    assert_recovers(Fault::Reject {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    })
    .await;
}

#[tokio::test]
async fn waits_for_the_time_in_retry_after() {
    let fault = Fault::Reject {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(1),
    };
    let mut stage = Scenario::new().await;
    let began = Instant::now();
    assert_recovers_at_source(&mut stage, READ_BLOBS, fault).await;
    assert_recovers_at_target(&mut stage, &[(Method::PUT, RequestClass::Manifest)], fault).await;
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn tolerates_delays() {
    assert_recovers(Fault::Delay(Duration::from_millis(300))).await;
}

#[tokio::test]
async fn recovers_from_lost_responses() {
    assert_recovers(Fault::DropResponse).await;
}

#[tokio::test]
async fn recovers_from_cut_connections() {
    assert_recovers_in_bodies(READ_BODIES, WRITTEN_BODIES, BodyFault::Cut).await;
}

#[tokio::test]
async fn recovers_from_truncated_bodies() {
    assert_recovers_in_bodies(READ_BODIES, WRITTEN_BODIES, BodyFault::Truncate).await;
}

#[tokio::test]
async fn recovers_from_flipped_bytes() {
    assert_recovers_in_bodies(READ_BODIES, WRITTEN_BODIES, BodyFault::Flip).await;
}
