//! Puts that are only tried: they answer as a put would now, and change nothing.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{Index, blob, image, tag};
use serde_json::json;

use super::{Repository, documents, refused, unknown_digest};
use crate::{Context, Kind, PageRequest, Precondition, Preset, PutManifest, Registry, TagUpdate};

fn place(registry: &Arc<dyn Registry>) -> Repository {
    Repository::of(registry, "team/app")
}

/// What is found, the digest and the subject are those of the push that follows, and nothing is there before it.
pub async fn it_answers_as_a_push_would(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let subject = image("subject");
    let image = image("a")
        .subject(&subject.descriptor())
        .field("x", json!({}));
    for content in image.blobs() {
        repository.blob(content).await;
    }
    let text = String::from_utf8(image.bytes().to_vec()).expect("a document is text");
    let bytes = Bytes::from(text.replacen(r#""x":{}"#, r#""x":{"a":1,"a":2}"#, 1));
    let digest = Digest::sha256(&bytes);

    let tried = repository
        .rehearse(bytes.clone(), &image.media_type(), &["v1"])
        .await
        .expect("it would be taken");
    assert_eq!(
        (&tried.digest, &tried.subject),
        (&digest, &Some(subject.digest()))
    );
    assert!(
        tried.warnings().any(|finding| finding.pointer == "/x/a"),
        "{tried:?}"
    );
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
    assert_eq!(repository.referrers(&subject.digest()).await, []);

    let pushed = repository
        .put(bytes, &image.media_type(), &["v1"])
        .await
        .expect("it is taken");
    assert_eq!(pushed, tried);
}

/// A refusal has the same kind and the same findings.
pub async fn it_refuses_as_a_push_would(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    repository.blob(blob("y")).await;
    let missing = image("a").layers(["x", "y"]);
    let two_shapes = Index::oci().field("layers", json!([]));
    let documents = [
        (missing.bytes(), missing.media_type(), Kind::ContentMissing),
        (
            two_shapes.bytes(),
            two_shapes.media_type(),
            Kind::ManifestInvalid,
        ),
        (
            "not JSON".into(),
            missing.media_type(),
            Kind::ManifestInvalid,
        ),
    ];
    for (bytes, media_type, kind) in documents {
        let tried = refused(
            repository
                .rehearse(bytes.clone(), &media_type, &["v1"])
                .await,
            &kind,
        );
        let pushed = refused(repository.put(bytes, &media_type, &["v1"]).await, &kind);
        assert_eq!(
            (tried.message(), tried.detail()),
            (pushed.message(), pushed.detail())
        );
    }
    let options = PutManifest {
        media_type: Some(missing.media_type()),
        digest: Some(unknown_digest()),
        ..repository.options()
    };
    let wrong = PutManifest {
        dry_run: true,
        ..options
    };
    refused(
        repository.put_with(missing.bytes(), wrong).await,
        &Kind::DigestInvalid,
    );
}

/// A condition on a tag is held against where that is.
pub async fn it_holds_preconditions(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let one = repository.image(&image("one"), &["v1"]).await;
    let index = Index::oci();
    let try_if = async |precondition: Precondition| {
        let tags = vec![TagUpdate {
            tag: tag("v1"),
            precondition,
        }];
        let media_type = Some(index.media_type());
        let options = PutManifest {
            media_type,
            tags,
            dry_run: true,
            ..repository.options()
        };
        repository.put_with(index.bytes(), options).await
    };
    let error = refused(
        try_if(Precondition::Absent).await,
        &Kind::PreconditionFailed,
    );
    assert_eq!(
        (&error.detail()["tag"], &error.detail()["actual"]),
        (&json!("v1"), &json!(one))
    );
    refused(
        try_if(Precondition::At(vec![index.digest()])).await,
        &Kind::PreconditionFailed,
    );
    for precondition in [
        Precondition::None,
        Precondition::Present,
        Precondition::At(vec![one.clone()]),
    ] {
        try_if(precondition).await.expect("the condition holds");
    }
    assert_eq!(repository.tagged("v1").await, Some(one));
}

/// Nobody sees a repository that was only tried.
pub async fn it_makes_no_repository(registry: Arc<dyn Registry>) {
    let repository = place(&registry).with_policy(Preset::Sparse);
    let image = image("a");
    repository
        .rehearse(image.bytes(), &image.media_type(), &["v1"])
        .await
        .expect("it would be taken");
    let absent = PutManifest {
        media_type: Some(image.media_type()),
        tags: vec![TagUpdate {
            tag: tag("v1"),
            precondition: Precondition::Absent,
        }],
        dry_run: true,
        ..repository.options()
    };
    repository
        .put_with(image.bytes(), absent)
        .await
        .expect("there is no such tag");
    refused(repository.tags().await, &Kind::RepositoryUnknown);
    let context = Context::anonymous();
    let repositories = registry
        .repositories(&context, &PageRequest::first(10))
        .await
        .expect("a list");
    assert_eq!(repositories.items, []);
}

/// A tag stays where it is.
pub async fn it_moves_no_tag(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let one = repository.image(&image("one"), &["v1"]).await;
    let index = Index::oci().image(&image("one"), "linux/amd64");
    repository
        .rehearse(index.bytes(), &index.media_type(), &["v1", "v2"])
        .await
        .expect("it would be taken");
    repository
        .serves(
            "v1",
            &one,
            &image("one").media_type(),
            &image("one").bytes(),
        )
        .await;
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["v1"]
    );
    refused(repository.get(index.digest()).await, &Kind::ManifestUnknown);
}

/// Children that were pushed as blobs are judged, and stay blobs.
pub async fn it_takes_nothing_in(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let (good, hollow) = (image("good"), image("hollow").layers(["nowhere"]));
    for content in good.blobs() {
        repository.blob(content).await;
    }
    for image in [&good, &hollow] {
        repository.blob(image.bytes()).await;
    }
    let index = Index::oci().image(&good, "linux/amd64");
    repository
        .rehearse(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("it would be taken in");
    refused(repository.get(good.digest()).await, &Kind::ManifestUnknown);

    let index = index.image(&hollow, "linux/arm64");
    let tried = repository
        .rehearse(index.bytes(), &index.media_type(), &["v1"])
        .await;
    let error = refused(tried, &Kind::ContentMissing);
    assert_eq!(
        documents(&error),
        [&json!(hollow.digest()); 2],
        "{}",
        error.detail()
    );
}
