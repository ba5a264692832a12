//! To Docker: what it cannot hold is left, dropped or refused, and always named.

use serde_json::json;

use super::*;
use crate::fixtures::image;

#[test]
fn types_change_and_fields_of_oci_go() {
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
    let converted = store.convert(&root, to(Format::Docker));
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
fn what_docker_cannot_hold_stays_or_goes_or_is_an_error() {
    let zstd = image("a").layer_of_type(ZSTD, "z");
    let artifact = image("b").field(
        "config",
        json!({"mediaType": MediaType::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2}),
    );
    let odd = image("c").layer_of_type("application/vnd.in-toto+json", "statement");
    let fine = image("d");
    let index = Index::oci()
        .image(&zstd, "linux/amd64")
        .image(&artifact, "linux/arm64")
        .image(&odd, "unknown/unknown")
        .image(&fine, "linux/s390x");
    let mut store = Store::of(&[&zstd, &artifact, &odd, &fine], &[&index]);
    let converted = store.convert(&index.digest(), to(Format::Docker));
    let new = store.value(&converted.root);
    assert_eq!(new["mediaType"], MediaType::DOCKER_LIST);
    assert_eq!(types(&new)[..3], [MediaType::OCI_MANIFEST; 3]);
    assert_eq!(types(&new)[3], MediaType::DOCKER_MANIFEST);
    let left = remarks(&converted, Effect::Left);
    assert!(
        left.iter()
            .all(|left| left.ends_with("; portolan convert --drop-unknown leaves it out")),
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
            ..to(Format::Docker)
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
            .try_convert(&image.digest(), to(Format::Docker))
            .unwrap_err();
        let ConvertError::Refused {
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
fn attestations_stay_recognisable_in_a_list() {
    let (app, attestation) = (
        image("a"),
        image("b").layer_of_type("application/vnd.in-toto+json", "statement"),
    );
    let mut said = json!(attestation.descriptor());
    said["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    said["annotations"] = json!({"vnd.docker.reference.digest": app.digest(), "other": "gone"});
    let index = Index::oci().image(&app, "linux/amd64").child(said);
    let mut store = Store::of(&[&app, &attestation], &[&index]);
    let converted = store.convert(&index.digest(), to(Format::Docker));
    let annotations = &store.value(&converted.root)["manifests"][1]["annotations"];
    assert_eq!(
        annotations,
        &json!({"vnd.docker.reference.digest": converted.documents[&app.digest()].digest})
    );
    assert_eq!(remarks(&converted, Effect::Lost).len(), 1);
}

#[test]
fn a_list_in_a_list_is_told_where_it_is_made() {
    let inner = Index::oci().image(&image("a"), "linux/amd64");
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .nested(&inner, None)
        .nested(&inner, None);
    let mut store = Store::of(&[&image("a")], &[&inner, &index]);
    let converted = store.convert(&index.digest(), to(Format::Docker));
    let left = remarks(&converted, Effect::Left);
    assert!(
        left.len() == 1 && left[0].starts_with("/manifests/1: ") && left[0].contains("--flatten"),
        "{left:?}"
    );
    assert!(
        remarks(
            &store.convert(&converted.root, to(Format::Docker)),
            Effect::Left
        )
        .is_empty(),
        "it is there"
    );
    let flat = store.convert(
        &index.digest(),
        Conversion {
            flatten: true,
            ..to(Format::Docker)
        },
    );
    assert!(remarks(&flat, Effect::Left).is_empty());
}

#[test]
fn embedded_content_that_docker_does_not_have_is_told() {
    let mut child = json!(image("a").descriptor());
    child["data"] = json!("e30=");
    child["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index = Index::oci().child(child);
    let mut store = Store::of(&[&image("a")], &[&index]);
    let converted = store.convert(&index.digest(), to(Format::Docker));
    assert_eq!(
        store.value(&converted.root)["manifests"][0].get("data"),
        None
    );
    assert!(remarks(&converted, Effect::Lost)[0].starts_with("/manifests/0/data: "));
}

#[test]
fn children_of_a_list_get_the_platform_of_their_config() {
    let index = Index::oci()
        .without_platform(&image("a"))
        .without_platform(&image("b"));
    let mut store = Store::of(&[&image("a"), &image("b")], &[&index]);
    store
        .platforms
        .insert(image("a").digest(), "linux/arm/v7".parse().unwrap());
    let converted = store.convert(&index.digest(), to(Format::Docker));
    let children = &store.value(&converted.root)["manifests"];
    assert_eq!(
        children[0]["platform"],
        json!({"os": "linux", "architecture": "arm", "variant": "v7"})
    );
    assert_eq!(children[1].get("platform"), None);
    assert!(remarks(&converted, Effect::Incomplete)[0].starts_with("/manifests/1: "));
}

#[test]
fn a_consistent_list_stays_and_a_mixed_image_becomes_docker_s() {
    let (plain, mixed) = (
        image("a").docker(),
        image("b")
            .docker()
            .layer_of_type(MediaType::OCI_LAYER_GZIP, "x"),
    );
    let list = Index::docker().image(&plain, "linux/amd64");
    let mut store = Store::of(&[&plain, &mixed], &[&list]);
    assert!(
        store
            .convert(&list.digest(), to(Format::Docker))
            .documents
            .is_empty()
    );
    let converted = store.convert(&mixed.digest(), to(Format::Docker));
    assert_eq!(
        store.value(&converted.root)["layers"][1]["mediaType"],
        MediaType::DOCKER_LAYER_GZIP
    );
}

#[test]
fn a_docker_document_has_to_say_its_type() {
    let text = format!(
        "{{\"schemaVersion\":2,\"manifests\":[{}]}}",
        json!(image("a").docker().descriptor())
    );
    let mut store = Store::of(&[&image("a").docker()], &[]);
    let root =
        store.add(Manifest::parse(text.into(), Some(&MediaType::DOCKER_LIST.into())).unwrap());
    let converted = store.convert(&root, to(Format::Docker));
    assert_eq!(
        store.value(&converted.root)["mediaType"],
        MediaType::DOCKER_LIST
    );
}
