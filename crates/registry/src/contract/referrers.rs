//! Referrers: the manifests that say something about another.

use std::sync::Arc;

use portolan_model::fixtures::{Image, Index, image, sha512};
use portolan_model::{Descriptor, MediaType};
use serde_json::json;

use super::{Repository, refused, unknown_digest, unverifiable_digest};
use crate::{Deletion, Kind, PageRequest, PutManifest, Registry};

const SIGNATURE: &str = "application/vnd.example.signature";

fn signature(of: &Descriptor) -> Image {
    image("signature")
        .subject(of)
        .field("artifactType", json!(SIGNATURE))
        .field(
            "annotations",
            json!({"org.example.by": "somebody", "org.example.at": "noon"}),
        )
}

/// A referrer is listed with type, digest, size, artifact type and annotations, and no more.
pub async fn a_referrer_is_described(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    repository.image(&image("a"), &["v1"]).await;
    let signature = signature(&image("a").descriptor());
    repository.image(&signature, &[]).await;
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

/// The subject may come later than what refers to it, or never.
pub async fn the_subject_may_be_absent(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let signature = signature(&image("a").descriptor());
    repository.image(&signature, &[]).await;
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
    repository.image(&image("a"), &["v1"]).await;
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
}

/// Nobody refers to what nobody knows, which is no error.
pub async fn what_is_unknown_has_none(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    assert_eq!(repository.referrers(&unknown_digest()).await, []);
    repository.image(&image("a"), &["v1"]).await;
    assert_eq!(repository.referrers(&unknown_digest()).await, []);
    assert_eq!(repository.referrers(&unverifiable_digest()).await, []);
}

/// Without a type of its own, an image artifact has that of its config, an index has none.
pub async fn the_artifact_type_is_derived(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let subject = image("a").descriptor();
    let by_config = image("by config").subject(&subject);
    repository.image(&by_config, &[]).await;
    let referrers = repository.referrers(&subject.digest).await;
    assert_eq!(
        referrers[0].artifact_type,
        Some(MediaType::new(MediaType::OCI_CONFIG))
    );
    repository
        .delete_manifest(&by_config.digest(), Deletion::Guarded)
        .await
        .expect("nothing names it");

    let index = Index::oci().field("subject", json!(subject));
    repository.index(&index, &[]).await;
    assert_eq!(
        repository.referrers(&subject.digest).await,
        [index.descriptor()]
    );
}

/// A filter shows one artifact type alone, own or derived.
pub async fn a_filter_shows_one_type(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let subject = image("a").descriptor();
    let (own, derived) = (signature(&subject), image("derived").subject(&subject));
    repository.image(&own, &[]).await;
    repository.image(&derived, &[]).await;
    let filtered = async |artifact_type| {
        let page = repository
            .referrers_page(
                &subject.digest,
                Some(artifact_type),
                &PageRequest::first(10),
            )
            .await;
        page.expect("a page")
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

/// Images, indexes, Docker's types and custom ones may refer, to any kind of manifest.
pub async fn every_kind_may_refer(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let subject = Index::docker();
    repository.index(&subject, &["v1"]).await;
    let custom = MediaType::new("application/vnd.example.note+json");
    let index = Index::oci().field("subject", json!(subject.descriptor()));
    let image = image("docker").docker().subject(&subject.descriptor());
    let note = json!({"note": "fine", "subject": subject.descriptor()}).to_string();
    let mut expected = vec![
        repository.index(&index, &[]).await,
        repository.image(&image, &[]).await,
        repository.manifest(note.into(), &custom, &[]).await,
    ];
    expected.sort_unstable();
    let referrers = repository.referrers(&subject.digest()).await;
    let digests: Vec<_> = referrers
        .iter()
        .map(|descriptor| descriptor.digest.clone())
        .collect();
    assert_eq!(digests, expected);
}

/// A digest is matched as it was written, and a referrer is listed under the digest it was pushed with.
pub async fn sha512_subjects_and_referrers(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let subject = Descriptor {
        digest: sha512(&image("a").bytes()),
        ..image("a").descriptor()
    };
    let index = Index::oci().field("subject", json!(subject));
    let digest = sha512(&index.bytes());
    let options = PutManifest {
        media_type: Some(index.media_type()),
        digest: Some(digest.clone()),
        ..repository.options()
    };
    let outcome = repository
        .put_with(index.bytes(), options)
        .await
        .expect("the manifest is taken");
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

/// What clients pushed under a fallback tag, lacking this list, is listed by its own subject.
pub async fn fallback_tags_need_no_help(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let signature = signature(&image("a").descriptor());
    repository.image(&signature, &[]).await;
    let fallback = format!("sha256-{}", image("a").digest().encoded());
    repository
        .index(&Index::oci().without_platform(&signature), &[&fallback])
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

/// A referrer is listed until it is deleted, and in its own repository alone.
pub async fn a_referrer_is_listed_while_it_is_there(registry: Arc<dyn Registry>) {
    let (repository, other) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "team/other"),
    );
    let signature = signature(&image("a").descriptor());
    repository.image(&signature, &["signature"]).await;
    other.image(&image("a"), &["v1"]).await;
    assert_eq!(other.referrers(&image("a").digest()).await, []);
    repository
        .delete_tag("signature")
        .await
        .expect("the tag is there");
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
    repository
        .delete_manifest(&signature.digest(), Deletion::Guarded)
        .await
        .expect("nothing names it");
    assert_eq!(repository.referrers(&image("a").digest()).await, []);
}

/// A subject may be deleted: what refers to it does not hold it, and stays.
pub async fn a_subject_is_not_held(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    repository.image(&image("a"), &["v1"]).await;
    let signature = signature(&image("a").descriptor());
    repository.image(&signature, &[]).await;
    repository
        .delete_manifest(&image("a").digest(), Deletion::Guarded)
        .await
        .expect("a subject is no edge");
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
    assert_eq!(repository.referrers(&image("a").digest()).await.len(), 1);
    repository
        .get(signature.digest())
        .await
        .expect("the signature stays");
}
