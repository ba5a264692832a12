//! Hostile registries: they must not get secrets, deliver wrong content, or keep the client waiting
//! forever.

use portolan_client::{Client, Credential, Secret, Settings};
use portolan_model::Digest;
use portolan_model::fixtures::blob;
use portolan_registry::{Kind, Lister, PageRequest};

use crate::harness::{Known, app, context, read_blob};
use portolan_testkit::fake::{Asked, Counter, Fake, Reply};

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

/// Serves a blob to requests with a token of `realm`.
async fn guarded(realm: &Fake) -> Fake {
    let challenge = format!(r#"Bearer realm="{}",service="here""#, realm.url("/token"));
    Fake::start(move |asked| match asked.header("authorization") {
        "" => Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge),
        _ => Reply::new(200).body(blob("x")),
    })
    .await
}

#[tokio::test]
async fn does_not_follow_a_realm_that_redirects_secrets() {
    for status in [307, 308] {
        let elsewhere = Fake::start(|_| Reply::new(200).body(r#"{"token":"t"}"#)).await;
        let away = elsewhere.url("/token");
        let realm = Fake::start(move |_| Reply::new(status).header("Location", &away)).await;
        let fake = guarded(&realm).await;
        let credentials = Known::new(Credential::RefreshToken(Secret::new("secret")));
        let client = Client::new(Settings {
            credentials,
            ..fake.settings()
        })
        .unwrap();
        let error = read_blob(&client, &x()).await.unwrap_err();
        assert_eq!(*error.kind(), Kind::Unauthorized, "{error}");
        assert!(
            elsewhere.asked().is_empty(),
            "no request reaches the redirect target"
        );
    }
}

#[tokio::test]
async fn accepts_a_token_with_a_huge_lifetime() {
    let realm = Fake::start(|_| Reply::new(200).body(r#"{"token":"t","expires_in":1e19}"#)).await;
    let fake = guarded(&realm).await;
    assert_eq!(read_blob(&fake.client(), &x()).await.unwrap(), blob("x"));
}

#[tokio::test]
async fn rejects_a_partial_response_to_a_full_request() {
    for range in ["bytes 0-3/999", "bytes 1-4/5"] {
        let fake =
            Fake::start(move |_| Reply::new(206).header("Content-Range", range).body("fake")).await;
        let error = read_blob(&fake.client(), &x()).await.unwrap_err();
        assert!(error.message().contains("wrong byte range"), "{error}");
    }
}

/// Returns a list in which every page links to another one.
fn endless(
    tags: impl Fn(usize) -> String + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Reply + Send + Sync {
    let count = Counter::default();
    move |asked| {
        if !asked.line.contains("/tags/list") {
            return Reply::new(200);
        }
        let page = count.next();
        let next = format!("</v2/team/app/tags/list?last=x{page}>; rel=\"next\"");
        Reply::new(200).header("Link", next).body(format!(
            r#"{{"name":"team/app","tags":["{}"]}}"#,
            tags(page)
        ))
    }
}

#[tokio::test]
async fn a_list_ends_if_pages_have_no_new_items() {
    let fake = Fake::start(endless(|page| format!("t{}", page.min(3)))).await;
    let tags = fake
        .client()
        .tags(&context(), &app(), &PageRequest::first(100))
        .await
        .unwrap();
    assert_eq!((tags.items.len(), tags.next), (4, None));
    assert!(fake.asked().len() < 50, "the list ends soon");
}

#[tokio::test]
async fn rejects_a_page_that_links_to_an_earlier_page() {
    let fake = Fake::start(|asked| {
        let reply = Reply::new(200).header("Portolan-Features", "preconditions");
        if !asked.line.contains("/tags/list") {
            return reply;
        }
        let next = "</v2/team/app/tags/list?last=same>; rel=\"next\"";
        reply
            .header("Link", next)
            .body(r#"{"name":"team/app","tags":["same"]}"#)
    })
    .await;
    let client = fake.client();
    let first = client
        .tags(&context(), &app(), &PageRequest::first(1))
        .await
        .unwrap();
    let second = PageRequest {
        after: first.next,
        ..PageRequest::first(1)
    };
    let error = client.tags(&context(), &app(), &second).await.unwrap_err();
    assert!(error.message().contains("links a page"), "{error}");
}
