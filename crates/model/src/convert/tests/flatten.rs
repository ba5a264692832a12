//! Nested indexes taken apart: their children stand in the root, in their place.

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

fn names(images: &[&Image]) -> Vec<String> {
    images
        .iter()
        .map(|image| image.digest().to_string())
        .collect()
}

#[test]
fn children_stand_where_their_index_stood() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(image);
    let inmost = Index::docker()
        .without_platform(&c)
        .image(&b, "linux/s390x")
        .field("annotations", json!({"x": "y"}));
    let inner = Index::oci().image(&b, "linux/386").nested(&inmost, None);
    let mut nested = json!(inner.descriptor());
    nested["platform"] = json!({"os": "linux", "architecture": "arm64"});
    nested["annotations"] = json!({"z": "1"});
    let index = Index::oci()
        .image(&a, "linux/amd64")
        .child(nested)
        .without_platform(&d);
    let mut store = Store::of(&[&a, &b, &c, &d], &[&inmost, &inner, &index]);
    let converted = store.convert(&index.digest(), FLATTEN);
    let flat = store.value(&converted.root);
    assert_eq!(digests(&flat), names(&[&a, &b, &c, &b, &d]));
    assert_eq!(
        flat["manifests"][2]["platform"]["architecture"], "arm64",
        "the one above says so"
    );
    assert_eq!(
        flat["manifests"][4].get("platform"),
        None,
        "it was not nested"
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
fn what_is_there_twice_is_there_once() {
    let (a, docker) = (image("a"), image("a").docker());
    let inner = Index::oci()
        .image(&a, "linux/amd64")
        .image(&a, "linux/arm64");
    let index = Index::oci()
        .nested(&inner, None)
        .nested(&inner, None)
        .image(&docker, "linux/amd64");
    let mut store = Store::of(&[&a, &docker], &[&inner, &index]);
    let converted = store.convert(
        &index.digest(),
        Conversion {
            flatten: true,
            ..to(Format::Oci)
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
fn what_was_twice_in_an_index_stays_twice() {
    let a = image("a");
    let named = |name: &str| {
        let mut child = json!(a.descriptor());
        child["platform"] = json!({"os": "linux", "architecture": "amd64"});
        child["annotations"] = json!({"name": name});
        child
    };
    let flat = Index::oci()
        .child(named("one"))
        .child(named("other"))
        .child(named("other"));
    let nested = Index::oci()
        .child(named("one"))
        .nested(&Index::oci().child(named("other")), None);
    let mut store = Store::of(
        &[&a],
        &[&flat, &nested, &Index::oci().child(named("other"))],
    );
    assert_eq!(
        store.convert(&flat.digest(), FLATTEN).root,
        flat.digest(),
        "nothing is nested in it"
    );
    let converted = store.convert(&nested.digest(), FLATTEN);
    let children = &store.value(&converted.root)["manifests"];
    assert_eq!(
        children,
        &json!([named("one"), named("other")]),
        "they say different things"
    );
}

#[test]
fn an_index_that_is_named_for_two_platforms_is_lifted_for_both() {
    let a = image("a");
    let inner = Index::oci().without_platform(&a);
    let [amd64, arm64] = ["linux/amd64", "linux/arm64"].map(Some);
    let index = Index::oci()
        .nested(&inner, amd64)
        .nested(&inner, arm64)
        .nested(&inner, amd64);
    let mut store = Store::of(&[&a], &[&inner, &index]);
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
fn only_images_get_the_platform_of_their_index() {
    let artifact = image("b").field(
        "config",
        json!({"mediaType": MediaType::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2}),
    );
    let inner = Index::oci()
        .without_platform(&artifact)
        .child_of_type(UNKNOWN, b"x", None)
        .child_of_type(MediaType::OCI_LAYER_GZIP, b"y", None)
        .without_platform(&image("absent"))
        .without_platform(&image("a"));
    let index = Index::oci().nested(&inner, Some("linux/arm64"));
    let mut store = Store::of(&[&image("a"), &artifact], &[&inner, &index]);
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
fn what_would_be_too_large_is_refused() {
    let note = json!({"note": "x".repeat(1 << 20)});
    let inner = Index::oci()
        .without_platform(&image("a"))
        .field("annotations", note);
    let mut index = Index::oci();
    for number in 0..70 {
        index = index.nested(&inner, Some(&format!("linux/{number}")));
    }
    let store = Store::of(&[&image("a")], &[&inner, &index]);
    let error = store.try_convert(&index.digest(), FLATTEN).unwrap_err();
    assert!(
        error.to_string().contains("larger than anybody takes"),
        "{error}"
    );
}

#[test]
fn what_is_flat_or_no_index_stays() {
    let (a, inner) = (image("a"), Index::oci());
    let index = Index::oci().image(&a, "linux/amd64");
    let gone = Index::oci().nested(&inner, None);
    let mut store = Store::of(&[&a], &[&index, &gone]);
    for root in [a.digest(), index.digest(), gone.digest()] {
        assert_eq!(store.convert(&root, FLATTEN).root, root);
    }
}

#[test]
fn trees_that_name_everything_twice_do_not_grow() {
    let mut store = Store::of(&[&image("a")], &[]);
    let mut index = Index::oci().image(&image("a"), "linux/amd64");
    for _ in 0..64 {
        store.add(index.manifest());
        index = Index::oci().nested(&index, None).nested(&index, None);
    }
    let root = store.add(index.manifest());
    let flat = store.convert(&root, FLATTEN);
    assert_eq!(digests(&store.value(&flat.root)), names(&[&image("a")]));
}
