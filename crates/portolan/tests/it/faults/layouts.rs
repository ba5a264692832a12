//! From a registry that does harm into a layout on disk.

use std::fs;
use std::path::Path;

use portolan_model::Digest;
use portolan_testkit::proxy::{BodyFault, Class, Fault, Method, Requests, StatusCode, When};
use serde_json::Value;

use super::stage::{Content, Side, judge, portolan_copy, run};

/// Whether the layout has the content under its name. What it has is right to the last byte.
fn whether_arrived(layout: &Path, content: &Content) -> bool {
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
        let held = fs::read(
            layout
                .join("blobs/sha256")
                .join(Digest::sha256(&bytes).encoded()),
        )
        .unwrap();
        assert!(held == bytes, "a file of {} bytes", bytes.len());
    }
    true
}

/// Copies into a fresh layout with harm done to blobs on their way.
fn copy(source: &Side, content: &Content, when: When, fault: Fault) -> Result<(), String> {
    source.proxy.mend();
    source
        .proxy
        .spoil(Requests::of(Method::GET, Class::Blob), when, fault);
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    let target = format!("oci:{}:v1", layout.display());
    let output = run(portolan_copy(folder.path())
        .arg(source.by_proxy("app:v1"))
        .arg(target));
    assert!(source.proxy.spoilt() > 0);
    judge(&output, whether_arrived(&layout, content))
}

fn faults() -> Vec<Fault> {
    let bodies = [
        BodyFault::Cut(600_000),
        BodyFault::Truncate(600_000),
        BodyFault::Flip(600_000),
    ];
    let refusal = Fault::Refuse {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    };
    bodies
        .map(Fault::Response)
        .into_iter()
        .chain([refusal, Fault::LoseAnswer])
        .collect()
}

#[tokio::test]
async fn harm_that_passes() {
    let content = Content::new();
    let source = Side::with(&content, &["v1"]).await;
    for fault in faults() {
        assert_eq!(
            copy(&source, &content, When::Nth(1), fault),
            Ok(()),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn harm_that_does_not() {
    let content = Content::new();
    let source = Side::with(&content, &["v1"]).await;
    for fault in [BodyFault::Truncate(600_000), BodyFault::Flip(600_000)] {
        copy(&source, &content, When::Always, Fault::Response(fault)).unwrap_err();
    }
}
