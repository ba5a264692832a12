//! Confinement of credentials to one origin.

use std::sync::{Arc, OnceLock};

use portolan_client::{Client, Settings};
use portolan_model::Digest;
use portolan_model::fixtures::blob;
use portolan_registry::{Kind, Reader, Uploads};

use crate::harness::{Known, SOMEBODY, app, context, read_blob};
use portolan_testkit::fake::{Counter, Fake, Reply};

fn client(fake: &Fake) -> Client {
    Client::new(Settings {
        credentials: Known::somebody(),
        ..fake.settings()
    })
    .unwrap()
}

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

fn authorizations(fake: &Fake) -> Vec<String> {
    fake.asked()
        .iter()
        .map(|asked| asked.header("authorization").to_owned())
        .collect()
}

/// Starts a registry that demands authentication, and redirects authenticated requests to `target`.
async fn sending_to(target: String, status: u16) -> Fake {
    Fake::start(move |asked| match asked.header("authorization") {
        SOMEBODY if asked.line.contains("/v2/") => Reply::new(status).header("Location", &target),
        SOMEBODY => Reply::new(200).body(blob("x")),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=here"),
    })
    .await
}

#[tokio::test]
async fn sends_no_credentials_to_another_origin_after_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Fake::start(|_| Reply::new(200).body(blob("x"))).await;
        let fake = sending_to(elsewhere.url("/content?signed=1"), status).await;
        assert_eq!(read_blob(&client(&fake), &x()).await.unwrap(), blob("x"));
        assert_eq!(elsewhere.lines(), ["GET /content?signed=1"]);
        assert_eq!(authorizations(&elsewhere), [""]);
    }
}

#[tokio::test]
async fn sends_credentials_after_a_redirect_within_the_origin() {
    let fake = sending_to("/elsewhere".into(), 307).await;
    assert_eq!(read_blob(&client(&fake), &x()).await.unwrap(), blob("x"));
    assert_eq!(authorizations(&fake), ["", SOMEBODY, SOMEBODY]);
}

#[tokio::test]
async fn sends_no_credentials_after_a_detour_through_another_origin() {
    let back = Arc::new(OnceLock::<String>::new());
    let asked_back = Arc::clone(&back);
    let between =
        Fake::start(move |_| Reply::new(307).header("Location", asked_back.get().unwrap())).await;
    let target = between.url("/");
    let fake = Fake::start(move |asked| match asked.header("authorization") {
        _ if asked.is("GET /back") => Reply::new(200).body(blob("x")),
        SOMEBODY => Reply::new(307).header("Location", &target),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=here"),
    })
    .await;
    back.set(fake.url("/back")).unwrap();
    assert_eq!(read_blob(&client(&fake), &x()).await.unwrap(), blob("x"));
    assert_eq!(
        (authorizations(&between), authorizations(&fake)),
        (
            vec![String::new()],
            ["", SOMEBODY, ""].map(Into::into).into()
        )
    );
}

#[tokio::test]
async fn does_not_answer_a_challenge_of_another_origin() {
    let realm = Fake::start(|_| Reply::new(200).body(r#"{"token":"t"}"#)).await;
    let challenge = format!(r#"Bearer realm="{}""#, realm.url("/token"));
    let elsewhere = Fake::start(move |_| {
        Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge)
    })
    .await;
    let location = elsewhere.url("/content");
    let open = Fake::start(move |_| Reply::new(307).header("Location", &location)).await;
    let guarded = sending_to(elsewhere.url("/content"), 307).await;
    for client in [client(&open), client(&guarded)] {
        // The second time, the scheme of the registry's own challenge is known.
        for _ in 0..2 {
            let error = read_blob(&client, &x()).await.unwrap_err();
            assert_eq!(
                error.message(),
                format!("{} returned UNAUTHORIZED: rejected", elsewhere.host())
            );
        }
    }
    assert!(
        realm.asked().is_empty(),
        "no token is requested from a realm that another origin names"
    );
    assert_eq!(authorizations(&elsewhere), [""; 4]);
}

#[tokio::test]
async fn sends_no_credentials_to_a_session_on_another_origin() {
    let elsewhere =
        Fake::start(|_| Reply::new(401).header("WWW-Authenticate", "Basic realm=here")).await;
    let location = elsewhere.url("/session");
    let fake = Fake::start(move |asked| match asked.header("authorization") {
        SOMEBODY => Reply::new(202).header("Location", &location),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=here"),
    })
    .await;
    let client = client(&fake);
    let upload = client
        .open_upload(&context(), &app(), x().algorithm())
        .await
        .unwrap();
    let error = client
        .finish_upload(&context(), &app(), &upload.id, None, blob("x").into(), &x())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unauthorized);
    assert_eq!(authorizations(&elsewhere), [""]);
}

#[tokio::test]
async fn rejects_endless_and_invalid_redirects() {
    let fake = Fake::start(|_| Reply::new(307).header("Location", "/again")).await;
    let error = client(&fake)
        .head_blob(&context(), &app(), &x())
        .await
        .unwrap_err();
    assert!(
        error.message().contains("redirected more than 10 times"),
        "{error}"
    );
    assert_eq!(fake.asked().len(), 11);
    let fake = Fake::start(|_| Reply::new(307)).await;
    let error = client(&fake)
        .head_blob(&context(), &app(), &x())
        .await
        .unwrap_err();
    assert!(
        error.message().contains("without a valid Location"),
        "{error}"
    );
    let fake = Fake::start(|_| Reply::new(307).header("Location", "file:///etc/passwd")).await;
    let error = client(&fake)
        .head_blob(&context(), &app(), &x())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unsupported);
}

#[tokio::test]
async fn sends_the_content_again_after_a_redirect_that_preserves_the_method() {
    let count = Counter::default();
    let fake = Fake::start(move |asked| match count.next() {
        0 => Reply::new(202).header("Location", "/session"),
        1 => Reply::new(307).header("Location", "/moved?a=b"),
        _ => Reply::new(if asked.body == blob("x") { 201 } else { 400 }),
    })
    .await;
    let client = fake.client();
    let upload = client
        .open_upload(&context(), &app(), x().algorithm())
        .await
        .unwrap();
    client
        .finish_upload(&context(), &app(), &upload.id, None, blob("x").into(), &x())
        .await
        .unwrap();
    assert_eq!(fake.lines()[2], "PUT /moved?a=b");
}
