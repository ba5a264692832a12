//! Nested indexes taken apart: their children stand in the root, in their place.

use serde_json::json;

use super::*;
use crate::fixtures::image;

const FLATTEN: Conversion = Conversion { to: None, flatten: true, drop_unknown: false };

fn digests(index: &Value) -> Vec<String> {
    index["manifests"].as_array().unwrap().iter().map(|child| child["digest"].as_str().unwrap().to_owned()).collect()
}

fn names(images: &[&Image]) -> Vec<String> {
    images.iter().map(|image| image.digest().to_string()).collect()
}

#[test]
fn children_stand_where_their_index_stood() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(image);
    let inmost = Index::docker().without_platform(&c).image(&b, "linux/s390x").field("annotations", json!({"x": "y"}));
    let inner = Index::oci().image(&b, "linux/386").nested(&inmost, None);
    let mut nested = json!(inner.descriptor());
    nested["platform"] = json!({"os": "linux", "architecture": "arm64"});
    nested["annotations"] = json!({"z": "1"});
    let index = Index::oci().image(&a, "linux/amd64").child(nested).without_platform(&d);
    let mut store = Store::of(&[&a, &b, &c, &d], &[&inmost, &inner, &index]);
    let converted = store.convert(&index.digest(), FLATTEN);
    let flat = store.value(&converted.root);
    assert_eq!(digests(&flat), names(&[&a, &b, &c, &b, &d]));
    assert_eq!(flat["manifests"][2]["platform"]["architecture"], "arm64", "the one above says so");
    assert_eq!(flat["manifests"][4].get("platform"), None, "it was not nested");
    let lost = remarks(&converted, Effect::Lost);
    assert!(lost.len() == 2 && lost[0].starts_with("/manifests/1/annotations: "), "{lost:?}");
    assert!(lost[1].ends_with("annotations"), "{lost:?}");
    assert_eq!(store.convert(&converted.root, FLATTEN).root, converted.root);
}

#[test]
fn what_is_there_twice_is_there_once() {
    let (a, docker) = (image("a"), image("a").docker());
    let inner = Index::oci().image(&a, "linux/amd64").image(&a, "linux/arm64");
    let index = Index::oci().nested(&inner, None).nested(&inner, None).image(&docker, "linux/amd64");
    let mut store = Store::of(&[&a, &docker], &[&inner, &index]);
    let converted = store.convert(&index.digest(), Conversion { flatten: true, ..to(Format::Oci) });
    let flat = store.value(&converted.root);
    assert_eq!(digests(&flat), names(&[&a, &a]), "one for each platform");
    let dropped = remarks(&converted, Effect::Dropped);
    assert!(dropped.len() == 2 && dropped.iter().any(|dropped| dropped.starts_with("/manifests/1: ")), "{dropped:?}");
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
