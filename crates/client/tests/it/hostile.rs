//! Registries that mean harm: nothing goes to them that they should not have, and nothing of theirs is
//! believed or waited for without end.

use portolan_client::{Client, Credential, Secret, Settings};
use portolan_model::Digest;
use portolan_model::fixtures::blob;
use portolan_registry::{Kind, Lister, PageRequest};

use crate::fake::{Asked, Counter, Fake, Reply};
use crate::harness::{Known, app, context, read_blob};

fn x() -> Digest {
    Digest::sha256(&blob("x"))
}

/// A blob that needs a token of `realm`.
async fn guarded(realm: &Fake) -> Fake {
    let challenge = format!(r#"Bearer realm="{}",service="here""#, realm.url("/token"));
    Fake::start(move |asked| match asked.header("authorization") {
        "" => Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", &challenge),
        _ => Reply::new(200).body(blob("x")),
    })
    .await
}

#[tokio::test]
async fn a_realm_that_sends_secrets_on_is_not_followed() {
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
        assert!(elsewhere.asked().is_empty(), "nothing arrives elsewhere");
    }
}

#[tokio::test]
async fn a_token_may_claim_to_live_for_ever() {
    let realm = Fake::start(|_| Reply::new(200).body(r#"{"token":"t","expires_in":1e19}"#)).await;
    let fake = guarded(&realm).await;
    assert_eq!(read_blob(&fake.client(), &x()).await.unwrap(), blob("x"));
}

#[tokio::test]
async fn a_part_is_not_taken_for_the_whole() {
    for range in ["bytes 0-3/999", "bytes 1-4/5"] {
        let fake =
            Fake::start(move |_| Reply::new(206).header("Content-Range", range).body("fake")).await;
        let error = read_blob(&fake.client(), &x()).await.unwrap_err();
        assert!(error.message().contains("another part"), "{error}");
    }
}

/// A list whose every page leads to another one.
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
async fn a_list_that_brings_nothing_new_has_ended() {
    let fake = Fake::start(endless(|page| format!("t{}", page.min(3)))).await;
    let tags = fake
        .client()
        .tags(&context(), &app(), &PageRequest::first(100))
        .await
        .unwrap();
    assert_eq!((tags.items.len(), tags.next), (4, None));
    assert!(fake.asked().len() < 50, "it ends soon");
}

#[tokio::test]
async fn a_page_that_leads_back_is_an_error() {
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
    assert!(error.message().contains("leads from a page"), "{error}");
}
