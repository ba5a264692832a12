//! Manifests: stored under digests and tags, and served byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{Index, blob, describe, image, repository, sha512, tag};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{Repository, refused, unknown_digest, unverifiable_digest};
use crate::{Kind, PutManifest, Registry, TagUpdate};

/// A manifest is served under its tag and its digest, and repeats its bytes, type and size.
pub async fn a_manifest_comes_back_as_it_went(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let image = image("a").layers(["x", "y"]);
    let digest = repository.image(&image, &["v1"]).await;
    assert_eq!(digest, image.digest());
    repository
        .serves("v1", &digest, &image.media_type(), &image.bytes())
        .await;
    repository
        .serves(&digest, &digest, &image.media_type(), &image.bytes())
        .await;
}

/// The bytes are not written anew: white space, order, duplicate and unknown fields stay.
pub async fn the_bytes_are_kept(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let text = "\n{ \"x-unknown\" : 1.0,\t\"manifests\":[ ],\"schemaVersion\":2,\"x-unknown\":[null] }\r\n";
    let media_type = MediaType::new(MediaType::OCI_INDEX);
    let digest = repository.manifest(text.into(), &media_type, &["v1"]).await;
    assert_eq!(digest, Digest::sha256(text.as_bytes()));
    repository
        .serves("v1", &digest, &media_type, text.as_bytes())
        .await;
}

/// Without a tag, a manifest is served under its digest alone.
pub async fn a_manifest_needs_no_tag(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let index = Index::oci();
    let digest = repository.index(&index, &[]).await;
    repository
        .serves(
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

/// One call sets several tags.
pub async fn several_tags_are_set_at_once(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let index = Index::oci();
    let tags = ["v1", "v1.2", "latest"].map(|name| TagUpdate::always(tag(name)));
    let options = PutManifest {
        media_type: Some(index.media_type()),
        tags: tags.into(),
        digest: Some(index.digest()),
        ..repository.options()
    };
    let outcome = repository
        .put_with(index.bytes(), options)
        .await
        .expect("the manifest is taken");
    assert_eq!(outcome.digest, index.digest());
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["latest", "v1", "v1.2"]
    );
    for tag in ["latest", "v1", "v1.2"] {
        repository
            .serves(tag, &index.digest(), &index.media_type(), &index.bytes())
            .await;
    }
}

/// A digest that is given has to be the manifest's.
pub async fn a_wrong_digest_is_refused(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    for digest in [unknown_digest(), sha512(b"other"), unverifiable_digest()] {
        let options = PutManifest {
            media_type: Some(MediaType::new(MediaType::OCI_INDEX)),
            digest: Some(digest.clone()),
            ..repository.options()
        };
        refused(
            repository.put_with(Index::oci().bytes(), options).await,
            &Kind::DigestInvalid,
        );
        refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    }
    refused(
        repository.get(Index::oci().digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// A manifest is known under the digest that it was pushed with, and so are its tags.
pub async fn a_manifest_may_have_a_sha512_digest(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let index = Index::oci();
    let digest = sha512(&index.bytes());
    let options = PutManifest {
        media_type: Some(index.media_type()),
        digest: Some(digest.clone()),
        tags: vec![TagUpdate::always(tag("v1"))],
        ..repository.options()
    };
    assert_eq!(
        repository
            .put_with(index.bytes(), options)
            .await
            .expect("the manifest is taken")
            .digest,
        digest
    );
    repository
        .serves("v1", &digest, &index.media_type(), &index.bytes())
        .await;
    repository
        .serves(&digest, &digest, &index.media_type(), &index.bytes())
        .await;
    refused(repository.get(index.digest()).await, &Kind::ManifestUnknown);
}

/// What was never stored is unknown, and the error names it.
pub async fn an_unknown_manifest_is_named(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    for reference in [
        "v1".to_owned(),
        unknown_digest().to_string(),
        unverifiable_digest().to_string(),
    ] {
        refused(repository.get(&reference).await, &Kind::ManifestUnknown);
        refused(repository.head(&reference).await, &Kind::ManifestUnknown);
    }
    repository.index(&Index::oci(), &["v2"]).await;
    refused(repository.head("v1").await, &Kind::ManifestUnknown);
    let error = refused(repository.get("v1").await, &Kind::ManifestUnknown);
    assert_eq!(
        error.detail(),
        &json!({"repository": "team/app", "reference": "v1"})
    );
}

/// A blob that no index names is no manifest, whatever else names it.
pub async fn a_blob_is_no_manifest(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.blob(blob("x")).await;
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    repository
        .image(&image("a").layers(["x"]), &["image"])
        .await;
    let custom = json!({"manifests": [describe("a/b", &blob("x"))]}).to_string();
    repository
        .manifest(
            custom.into(),
            &MediaType::new("application/vnd.example.custom+json"),
            &["custom"],
        )
        .await;
    repository
        .index(
            &Index::oci().field("x", describe("a/b", &blob("x"))),
            &["index"],
        )
        .await;
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    refused(repository.head(&digest).await, &Kind::ManifestUnknown);
}

/// Storing the same again is no error, and moves the tags.
pub async fn a_manifest_may_be_stored_twice(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.image(&image("a"), &["v1"]).await;
    repository.image(&image("b"), &["v1", "v2"]).await;
    assert_eq!(repository.image(&image("a"), &["v2"]).await, digest);
    assert_eq!(repository.tagged("v1").await, Some(image("b").digest()));
    assert_eq!(repository.tagged("v2").await, Some(digest));
}

/// Where the document is silent, the type is what the sender said last.
pub async fn a_silent_document_has_the_type_it_was_sent_with(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let text = r#"{"schemaVersion":2,"manifests":[]}"#;
    for media_type in [
        MediaType::OCI_INDEX,
        MediaType::DOCKER_LIST,
        MediaType::OCI_INDEX,
    ] {
        let media_type = MediaType::new(media_type);
        let digest = repository.manifest(text.into(), &media_type, &["v1"]).await;
        repository
            .serves("v1", &digest, &media_type, text.as_bytes())
            .await;
    }
}

/// A sender who says nothing, or nothing of worth, is answered with what the document is.
pub async fn the_type_is_found_in_the_document(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let put = async |text: String, media_type: Option<&str>| {
        let options = PutManifest {
            media_type: media_type.map(MediaType::new),
            ..repository.options()
        };
        let outcome = repository
            .put_with(Bytes::from(text), options)
            .await
            .expect("the manifest is taken");
        repository
            .head(&outcome.digest)
            .await
            .expect("the manifest is there")
            .media_type
            .to_string()
    };
    repository.blob(blob("x")).await;
    let docker = json!({"layers": [], "config": describe(MediaType::DOCKER_CONFIG, &blob("x"))});
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

/// A manifest of one repository cannot be seen in another.
pub async fn repositories_do_not_share_manifests(registry: Arc<dyn Registry>) {
    let (one, other) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "team/other"),
    );
    let digest = one.image(&image("a"), &["v1"]).await;
    refused(other.get(&digest).await, &Kind::ManifestUnknown);
    refused(other.get("v1").await, &Kind::ManifestUnknown);
    refused(other.read(&digest).await, &Kind::BlobUnknown);
    other.image(&image("b"), &["v1"]).await;
    assert_eq!(one.tagged("v1").await, Some(digest));
    assert_eq!(other.tagged("v1").await, Some(image("b").digest()));
}

/// Names may hold the words of the protocol, and names within names are others.
pub async fn repositories_may_be_called_anything(registry: Arc<dyn Registry>) {
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
        let digest = Repository::of(&registry, name)
            .image(&image(name), &["latest"])
            .await;
        assert_eq!(digest, image(name).digest());
    }
    for name in names {
        let own = Repository::of(&registry, name);
        assert_eq!(
            own.tagged("latest").await,
            Some(image(name).digest()),
            "{}",
            repository(name)
        );
        assert_eq!(own.tags().await.expect("the repository exists"), ["latest"]);
    }
}

/// A manifest may have the 4 MiB that clients are ready to read.
pub async fn a_manifest_may_have_four_mebibytes(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let around = Index::oci()
        .field("annotations", json!({"a": ""}))
        .bytes()
        .len();
    let index = Index::oci().field("annotations", json!({"a": "x".repeat((4 << 20) - around)}));
    assert_eq!(index.bytes().len(), 4 << 20);
    let digest = repository.index(&index, &["v1"]).await;
    repository
        .serves("v1", &digest, &index.media_type(), &index.bytes())
        .await;
}

/// The subject of a manifest is told, stored or not, at every push.
pub async fn the_subject_is_told(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let signature = image("signature").subject(&image("a").descriptor());
    repository.image(&signature, &[]).await;
    let outcome = repository
        .put(signature.bytes(), &signature.media_type(), &["v1"])
        .await
        .expect("pushed again");
    assert_eq!(
        (outcome.digest, outcome.subject),
        (signature.digest(), Some(image("a").digest()))
    );
    let outcome = repository
        .put(Index::oci().bytes(), &Index::oci().media_type(), &[])
        .await
        .expect("an index");
    assert_eq!(outcome.subject, None);
}
