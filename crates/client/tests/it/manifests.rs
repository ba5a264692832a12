//! Manifests from registries whose responses lack headers or contradict the content.

use portolan_client::{Client, Scheme, Settings};
use portolan_model::fixtures::{IndexFixture, image, repository, sha512, tag};
use portolan_model::{Digest, MediaType};
use portolan_registry::{Kind, PutManifest, Reader, TagUpdate, Writer};
use portolan_testkit::InMemoryServer;
use portolan_wire::query::MAX_TAGS;

use crate::harness::{app, context, put, read_manifest};
use portolan_testkit::fake::{Fake, Reply};

fn served() -> Reply {
    Reply::new(200)
        .header("Content-Type", image("a").media_type())
        .body(image("a").bytes())
}

#[tokio::test]
async fn computes_a_missing_digest() {
    let unknown = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    for reply in [served(), served().header("Docker-Content-Digest", unknown)] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let (digest, media_type, bytes) = read_manifest(&fake.client(), "v1").await.unwrap();
        assert_eq!((digest, bytes), (image("a").digest(), image("a").bytes()));
        assert_eq!(media_type, image("a").media_type().as_str());
    }
}

#[tokio::test]
async fn rejects_content_with_another_digest() {
    let wrong = Digest::sha256(b"");
    let reply = served().header("Docker-Content-Digest", &wrong);
    let fake = Fake::start(move |_| reply.clone()).await;
    let error = read_manifest(&fake.client(), "v1").await.unwrap_err();
    assert_eq!(*error.kind(), Kind::DigestInvalid);
    assert!(
        error
            .message()
            .starts_with(&format!("failed to read {}/team/app@v1: ", fake.host())),
        "{error}"
    );
    let error = read_manifest(&fake.client(), wrong.as_str())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::DigestInvalid);
}

#[tokio::test]
async fn returns_the_requested_digest() {
    let reply = served().header("Docker-Content-Digest", image("a").digest());
    let fake = Fake::start(move |_| reply.clone()).await;
    let asked = sha512(&image("a").bytes());
    let (digest, ..) = read_manifest(&fake.client(), asked.as_str()).await.unwrap();
    assert_eq!(digest, asked);
    let info = fake
        .client()
        .head_manifest(&context(), &app(), &asked.clone().into())
        .await
        .unwrap();
    assert_eq!(info.digest, asked);
}

#[tokio::test]
async fn reads_a_missing_media_type_from_the_document() {
    for reply in [
        Reply::new(200),
        Reply::new(200).header("Content-Type", "application/json; charset=utf-8"),
    ] {
        let fake = Fake::start(move |_| reply.clone().body(IndexFixture::docker().bytes())).await;
        let (_, media_type, _) = read_manifest(&fake.client(), "v1").await.unwrap();
        assert_eq!(media_type, MediaType::DOCKER_LIST);
    }
}

#[tokio::test]
async fn falls_back_to_get_if_head_lacks_headers() {
    let text = Reply::new(404).header("Content-Type", "text/plain");
    for head in [text, Reply::new(405), Reply::new(200), Reply::new(400)] {
        let fake = Fake::start(move |asked| {
            if asked.line.starts_with("HEAD") {
                head.clone()
            } else {
                served()
            }
        })
        .await;
        let info = fake
            .client()
            .head_manifest(&context(), &app(), &tag("v1").into())
            .await
            .unwrap();
        assert_eq!(
            (info.digest, info.size),
            (image("a").digest(), image("a").bytes().len() as u64)
        );
    }
    let fake = Fake::start(|_| Reply::error(404, "MANIFEST_UNKNOWN")).await;
    let error = fake
        .client()
        .head_manifest(&context(), &app(), &tag("v1").into())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), fake.asked().len()),
        (&Kind::ManifestUnknown, 1)
    );
    let fake = Fake::start(|_| Reply::error(403, "DENIED")).await;
    let error = fake
        .client()
        .head_manifest(&context(), &app(), &tag("v1").into())
        .await
        .unwrap_err();
    assert_eq!((error.kind(), fake.asked().len()), (&Kind::Denied, 2));
}

#[tokio::test]
async fn accepts_all_known_types_in_one_header_line() {
    let fake = Fake::start(|_| served()).await;
    read_manifest(&fake.client(), "v1").await.unwrap();
    let asked = fake.asked();
    let accepted: Vec<_> = asked[0].header("accept").split(", ").collect();
    assert_eq!(
        (accepted[0], accepted[accepted.len() - 1]),
        (MediaType::OCI_INDEX, "*/*")
    );
    for media_type in [
        MediaType::OCI_MANIFEST,
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_LIST,
    ] {
        assert!(accepted.contains(&media_type), "{media_type}");
    }
}

#[tokio::test]
async fn rejects_a_manifest_over_the_limit() {
    let fake = Fake::start(|_| Reply::new(200).body(vec![b' '; (4 << 20) + 1])).await;
    assert_eq!(
        *read_manifest(&fake.client(), "v1")
            .await
            .unwrap_err()
            .kind(),
        Kind::TooLarge
    );
}

#[tokio::test]
async fn a_500_for_the_digest_of_a_blob_means_no_manifest() {
    let fake = Fake::start(|asked| match asked.line.split('/').nth(4) {
        Some("manifests") => Reply::error(500, "UNKNOWN"),
        _ => Reply::new(200),
    })
    .await;
    let error = read_manifest(&fake.client(), image("a").digest().as_str())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::ManifestUnknown);
    assert_eq!(
        fake.asked().len(),
        4,
        "two requests for the manifest, with those for the features and the blob between them"
    );
    let fake = Fake::start(|_| Reply::error(500, "UNKNOWN")).await;
    let error = read_manifest(&fake.client(), image("a").digest().as_str())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn sets_several_tags_in_one_request() {
    let fake = Fake::start(|_| {
        Reply::new(201)
            .header("OCI-Tag", "v1")
            .header("OCI-Tag", "v2, v3")
    })
    .await;
    put(
        &fake.client(),
        image("a").bytes(),
        &image("a").media_type(),
        &["v1", "v2", "v3"],
    )
    .await
    .unwrap();
    assert_eq!(
        fake.lines(),
        [format!(
            "PUT /v2/team/app/manifests/{}?tag=v1&tag=v2&tag=v3",
            image("a").digest()
        )]
    );
}

#[tokio::test]
async fn tags_that_a_registry_set_without_listing_them_are_not_set_again() {
    let digest = image("a").digest();
    let fake = Fake::start(move |asked| match (asked.method(), asked.line.as_str()) {
        ("HEAD", line) if line.ends_with("/v2") => {
            served().header("Docker-Content-Digest", &digest)
        }
        ("HEAD", _) => Reply::error(404, "MANIFEST_UNKNOWN"),
        _ => Reply::new(201).header("OCI-Tag", "v1"),
    })
    .await;
    let (bytes, media_type) = (image("a").bytes(), image("a").media_type());
    put(&fake.client(), bytes, &media_type, &["v1", "v2", "v3"])
        .await
        .unwrap();
    assert_eq!(
        fake.lines()[1..],
        [
            "HEAD /v2/team/app/manifests/v2",
            "HEAD /v2/team/app/manifests/v3",
            "PUT /v2/team/app/manifests/v3"
        ]
    );
}

#[tokio::test]
async fn many_tags_are_set_with_several_requests() {
    let served = InMemoryServer::start().await.unwrap();
    let client = Client::new(Settings {
        scheme: Scheme::Http,
        ..Settings::new(served.address().to_string())
    })
    .unwrap();
    let tags: Vec<_> = (0..=MAX_TAGS).map(|number| format!("v{number}")).collect();
    let names: Vec<_> = tags.iter().map(String::as_str).collect();
    let index = IndexFixture::oci();
    put(&client, index.bytes(), &index.media_type(), &names)
        .await
        .unwrap();
    for name in names {
        let info = client
            .head_manifest(&context(), &app(), &tag(name).into())
            .await;
        assert_eq!(info.unwrap().digest, index.digest());
    }
}

#[tokio::test]
async fn sets_tags_one_by_one_if_the_registry_ignores_the_query() {
    let fake = Fake::start(|_| Reply::new(201)).await;
    let client = fake.client();
    put(
        &client,
        image("a").bytes(),
        &image("a").media_type(),
        &["v1", "v2"],
    )
    .await
    .unwrap();
    put(
        &client,
        image("a").bytes(),
        &image("a").media_type(),
        &["v3", "v4"],
    )
    .await
    .unwrap();
    let first = format!(
        "PUT /v2/team/app/manifests/{}?tag=v1&tag=v2",
        image("a").digest()
    );
    let by_tag = |tag: &str| format!("PUT /v2/team/app/manifests/{tag}");
    assert_eq!(
        fake.lines(),
        [
            first,
            by_tag("v1"),
            by_tag("v2"),
            by_tag("v3"),
            by_tag("v4")
        ]
    );
}

#[tokio::test]
async fn does_not_set_a_tag_to_another_digest() {
    let fake = Fake::start(|_| Reply::new(201)).await;
    let digest = sha512(&image("a").bytes());
    let options = PutManifest {
        media_type: Some(image("a").media_type()),
        digest: Some(digest.clone()),
        tags: vec![TagUpdate::unconditional(tag("v1"))],
    };
    let error = fake
        .client()
        .put_manifest(&context(), &app(), image("a").bytes(), options)
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unsupported);
    assert!(error.message().ends_with("tag v1 was not set"), "{error}");
    assert_eq!(
        fake.asked().len(),
        1,
        "the tag is not set to another digest"
    );
}

#[tokio::test]
async fn detects_a_manifest_that_was_corrupted_on_the_way() {
    let wrong = Digest::sha256(b"");
    let fake = Fake::start(move |_| Reply::new(201).header("Docker-Content-Digest", &wrong)).await;
    let error = put(
        &fake.client(),
        image("a").bytes(),
        &image("a").media_type(),
        &[],
    )
    .await
    .unwrap_err();
    assert_eq!(*error.kind(), Kind::DigestInvalid);
}

#[tokio::test]
async fn sends_the_media_type_of_the_document_by_default() {
    let fake = Fake::start(|_| Reply::new(201)).await;
    let client = fake.client();
    for media_type in [
        None,
        Some(MediaType::new("application/json")),
        Some(MediaType::new("a/b")),
    ] {
        let options = PutManifest {
            media_type,
            ..PutManifest::default()
        };
        client
            .put_manifest(
                &context(),
                &repository("a"),
                IndexFixture::oci().bytes(),
                options,
            )
            .await
            .unwrap();
    }
    let types: Vec<_> = fake
        .asked()
        .iter()
        .map(|asked| asked.header("content-type").to_owned())
        .collect();
    assert_eq!(types, [MediaType::OCI_INDEX, MediaType::OCI_INDEX, "a/b"]);
}

#[tokio::test]
async fn sends_no_preconditions_to_a_registry_that_may_ignore_them() {
    let fake = Fake::start(|_| Reply::new(200)).await;
    let update = TagUpdate {
        tag: tag("v1"),
        precondition: portolan_registry::Precondition::Absent,
    };
    let options = PutManifest {
        tags: vec![update],
        ..PutManifest::default()
    };
    let client = fake.client();
    for _ in 0..2 {
        let pushed = client
            .put_manifest(&context(), &app(), image("a").bytes(), options.clone())
            .await;
        assert_eq!(*pushed.unwrap_err().kind(), Kind::Unsupported);
    }
    assert_eq!(
        fake.lines(),
        ["GET /v2/"],
        "the features are requested once, and nothing is written"
    );
}

#[tokio::test]
async fn returns_the_digest_of_a_normalized_manifest() {
    let (pushed, normalized) = (image("a").docker(), image("a").digest());
    let reply = Reply::new(201)
        .header("Docker-Content-Digest", pushed.digest())
        .header("OCI-Tag", "v1")
        .header("Portolan-Normalized", &normalized);
    let fake = Fake::start(move |_| reply.clone()).await;
    let outcome = put(
        &fake.client(),
        pushed.bytes(),
        &pushed.media_type(),
        &["v1"],
    )
    .await
    .unwrap();
    assert_eq!(
        (outcome.digest, outcome.normalized),
        (pushed.digest(), Some(normalized))
    );
}

#[tokio::test]
async fn rejects_a_dry_run_before_sending_a_request() {
    let fake = Fake::start(|_| Reply::new(201)).await;
    let options = PutManifest::default();
    let tried = fake
        .client()
        .check_manifest(&context(), &app(), image("a").bytes(), options)
        .await;
    assert_eq!(*tried.unwrap_err().kind(), Kind::Unsupported);
    assert!(fake.asked().is_empty());
}
