//! Manifests of registries that say less than they should, or something else.

use portolan_model::fixtures::{Index, image, repository, sha512, tag};
use portolan_model::{Digest, MediaType};
use portolan_registry::{Kind, PutManifest, Reader, TagUpdate, Writer};

use crate::fake::{Fake, Reply};
use crate::harness::{app, context, put, read_manifest};

fn served() -> Reply {
    Reply::new(200)
        .header("Content-Type", image("a").media_type())
        .body(image("a").bytes())
}

#[tokio::test]
async fn the_digest_is_computed_where_it_is_not_said() {
    let unknown = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    for reply in [served(), served().header("Docker-Content-Digest", unknown)] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let (digest, media_type, bytes) = read_manifest(&fake.client(), "v1").await.unwrap();
        assert_eq!((digest, bytes), (image("a").digest(), image("a").bytes()));
        assert_eq!(media_type, image("a").media_type().as_str());
    }
}

#[tokio::test]
async fn another_digest_than_was_said_is_refused() {
    let wrong = Digest::sha256(b"");
    let reply = served().header("Docker-Content-Digest", &wrong);
    let fake = Fake::start(move |_| reply.clone()).await;
    let error = read_manifest(&fake.client(), "v1").await.unwrap_err();
    assert_eq!(*error.kind(), Kind::DigestInvalid);
    assert!(
        error
            .message()
            .starts_with(&format!("reading {}/team/app@v1: ", fake.host())),
        "{error}"
    );
    let error = read_manifest(&fake.client(), wrong.as_str())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::DigestInvalid);
}

#[tokio::test]
async fn the_digest_that_was_asked_for_is_the_one_that_is_told() {
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
async fn the_type_is_found_in_the_document_where_it_is_not_said() {
    for reply in [
        Reply::new(200),
        Reply::new(200).header("Content-Type", "application/json; charset=utf-8"),
    ] {
        let fake = Fake::start(move |_| reply.clone().body(Index::docker().bytes())).await;
        let (_, media_type, _) = read_manifest(&fake.client(), "v1").await.unwrap();
        assert_eq!(media_type, MediaType::DOCKER_LIST);
    }
}

#[tokio::test]
async fn a_look_becomes_a_read_where_it_says_too_little() {
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
    assert_eq!((error.kind(), fake.asked().len()), (&Kind::Denied, 1));
}

#[tokio::test]
async fn all_known_types_are_welcome_in_one_line() {
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
async fn more_than_a_manifest_may_have_is_not_read() {
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
async fn a_blob_on_which_a_registry_fails_is_no_manifest() {
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
        "it is asked twice, and for the features and the blob in between"
    );
    let fake = Fake::start(|_| Reply::error(500, "UNKNOWN")).await;
    let error = read_manifest(&fake.client(), image("a").digest().as_str())
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn several_tags_go_in_one_request_where_they_are_set() {
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
async fn and_one_by_one_where_they_are_not() {
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
async fn a_tag_at_another_digest_than_was_meant_is_said() {
    let fake = Fake::start(|_| Reply::new(201)).await;
    let digest = sha512(&image("a").bytes());
    let options = PutManifest {
        media_type: Some(image("a").media_type()),
        digest: Some(digest.clone()),
        tags: vec![TagUpdate::always(tag("v1"))],
        ..PutManifest::default()
    };
    let error = fake
        .client()
        .put_manifest(&context(), &app(), image("a").bytes(), options)
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), Kind::Unsupported);
    assert!(error.message().ends_with("so v1 was not set"), "{error}");
    assert_eq!(fake.asked().len(), 1, "no tag is set to something else");
}

#[tokio::test]
async fn what_arrived_otherwise_is_said() {
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
async fn the_type_is_sent_even_if_nobody_said_it() {
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
            .put_manifest(&context(), &repository("a"), Index::oci().bytes(), options)
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
async fn conditions_are_not_sent_to_whoever_may_pass_over_them() {
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
        "which is looked up once, and nothing is written"
    );
}

#[tokio::test]
async fn what_the_tags_point_to_is_told_where_it_is_something_else() {
    let (pushed, normalised) = (image("a").docker(), image("a").digest());
    let reply = Reply::new(201)
        .header("Docker-Content-Digest", pushed.digest())
        .header("OCI-Tag", "v1")
        .header("Portolan-Normalised", &normalised);
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
        (outcome.digest, outcome.normalised),
        (pushed.digest(), Some(normalised))
    );
}

#[tokio::test]
async fn a_dry_run_is_refused_before_anything_is_sent() {
    let fake = Fake::start(|_| Reply::new(201)).await;
    let options = PutManifest {
        dry_run: true,
        ..PutManifest::default()
    };
    let tried = fake
        .client()
        .put_manifest(&context(), &app(), image("a").bytes(), options)
        .await;
    assert_eq!(*tried.unwrap_err().kind(), Kind::Unsupported);
    assert!(fake.asked().is_empty());
}
