//! Tests of the conversion to OCI. OCI supports everything that Docker's format supports.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::fixtures::{blob, image, sha512};

#[test]
fn converts_a_docker_child_of_an_oci_index() {
    let (oci, docker) = (image("a"), image("b").docker());
    let index = IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .field("zzz", json!({"b": [1]}));
    let mut store = Store::new(&[&oci, &docker], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Oci));
    assert_eq!(converted.remarks, []);
    let [old, new] = [index.digest(), converted.root].map(|digest| store.value(&digest));
    assert_eq!(types(&new), [MediaType::OCI_MANIFEST; 2]);
    assert_eq!(
        (&new["manifests"][0], &new["zzz"]),
        (&old["manifests"][0], &old["zzz"])
    );
    assert_eq!(
        new["manifests"][1]["platform"],
        old["manifests"][1]["platform"]
    );

    let child = converted.documents[&docker.digest()].clone();
    assert_eq!(new["manifests"][1]["digest"], json!(child.digest));
    assert_eq!(
        new["manifests"][1]["size"],
        json!(child.manifest.bytes().len())
    );
    let [old, new] = [docker.digest(), child.digest].map(|digest| store.value(&digest));
    assert_eq!(
        (&new["mediaType"], &new["config"]["mediaType"]),
        (
            &json!(MediaType::OCI_MANIFEST),
            &json!(MediaType::OCI_CONFIG)
        )
    );
    assert_eq!(new["layers"][0]["mediaType"], MediaType::OCI_LAYER_GZIP);
    for part in [
        "/config/digest",
        "/config/size",
        "/layers/0/digest",
        "/layers/0/size",
    ] {
        assert_eq!(new.pointer(part), old.pointer(part));
    }
}

#[test]
fn consistent_tree_without_media_type_is_unchanged() {
    let text = format!(
        "{{ \"schemaVersion\": 2,\n \"config\": {{}}, \"manifests\": [{}] }}",
        json!(image("a").descriptor())
    );
    let mut store = Store::new(&[&image("a")], &[]);
    let root = store.add(Manifest::parse(text.into(), Some(&MediaType::OCI_INDEX.into())).unwrap());
    let converted = store.convert(&root, to(ImageFormat::Oci));
    assert_eq!(
        (
            converted.root,
            converted.documents.len(),
            converted.remarks.len()
        ),
        (root, 0, 0)
    );
}

#[test]
fn rewritten_document_gets_a_media_type_and_preserves_its_order() {
    let config = json!({"mediaType": MediaType::DOCKER_CONFIG, "digest": Digest::sha256(b"c"), "size": 1, "x": null});
    let text = format!(
        "{{\"layers\":[],\"a\":1.50e3,\"b\":123456789012345678901234567890,\"config\":{config},\"schemaVersion\":2,\"a\":2}}"
    );
    let mut store = Store::default();
    let root = store
        .add(Manifest::parse(text.clone().into(), Some(&MediaType::OCI_MANIFEST.into())).unwrap());
    let converted = store.convert(&root, to(ImageFormat::Oci));
    let expected = text.replace(MediaType::DOCKER_CONFIG, MediaType::OCI_CONFIG);
    let expected = expected.replace(
        "\"a\":2}",
        "\"a\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"}",
    );
    assert_eq!(
        store.documents[&converted.root].bytes(),
        expected.as_bytes()
    );
}

#[test]
fn fixes_a_wrong_media_type() {
    let wrong = image("a").field("mediaType", json!(MediaType::DOCKER_MANIFEST));
    let index = IndexFixture::oci().child_of_type(
        MediaType::DOCKER_MANIFEST,
        &wrong.bytes(),
        Some("linux/amd64"),
    );
    let mut store = Store::new(&[&wrong], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Oci));
    let new = &converted.documents[&wrong.digest()];
    assert_eq!(
        store.value(&new.digest)["mediaType"],
        MediaType::OCI_MANIFEST
    );
    assert_eq!(
        types(&store.value(&converted.root)),
        [MediaType::OCI_MANIFEST]
    );
}

#[test]
fn types_without_oci_equivalent_are_unchanged() {
    let plugin = "application/vnd.docker.plugin.v1+json";
    let config = json!({"mediaType": plugin, "digest": Digest::sha256(b"c"), "size": 1});
    let image = image("a")
        .docker()
        .field("config", config)
        .layer_of_type("application/vnd.example.layer", "x");
    let mut store = Store::new(&[&image], &[]);
    let converted = store.convert(&image.digest(), to(ImageFormat::Oci));
    let new = store.value(&converted.root);
    assert_eq!(
        (&new["mediaType"], &new["config"]["mediaType"]),
        (&json!(MediaType::OCI_MANIFEST), &json!(plugin))
    );
    assert_eq!(
        new["layers"][1]["mediaType"],
        "application/vnd.example.layer"
    );
    assert_eq!(
        remarks(&converted, Effect::Left),
        [format!(
            "/config: OCI has no equivalent of {plugin}, which is not changed"
        )]
    );
}

#[test]
fn converts_every_value_of_a_repeated_key() {
    let part = |media_type: &str| json!({"mediaType": media_type, "digest": Digest::sha256(b"c"), "size": 1});
    let (docker, oci) = (part(MediaType::DOCKER_CONFIG), part(MediaType::OCI_CONFIG));
    let layer = format!(
        "{{\"mediaType\":\"{}\",\"mediaType\":\"{}\",\"digest\":\"{}\",\"size\":1}}",
        MediaType::DOCKER_LAYER_GZIP,
        MediaType::OCI_LAYER_GZIP,
        Digest::sha256(b"l")
    );
    let own = MediaType::OCI_MANIFEST;
    let text = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"mediaType\":\"{own}\",\"config\":{docker},\"config\":{oci},\"layers\":[],\"layers\":[{layer}]}}",
        MediaType::DOCKER_MANIFEST
    );
    let mut store = Store::default();
    let root = store.add(Manifest::parse(text.into(), Some(&own.into())).unwrap());
    let converted = store.convert(&root, to(ImageFormat::Oci));
    let text = String::from_utf8(store.documents[&converted.root].bytes().to_vec()).unwrap();
    assert!(!text.contains("vnd.docker."), "{text}");
    assert_eq!(
        (
            text.matches("\"config\"").count(),
            text.matches("\"layers\"").count()
        ),
        (2, 2),
        "nothing is lost"
    );
    assert_eq!(converted.remarks, []);
    assert_eq!(
        store.convert(&converted.root, to(ImageFormat::Oci)).root,
        converted.root
    );
}

#[test]
fn converts_every_list_of_a_repeated_manifests_key() {
    let [a, b] = ["a", "b"].map(|name| image(name).docker());
    let inner = IndexFixture::oci().image(&b, "linux/amd64");
    let index = |child: Value| {
        IndexFixture::oci()
            .child(child)
            .manifest()
            .document()
            .get("manifests")
            .unwrap()
            .to_string()
    };
    let (first, last) = (
        index(json!(a.descriptor())),
        index(json!(inner.descriptor())),
    );
    let text = format!("{{\"schemaVersion\":2,\"manifests\":{first},\"manifests\":{last}}}");
    let mut store = Store::new(&[&a, &b], &[&inner]);
    let root = store.add(Manifest::parse(text.into(), Some(&MediaType::OCI_INDEX.into())).unwrap());
    let written = |store: &Store, digest: &Digest| {
        String::from_utf8(store.documents[digest].bytes().to_vec()).unwrap()
    };
    let converted = store.convert(&root, to(ImageFormat::Oci));
    let text = written(&store, &converted.root);
    assert!(
        !text.contains("vnd.docker.") && text.matches("\"manifests\"").count() == 2,
        "{text}"
    );
    let flat = store.convert(
        &root,
        Conversion {
            flatten: true,
            ..to(ImageFormat::Oci)
        },
    );
    assert_eq!(
        types(&store.value(&flat.root)),
        [MediaType::OCI_MANIFEST; 2],
        "both in one list"
    );
    assert_eq!(
        written(&store, &flat.root).matches("\"manifests\"").count(),
        1
    );
}

#[test]
fn docker_prefix_alone_makes_no_docker_type() {
    let model = "application/vnd.docker.ai.model.config.v0.1+json";
    let config = json!({"mediaType": model, "digest": Digest::sha256(b"c"), "size": 1});
    let image = image("model").field("config", config);
    let mut store = Store::new(&[&image], &[]);
    let converted = store.convert(&image.digest(), to(ImageFormat::Oci));
    assert_eq!(
        (converted.root, converted.remarks),
        (image.digest(), Vec::new())
    );
    let error = store
        .try_convert(&image.digest(), to(ImageFormat::Docker))
        .unwrap_err();
    assert!(error.to_string().contains(model), "{error}");
}

#[test]
fn drops_withdrawn_artifact_manifests_as_unknown() {
    let artifact =
        json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": "a/b", "blobs": []})
            .to_string();
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .child_of_type(MediaType::OCI_ARTIFACT, artifact.as_bytes(), None);
    let mut store = Store::new(&[&image("a")], &[&index]);
    store.add(Manifest::parse(artifact.into(), Some(&MediaType::OCI_ARTIFACT.into())).unwrap());
    let converted = store.convert(
        &index.digest(),
        Conversion {
            drop_unknown: true,
            ..to(ImageFormat::Oci)
        },
    );
    assert_eq!(
        types(&store.value(&converted.root)),
        [MediaType::OCI_MANIFEST]
    );
    assert!(remarks(&converted, Effect::Dropped)[0].contains("withdrawn"));
    assert_eq!(
        store.convert(&index.digest(), to(ImageFormat::Oci)).root,
        index.digest()
    );
}

#[test]
fn attestations_refer_to_the_converted_image() {
    let docker = image("a").docker();
    let mut attestation = json!(image("attestation").descriptor());
    attestation["annotations"] = json!({"vnd.docker.reference.digest": docker.digest(), "b": "c"});
    let index = IndexFixture::oci()
        .image(&docker, "linux/amd64")
        .child(attestation);
    let mut store = Store::new(&[&docker, &image("attestation")], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Oci));
    let new = converted.documents[&docker.digest()].digest.clone();
    let annotations = &store.value(&converted.root)["manifests"][1]["annotations"];
    assert_eq!(
        annotations,
        &json!({"vnd.docker.reference.digest": new, "b": "c"})
    );
    let left = remarks(&converted, Effect::Left);
    assert!(
        left.len() == 1 && left[0].starts_with("/manifests/1: "),
        "{left:?}"
    );
    assert!(
        left[0].contains(&format!("states the old digest {}", docker.digest())),
        "{left:?}"
    );
}

#[test]
fn updates_a_subject_in_the_tree_in_any_order() {
    let docker = image("a").docker();
    let signature = image("signature").subject(&docker.descriptor());
    let index = IndexFixture::oci()
        .image(&signature, "unknown/unknown")
        .image(&docker, "linux/amd64");
    let mut store = Store::new(&[&docker, &signature], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Oci));
    let (image, signature) = (
        &converted.documents[&docker.digest()],
        &converted.documents[&signature.digest()],
    );
    let subject = &store.value(&signature.digest)["subject"];
    assert_eq!(
        (&subject["digest"], &subject["mediaType"]),
        (&json!(image.digest), &json!(MediaType::OCI_MANIFEST))
    );
}

#[test]
fn preserves_the_digest_algorithm() {
    let docker = image("a").docker();
    let mut child = json!(docker.descriptor());
    child["digest"] = json!(sha512(&docker.bytes()));
    child["data"] = json!("e30=");
    let index = IndexFixture::oci()
        .image(&docker, "linux/amd64")
        .child(child);
    let mut store = Store::new(&[&docker], &[&index]);
    store
        .documents
        .insert(sha512(&docker.bytes()), docker.manifest());
    let converted = store.convert(&index.digest(), to(ImageFormat::Oci));
    let children = store.value(&converted.root)["manifests"].clone();
    let bytes = converted.documents[&docker.digest()].manifest.bytes();
    assert_eq!(
        (&children[0]["digest"], &children[1]["digest"]),
        (&json!(Digest::sha256(bytes)), &json!(sha512(bytes)))
    );
    assert_eq!(
        children[1]["data"],
        json!(STANDARD.encode(bytes)),
        "embedded content matches the digest"
    );
}

#[test]
fn reports_missing_and_unknown_children_without_converting_them() {
    let index = IndexFixture::oci()
        .image(&image("gone").docker(), "linux/amd64")
        .image(&image("gone too"), "linux/arm64")
        .child_of_type(UNKNOWN, &blob("x"), None);
    let mut store = Store::new(&[], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Oci));
    assert_eq!(
        (converted.root.clone(), converted.documents.len()),
        (index.digest(), 0)
    );
    let left = remarks(&converted, Effect::Left);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left[0].starts_with("/manifests/0") && left[0].contains("(linux/amd64) is not converted"),
        "{left:?}"
    );
    assert!(
        left[1].starts_with("/manifests/2") && left[1].contains(UNKNOWN),
        "{left:?}"
    );
}

#[test]
fn drops_unknown_children_on_request() {
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .child_of_type(UNKNOWN, &blob("x"), None)
        .child_of_type(MediaType::OCI_LAYER_GZIP, &blob("cache"), None)
        .child(json!("no descriptor"));
    let mut store = Store::new(&[&image("a")], &[&index]);
    let converted = store.convert(
        &index.digest(),
        Conversion {
            drop_unknown: true,
            ..Conversion::default()
        },
    );
    let children = store.value(&converted.root)["manifests"].clone();
    assert_eq!(
        children,
        json!([
            store.value(&index.digest())["manifests"][0],
            "no descriptor"
        ])
    );
    assert_eq!(remarks(&converted, Effect::Dropped).len(), 2);
    assert_eq!(
        store
            .try_convert(&index.digest(), Conversion::default())
            .unwrap()
            .root,
        index.digest()
    );
}

#[test]
fn rejects_a_missing_or_unknown_root() {
    let mut store = Store::default();
    let gone = store
        .try_convert(&Digest::sha256(b"gone"), to(ImageFormat::Oci))
        .unwrap_err();
    assert!(matches!(gone, ConvertError::NotFound(_)), "{gone}");
    let unknown = store.add(Manifest::parse(blob("x"), Some(&UNKNOWN.into())).unwrap());
    let error = store
        .try_convert(&unknown, to(ImageFormat::Oci))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("unknown media type {UNKNOWN}")),
        "{error}"
    );
    assert_eq!(
        store
            .try_convert(
                &unknown,
                Conversion {
                    flatten: true,
                    ..Conversion::default()
                }
            )
            .unwrap()
            .root,
        unknown
    );
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let mut store = Store::default();
    let mut index = IndexFixture::oci().image(&image("a").docker(), "linux/amd64");
    store.add(image("a").docker().manifest());
    for _ in 0..10_000 {
        store.add(index.manifest());
        index = IndexFixture::oci().nested_index(&index, None);
    }
    let root = store.add(index.manifest());
    assert_eq!(
        store.convert(&root, to(ImageFormat::Oci)).documents.len(),
        10_002
    );
    let flat = store.convert(
        &root,
        Conversion {
            flatten: true,
            ..to(ImageFormat::Oci)
        },
    );
    assert_eq!(types(&store.value(&flat.root)), [MediaType::OCI_MANIFEST]);
}
