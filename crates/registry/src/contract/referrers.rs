//! Tests of referrers. A referrer is a manifest that refers to another manifest as its subject.

use std::sync::Arc;

use portolan_model::fixtures::{ImageFixture, IndexFixture, image, sha512};
use portolan_model::{Descriptor, MediaType};
use serde_json::json;

use super::{TestRepository, expect_error, unknown_digest, unverifiable_digest};
use crate::{Deletion, Kind, PageRequest, PutManifest, Registry};

const SIGNATURE: &str = "application/vnd.example.signature";

fn signature(subject: &Descriptor) -> ImageFixture {
    image("signature")
        .subject(subject)
        .field("artifactType", json!(SIGNATURE))
        .field(
            "annotations",
            json!({"org.example.by": "somebody", "org.example.at": "noon"}),
        )
}

/// Checks that the list describes a referrer by media type, digest, size, artifact type and
/// annotations, and by nothing else.
pub async fn describes_a_referrer(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    repository.push_image(&image("a"), &["v1"]).await;
    let signature = signature(&image("a").descriptor());
    repository.push_image(&signature, &[]).await;
    let expected = Descriptor {
        artifact_type: Some(MediaType::new(SIGNATURE)),
        annotations: [("org.example.by", "somebody"), ("org.example.at", "noon")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..signature.descriptor()
    };
    assert_eq!(repository.referrers(&image("a").digest()).await, [expected]);
    assert_eq!(repository.referrers(&signature.digest()).await, []);
}

/// Checks that a referrer may be pushed before its subject, and that the subject need not exist at
/// all.
pub async fn subject_may_be_missing(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let signature = signature(&image("a").descriptor());
    repository.push_image(&signature, &[]).await;
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
    repository.push_image(&image("a"), &["v1"]).await;
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
}

/// Checks that the list of referrers of an unknown digest is empty and not an error.
pub async fn unknown_digest_has_no_referrers(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    assert_eq!(repository.referrers(&unknown_digest()).await, []);
    repository.push_image(&image("a"), &["v1"]).await;
    assert_eq!(repository.referrers(&unknown_digest()).await, []);
    assert_eq!(repository.referrers(&unverifiable_digest()).await, []);
}

/// Checks the artifact type of a manifest without the field `artifactType` in a list: the media
/// type of the config for an image, and no artifact type for an index.
pub async fn derives_the_artifact_type(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let subject = image("a").descriptor();
    let by_config = image("by config").subject(&subject);
    repository.push_image(&by_config, &[]).await;
    let referrers = repository.referrers(&subject.digest).await;
    assert_eq!(
        referrers[0].artifact_type,
        Some(MediaType::new(MediaType::OCI_CONFIG))
    );
    repository
        .delete_manifest(&by_config.digest(), Deletion::Guarded)
        .await
        .expect("no manifest references it");

    let index = IndexFixture::oci().field("subject", json!(subject));
    repository.push_index(&index, &[]).await;
    assert_eq!(
        repository.referrers(&subject.digest).await,
        [index.descriptor()]
    );
}

/// Checks that a filter selects one artifact type, declared or derived.
pub async fn filters_by_artifact_type(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let subject = image("a").descriptor();
    let (own, derived) = (signature(&subject), image("derived").subject(&subject));
    repository.push_image(&own, &[]).await;
    repository.push_image(&derived, &[]).await;
    let filtered = async |artifact_type| {
        let page = repository
            .referrers_page(
                &subject.digest,
                Some(artifact_type),
                &PageRequest::first(10),
            )
            .await;
        page.expect("the page is readable")
            .items
            .into_iter()
            .map(|descriptor| descriptor.digest)
            .collect::<Vec<_>>()
    };
    assert_eq!(filtered(SIGNATURE).await, [own.digest()]);
    assert_eq!(filtered(MediaType::OCI_CONFIG).await, [derived.digest()]);
    assert_eq!(filtered("application/vnd.example.other").await, []);
    assert_eq!(repository.referrers(&subject.digest).await.len(), 2);
}

/// Checks that OCI, Docker and custom manifests may refer to a manifest of any type.
pub async fn manifests_of_any_type_may_refer(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let subject = IndexFixture::docker();
    repository.push_index(&subject, &["v1"]).await;
    let custom = MediaType::new("application/vnd.example.note+json");
    let index = IndexFixture::oci().field("subject", json!(subject.descriptor()));
    let image = image("docker").docker().subject(&subject.descriptor());
    let note = json!({"note": "fine", "subject": subject.descriptor()}).to_string();
    let mut expected = vec![
        repository.push_index(&index, &[]).await,
        repository.push_image(&image, &[]).await,
        repository.push_manifest(note.into(), &custom, &[]).await,
    ];
    expected.sort_unstable();
    let referrers = repository.referrers(&subject.digest()).await;
    let digests: Vec<_> = referrers
        .iter()
        .map(|descriptor| descriptor.digest.clone())
        .collect();
    assert_eq!(digests, expected);
}

/// Checks that a referrer with a SHA-512 digest is found by the digest in its `subject`, and listed
/// with the digest of its push.
pub async fn supports_sha512_subjects_and_referrers(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let subject = Descriptor {
        digest: sha512(&image("a").bytes()),
        ..image("a").descriptor()
    };
    let index = IndexFixture::oci().field("subject", json!(subject));
    let digest = sha512(&index.bytes());
    let options = PutManifest {
        media_type: Some(index.media_type()),
        digest: Some(digest.clone()),
        ..PutManifest::default()
    };
    let outcome = repository
        .put_manifest_with(index.bytes(), options)
        .await
        .expect("the manifest is accepted");
    assert_eq!(outcome.subject, Some(subject.digest.clone()));
    assert_eq!(
        repository.referrers(&subject.digest).await,
        [Descriptor {
            digest,
            ..index.descriptor()
        }]
    );
    assert_eq!(repository.referrers(&image("a").digest()).await, []);
}

/// Checks that a referrer appears once, because of its `subject` field, even if a client also
/// pushed an index with the referrers tag.
pub async fn ignores_the_fallback_tag(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let signature = signature(&image("a").descriptor());
    repository.push_image(&signature, &[]).await;
    let fallback = format!("sha256-{}", image("a").digest().encoded_part());
    repository
        .push_index(
            &IndexFixture::oci().without_platform(&signature),
            &[&fallback],
        )
        .await;
    let referrers = repository.referrers(&image("a").digest()).await;
    assert_eq!(
        referrers
            .iter()
            .map(|descriptor| &descriptor.digest)
            .collect::<Vec<_>>(),
        [&signature.digest()]
    );
}

/// Checks that a referrer appears until its deletion, and only in its own repository.
pub async fn lists_a_referrer_until_it_is_deleted(registry: Arc<dyn Registry>) {
    let (repository, other) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "team/other"),
    );
    let signature = signature(&image("a").descriptor());
    repository.push_image(&signature, &["signature"]).await;
    other.push_image(&image("a"), &["v1"]).await;
    assert_eq!(other.referrers(&image("a").digest()).await, []);
    repository
        .delete_tag("signature")
        .await
        .expect("the tag exists");
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
    repository
        .delete_manifest(&signature.digest(), Deletion::Guarded)
        .await
        .expect("no manifest references it");
    assert_eq!(repository.referrers(&image("a").digest()).await, []);
}

/// Checks that a subject can be deleted while it has referrers, and that the referrers stay.
pub async fn deletes_a_subject_with_referrers(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    repository.push_image(&image("a"), &["v1"]).await;
    let signature = signature(&image("a").descriptor());
    repository.push_image(&signature, &[]).await;
    repository
        .delete_manifest(&image("a").digest(), Deletion::Guarded)
        .await
        .expect("a referrer does not guard its subject");
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
    repository
        .get_manifest(signature.digest())
        .await
        .expect("the signature still exists");
}
