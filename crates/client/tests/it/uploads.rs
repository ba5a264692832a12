//! Upload sessions of registries with their own behavior.

use bytes::Bytes;
use futures_util::stream;
use portolan_client::{Client, Settings};
use portolan_model::Digest;
use portolan_model::fixtures::{blob, repository};
use portolan_registry::{Body, Error, Kind, MountOutcome, UploadId, Uploads, Writer};

use crate::harness::{Known, SOMEBODY, app, context};
use portolan_testkit::fake::{Counter, Fake, Reply};

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

fn session(fake: &Fake) -> UploadId {
    UploadId::new(format!("team/app {}", fake.url("/session?state=1")))
}

fn pieces() -> Body {
    Body::from_stream(stream::iter(
        ["01", "23", "4"].map(|piece| Ok(Bytes::from(piece))),
    ))
}

#[tokio::test]
async fn sends_a_blob_in_one_request() {
    let fake = Fake::start(|asked| match asked.method() {
        "POST" => Reply::new(202)
            .header("Location", "/upload/1?_state=abc")
            .header("OCI-Chunk-Min-Length", 5),
        _ => Reply::new(201),
    })
    .await;
    fake.client()
        .put_blob(&context(), &app(), &x(), blob("x").into())
        .await
        .unwrap();
    let asked = fake.asked();
    let closing = format!(
        "PUT /upload/1?_state=abc&digest=sha256%3A{}",
        x().encoded_part()
    );
    assert_eq!(
        fake.lines(),
        ["POST /v2/team/app/blobs/uploads/".to_owned(), closing]
    );
    assert_eq!(
        (asked[0].header("content-length"), &asked[1].body),
        ("0", &blob("x"))
    );
    assert_eq!(asked[1].header("content-type"), "application/octet-stream");
    assert_eq!(
        asked[1].header("content-length"),
        blob("x").len().to_string()
    );
}

#[tokio::test]
async fn sends_known_lengths() {
    let fake = Fake::start(|_| Reply::new(202)).await;
    let (client, id) = (fake.client(), session(&fake));
    client
        .append_upload(
            &context(),
            &app(),
            &id,
            Some(3),
            Body::with_length(5, pieces()),
        )
        .await
        .unwrap();
    client
        .append_upload(&context(), &app(), &id, None, pieces())
        .await
        .unwrap();
    let asked = fake.asked();
    assert_eq!(
        (
            asked[0].header("content-length"),
            asked[0].header("content-range")
        ),
        ("5", "3-7")
    );
    assert_eq!(
        (
            asked[1].header("transfer-encoding"),
            asked[1].header("content-range")
        ),
        ("chunked", "")
    );
    assert_eq!(
        (&asked[0].body[..], &asked[1].body[..]),
        (&b"01234"[..], &b"01234"[..]),
        "chunks are not split"
    );
}

#[tokio::test]
async fn counts_the_offset_if_the_registry_does_not_report_it() {
    let fake = Fake::start(|asked| match asked.method() {
        "PATCH" => Reply::new(202),
        _ => Reply::new(204),
    })
    .await;
    let (client, id) = (fake.client(), session(&fake));
    let upload = client
        .append_upload(
            &context(),
            &app(),
            &id,
            Some(3),
            Body::with_length(5, pieces()),
        )
        .await
        .unwrap();
    assert_eq!((upload.offset, &upload.id), (8, &id));
    let upload = client
        .append_upload(&context(), &app(), &id, None, pieces())
        .await
        .unwrap();
    assert_eq!(upload.offset, 5);
    let error = client
        .upload_status(&context(), &app(), &id)
        .await
        .unwrap_err();
    assert_eq!(
        *error.kind(),
        Kind::UploadUnknown,
        "the session cannot be resumed: {error}"
    );
}

#[tokio::test]
async fn a_session_can_be_continued_in_another_process() {
    let fake = Fake::start(|asked| match asked.method() {
        "POST" => Reply::new(202).header("Location", "sessions/7?state=a%20b"),
        "GET" => Reply::new(204)
            .header("Range", "0-41")
            .header("Location", "/moved"),
        _ => Reply::new(201),
    })
    .await;
    let id = fake
        .client()
        .open_upload(&context(), &app(), x().algorithm())
        .await
        .unwrap()
        .id;
    let id = UploadId::new(id.as_str());
    let another = fake.client();
    let upload = another
        .upload_status(&context(), &app(), &id)
        .await
        .unwrap();
    assert_eq!(upload.offset, 42);
    another
        .cancel_upload(&context(), &app(), &upload.id)
        .await
        .unwrap();
    let lines = fake.lines();
    assert_eq!(
        lines[1..],
        [
            "GET /v2/team/app/blobs/uploads/sessions/7?state=a%20b",
            "DELETE /moved"
        ]
    );
}

#[tokio::test]
async fn rejects_session_ids_of_other_repositories() {
    let fake = Fake::start(|_| Reply::new(204)).await;
    let client = fake.client();
    for id in [
        "",
        "team/app",
        "team/app /relative",
        "team/app file:///etc/passwd",
        session(&fake).as_str(),
    ] {
        let error = client
            .upload_status(&context(), &repository("team/other"), &UploadId::new(id))
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), Kind::UploadUnknown, "{id}");
    }
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn returns_the_offset_of_the_session_for_a_wrong_one() {
    let detail = r#"{"errors":[{"code":"BLOB_UPLOAD_INVALID","detail":{"received":7}}]}"#;
    for (reply, offset) in [
        (Reply::new(416).header("Range", "0-4"), 5),
        (Reply::new(416).header("Range", "0-0"), 0),
        (Reply::new(416).header("Range", "0-6").body(detail), 7),
    ] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let written = fake
            .client()
            .append_upload(
                &context(),
                &app(),
                &session(&fake),
                Some(9),
                blob("x").into(),
            )
            .await;
        assert_eq!(*written.unwrap_err().kind(), Kind::OutOfOrder { offset });
    }
}

#[tokio::test]
async fn starts_an_upload_if_the_registry_rejects_a_mount() {
    for status in [400, 401, 403, 404, 405] {
        let fake = Fake::start(move |asked| {
            if asked.line.contains("mount=") {
                Reply::new(status)
            } else {
                Reply::new(202).header("Location", "/session")
            }
        })
        .await;
        let mount = fake
            .client()
            .mount(&context(), &app(), &x(), Some(&repository("a")))
            .await
            .unwrap();
        assert!(
            matches!(mount, MountOutcome::Upload(upload) if upload.offset == 0),
            "{status}"
        );
    }
    let fake = Fake::start(|_| Reply::error(403, "DENIED")).await;
    let error = fake
        .client()
        .mount(&context(), &app(), &x(), None)
        .await
        .unwrap_err();
    assert_eq!(
        *error.kind(),
        Kind::Denied,
        "a client without push permission gets an error"
    );
}

#[tokio::test]
async fn returns_the_error_of_the_body_and_cancels_the_session() {
    let fake = Fake::start(|_| Reply::new(202).header("Location", "/session")).await;
    let broken = stream::iter([
        Ok(Bytes::from("01")),
        Err(Error::new(Kind::StorageFull, "its own")),
    ]);
    let error = fake
        .client()
        .put_blob(&context(), &app(), &x(), Body::from_stream(broken))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (&Kind::StorageFull, "its own")
    );
    assert_eq!(fake.lines().last().unwrap(), "DELETE /session");
}

#[tokio::test]
async fn a_stream_must_be_sent_again_after_a_challenge() {
    let fake = Fake::start(|asked| match asked.header("authorization") {
        SOMEBODY => Reply::new(202).header("Range", "0-4"),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=here"),
    })
    .await;
    let settings = Settings {
        credentials: Known::somebody(),
        ..fake.settings()
    };
    let (client, id) = (Client::new(settings).unwrap(), session(&fake));
    let error = client
        .append_upload(&context(), &app(), &id, None, pieces())
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(
        fake.asked().len(),
        1,
        "a consumed stream is not sent as an empty body"
    );
    assert_eq!(
        client
            .append_upload(&context(), &app(), &id, None, pieces())
            .await
            .unwrap()
            .offset,
        5
    );
}

#[tokio::test]
async fn sends_content_in_memory_through_another_session() {
    let count = Counter::default();
    let fake = Fake::start(move |asked| match asked.method() {
        "POST" => Reply::new(202).header("Location", "/session"),
        "PUT" if count.next() == 0 => Reply::new(503),
        _ => Reply::new(201),
    })
    .await;
    fake.client()
        .put_blob(&context(), &app(), &x(), blob("x").into())
        .await
        .unwrap();
    let methods: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| asked.method().to_owned())
        .collect();
    assert_eq!(methods, ["POST", "PUT", "DELETE", "POST", "PUT"]);
}

#[tokio::test]
async fn rejects_unsupported_digest_algorithms() {
    let fake = Fake::start(|_| Reply::new(202)).await;
    let digest: Digest = "blake3:aa".parse().unwrap();
    let client = fake.client();
    let error = client
        .open_upload(&context(), &app(), digest.algorithm())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unsupported);
    let error = client
        .put_blob(&context(), &app(), &digest, Body::empty())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::DigestInvalid);
    assert!(fake.asked().is_empty());
}
