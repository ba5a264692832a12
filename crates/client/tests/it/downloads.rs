//! Blobs that break off go on where they stand, and what comes is what was asked for, or an error.

use futures_util::StreamExt;
use portolan_model::fixtures::blob;
use portolan_model::{ByteRange, Digest};
use portolan_registry::{Body, Kind, Reader};

use crate::fake::{Asked, Fake, Reply};
use crate::harness::{READ_LIMIT, app, context, read_blob};

const CONTENT: &[u8] = b"0123456789";

fn digest() -> Digest {
    Digest::sha256(CONTENT)
}

/// The offset that a request asks to go on at.
fn wanted(asked: &Asked) -> Option<usize> {
    let (first, _) = asked
        .header("range")
        .strip_prefix("bytes=")?
        .split_once('-')?;
    first.parse().ok()
}

/// The bytes from an offset on, as the part that they are.
fn part(first: usize) -> Reply {
    let range = format!("bytes {first}-{}/{}", CONTENT.len() - 1, CONTENT.len());
    Reply::new(206)
        .header("Content-Range", range)
        .body(&CONTENT[first..])
}

#[tokio::test]
async fn a_download_goes_on_where_it_stands() {
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
async fn it_goes_on_where_ranges_are_ignored() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(4),
        Some(_) => Reply::new(200).body(CONTENT),
    })
    .await;
    assert_eq!(read_blob(&fake.client(), &digest()).await.unwrap(), CONTENT);
}

#[tokio::test]
async fn it_ends_when_nothing_more_comes() {
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
        "progress gives new attempts, and none were made"
    );
}

#[tokio::test]
async fn it_does_not_end_as_long_as_something_comes() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(1),
        Some(first) => part(first).cut_after(1),
    })
    .await;
    assert_eq!(read_blob(&fake.client(), &digest()).await.unwrap(), CONTENT);
    assert_eq!(fake.asked().len(), 10);
}

#[tokio::test]
async fn going_on_elsewhere_is_refused() {
    let fake = Fake::start(|asked| match wanted(asked) {
        None => Reply::new(200).body(CONTENT).cut_after(4),
        Some(_) => part(2),
    })
    .await;
    let error = read_blob(&fake.client(), &digest()).await.unwrap_err();
    assert!(
        error
            .message()
            .contains("asked to go on at 4 and went on elsewhere"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_gone_meanwhile_ends_it() {
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

/// What comes before the error that a body ends with.
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
async fn the_end_of_wrong_content_is_never_seen() {
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
async fn a_byte_flipped_behind_a_break_is_found() {
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
async fn a_part_is_taken_out_of_the_whole_where_ranges_are_ignored() {
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
async fn a_part_goes_on_too() {
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
async fn the_size_is_asked_for_where_it_is_not_said() {
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
        error.message().contains("does not say how large"),
        "{error}"
    );
}

#[tokio::test]
async fn heads_that_are_not_answered_are_asked_for_with_get() {
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
    assert_eq!(fake.asked().len(), 1, "a registry that says so is believed");
}

#[tokio::test]
async fn a_place_that_expects_get_is_asked_with_get() {
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
async fn content_is_asked_for_as_it_is_stored() {
    let fake = Fake::start(|_| Reply::new(200).body(blob("x"))).await;
    read_blob(&fake.client(), &Digest::sha256(&blob("x")))
        .await
        .unwrap();
    assert_eq!(fake.asked()[0].header("accept-encoding"), "identity");
}
