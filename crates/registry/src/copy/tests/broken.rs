//! Interrupted copies: a copy either resumes, or ends with an error and without a tag.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use portolan_model::Digest;
use portolan_model::fixtures::{ImageFixture, image};
use serde_json::json;

use super::spy::{Fault, pieces};
use super::{Copier, Ends, large_blob};
use crate::contract::expect_error;
use crate::copy::SessionStore;
use crate::{Kind, UploadId};

/// Pushes an image with a large layer to the source.
async fn large_image(ends: &Ends) -> (ImageFixture, Digest) {
    let (digest, content) = large_blob(7);
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": content.len()
    });
    let image = image("a").layers([]).field("layers", json!([layer]));
    ends.source()
        .put_blob(&digest, pieces(&content))
        .await
        .unwrap();
    ends.source().push_image(&image, &["v1"]).await;
    (image, digest)
}

async fn assert_arrives(ends: &Ends, digest: &Digest) {
    ends.copy("v1").await.unwrap();
    assert_eq!(
        Digest::sha256(&ends.target().read_blob(digest).await.unwrap()),
        *digest
    );
}

#[tokio::test(start_paused = true)]
async fn resumes_an_interrupted_read() {
    let ends = Ends::new();
    let (_, digest) = large_image(&ends).await;
    ends.source.next_fault(Fault::ReadBreaks(2 << 20));
    assert_arrives(&ends, &digest).await;
    let resumed = format!("get_blob {digest} From({})", 2 << 20);
    assert!(ends.source.take_calls().contains(&resumed));
}

#[tokio::test(start_paused = true)]
async fn resumes_an_interrupted_write_at_the_offset_of_the_session() {
    let ends = Ends::new();
    let (_, digest) = large_image(&ends).await;
    for count in [1000, 1 << 20, 3] {
        ends.target.next_fault(Fault::WriteBreaks(count));
    }
    assert_arrives(&ends, &digest).await;
    let writes: Vec<_> = ends
        .target
        .take_calls()
        .into_iter()
        .filter(|call| call.starts_with("append_upload"))
        .collect();
    assert_eq!(
        writes,
        [
            "append_upload 0",
            "append_upload 1000",
            "append_upload 1049576",
            "append_upload 1049579"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_source_is_not_a_rejection_by_the_target() {
    let ends = Ends::new();
    large_image(&ends).await;
    ends.source.next_fault(Fault::ReadUnsupported(2 << 20));
    expect_error(ends.copy("v1").await, &Kind::Unsupported);
    let writes = ends.target.take_calls().into_iter();
    let writes: Vec<_> = writes.filter(|call| call.contains("_upload 0")).collect();
    assert_eq!(writes, ["append_upload 0"], "no other method is tried");
}

#[tokio::test(start_paused = true)]
async fn gives_up_without_progress() {
    let ends = Ends::new();
    let (image, digest) = large_image(&ends).await;
    for _ in 0..20 {
        ends.target.next_fault(Fault::WriteBreaks(0));
    }
    let error = expect_error(ends.copy("v1").await, &Kind::Unavailable);
    assert!(
        error.message().contains(digest.as_str()) && error.message().contains("connection lost"),
        "{error}"
    );
    expect_error(
        ends.target().get_manifest(image.digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(ends.target().resolve_tag("copied").await, None);
}

#[tokio::test(start_paused = true)]
async fn fetches_wrong_content_once_more() {
    let ends = Ends::new();
    let (image, digest) = large_image(&ends).await;
    let corrupt_next_read = |ends: &Ends| ends.source.next_fault(Fault::ReadFlips);
    corrupt_next_read(&ends);
    assert_arrives(&ends, &digest).await;

    let ends = Ends::new();
    large_image(&ends).await;
    for _ in 0..8 {
        corrupt_next_read(&ends);
    }
    expect_error(ends.copy("v1").await, &Kind::DigestInvalid);
    expect_error(ends.target().read_blob(&digest).await, &Kind::BlobUnknown);
    expect_error(
        ends.target().get_manifest(image.digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[derive(Default)]
struct MemorySessions(Mutex<HashMap<Digest, UploadId>>);

impl SessionStore for MemorySessions {
    fn find(&self, _: &str, digest: &Digest) -> Option<UploadId> {
        self.0.lock().unwrap().get(digest).cloned()
    }

    fn save(&self, _: &str, digest: &Digest, id: &UploadId) {
        self.0.lock().unwrap().insert(digest.clone(), id.clone());
    }

    fn remove(&self, _: &str, digest: &Digest) {
        self.0.lock().unwrap().remove(digest);
    }
}

#[tokio::test(start_paused = true)]
async fn another_copier_resumes_the_session_of_the_first() {
    let notes = Arc::new(MemorySessions::default());
    let mut ends = Ends {
        copier: Copier::new(1, notes.clone()),
        ..Ends::new()
    };
    let (_, digest) = large_image(&ends).await;
    ends.target.next_fault(Fault::WriteBreaks(1 << 20));
    for _ in 0..20 {
        ends.target.next_fault(Fault::WriteBreaks(0));
    }
    expect_error(ends.copy("v1").await, &Kind::Unavailable);
    assert!(notes.find("", &digest).is_some(), "the session is stored");
    ends.target.clear_faults();
    ends.target.take_calls();
    ends.copier = Copier::new(1, notes.clone());
    assert_arrives(&ends, &digest).await;
    let calls = ends.target.take_calls();
    assert!(
        calls.contains(&format!("append_upload {}", 1 << 20)),
        "{calls:?}"
    );
    assert!(notes.find("", &digest).is_none(), "the session has ended");
}

#[tokio::test(start_paused = true)]
async fn cancels_the_sessions_of_a_copy_that_cannot_be_resumed() {
    let stored = Arc::new(MemorySessions::default());
    let ends = Ends {
        copier: Copier::new(1, stored.clone()),
        ..Ends::new()
    };
    let (_, digest) = large_image(&ends).await;
    ends.target.next_fault(Fault::DiskFull(1 << 20));
    expect_error(ends.copy("v1").await, &Kind::StorageFull);
    let canceled = "cancel_upload sparse/to".to_owned();
    assert!(ends.target.take_calls().contains(&canceled));
    assert_eq!(stored.find("", &digest), None);
}

#[tokio::test]
async fn replaces_a_session_that_no_longer_exists() {
    let notes = Arc::new(MemorySessions::default());
    let ends = Ends {
        copier: Copier::new(1, notes.clone()),
        ..Ends::new()
    };
    let (_, digest) = large_image(&ends).await;
    notes.save("", &digest, &UploadId::new("long gone"));
    assert_arrives(&ends, &digest).await;
}
