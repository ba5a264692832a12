//! Tests of the conversion to Docker: values without an equivalent are left, dropped or rejected,
//! and reported.

use serde_json::json;

use super::*;
use crate::fixtures::image;

#[test]
fn changes_types_and_removes_oci_fields() {
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::sha256(b"l"), "size": 1,
        "urls": ["https://example.com"], "annotations": {"a": "b"}, "data": "bA==",
    });
    let document = image("a")
        .layer_of_type(foreign, "x")
        .field("annotations", json!({"a": "b"}))
        .subject(&image("s").descriptor());
    let mut value: Value = serde_json::from_slice(&document.bytes()).unwrap();
    value["layers"].as_array_mut().unwrap().push(layer);
    let mut store = Store::default();
    let root = store.add(Manifest::parse(value.to_string().into(), None).unwrap());
    let converted = store.convert(&root, to(ImageFormat::Docker));
    let new = store.value(&converted.root);
    let types: Vec<_> = new["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["mediaType"])
        .collect();
    let expected = ["tar.gzip", "foreign.diff.tar.gzip", "tar"];
    for (media_type, ending) in types.iter().zip(expected) {
        assert!(media_type.as_str().unwrap().ends_with(ending), "{types:?}");
    }
    assert_eq!(
        (&new["mediaType"], &new["config"]["mediaType"]),
        (
            &json!(MediaType::DOCKER_MANIFEST),
            &json!(MediaType::DOCKER_CONFIG)
        )
    );
    assert_eq!(new["layers"][2]["urls"], json!(["https://example.com"]));
    let lost: Vec<_> = converted
        .remarks
        .iter()
        .map(|remark| (remark.effect, remark.pointer.as_str()))
        .collect();
    let expected = [
        "/layers/2/annotations",
        "/layers/2/data",
        "/annotations",
        "/subject",
    ];
    assert_eq!(lost, expected.map(|pointer| (Effect::Lost, pointer)));
    for pointer in expected {
        assert_eq!(new.pointer(pointer), None, "{new}");
    }
}

#[test]
fn unsupported_images_are_left_dropped_or_rejected() {
    let zstd = image("a").layer_of_type(ZSTD, "z");
    let artifact = image("b").field(
        "config",
        json!({"mediaType": MediaType::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2}),
    );
    let odd = image("c").layer_of_type("application/vnd.in-toto+json", "statement");
    let fine = image("d");
    let index = IndexFixture::oci()
        .image(&zstd, "linux/amd64")
        .image(&artifact, "linux/arm64")
        .image(&odd, "unknown/unknown")
        .image(&fine, "linux/s390x");
    let mut store = Store::new(&[&zstd, &artifact, &odd, &fine], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Docker));
    let new = store.value(&converted.root);
    assert_eq!(new["mediaType"], MediaType::DOCKER_LIST);
    assert_eq!(types(&new)[..3], [MediaType::OCI_MANIFEST; 3]);
    assert_eq!(types(&new)[3], MediaType::DOCKER_MANIFEST);
    let left = remarks(&converted, Effect::Left);
    assert!(
        left.iter()
            .all(|left| left.ends_with("; to drop it, run portolan convert --drop-unknown")),
        "{left:?}"
    );
    assert!(
        left.len() == 3 && left[0].contains(ZSTD) && left[1].contains(MediaType::OCI_EMPTY),
        "{left:?}"
    );

    let converted = store.convert(
        &index.digest(),
        Conversion {
            drop_unknown: true,
            ..to(ImageFormat::Docker)
        },
    );
    assert_eq!(
        types(&store.value(&converted.root)),
        [MediaType::DOCKER_MANIFEST]
    );
    assert_eq!(remarks(&converted, Effect::Dropped).len(), 3);

    for (image, pointer) in [
        (&zstd, "/layers/1"),
        (&artifact, "/config"),
        (&odd, "/layers/1"),
    ] {
        let error = store
            .try_convert(&image.digest(), to(ImageFormat::Docker))
            .unwrap_err();
        let ConvertError::Unsupported {
            root,
            pointer: found,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((root, found.as_str()), (image.digest(), pointer));
    }
}

#[test]
fn attestations_remain_recognizable_in_a_list() {
    let (app, attestation) = (
        image("a"),
        image("b").layer_of_type("application/vnd.in-toto+json", "statement"),
    );
    let mut descriptor = json!(attestation.descriptor());
    descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    descriptor["annotations"] =
        json!({"vnd.docker.reference.digest": app.digest(), "other": "gone"});
    let index = IndexFixture::oci()
        .image(&app, "linux/amd64")
        .child(descriptor);
    let mut store = Store::new(&[&app, &attestation], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Docker));
    let annotations = &store.value(&converted.root)["manifests"][1]["annotations"];
    assert_eq!(
        annotations,
        &json!({"vnd.docker.reference.digest": converted.documents[&app.digest()].digest})
    );
    assert_eq!(remarks(&converted, Effect::Lost).len(), 1);
}

#[test]
fn reports_a_list_in_a_list_once() {
    let inner = IndexFixture::oci().image(&image("a"), "linux/amd64");
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .nested_index(&inner, None)
        .nested_index(&inner, None);
    let mut store = Store::new(&[&image("a")], &[&inner, &index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Docker));
    let left = remarks(&converted, Effect::Left);
    assert!(
        left.len() == 1 && left[0].starts_with("/manifests/1: ") && left[0].contains("--flatten"),
        "{left:?}"
    );
    assert!(
        remarks(
            &store.convert(&converted.root, to(ImageFormat::Docker)),
            Effect::Left
        )
        .is_empty(),
        "the nested list exists already"
    );
    let flat = store.convert(
        &index.digest(),
        Conversion {
            flatten: true,
            ..to(ImageFormat::Docker)
        },
    );
    assert!(remarks(&flat, Effect::Left).is_empty());
}

#[test]
fn reports_removed_embedded_content() {
    let mut child = json!(image("a").descriptor());
    child["data"] = json!("e30=");
    child["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index = IndexFixture::oci().child(child);
    let mut store = Store::new(&[&image("a")], &[&index]);
    let converted = store.convert(&index.digest(), to(ImageFormat::Docker));
    assert_eq!(
        store.value(&converted.root)["manifests"][0].get("data"),
        None
    );
    assert!(remarks(&converted, Effect::Lost)[0].starts_with("/manifests/0/data: "));
}

#[test]
fn adds_platforms_from_configs_to_list_children() {
    let index = IndexFixture::oci()
        .without_platform(&image("a"))
        .without_platform(&image("b"));
    let mut store = Store::new(&[&image("a"), &image("b")], &[&index]);
    store
        .platforms
        .insert(image("a").digest(), "linux/arm/v7".parse().unwrap());
    let converted = store.convert(&index.digest(), to(ImageFormat::Docker));
    let children = &store.value(&converted.root)["manifests"];
    assert_eq!(
        children[0]["platform"],
        json!({"os": "linux", "architecture": "arm", "variant": "v7"})
    );
    assert_eq!(children[1].get("platform"), None);
    assert!(remarks(&converted, Effect::Incomplete)[0].starts_with("/manifests/1: "));
}

#[test]
fn consistent_list_is_unchanged_and_mixed_image_is_converted() {
    let (plain, mixed) = (
        image("a").docker(),
        image("b")
            .docker()
            .layer_of_type(MediaType::OCI_LAYER_GZIP, "x"),
    );
    let list = IndexFixture::docker().image(&plain, "linux/amd64");
    let mut store = Store::new(&[&plain, &mixed], &[&list]);
    assert!(
        store
            .convert(&list.digest(), to(ImageFormat::Docker))
            .documents
            .is_empty()
    );
    let converted = store.convert(&mixed.digest(), to(ImageFormat::Docker));
    assert_eq!(
        store.value(&converted.root)["layers"][1]["mediaType"],
        MediaType::DOCKER_LAYER_GZIP
    );
}

#[test]
fn sets_the_media_type_of_a_docker_document() {
    let text = format!(
        "{{\"schemaVersion\":2,\"manifests\":[{}]}}",
        json!(image("a").docker().descriptor())
    );
    let mut store = Store::new(&[&image("a").docker()], &[]);
    let root =
        store.add(Manifest::parse(text.into(), Some(&MediaType::DOCKER_LIST.into())).unwrap());
    let converted = store.convert(&root, to(ImageFormat::Docker));
    assert_eq!(
        store.value(&converted.root)["mediaType"],
        MediaType::DOCKER_LIST
    );
}
