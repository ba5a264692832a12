//! Harm that does not end: the copy fails and says why, and the tag is not there.

use portolan_testkit::proxy::{BodyFault, Class, Fault, Method, Requests, StatusCode, When};

use super::stage::Stage;

/// Copies, which has to fail with a word about `why`.
async fn fails(stage: &Stage, why: &str) {
    let said = stage.copy().await.unwrap_err();
    assert!(said.contains(why), "{said:?} does not say {why:?}");
    assert!(stage.source.proxy.spoilt() + stage.target.proxy.spoilt() > 0);
}

#[tokio::test]
async fn wrong_content_of_the_source() {
    let mut stage = Stage::new().await;
    let layer = stage.content.large_layer().to_string();
    for fault in [BodyFault::Flip(2_000_000), BodyFault::Truncate(2_000_000)] {
        stage.begin_anew();
        let requests = Requests::of(Method::GET, Class::Blob).with(&layer);
        stage
            .source
            .proxy
            .spoil(requests, When::Always, Fault::Response(fault));
        fails(&stage, &layer).await;
    }
    stage.begin_anew();
    let image = stage.content.images[0].digest().to_string();
    let requests = Requests::of(Method::GET, Class::Manifest).with(&image);
    stage
        .source
        .proxy
        .spoil(requests, When::Always, Fault::Response(BodyFault::Flip(10)));
    fails(&stage, &image).await;
}

#[tokio::test]
async fn uploads_that_always_arrive_wrong() {
    let mut stage = Stage::new().await;
    for fault in [BodyFault::Flip(100), BodyFault::Truncate(100)] {
        stage.begin_anew();
        stage.target.proxy.spoil(
            Requests::of(Method::PATCH, Class::Upload),
            When::Always,
            Fault::Request(fault),
        );
        fails(&stage, "sha256:").await;
    }
}

#[tokio::test]
async fn a_registry_that_is_down() {
    let mut stage = Stage::new().await;
    let down = Fault::Refuse {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    };
    stage
        .source
        .proxy
        .spoil(Requests::all(), When::Always, down);
    fails(&stage, &stage.source.proxy.address().to_string()).await;
    stage.begin_anew();
    stage.target.proxy.spoil(
        Requests::of(Method::PUT, Class::Manifest),
        When::Always,
        down,
    );
    fails(&stage, &stage.target.proxy.address().to_string()).await;
}

#[tokio::test]
async fn a_registry_that_wants_to_be_left_alone() {
    let stage = Stage::new().await;
    let later = Fault::Refuse {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(3600),
    };
    stage
        .source
        .proxy
        .spoil(Requests::of(Method::GET, Class::Blob), When::Always, later);
    fails(&stage, "3600").await;
}

#[tokio::test]
async fn a_manifest_that_arrives_wrong_under_its_tag() {
    let stage = Stage::new().await;
    let index = stage.content.manifests().pop().unwrap();
    let place = index
        .windows(5)
        .position(|window| window == b"amd64")
        .unwrap();
    let flip = Fault::Request(BodyFault::Flip(place as u64));
    stage.target.proxy.spoil(
        Requests::of(Method::PUT, Class::Manifest).with("/v1"),
        When::Nth(1),
        flip,
    );
    let copied = stage.copy().await;
    assert!(
        copied.is_ok() || copied.as_ref().is_err_and(|said| said.contains("digest")),
        "{copied:?}"
    );
}
