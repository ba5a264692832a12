//! Requests of a copy that has nothing to do.

use std::fs;

use portolan_testkit::proxy::{Method, Proxy, RequestClass, RequestFilter};

use super::stage::{Content, ProxiedRegistry, portolan_copy};

const TAGS: [&str; 5] = ["v1", "v2", "v3", "v4", "latest"];

#[tokio::test]
async fn a_second_run_sends_one_request_per_tag_and_side() {
    let content = Content::new();
    let (source, target) = (
        ProxiedRegistry::start_with(&content, &TAGS).await,
        ProxiedRegistry::start(),
    );
    let home = tempfile::tempdir().unwrap();
    let list = home.path().join("list");
    let lines: Vec<_> = TAGS
        .iter()
        .map(|tag| {
            format!(
                "{} {}",
                source.proxied_reference(&format!("app:{tag}")),
                target.proxied_reference(&format!("copy:{tag}"))
            )
        })
        .collect();
    fs::write(&list, lines.join("\n")).unwrap();
    let copy = || {
        assert!(
            portolan_copy(home.path())
                .arg("--from")
                .arg(&list)
                .status()
                .unwrap()
                .success()
        );
    };

    copy();
    let layer = content.large_layer().to_string();
    assert_eq!(
        source.proxy.request_count(
            &RequestFilter::for_class(Method::GET, RequestClass::Blob).with_path_part(&layer)
        ),
        1,
        "the layer shared by five tags is read once"
    );
    source.proxy.reset();
    target.proxy.reset();
    copy();
    for proxy in [&source.proxy, &target.proxy] {
        assert_eq!(
            proxy.request_count(&RequestFilter::for_class(
                Method::HEAD,
                RequestClass::Manifest
            )),
            TAGS.len()
        );
        assert!(count_other_requests(proxy) <= 1, "{:#?}", proxy.requests());
    }
}

/// Counts requests other than HEAD of manifests. One ping is allowed.
fn count_other_requests(proxy: &Proxy) -> usize {
    proxy.request_count(&RequestFilter::all())
        - proxy.request_count(&RequestFilter::for_class(
            Method::HEAD,
            RequestClass::Manifest,
        ))
}
