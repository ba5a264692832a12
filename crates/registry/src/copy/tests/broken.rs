//! Whatever breaks on the way, the copy goes on where it stood, or ends with an error and no tag.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use portolan_model::Digest;
use portolan_model::fixtures::{Image, image};
use serde_json::json;

use super::spy::{Fault, pieces};
use super::{Copier, Ends, large};
use crate::contract::refused;
use crate::copy::Sessions;
use crate::{Kind, UploadId};

/// An image whose layer is large, pushed to the source.
async fn large_image(ends: &Ends) -> (Image, Digest) {
    let (digest, content) = large(7);
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": content.len()
    });
    let image = image("a").layers([]).field("layers", json!([layer]));
    ends.source()
        .put_blob(&digest, pieces(&content))
        .await
        .unwrap();
    ends.source().image(&image, &["v1"]).await;
    (image, digest)
}

async fn arrives(ends: &Ends, digest: &Digest) {
    ends.copy("v1").await.unwrap();
    assert_eq!(
        Digest::sha256(&ends.target().read(digest).await.unwrap()),
        *digest
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_breaks_off_goes_on_where_it_stood() {
    let ends = Ends::new();
    let (_, digest) = large_image(&ends).await;
    ends.source.next_fault(Fault::ReadBreaks(2 << 20));
    arrives(&ends, &digest).await;
    let resumed = format!("get_blob {digest} From({})", 2 << 20);
    assert!(ends.source.take_calls().contains(&resumed));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_breaks_off_goes_on_where_the_session_stands() {
    let ends = Ends::new();
    let (_, digest) = large_image(&ends).await;
    for count in [1000, 1 << 20, 3] {
        ends.target.next_fault(Fault::WriteBreaks(count));
    }
    arrives(&ends, &digest).await;
    let writes: Vec<_> = ends
        .target
        .take_calls()
        .into_iter()
        .filter(|call| call.starts_with("write_upload"))
        .collect();
    assert_eq!(
        writes,
        [
            "write_upload 0",
            "write_upload 1000",
            "write_upload 1049576",
            "write_upload 1049579"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn without_progress_it_gives_up() {
    let ends = Ends::new();
    let (image, digest) = large_image(&ends).await;
    for _ in 0..20 {
        ends.target.next_fault(Fault::WriteBreaks(0));
    }
    let error = refused(ends.copy("v1").await, &Kind::Unavailable);
    assert!(
        error.message().contains(digest.as_str()) && error.message().contains("the cable was cut"),
        "{error}"
    );
    refused(
        ends.target().get(image.digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(ends.target().tagged("copied").await, None);
}

#[tokio::test(start_paused = true)]
async fn wrong_content_is_fetched_again_once() {
    let ends = Ends::new();
    let (image, digest) = large_image(&ends).await;
    let fetch = |ends: &Ends| ends.source.next_fault(Fault::ReadFlips);
    fetch(&ends);
    arrives(&ends, &digest).await;

    let ends = Ends::new();
    large_image(&ends).await;
    for _ in 0..8 {
        fetch(&ends);
    }
    refused(ends.copy("v1").await, &Kind::DigestInvalid);
    refused(ends.target().read(&digest).await, &Kind::BlobUnknown);
    refused(
        ends.target().get(image.digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[derive(Default)]
struct Notes(Mutex<HashMap<Digest, UploadId>>);

impl Sessions for Notes {
    fn find(&self, _: &str, digest: &Digest) -> Option<UploadId> {
        self.0.lock().unwrap().get(digest).cloned()
    }

    fn keep(&self, _: &str, digest: &Digest, id: &UploadId) {
        self.0.lock().unwrap().insert(digest.clone(), id.clone());
    }

    fn forget(&self, _: &str, digest: &Digest) {
        self.0.lock().unwrap().remove(digest);
    }
}

#[tokio::test(start_paused = true)]
async fn another_copier_goes_on_with_the_session_of_the_first() {
    let notes = Arc::new(Notes::default());
    let mut ends = Ends {
        copier: Copier::new(1, notes.clone()),
        ..Ends::new()
    };
    let (_, digest) = large_image(&ends).await;
    ends.target.next_fault(Fault::WriteBreaks(1 << 20));
    for _ in 0..20 {
        ends.target.next_fault(Fault::WriteBreaks(0));
    }
    refused(ends.copy("v1").await, &Kind::Unavailable);
    assert!(notes.find("", &digest).is_some(), "the session is kept");
    ends.target.clear_faults();
    ends.target.take_calls();
    ends.copier = Copier::new(1, notes.clone());
    arrives(&ends, &digest).await;
    let calls = ends.target.take_calls();
    assert!(
        calls.contains(&format!("write_upload {}", 1 << 20)),
        "{calls:?}"
    );
    assert!(notes.find("", &digest).is_none(), "the session has ended");
}

#[tokio::test]
async fn a_session_that_is_gone_is_begun_anew() {
    let notes = Arc::new(Notes::default());
    let ends = Ends {
        copier: Copier::new(1, notes.clone()),
        ..Ends::new()
    };
    let (_, digest) = large_image(&ends).await;
    notes.keep("", &digest, &UploadId::new("long gone"));
    arrives(&ends, &digest).await;
}
