//! Blob downloads: resumption after broken connections, and detection of wrong content.

use futures_util::StreamExt;
use portolan_model::fixtures::blob;
use portolan_model::{ByteRange, Digest};
use portolan_registry::{Body, Kind, Reader};

use crate::harness::{READ_LIMIT, app, context, read_blob};
use portolan_testkit::fake::{Asked, Counter, Fake, Reply};

const CONTENT: &[u8] = b"0123456789";

fn digest() -> Digest {
    Digest::sha256(CONTENT)
}

/// Returns the offset from which a request resumes.
fn wanted(asked: &Asked) -> Option<usize> {
    let (first, _) = asked
        .header("range")
        .strip_prefix("bytes=")?
        .split_once('-')?;
    first.parse().ok()
}

/// Returns the bytes from an offset on as a partial response.
fn part(first: usize) -> Reply {
    let range = format!("bytes {first}-{}/{}", CONTENT.len() - 1, CONTENT.len());
    Reply::new(206)
        .header("Content-Range", range)
        .body(&CONTENT[first..])
}

#[tokio::test]
async fn resumes_a_download() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(4),
        Some(4) => part(4).cut_after(3),
        Some(first) => part(first),
    })
    .await;
    assert_eq!(read_blob(&fake.client(), &digest()).await.unwrap(), CONTENT);
    let ranges: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| asked.header("range").to_owned())
        .collect();
    assert_eq!(ranges, ["", "bytes=4-9", "bytes=7-9"]);
}

#[tokio::test]
async fn requests_a_range_again_after_a_temporary_500() {
    let counter = Counter::default();
    let fake = Fake::start(move |asked| match (wanted(asked), counter.next()) {
        (None, _) => Reply::new(200).body(CONTENT).cut_after(4),
        (Some(_), 1) => Reply::error(500, "UNKNOWN"),
        (Some(first), _) => part(first),
    })
    .await;
    assert_eq!(read_blob(&fake.client(), &digest()).await.unwrap(), CONTENT);
    let asked = fake.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(ranges, ["", "bytes=4-9", "bytes=4-9"]);
}

#[tokio::test]
async fn resumes_a_download_without_range_support() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(4),
        Some(_) => Reply::new(200).body(CONTENT),
    })
    .await;
    assert_eq!(read_blob(&fake.client(), &digest()).await.unwrap(), CONTENT);
}

#[tokio::test]
async fn fails_after_several_attempts_without_progress() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(4),
        Some(first) => part(first).cut_after(0),
    })
    .await;
    let error = read_blob(&fake.client(), &digest()).await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
    assert_eq!(
        fake.asked().len(),
        5,
        "without progress the attempts are limited"
    );
}

#[tokio::test]
async fn progress_resets_the_number_of_attempts() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(1),
        Some(first) => part(first).cut_after(1),
    })
    .await;
    assert_eq!(read_blob(&fake.client(), &digest()).await.unwrap(), CONTENT);
    assert_eq!(fake.asked().len(), 10);
}

#[tokio::test]
async fn starts_again_if_the_download_cannot_be_resumed() {
    for rejection in [part(2), Reply::new(416), Reply::new(400), Reply::new(501)] {
        let count = Counter::default();
        let fake = Fake::start(move |asked| match wanted(asked) {
            None if count.next() == 0 => Reply::new(200).body(CONTENT).cut_after(4),
            None => Reply::new(200).body(CONTENT).chunked(),
            Some(_) => rejection.clone(),
        })
        .await;
        assert_eq!(read_blob(&fake.client(), &digest()).await.unwrap(), CONTENT);
        assert_eq!(fake.asked().len(), 3);
    }
}

#[tokio::test]
async fn fails_if_the_blob_is_deleted_meanwhile() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(4),
        Some(_) => Reply::error(404, "BLOB_UNKNOWN"),
    })
    .await;
    assert_eq!(
        *read_blob(&fake.client(), &digest())
            .await
            .unwrap_err()
            .kind(),
        Kind::BlobUnknown
    );
    assert_eq!(fake.asked().len(), 2);
}

/// Returns the bytes of a body up to its error, and the error.
async fn seen(mut body: Body) -> (Vec<u8>, Option<Kind>) {
    let mut seen = Vec::new();
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => seen.extend(piece),
            Err(error) => return (seen, Some(error.kind().clone())),
        }
    }
    (seen, None)
}

#[tokio::test]
async fn does_not_deliver_the_end_of_wrong_content() {
    let fake = Fake::start(|_| Reply::new(200).body("012345678X")).await;
    let read = fake
        .client()
        .get_blob(&context(), &app(), &digest(), None)
        .await
        .unwrap();
    let (seen, error) = seen(read.body).await;
    assert_eq!(error, Some(Kind::DigestInvalid));
    assert!(seen.len() < CONTENT.len(), "{seen:?}");
}

#[tokio::test]
async fn detects_a_flipped_byte_after_a_resumption() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(4),
        Some(_) => Reply::new(206)
            .header("Content-Range", "bytes 4-9/10")
            .body("45678X"),
    })
    .await;
    assert_eq!(
        *read_blob(&fake.client(), &digest())
            .await
            .unwrap_err()
            .kind(),
        Kind::DigestInvalid
    );
}

#[tokio::test]
async fn extracts_a_range_without_range_support() {
    let fake = Fake::start(|_| Reply::new(200).body(CONTENT)).await;
    let range = Some(ByteRange::Closed { first: 2, last: 4 });
    let read = fake
        .client()
        .get_blob(&context(), &app(), &digest(), range)
        .await
        .unwrap();
    assert_eq!(
        (read.size, read.range.clone(), read.body.length()),
        (10, 2..5, Some(3))
    );
    assert_eq!(read.body.collect(READ_LIMIT).await.unwrap(), "234");
    let outside = fake
        .client()
        .get_blob(&context(), &app(), &digest(), Some(ByteRange::From(10)))
        .await
        .unwrap_err();
    assert_eq!(*outside.kind(), Kind::RangeUnsatisfiable { size: 10 });
}

#[tokio::test]
async fn resumes_a_range() {
    let fake = Fake::start(|asked| match asked.header("range") {
        "bytes=2-8" => Reply::new(206)
            .header("Content-Range", "bytes 2-8/10")
            .body(&CONTENT[2..9])
            .cut_after(3),
        "bytes=5-8" => Reply::new(206)
            .header("Content-Range", "bytes 5-8/10")
            .body(&CONTENT[5..9]),
        _ => Reply::new(500),
    })
    .await;
    let range = Some(ByteRange::Closed { first: 2, last: 8 });
    let read = fake
        .client()
        .get_blob(&context(), &app(), &digest(), range)
        .await
        .unwrap();
    assert_eq!(read.body.collect(READ_LIMIT).await.unwrap(), "2345678");
}

#[tokio::test]
async fn requests_the_size_if_it_is_missing() {
    let fake = Fake::start(|asked| match asked.header("range") {
        "" => Reply::new(200).body(CONTENT).chunked(),
        _ => Reply::new(206)
            .header("Content-Range", "bytes 0-0/10")
            .body("0"),
    })
    .await;
    let read = fake
        .client()
        .get_blob(&context(), &app(), &digest(), None)
        .await
        .unwrap();
    assert_eq!((read.size, read.body.length()), (10, Some(10)));
    assert_eq!(read.body.collect(READ_LIMIT).await.unwrap(), CONTENT);
    let fake = Fake::start(|_| Reply::new(200).body(CONTENT).chunked()).await;
    let error = fake
        .client()
        .get_blob(&context(), &app(), &digest(), None)
        .await
        .unwrap_err();
    assert!(
        error.message().contains("does not report the size"),
        "{error}"
    );
}

#[tokio::test]
async fn falls_back_to_get_if_head_is_unsupported() {
    for head in [
        Reply::new(405),
        Reply::new(404).header("Content-Type", "text/plain"),
        Reply::new(200).chunked(),
    ] {
        let fake = Fake::start(move |asked| match asked.header("range") {
            "" => head.clone(),
            _ => Reply::new(206)
                .header("Content-Range", "bytes 0-0/10")
                .body("0"),
        })
        .await;
        assert_eq!(
            fake.client()
                .head_blob(&context(), &app(), &digest())
                .await
                .unwrap()
                .size,
            10
        );
    }
    let fake = Fake::start(|_| Reply::error(404, "BLOB_UNKNOWN")).await;
    assert_eq!(
        *fake
            .client()
            .head_blob(&context(), &app(), &digest())
            .await
            .unwrap_err()
            .kind(),
        Kind::BlobUnknown
    );
    assert_eq!(fake.asked().len(), 1, "the registry's own error is final");
}

#[tokio::test]
async fn falls_back_to_get_if_a_redirect_target_rejects_head() {
    let elsewhere = Fake::start(|asked| match asked.method() {
        "HEAD" => Reply::new(403),
        _ => Reply::new(206)
            .header("Content-Range", "bytes 0-0/10")
            .body("0"),
    })
    .await;
    let target = elsewhere.url("/content");
    let fake = Fake::start(move |_| Reply::new(307).header("Location", &target)).await;
    assert_eq!(
        fake.client()
            .head_blob(&context(), &app(), &digest())
            .await
            .unwrap()
            .size,
        10
    );
}

#[tokio::test]
async fn requests_content_without_compression() {
    let fake = Fake::start(|_| Reply::new(200).body(blob("x"))).await;
    read_blob(&fake.client(), &Digest::sha256(&blob("x")))
        .await
        .unwrap();
    assert_eq!(fake.asked()[0].header("accept-encoding"), "identity");
}
