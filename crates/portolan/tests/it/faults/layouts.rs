//! Copies from a faulty registry to a layout on disk.

use std::fs;
use std::path::Path;

use portolan_model::Digest;
use portolan_testkit::proxy::{
    BodyFault, Fault, Method, RequestClass, RequestFilter, StatusCode, Trigger,
};
use serde_json::Value;

use super::stage::{Content, ProxiedRegistry, judge, portolan_copy, run};

/// Returns whether the layout has the content under its name. Panics if any byte of it is wrong.
fn has_arrived(layout: &Path, content: &Content) -> bool {
    let Ok(index) = fs::read(layout.join("index.json")) else {
        return false;
    };
    let index: Value = serde_json::from_slice(&index).unwrap();
    let named = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == "v1";
    let Some(entry) = index["manifests"].as_array().unwrap().iter().find(named) else {
        return false;
    };
    assert_eq!(entry["digest"], content.digest().as_str());
    for bytes in content.manifests().into_iter().chain(content.blobs()) {
        let stored = fs::read(
            layout
                .join("blobs/sha256")
                .join(Digest::sha256(&bytes).encoded_part()),
        )
        .unwrap();
        assert!(stored == bytes, "a file of {} bytes", bytes.len());
    }
    true
}

/// Copies to a new layout while faults are injected into blob downloads.
fn copy(
    source: &ProxiedRegistry,
    content: &Content,
    when: Trigger,
    fault: Fault,
) -> Result<(), String> {
    source.proxy.reset();
    source.proxy.inject(
        RequestFilter::for_class(Method::GET, RequestClass::Blob),
        when,
        fault,
    );
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    let target = format!("oci:{}:v1", layout.display());
    let output = run(portolan_copy(folder.path())
        .arg(source.proxied_reference("app:v1"))
        .arg(target));
    assert!(source.proxy.fault_count() > 0);
    judge(&output, has_arrived(&layout, content))
}

fn faults() -> Vec<Fault> {
    let bodies = [
        BodyFault::Cut(600_000),
        BodyFault::Truncate(600_000),
        BodyFault::Flip(600_000),
    ];
    let unavailable = Fault::Reject {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    };
    bodies
        .map(Fault::Response)
        .into_iter()
        .chain([unavailable, Fault::DropResponse])
        .collect()
}

#[tokio::test]
async fn recovers_from_a_single_fault() {
    let content = Content::new();
    let source = ProxiedRegistry::start_with(&content, &["v1"]).await;
    for fault in faults() {
        assert_eq!(
            copy(&source, &content, Trigger::Nth(1), fault),
            Ok(()),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn fails_if_the_fault_persists() {
    let content = Content::new();
    let source = ProxiedRegistry::start_with(&content, &["v1"]).await;
    for fault in [BodyFault::Truncate(600_000), BodyFault::Flip(600_000)] {
        copy(&source, &content, Trigger::Always, Fault::Response(fault)).unwrap_err();
    }
}
