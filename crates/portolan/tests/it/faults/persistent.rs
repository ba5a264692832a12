//! Persistent faults: the copy fails with the reason, and the tag is not set.

use portolan_testkit::proxy::{
    BodyFault, Fault, Method, RequestClass, RequestFilter, StatusCode, Trigger,
};

use super::stage::Scenario;

/// Runs a copy that must fail with a message that contains `expected`.
async fn assert_fails(stage: &Scenario, expected: &str) {
    let stderr = stage.copy().await.unwrap_err();
    assert!(
        stderr.contains(expected),
        "{stderr:?} does not contain {expected:?}"
    );
    assert!(stage.source.proxy.fault_count() + stage.target.proxy.fault_count() > 0);
}

#[tokio::test]
async fn rejects_wrong_content_of_the_source() {
    let mut stage = Scenario::new().await;
    let layer = stage.content.large_layer().to_string();
    for fault in [BodyFault::Flip(2_000_000), BodyFault::Truncate(2_000_000)] {
        stage.reset();
        let requests =
            RequestFilter::for_class(Method::GET, RequestClass::Blob).with_path_part(&layer);
        stage
            .source
            .proxy
            .inject(requests, Trigger::Always, Fault::Response(fault));
        assert_fails(&stage, &layer).await;
    }
    stage.reset();
    let image = stage.content.images[0].digest().to_string();
    let requests =
        RequestFilter::for_class(Method::GET, RequestClass::Manifest).with_path_part(&image);
    stage.source.proxy.inject(
        requests,
        Trigger::Always,
        Fault::Response(BodyFault::Flip(10)),
    );
    assert_fails(&stage, &image).await;
}

#[tokio::test]
async fn fails_if_all_uploads_are_corrupted() {
    let mut stage = Scenario::new().await;
    for fault in [BodyFault::Flip(100), BodyFault::Truncate(100)] {
        stage.reset();
        stage.target.proxy.inject(
            RequestFilter::for_class(Method::PATCH, RequestClass::Upload),
            Trigger::Always,
            Fault::Request(fault),
        );
        assert_fails(&stage, "sha256:").await;
    }
}

#[tokio::test]
async fn fails_if_a_registry_is_down() {
    let mut stage = Scenario::new().await;
    let down = Fault::Reject {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    };
    stage
        .source
        .proxy
        .inject(RequestFilter::all(), Trigger::Always, down);
    assert_fails(&stage, &stage.source.proxy.address().to_string()).await;
    stage.reset();
    stage.target.proxy.inject(
        RequestFilter::for_class(Method::PUT, RequestClass::Manifest),
        Trigger::Always,
        down,
    );
    assert_fails(&stage, &stage.target.proxy.address().to_string()).await;
}

#[tokio::test]
async fn fails_if_retry_after_is_too_long() {
    let stage = Scenario::new().await;
    let later = Fault::Reject {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(3600),
    };
    stage.source.proxy.inject(
        RequestFilter::for_class(Method::GET, RequestClass::Blob),
        Trigger::Always,
        later,
    );
    assert_fails(&stage, "3600").await;
}

#[tokio::test]
async fn does_not_tag_a_corrupted_manifest() {
    let stage = Scenario::new().await;
    let index = stage.content.manifests().pop().unwrap();
    let offset = index
        .windows(5)
        .position(|window| window == b"amd64")
        .unwrap();
    let flip = Fault::Request(BodyFault::Flip(offset as u64));
    stage.target.proxy.inject(
        RequestFilter::for_class(Method::PUT, RequestClass::Manifest).with_path_part("/v1"),
        Trigger::Nth(1),
        flip,
    );
    let copied = stage.copy().await;
    assert!(
        copied.is_ok()
            || copied
                .as_ref()
                .is_err_and(|stderr| stderr.contains("digest")),
        "{copied:?}"
    );
}
