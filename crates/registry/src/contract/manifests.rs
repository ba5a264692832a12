//! Tests of manifests: stored by digest and by tag, and served byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{
    IndexFixture, blob, descriptor_json, image, repository, sha512, tag,
};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{TestRepository, expect_error, unknown_digest, unverifiable_digest};
use crate::{Kind, PutManifest, Registry, TagUpdate};

/// Checks that the registry serves a manifest by tag and by digest, with its bytes, type and size.
pub async fn returns_a_manifest_unchanged(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let image = image("a").layers(["x", "y"]);
    let digest = repository.push_image(&image, &["v1"]).await;
    assert_eq!(digest, image.digest());
    repository
        .assert_serves("v1", &digest, &image.media_type(), &image.bytes())
        .await;
    repository
        .assert_serves(&digest, &digest, &image.media_type(), &image.bytes())
        .await;
}

/// Checks that the registry does not rewrite the bytes: white space, order, duplicate and unknown
/// fields stay.
pub async fn preserves_the_exact_bytes(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let text = "\n{ \"x-unknown\" : 1.0,\t\"manifests\":[ ],\"schemaVersion\":2,\"x-unknown\":[null] }\r\n";
    let media_type = MediaType::new(MediaType::OCI_INDEX);
    let digest = repository
        .push_manifest(text.into(), &media_type, &["v1"])
        .await;
    assert_eq!(digest, Digest::sha256(text.as_bytes()));
    repository
        .assert_serves("v1", &digest, &media_type, text.as_bytes())
        .await;
}

/// Checks that the registry serves a manifest without a tag only by digest.
pub async fn stores_a_manifest_without_a_tag(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let index = IndexFixture::oci();
    let digest = repository.push_index(&index, &[]).await;
    repository
        .assert_serves(
            &digest,
            &index.digest(),
            &index.media_type(),
            &index.bytes(),
        )
        .await;
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
}

/// Checks that a single call sets several tags.
pub async fn sets_several_tags_at_once(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let index = IndexFixture::oci();
    let tags = ["v1", "v1.2", "latest"].map(|name| TagUpdate::unconditional(tag(name)));
    let options = PutManifest {
        media_type: Some(index.media_type()),
        tags: tags.into(),
        digest: Some(index.digest()),
    };
    let outcome = repository
        .put_manifest_with(index.bytes(), options)
        .await
        .expect("the manifest is accepted");
    assert_eq!(outcome.digest, index.digest());
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["latest", "v1", "v1.2"]
    );
    for tag in ["latest", "v1", "v1.2"] {
        repository
            .assert_serves(tag, &index.digest(), &index.media_type(), &index.bytes())
            .await;
    }
}

/// Checks that the registry rejects a manifest that does not match the digest in the options.
pub async fn rejects_a_wrong_digest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    for digest in [unknown_digest(), sha512(b"other"), unverifiable_digest()] {
        let options = PutManifest {
            media_type: Some(MediaType::new(MediaType::OCI_INDEX)),
            digest: Some(digest.clone()),
            ..PutManifest::default()
        };
        expect_error(
            repository
                .put_manifest_with(IndexFixture::oci().bytes(), options)
                .await,
            &Kind::DigestInvalid,
        );
        expect_error(
            repository.get_manifest(&digest).await,
            &Kind::ManifestUnknown,
        );
    }
    expect_error(
        repository.get_manifest(IndexFixture::oci().digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// Checks that a manifest and its tags have the SHA-512 digest of the push.
pub async fn stores_a_manifest_under_a_sha512_digest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let index = IndexFixture::oci();
    let digest = sha512(&index.bytes());
    let options = PutManifest {
        media_type: Some(index.media_type()),
        digest: Some(digest.clone()),
        tags: vec![TagUpdate::unconditional(tag("v1"))],
    };
    assert_eq!(
        repository
            .put_manifest_with(index.bytes(), options)
            .await
            .expect("the manifest is accepted")
            .digest,
        digest
    );
    repository
        .assert_serves("v1", &digest, &index.media_type(), &index.bytes())
        .await;
    repository
        .assert_serves(&digest, &digest, &index.media_type(), &index.bytes())
        .await;
    expect_error(
        repository.get_manifest(index.digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// Checks that the error for an unknown manifest names its repository and reference.
pub async fn names_an_unknown_manifest_in_the_error(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    for reference in [
        "v1".to_owned(),
        unknown_digest().to_string(),
        unverifiable_digest().to_string(),
    ] {
        expect_error(
            repository.get_manifest(&reference).await,
            &Kind::ManifestUnknown,
        );
        expect_error(
            repository.head_manifest(&reference).await,
            &Kind::ManifestUnknown,
        );
    }
    repository.push_index(&IndexFixture::oci(), &["v2"]).await;
    expect_error(repository.head_manifest("v1").await, &Kind::ManifestUnknown);
    let error = expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
    assert_eq!(
        error.detail(),
        json!({"repository": "team/app", "reference": "v1"})
    );
}

/// Checks that the registry does not serve a blob as a manifest unless an index references it as a
/// child.
pub async fn does_not_serve_a_blob_as_a_manifest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_blob(blob("x")).await;
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    repository
        .push_image(&image("a").layers(["x"]), &["image"])
        .await;
    let custom = json!({"manifests": [descriptor_json("a/b", &blob("x"))]}).to_string();
    repository
        .push_manifest(
            custom.into(),
            &MediaType::new("application/vnd.example.custom+json"),
            &["custom"],
        )
        .await;
    repository
        .push_index(
            &IndexFixture::oci().field("x", descriptor_json("a/b", &blob("x"))),
            &["index"],
        )
        .await;
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository.head_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
}

/// Checks that storing a manifest again succeeds and moves the tags.
pub async fn accepts_the_same_manifest_twice(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_image(&image("a"), &["v1"]).await;
    repository.push_image(&image("b"), &["v1", "v2"]).await;
    assert_eq!(repository.push_image(&image("a"), &["v2"]).await, digest);
    assert_eq!(
        repository.resolve_tag("v1").await,
        Some(image("b").digest())
    );
    assert_eq!(repository.resolve_tag("v2").await, Some(digest));
}

/// Checks that a document without `mediaType` is served with the media type of the latest push.
pub async fn uses_the_content_type_without_a_media_type_field(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let text = r#"{"schemaVersion":2,"manifests":[]}"#;
    for media_type in [
        MediaType::OCI_INDEX,
        MediaType::DOCKER_LIST,
        MediaType::OCI_INDEX,
    ] {
        let media_type = MediaType::new(media_type);
        let digest = repository
            .push_manifest(text.into(), &media_type, &["v1"])
            .await;
        repository
            .assert_serves("v1", &digest, &media_type, text.as_bytes())
            .await;
    }
}

/// Checks that the document determines the media type if the push has no media type, or only a
/// generic type.
pub async fn detects_the_media_type_from_the_document(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let put = async |text: String, media_type: Option<&str>| {
        let options = PutManifest {
            media_type: media_type.map(MediaType::new),
            ..PutManifest::default()
        };
        let outcome = repository
            .put_manifest_with(Bytes::from(text), options)
            .await
            .expect("the manifest is accepted");
        repository
            .head_manifest(&outcome.digest)
            .await
            .expect("the manifest exists")
            .media_type
            .to_string()
    };
    repository.push_blob(blob("x")).await;
    let docker =
        json!({"layers": [], "config": descriptor_json(MediaType::DOCKER_CONFIG, &blob("x"))});
    for generic in [
        None,
        Some("application/json"),
        Some("application/octet-stream"),
        Some("text/plain"),
    ] {
        assert_eq!(
            put(r#"{"mediaType":"a/b","schemaVersion":2}"#.into(), generic).await,
            "a/b"
        );
        assert_eq!(
            put(r#"{"schemaVersion":2,"layers":[]}"#.into(), generic).await,
            MediaType::OCI_MANIFEST
        );
        assert_eq!(
            put(r#"{"schemaVersion":2,"manifests":[]}"#.into(), generic).await,
            MediaType::OCI_INDEX
        );
        assert_eq!(
            put(docker.to_string(), generic).await,
            MediaType::DOCKER_MANIFEST
        );
    }
}

/// Checks that a manifest of one repository is not visible in another repository.
pub async fn repositories_do_not_share_manifests(registry: Arc<dyn Registry>) {
    let (one, other) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "team/other"),
    );
    let digest = one.push_image(&image("a"), &["v1"]).await;
    expect_error(other.get_manifest(&digest).await, &Kind::ManifestUnknown);
    expect_error(other.get_manifest("v1").await, &Kind::ManifestUnknown);
    expect_error(other.read_blob(&digest).await, &Kind::BlobUnknown);
    other.push_image(&image("b"), &["v1"]).await;
    assert_eq!(one.resolve_tag("v1").await, Some(digest));
    assert_eq!(other.resolve_tag("v1").await, Some(image("b").digest()));
}

/// Checks that repository names may contain words of the protocol, and that a name below another
/// name is a different repository.
pub async fn repository_names_may_contain_protocol_words(registry: Arc<dyn Registry>) {
    let names = [
        "blobs/uploads",
        "manifests",
        "tags/list",
        "a",
        "a/manifests",
        "a/manifests/b",
        "a.b_c__d---e",
    ];
    for name in names {
        let digest = TestRepository::new(&registry, name)
            .push_image(&image(name), &["latest"])
            .await;
        assert_eq!(digest, image(name).digest());
    }
    for name in names {
        let own = TestRepository::new(&registry, name);
        assert_eq!(
            own.resolve_tag("latest").await,
            Some(image(name).digest()),
            "{}",
            repository(name)
        );
        assert_eq!(own.tags().await.expect("the repository exists"), ["latest"]);
    }
}

/// Checks that a manifest may have 4 MiB, the size that clients can read.
pub async fn accepts_a_manifest_of_four_mebibytes(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let around = IndexFixture::oci()
        .field("annotations", json!({"a": ""}))
        .bytes()
        .len();
    let index =
        IndexFixture::oci().field("annotations", json!({"a": "x".repeat((4 << 20) - around)}));
    assert_eq!(index.bytes().len(), 4 << 20);
    let digest = repository.push_index(&index, &["v1"]).await;
    repository
        .assert_serves("v1", &digest, &index.media_type(), &index.bytes())
        .await;
}

/// Checks that every push of a manifest reports its subject, stored or not.
pub async fn reports_the_subject(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let signature = image("signature").subject(&image("a").descriptor());
    repository.push_image(&signature, &[]).await;
    let outcome = repository
        .put_manifest(signature.bytes(), &signature.media_type(), &["v1"])
        .await
        .expect("the second push succeeds");
    assert_eq!(
        (outcome.digest, outcome.subject),
        (signature.digest(), Some(image("a").digest()))
    );
    let outcome = repository
        .put_manifest(
            IndexFixture::oci().bytes(),
            &IndexFixture::oci().media_type(),
            &[],
        )
        .await
        .expect("the index is accepted");
    assert_eq!(outcome.subject, None);
}
