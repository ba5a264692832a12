//! Uploads that resume at their offset, in the same run and in another process.

use std::process::Stdio;

use portolan_model::fixtures::image;
use portolan_testkit::proxy::{BodyFault, Fault, Method, RequestClass, RequestFilter, Trigger};

use super::stage::{Content, MEBIBYTE, Scenario, run, unique_text};

/// Size of the only large layer.
const LAYER: usize = 12 * MEBIBYTE;
/// Offset at which its upload is interrupted.
const INTERRUPTED_AT: u64 = 9_000_000;
/// Upper bound of the bytes that the server has received but not written when that happens.
const LOST: u64 = 1 << 20;
/// Upper bound of the bytes that remain to be sent, including configs and manifests.
const REST: u64 = LAYER as u64 - INTERRUPTED_AT + LOST + 10_000;

async fn stage() -> Scenario {
    let large = image("large").layers([unique_text("large", LAYER).as_str()]);
    Scenario::with_content(Content::from_images([(large, "linux/amd64")])).await
}

fn chunk_requests() -> RequestFilter {
    RequestFilter::for_class(Method::PATCH, RequestClass::Upload)
}

#[tokio::test]
async fn resends_only_lost_data_after_a_broken_connection() {
    let stage = stage().await;
    stage.target.proxy.inject(
        chunk_requests(),
        Trigger::Nth(1),
        Fault::Request(BodyFault::Cut(INTERRUPTED_AT)),
    );
    stage.copy().await.unwrap();
    let sent = stage.target.proxy.sent_bytes(&RequestFilter::all());
    assert!(sent < INTERRUPTED_AT + REST, "{sent}");
}

#[tokio::test]
async fn a_new_process_sends_only_the_rest() {
    let stage = stage().await;
    stage.target.proxy.inject(
        chunk_requests(),
        Trigger::Nth(1),
        Fault::Request(BodyFault::Stall(INTERRUPTED_AT)),
    );
    let mut first = stage.command(&[]).stderr(Stdio::null()).spawn().unwrap();
    stage.target.proxy.wait_for_stall().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();

    stage.target.proxy.reset();
    let output = run(&mut stage.command(&[]));
    stage.check_outcome(&output).await.unwrap();
    let sent = stage.target.proxy.sent_bytes(&RequestFilter::all());
    assert!(sent < REST, "{sent}");
    assert!(sent > LAYER as u64 - INTERRUPTED_AT, "{sent}");
}
