//! Lists of registries with their own order, and referrers without the referrers API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use portolan_client::{Client, Settings};
use portolan_model::fixtures::{ImageFixture, IndexFixture, image, tag};
use portolan_model::{Descriptor, Digest, MediaType};
use portolan_registry::{Deleter, Deletion, Kind, Lister, PageRequest};

use crate::harness::{Listener, app, context, put};
use portolan_testkit::fake::{Asked, Fake, Reply};

async fn all_tags(client: &Client, limit: usize) -> Vec<String> {
    let (mut found, mut page) = (Vec::new(), PageRequest::first(limit));
    loop {
        let tags = client.tags(&context(), &app(), &page).await.unwrap();
        assert!(tags.items.len() <= limit);
        found.extend(tags.items.iter().map(ToString::to_string));
        match tags.next {
            Some(next) => page.after = Some(next),
            None => return found,
        }
    }
}

fn tags(names: &[&str]) -> Reply {
    Reply::new(200).body(serde_json::json!({"name": "team/app", "tags": names}).to_string())
}

#[tokio::test]
async fn sorts_tags_in_byte_order() {
    let fake =
        Fake::start(
            |asked| match asked.line.split_once('?').map_or("", |(_, query)| query) {
                "n=1000" => tags(&["b", "a", "c"])
                    .header("Link", "</v2/team/app/tags/list?cursor=x>; rel=\"next\""),
                "cursor=x" => tags(&["B", "a"]).header("Link", "<?cursor=y>; rel=next"),
                "cursor=y" => tags(&["0"]).header("Link", "<?cursor=x>; rel=next"),
                _ => Reply::new(404),
            },
        )
        .await;
    for limit in [1, 2, 5, 100] {
        let client = fake.client();
        assert_eq!(all_tags(&client, limit).await, ["0", "B", "a", "b", "c"]);
        let asked = fake.asked().len();
        assert_eq!(all_tags(&client, limit).await.len(), 5);
        assert_eq!(
            fake.asked().len() - asked,
            3,
            "only a first page reads the list again"
        );
    }
}

#[tokio::test]
async fn a_null_list_is_empty() {
    let fake = Fake::start(|_| Reply::new(200).body(r#"{"name":"team/app","tags":null}"#)).await;
    assert_eq!(all_tags(&fake.client(), 10).await, [""; 0]);
}

#[tokio::test]
async fn omits_a_page_size_that_the_registry_rejects() {
    let fake = Fake::start(|asked| match asked.line.as_str() {
        "GET /v2/team/app/tags/list?n=1000" => Reply::error(400, "PAGINATION_NUMBER_INVALID"),
        _ => tags(&["a"]),
    })
    .await;
    assert_eq!(all_tags(&fake.client(), 10).await, ["a"]);
}

#[tokio::test]
async fn skips_invalid_names_with_a_warning() {
    let fake = Fake::start(|_| tags(&["a", "a tag"])).await;
    let listener = Arc::new(Listener::default());
    let client = Client::new(Settings {
        observer: listener.clone(),
        ..fake.settings()
    })
    .unwrap();
    assert_eq!(all_tags(&client, 10).await, ["a"]);
    assert_eq!(
        *listener.warnings.lock().unwrap(),
        [r#"skipped "a tag" in a list: not a valid name by the specification"#]
    );
}

#[tokio::test]
async fn rejects_a_response_that_is_not_a_list() {
    let fake = Fake::start(|_| Reply::new(200).body("<html>")).await;
    let error = fake
        .client()
        .tags(&context(), &app(), &PageRequest::first(1))
        .await
        .unwrap_err();
    assert!(
        error
            .message()
            .ends_with("did not return a list at /v2/team/app/tags/list"),
        "{error}"
    );
    let fake = Fake::start(|_| Reply::new(404)).await;
    let error = fake
        .client()
        .tags(&context(), &app(), &PageRequest::first(1))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::RepositoryUnknown);
    let error = fake
        .client()
        .repositories(&context(), &PageRequest::first(1))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unsupported);
}

#[tokio::test]
async fn applies_a_filter_that_the_registry_ignored() {
    let (one, two) = (image("one").descriptor(), image("two").descriptor());
    let typed = |descriptor: Descriptor, artifact_type: &str| Descriptor {
        artifact_type: Some(MediaType::new(artifact_type)),
        ..descriptor
    };
    let listed = serde_json::json!({"manifests": [typed(one.clone(), "a/b"), typed(two, "c/d"), typed(one.clone(), "a/b")]});
    let fake = Fake::start(move |_| Reply::new(200).body(listed.to_string())).await;
    let subject = Digest::sha256(b"");
    let wanted = MediaType::new("a/b");
    let page = PageRequest::first(10);
    let page = fake
        .client()
        .referrers(&context(), &app(), &subject, Some(&wanted), &page)
        .await
        .unwrap();
    assert_eq!(page.items, [typed(one, "a/b")]);
}

/// Starts a registry that stores manifests by tag and digest, and does not support the referrers
/// API.
async fn without_referrers_api() -> Fake {
    let kept: Mutex<BTreeMap<String, (String, Bytes)>> = Mutex::default();
    Fake::start(move |asked| {
        let mut kept = kept.lock().unwrap();
        let (method, path) = asked.line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let Some(reference) = path.strip_prefix("/v2/team/app/manifests/") else {
            return Reply::new(404);
        };
        match method {
            "PUT" => {
                for name in [reference, Digest::sha256(&asked.body).as_str()] {
                    kept.insert(
                        name.into(),
                        (asked.header("content-type").into(), asked.body.clone()),
                    );
                }
                Reply::new(201)
            }
            "DELETE" => Reply::new(if kept.remove(reference).is_some() {
                202
            } else {
                404
            }),
            _ => match kept.get(reference) {
                Some((media_type, bytes)) => Reply::new(200)
                    .header("Content-Type", media_type)
                    .body(bytes.clone()),
                None => Reply::error(404, "MANIFEST_UNKNOWN"),
            },
        }
    })
    .await
}

fn referrer(name: &str) -> IndexFixture {
    IndexFixture::oci()
        .field("subject", serde_json::json!(subject().descriptor()))
        .field("x", name.into())
}

fn subject() -> ImageFixture {
    image("subject")
}

async fn referrers(client: &Client) -> Vec<Digest> {
    let page = PageRequest::first(100);
    let page = client
        .referrers(&context(), &app(), &subject().digest(), None, &page)
        .await
        .unwrap();
    page.items
        .into_iter()
        .map(|descriptor| descriptor.digest)
        .collect()
}

#[tokio::test]
async fn lists_referrers_under_a_tag_without_the_api() {
    let fake = without_referrers_api().await;
    let client = fake.client();
    assert_eq!(referrers(&client).await, []);
    let names = ["a", "b", "c", "d"];
    // Each push reads the index and writes it back, so without a lock concurrent pushes would lose
    // referrers.
    let pushes = names.map(|name| {
        let client = client.clone();
        async move {
            put(
                &client,
                referrer(name).bytes(),
                &referrer(name).media_type(),
                &[],
            )
            .await
        }
    });
    for outcome in futures_util::future::join_all(pushes).await {
        assert_eq!(outcome.unwrap().subject, Some(subject().digest()));
    }
    let mut expected: Vec<_> = names.iter().map(|name| referrer(name).digest()).collect();
    expected.sort();
    assert_eq!(referrers(&client).await, expected);

    client
        .delete_manifest(
            &context(),
            &app(),
            &referrer("b").digest(),
            Deletion::Guarded,
        )
        .await
        .unwrap();
    expected.retain(|digest| *digest != referrer("b").digest());
    assert_eq!(referrers(&fake.client()).await, expected);
}

#[tokio::test]
async fn a_push_without_a_confirmed_subject_does_not_request_the_referrers_api() {
    let fake = without_referrers_api().await;
    let client = fake.client();
    for name in ["a", "b"] {
        put(
            &client,
            referrer(name).bytes(),
            &referrer(name).media_type(),
            &[],
        )
        .await
        .unwrap();
    }
    let asked = |line: &Asked| line.line.contains("/referrers/");
    assert_eq!(fake.asked().iter().filter(|line| asked(line)).count(), 0);
}

#[tokio::test]
async fn a_registry_that_confirms_the_subject_lists_the_referrer() {
    let digest = subject().digest();
    let fake = Fake::start(move |asked| {
        if asked.line.contains("/referrers/") {
            return Reply::new(200)
                .header("Content-Type", MediaType::OCI_INDEX)
                .body(IndexFixture::oci().bytes());
        }
        Reply::new(201).header("OCI-Subject", &digest)
    })
    .await;
    let client = fake.client();
    for name in ["a", "b"] {
        let (bytes, media_type) = (referrer(name).bytes(), referrer(name).media_type());
        let outcome = put(&client, bytes, &media_type, &[]).await.unwrap();
        assert_eq!(outcome.subject, Some(subject().digest()));
    }
    let methods: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| asked.method().to_owned())
        .collect();
    assert_eq!(
        methods,
        ["PUT", "GET", "GET", "PUT"],
        "the API is requested once"
    );
}

#[tokio::test]
async fn does_not_overwrite_a_referrers_tag_of_another_kind() {
    let fake = without_referrers_api().await;
    let client = fake.client();
    let fallback = format!("sha256-{}", subject().digest().encoded_part());
    put(
        &client,
        image("a").bytes(),
        &image("a").media_type(),
        &[&fallback],
    )
    .await
    .unwrap();
    let error = put(
        &client,
        referrer("a").bytes(),
        &referrer("a").media_type(),
        &[],
    )
    .await
    .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unsupported);
    assert!(error.message().ends_with("is not an OCI index"), "{error}");
    let error = client
        .referrers(
            &context(),
            &app(),
            &subject().digest(),
            None,
            &PageRequest::first(1),
        )
        .await;
    assert_eq!(*error.unwrap_err().kind(), Kind::Unsupported);
}

#[tokio::test]
async fn does_not_delete_a_tag_if_other_tags_would_go_too() {
    for reply in [
        Reply::error(405, "UNSUPPORTED"),
        Reply::error(400, "DIGEST_INVALID"),
        Reply::new(405),
    ] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let error = fake
            .client()
            .delete_tag(&context(), &app(), &tag("v1"))
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), Kind::Unsupported);
        assert!(
            error.message().contains("would also delete all other tags"),
            "{error}"
        );
        assert_eq!(fake.lines(), ["DELETE /v2/team/app/manifests/v1"]);
    }
}
