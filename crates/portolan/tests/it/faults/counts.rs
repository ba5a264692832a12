//! What a copy asks for when there is nothing to do.

use std::fs;

use portolan_testkit::proxy::{Class, Method, Proxy, Requests};

use super::stage::{Content, Side, portolan_copy};

const TAGS: [&str; 5] = ["v1", "v2", "v3", "v4", "latest"];

#[tokio::test]
async fn a_second_run_asks_each_side_once_a_tag() {
    let content = Content::new();
    let (source, target) = (Side::with(&content, &TAGS).await, Side::start());
    let home = tempfile::tempdir().unwrap();
    let list = home.path().join("list");
    let lines: Vec<_> = TAGS
        .iter()
        .map(|tag| {
            format!(
                "{} {}",
                source.by_proxy(&format!("app:{tag}")),
                target.by_proxy(&format!("copy:{tag}"))
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
        )
    };

    copy();
    let layer = content.large_layer().to_string();
    assert_eq!(
        source
            .proxy
            .count(&Requests::of(Method::GET, Class::Blob).with(&layer)),
        1,
        "five tags share a layer"
    );
    source.proxy.mend();
    target.proxy.mend();
    copy();
    for proxy in [&source.proxy, &target.proxy] {
        assert_eq!(
            proxy.count(&Requests::of(Method::HEAD, Class::Manifest)),
            TAGS.len()
        );
        assert!(others(proxy) <= 1, "{:#?}", proxy.seen());
    }
}

/// Requests beside those for manifests' heads; one ping is allowed.
fn others(proxy: &Proxy) -> usize {
    proxy.count(&Requests::all()) - proxy.count(&Requests::of(Method::HEAD, Class::Manifest))
}
