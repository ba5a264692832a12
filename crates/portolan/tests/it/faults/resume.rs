//! Uploads that go on where they stood, within a run and in another process.

use std::process::Stdio;

use portolan_model::fixtures::image;
use portolan_testkit::proxy::{BodyFault, Class, Fault, Method, Requests, When};

use super::stage::{Content, MEBIBYTE, Stage, long, run};

/// The size of the one large layer.
const LAYER: usize = 12 * MEBIBYTE;
/// Where its upload breaks off.
const PLACE: u64 = 9_000_000;
/// What a server may have received and not written yet when that happens.
const LOST: u64 = 1 << 20;
/// What is still to be sent then, together with configs and the like.
const REST: u64 = LAYER as u64 - PLACE + LOST + 10_000;

async fn stage() -> Stage {
    let large = image("large").layers([long("large", LAYER).as_str()]);
    Stage::with(Content::of([(large, "linux/amd64")])).await
}

fn pieces() -> Requests {
    Requests::of(Method::PATCH, Class::Upload)
}

#[tokio::test]
async fn a_broken_connection_costs_what_was_under_way() {
    let stage = stage().await;
    stage.target.proxy.spoil(
        pieces(),
        When::Nth(1),
        Fault::Request(BodyFault::Cut(PLACE)),
    );
    stage.copy().await.unwrap();
    let sent = stage.target.proxy.sent(&Requests::all());
    assert!(sent < PLACE + REST, "{sent}");
}

#[tokio::test]
async fn a_new_process_sends_the_rest_alone() {
    let stage = stage().await;
    stage.target.proxy.spoil(
        pieces(),
        When::Nth(1),
        Fault::Request(BodyFault::Stall(PLACE)),
    );
    let mut first = stage.command(&[]).stderr(Stdio::null()).spawn().unwrap();
    stage.target.proxy.wait_for_stall().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();

    stage.target.proxy.mend();
    let output = run(&mut stage.command(&["--resume"]));
    stage.judge(&output).await.unwrap();
    let sent = stage.target.proxy.sent(&Requests::all());
    assert!(sent < REST, "{sent}");
    assert!(sent > LAYER as u64 - PLACE, "{sent}");
}
