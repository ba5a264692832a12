//! Upload sessions of registries that do them in their own way.

use bytes::Bytes;
use futures_util::stream;
use portolan_client::{Client, Settings};
use portolan_model::Digest;
use portolan_model::fixtures::{blob, repository};
use portolan_registry::{Body, Error, Kind, Mount, UploadId, Writer};

use crate::fake::{Counter, Fake, Reply};
use crate::harness::{Known, SOMEBODY, app, context};

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

fn session(fake: &Fake) -> UploadId {
    UploadId::new(format!("team/app {}", fake.url("/session?state=1")))
}

fn pieces() -> Body {
    Body::stream(stream::iter(
        ["01", "23", "4"].map(|piece| Ok(Bytes::from(piece))),
    ))
}

#[tokio::test]
async fn a_blob_is_sent_whole() {
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
    let closing = format!("PUT /upload/1?_state=abc&digest=sha256%3A{}", x().encoded());
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
async fn lengths_are_sent_where_they_are_known() {
    let fake = Fake::start(|_| Reply::new(202)).await;
    let (client, id) = (fake.client(), session(&fake));
    client
        .write_upload(&context(), &app(), &id, Some(3), Body::sized(5, pieces()))
        .await
        .unwrap();
    client
        .write_upload(&context(), &app(), &id, None, pieces())
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
        "nobody cuts a piece"
    );
}

#[tokio::test]
async fn where_it_stands_is_counted_where_it_is_not_said() {
    let fake = Fake::start(|asked| match asked.method() {
        "PATCH" => Reply::new(202),
        _ => Reply::new(204),
    })
    .await;
    let (client, id) = (fake.client(), session(&fake));
    let upload = client
        .write_upload(&context(), &app(), &id, Some(3), Body::sized(5, pieces()))
        .await
        .unwrap();
    assert_eq!((upload.offset, &upload.id), (8, &id));
    let upload = client
        .write_upload(&context(), &app(), &id, None, pieces())
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
        "nobody can go on with it: {error}"
    );
}

#[tokio::test]
async fn a_session_is_as_good_in_another_process() {
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
        .start_upload(&context(), &app(), x().algorithm())
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
async fn ids_of_others_are_not_asked_about() {
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
async fn a_session_that_stands_elsewhere_says_where() {
    let detail = r#"{"errors":[{"code":"BLOB_UPLOAD_INVALID","detail":{"received":7}}]}"#;
    for (reply, offset) in [
        (Reply::new(416).header("Range", "0-4"), 5),
        (Reply::new(416).header("Range", "0-0"), 0),
        (Reply::new(416).header("Range", "0-6").body(detail), 7),
    ] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let written = fake
            .client()
            .write_upload(
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
async fn whatever_is_said_against_a_mount_the_blob_can_be_sent() {
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
            matches!(mount, Mount::Upload(upload) if upload.offset == 0),
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
        "who may not push at all is told"
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_with_its_own_error_and_leaves_no_session() {
    let fake = Fake::start(|_| Reply::new(202).header("Location", "/session")).await;
    let broken = stream::iter([
        Ok(Bytes::from("01")),
        Err(Error::new(Kind::StorageFull, "its own")),
    ]);
    let error = fake
        .client()
        .put_blob(&context(), &app(), &x(), Body::stream(broken))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (&Kind::StorageFull, "its own")
    );
    assert_eq!(fake.lines().last().unwrap(), "DELETE /session");
}

#[tokio::test]
async fn what_was_spent_on_a_question_is_to_be_sent_anew() {
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
        .write_upload(&context(), &app(), &id, None, pieces())
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(
        fake.asked().len(),
        1,
        "what is spent is not sent as nothing"
    );
    assert_eq!(
        client
            .write_upload(&context(), &app(), &id, None, pieces())
            .await
            .unwrap()
            .offset,
        5
    );
}

#[tokio::test]
async fn content_at_hand_is_sent_through_another_session() {
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
async fn what_no_digest_can_be_computed_of_is_not_begun() {
    let fake = Fake::start(|_| Reply::new(202)).await;
    let digest: Digest = "blake3:aa".parse().unwrap();
    let client = fake.client();
    let error = client
        .start_upload(&context(), &app(), digest.algorithm())
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
