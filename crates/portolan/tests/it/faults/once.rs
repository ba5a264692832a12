//! Each kind of harm once to each kind of request: it passes, so the copy goes well.

use std::time::{Duration, Instant};

use portolan_testkit::proxy::{BodyFault, Class, Fault, Method, Requests, StatusCode, When};

use super::stage::{Side, Stage};

/// Places in a body: the first is before its first byte.
const PLACES: [u64; 3] = [0, 1000, 700_001];

type Kinds = &'static [(Method, Class)];

/// What the source is asked.
const READS: Kinds = &[
    (Method::HEAD, Class::Manifest),
    (Method::GET, Class::Manifest),
    (Method::GET, Class::Blob),
];

/// What the target is asked.
const WRITES: Kinds = &[
    (Method::HEAD, Class::Manifest),
    (Method::HEAD, Class::Blob),
    (Method::POST, Class::Uploads),
    (Method::PATCH, Class::Upload),
    (Method::PUT, Class::Upload),
    (Method::PUT, Class::Manifest),
];

/// Those whose answers or requests have a body.
const READ_BODIES: Kinds = &[(Method::GET, Class::Manifest), (Method::GET, Class::Blob)];
const WRITTEN_BODIES: Kinds = &[
    (Method::PATCH, Class::Upload),
    (Method::PUT, Class::Upload),
    (Method::PUT, Class::Manifest),
];

/// Those with the largest bodies.
const READ_BLOBS: Kinds = &[(Method::GET, Class::Blob)];

fn spoil_once(side: &Side, kinds: Kinds, fault: Fault) {
    for (method, class) in kinds {
        side.proxy
            .spoil(Requests::of(method.clone(), *class), When::Nth(1), fault);
    }
}

/// Copies to a fresh target with the harm done at the source, and has to succeed.
async fn passes_at_source(stage: &mut Stage, kinds: Kinds, fault: Fault) {
    stage.begin_anew();
    spoil_once(&stage.source, kinds, fault);
    let copied = stage.copy().await;
    assert_eq!(
        (copied, stage.source.proxy.spoilt()),
        (Ok(()), kinds.len()),
        "{fault:?} at the source"
    );
}

/// The same at the target.
async fn passes_at_target(stage: &mut Stage, kinds: Kinds, fault: Fault) {
    stage.begin_anew();
    spoil_once(&stage.target, kinds, fault);
    let copied = stage.copy().await;
    assert_eq!(
        (copied, stage.target.proxy.spoilt()),
        (Ok(()), kinds.len()),
        "{fault:?} at the target"
    );
}

async fn passes(fault: Fault) {
    let mut stage = Stage::new().await;
    passes_at_source(&mut stage, READS, fault).await;
    passes_at_target(&mut stage, WRITES, fault).await;
}

/// Harm to bodies, in several places.
async fn passes_in_bodies(reads: Kinds, writes: Kinds, fault: fn(u64) -> BodyFault) {
    let mut stage = Stage::new().await;
    for place in PLACES {
        passes_at_source(&mut stage, reads, Fault::Response(fault(place))).await;
        passes_at_target(&mut stage, writes, Fault::Request(fault(place))).await;
    }
}

#[tokio::test]
async fn refusals_that_pass() {
    passes(Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        retry_after: None,
    })
    .await;
    passes(Fault::Refuse {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    })
    .await;
}

#[tokio::test]
async fn too_many_requests_and_the_time_to_wait() {
    let fault = Fault::Refuse {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(1),
    };
    let mut stage = Stage::new().await;
    let began = Instant::now();
    passes_at_source(&mut stage, READ_BLOBS, fault).await;
    passes_at_target(&mut stage, &[(Method::PUT, Class::Manifest)], fault).await;
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn delays() {
    passes(Fault::Delay(Duration::from_millis(300))).await;
}

#[tokio::test]
async fn lost_answers() {
    passes(Fault::LoseAnswer).await;
}

#[tokio::test]
async fn connections_cut_within_a_body() {
    passes_in_bodies(READ_BODIES, WRITTEN_BODIES, BodyFault::Cut).await;
}

#[tokio::test]
async fn bodies_that_end_too_early() {
    passes_in_bodies(READ_BODIES, WRITTEN_BODIES, BodyFault::Truncate).await;
}

#[tokio::test]
async fn bytes_that_flip() {
    passes_in_bodies(READ_BODIES, WRITTEN_BODIES, BodyFault::Flip).await;
}
