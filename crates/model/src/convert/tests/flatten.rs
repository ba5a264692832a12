//! Tests of flattening: the children of nested indexes replace these indexes in the root.

use serde_json::json;

use super::*;
use crate::fixtures::image;

const FLATTEN: Conversion = Conversion {
    to: None,
    flatten: true,
    drop_unknown: false,
};

fn digests(index: &Value) -> Vec<String> {
    index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["digest"].as_str().unwrap().to_owned())
        .collect()
}

fn names(images: &[&ImageFixture]) -> Vec<String> {
    images
        .iter()
        .map(|image| image.digest().to_string())
        .collect()
}

#[test]
fn children_replace_their_index() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(image);
    let inmost = IndexFixture::docker()
        .without_platform(&c)
        .image(&b, "linux/s390x")
        .field("annotations", json!({"x": "y"}));
    let inner = IndexFixture::oci()
        .image(&b, "linux/386")
        .nested_index(&inmost, None);
    let mut nested = json!(inner.descriptor());
    nested["platform"] = json!({"os": "linux", "architecture": "arm64"});
    nested["annotations"] = json!({"z": "1"});
    let index = IndexFixture::oci()
        .image(&a, "linux/amd64")
        .child(nested)
        .without_platform(&d);
    let mut store = Store::new(&[&a, &b, &c, &d], &[&inmost, &inner, &index]);
    let converted = store.convert(&index.digest(), FLATTEN);
    let flat = store.value(&converted.root);
    assert_eq!(digests(&flat), names(&[&a, &b, &c, &b, &d]));
    assert_eq!(
        flat["manifests"][2]["platform"]["architecture"], "arm64",
        "inherited from the nested descriptor"
    );
    assert_eq!(
        flat["manifests"][4].get("platform"),
        None,
        "not from a nested index"
    );
    let lost = remarks(&converted, Effect::Lost);
    assert!(
        lost.len() == 2 && lost[0].starts_with("/manifests/1/annotations: "),
        "{lost:?}"
    );
    assert!(lost[1].ends_with("annotations"), "{lost:?}");
    assert_eq!(store.convert(&converted.root, FLATTEN).root, converted.root);
}

#[test]
fn repeated_children_are_merged() {
    let (a, docker) = (image("a"), image("a").docker());
    let inner = IndexFixture::oci()
        .image(&a, "linux/amd64")
        .image(&a, "linux/arm64");
    let index = IndexFixture::oci()
        .nested_index(&inner, None)
        .nested_index(&inner, None)
        .image(&docker, "linux/amd64");
    let mut store = Store::new(&[&a, &docker], &[&inner, &index]);
    let converted = store.convert(
        &index.digest(),
        Conversion {
            flatten: true,
            ..to(ImageFormat::Oci)
        },
    );
    let flat = store.value(&converted.root);
    assert_eq!(digests(&flat), names(&[&a, &a]), "one for each platform");
    let dropped = remarks(&converted, Effect::Dropped);
    assert!(
        dropped.len() == 2
            && dropped
                .iter()
                .any(|dropped| dropped.starts_with("/manifests/1: ")),
        "{dropped:?}"
    );
}

#[test]
fn children_repeated_in_the_root_are_preserved() {
    let a = image("a");
    let named = |name: &str| {
        let mut child = json!(a.descriptor());
        child["platform"] = json!({"os": "linux", "architecture": "amd64"});
        child["annotations"] = json!({"name": name});
        child
    };
    let flat = IndexFixture::oci()
        .child(named("one"))
        .child(named("other"))
        .child(named("other"));
    let nested = IndexFixture::oci()
        .child(named("one"))
        .nested_index(&IndexFixture::oci().child(named("other")), None);
    let mut store = Store::new(
        &[&a],
        &[&flat, &nested, &IndexFixture::oci().child(named("other"))],
    );
    assert_eq!(
        store.convert(&flat.digest(), FLATTEN).root,
        flat.digest(),
        "it contains no nested index"
    );
    let converted = store.convert(&nested.digest(), FLATTEN);
    let children = &store.value(&converted.root)["manifests"];
    assert_eq!(
        children,
        &json!([named("one"), named("other")]),
        "their annotations differ"
    );
}

#[test]
fn index_for_two_platforms_is_flattened_for_both() {
    let a = image("a");
    let inner = IndexFixture::oci().without_platform(&a);
    let [amd64, arm64] = ["linux/amd64", "linux/arm64"].map(Some);
    let index = IndexFixture::oci()
        .nested_index(&inner, amd64)
        .nested_index(&inner, arm64)
        .nested_index(&inner, amd64);
    let mut store = Store::new(&[&a], &[&inner, &index]);
    let converted = store.convert(&index.digest(), FLATTEN);
    let flat = store.value(&converted.root);
    let architectures =
        [0, 1].map(|position| flat["manifests"][position]["platform"]["architecture"].clone());
    assert_eq!(
        (digests(&flat), architectures),
        (names(&[&a, &a]), ["amd64", "arm64"].map(|name| json!(name)))
    );
    assert!(remarks(&converted, Effect::Dropped)[0].starts_with("/manifests/2: "));
}

#[test]
fn only_images_inherit_the_platform_of_their_index() {
    let artifact = image("b").field(
        "config",
        json!({"mediaType": MediaType::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2}),
    );
    let inner = IndexFixture::oci()
        .without_platform(&artifact)
        .child_of_type(UNKNOWN, b"x", None)
        .child_of_type(MediaType::OCI_LAYER_GZIP, b"y", None)
        .without_platform(&image("absent"))
        .without_platform(&image("a"));
    let index = IndexFixture::oci().nested_index(&inner, Some("linux/arm64"));
    let mut store = Store::new(&[&image("a"), &artifact], &[&inner, &index]);
    let flat = store.convert(&index.digest(), FLATTEN).root;
    let children = store.value(&flat)["manifests"].clone();
    let with: Vec<_> = children
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child.get("platform").is_some())
        .collect();
    assert_eq!(with, [false, false, false, true, true]);
}

#[test]
fn rejects_a_result_that_would_be_too_large() {
    let note = json!({"note": "x".repeat(1 << 20)});
    let inner = IndexFixture::oci()
        .without_platform(&image("a"))
        .field("annotations", note);
    let mut index = IndexFixture::oci();
    for number in 0..70 {
        index = index.nested_index(&inner, Some(&format!("linux/{number}")));
    }
    let store = Store::new(&[&image("a")], &[&inner, &index]);
    let error = store.try_convert(&index.digest(), FLATTEN).unwrap_err();
    assert!(
        error.to_string().contains("larger than registries accept"),
        "{error}"
    );
}

#[test]
fn flat_indexes_and_images_do_not_change() {
    let (a, inner) = (image("a"), IndexFixture::oci());
    let index = IndexFixture::oci().image(&a, "linux/amd64");
    let gone = IndexFixture::oci().nested_index(&inner, None);
    let mut store = Store::new(&[&a], &[&index, &gone]);
    for root in [a.digest(), index.digest(), gone.digest()] {
        assert_eq!(store.convert(&root, FLATTEN).root, root);
    }
}

#[test]
fn trees_that_reference_everything_twice_do_not_grow() {
    let mut store = Store::new(&[&image("a")], &[]);
    let mut index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    for _ in 0..64 {
        store.add(index.manifest());
        index = IndexFixture::oci()
            .nested_index(&index, None)
            .nested_index(&index, None);
    }
    let root = store.add(index.manifest());
    let flat = store.convert(&root, FLATTEN);
    assert_eq!(digests(&store.value(&flat.root)), names(&[&image("a")]));
}
