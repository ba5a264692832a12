//! Tests of parsing and changing `index.json` without losing anything in it.

use portolan_model::fixtures::image;
use portolan_registry::contract::bare_kind;

use super::*;

/// Index of another tool, with unknown fields, annotations and entries.
const FOREIGN: &str = r#"{"x-first":{"b":1,"a":2},"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"x-own":[1.50],"annotations":{"z":"1","org.opencontainers.image.ref.name":"v1","a":"2"}},{"no":"digest"},7],"annotations":{"by":"somebody"},"x-last":null}"#;

fn foreign() -> LayoutIndex {
    LayoutIndex::parse(FOREIGN.into()).unwrap()
}

fn text(index: &LayoutIndex) -> String {
    String::from_utf8(index.to_bytes().into()).unwrap()
}

fn descriptor(name: &str) -> Descriptor {
    image(name).descriptor()
}

/// Returns the image of each entry, with its name if it has one.
fn entries(index: &LayoutIndex, images: &[&str]) -> Vec<String> {
    let name = |descriptor: &Descriptor| {
        let image = images
            .iter()
            .find(|image| image_digest(image) == descriptor.digest)
            .unwrap();
        let name = descriptor.annotations.get(REF_NAME);
        name.map_or_else(|| (*image).to_owned(), |name| format!("{image}={name}"))
    };
    index.descriptors().map(name).collect()
}

fn image_digest(name: &str) -> Digest {
    image(name).digest()
}

#[test]
fn preserves_an_index_of_another_tool() {
    assert_eq!(text(&foreign()), FOREIGN);
}

#[test]
fn changes_preserve_everything_else() {
    let mut index = foreign();
    index.assign_name("v2", &descriptor("a"));
    index.remove_name("v1", None);
    let digest = image_digest("a");
    let size = descriptor("a").size.unwrap();
    let added = format!(
        r#"}},{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":{size},"annotations":{{"org.opencontainers.image.ref.name":"v2"}}}},{{"no""#
    );
    let expected = FOREIGN
        .replace(r#""org.opencontainers.image.ref.name":"v1","#, "")
        .replace(r#"},{"no""#, &added);
    assert_eq!(text(&index), expected);
}

#[test]
fn manifests_may_be_missing_or_null() {
    for (before, after) in [
        (
            r#"{"schemaVersion":2}"#,
            r#"{"schemaVersion":2,"manifests":[]}"#,
        ),
        (
            r#"{"manifests":null,"schemaVersion":2}"#,
            r#"{"manifests":[],"schemaVersion":2}"#,
        ),
    ] {
        assert_eq!(text(&LayoutIndex::parse(before.into()).unwrap()), after);
    }
}

#[test]
fn rejects_an_invalid_index() {
    for (bytes, reason) in [
        ("{", "failed to parse JSON"),
        ("[]", "an array"),
        (r#"{"manifests":{}}"#, "must be a list"),
    ] {
        let error = LayoutIndex::parse(bytes.into()).unwrap_err();
        assert_eq!(bare_kind(&error), Kind::MANIFEST_INVALID);
        assert!(
            error.message().starts_with("failed to parse index.json")
                && error.message().contains(reason),
            "{error}"
        );
    }
}

#[test]
fn a_manifest_may_have_several_names() {
    let mut index = LayoutIndex::empty();
    index.add(&descriptor("a"));
    index.assign_name("v1", &descriptor("a"));
    index.assign_name("v2", &descriptor("a"));
    index.assign_name("v1", &descriptor("a"));
    assert_eq!(entries(&index, &["a"]), ["a=v1", "a=v2"]);
    assert_eq!(
        index.tags(),
        ["v1", "v2"].map(|tag| tag.parse().unwrap()).into()
    );
}

#[test]
fn moving_the_only_name_leaves_an_unnamed_entry() {
    let mut index = LayoutIndex::empty();
    for name in ["v1", "v2"] {
        index.assign_name(name, &descriptor("a"));
    }
    index.assign_name("v1", &descriptor("b"));
    assert_eq!(entries(&index, &["a", "b"]), ["b=v1", "a=v2"]);
    index.assign_name("v2", &descriptor("b"));
    assert_eq!(entries(&index, &["a", "b"]), ["b=v1", "b=v2", "a"]);
    index.remove_name("v1", None);
    assert_eq!(entries(&index, &["a", "b"]), ["b=v2", "a"]);
}

/// Returns all orders of `items`.
fn permutations(items: &[(&'static str, &'static str)]) -> Vec<Vec<(&'static str, &'static str)>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |first: usize| {
        let mut rest = items.to_vec();
        let item = rest.remove(first);
        permutations(&rest).into_iter().map(move |mut rest| {
            rest.insert(0, item);
            rest
        })
    };
    (0..items.len()).flat_map(with_first).collect()
}

#[test]
fn the_order_of_changes_does_not_matter() {
    let changes = [("v3", "a"), ("v1", "b"), ("v2", "b"), ("v4", "c")];
    for names in [&[][..], &["v2", "x", "v1"]] {
        let texts = permutations(&changes).into_iter().map(|changes| {
            let mut index = LayoutIndex::empty();
            for name in names {
                let mut existing = descriptor(name);
                let name = (*name).to_owned();
                existing.annotations.insert(REF_NAME.into(), name);
                index.push(&existing);
            }
            for (name, image) in changes {
                index.assign_name(name, &descriptor(image));
            }
            text(&index)
        });
        let texts: BTreeSet<_> = texts.collect();
        assert_eq!(texts.len(), 1, "{texts:#?}");
    }
}

#[test]
fn finds_names_that_are_not_tags() {
    let mut index = LayoutIndex::empty();
    index.assign_name("docker.io/library/x:1", &descriptor("a"));
    index.assign_name("latest", &descriptor("b"));
    assert_eq!(
        index
            .find_by_name("docker.io/library/x:1")
            .unwrap()
            .unwrap()
            .digest,
        image_digest("a")
    );
    assert_eq!(index.tags(), ["latest".parse().unwrap()].into());
}

#[test]
fn an_ambiguous_name_is_an_error() {
    let mut index = LayoutIndex::empty();
    for name in ["a", "b"] {
        let mut descriptor = descriptor(name);
        descriptor
            .annotations
            .insert(REF_NAME.into(), "latest".into());
        index.add(&descriptor);
    }
    let error = index.find_by_name("latest").unwrap_err();
    assert_eq!(error.kind(), &Kind::Unsupported);
    for name in ["a", "b"] {
        assert!(
            error.message().contains(image_digest(name).as_str()),
            "{error}"
        );
    }
    index.assign_name("latest", &descriptor("b"));
    assert_eq!(entries(&index, &["a", "b"]), ["b=latest", "a"]);
}

#[test]
fn an_entry_with_annotations_is_not_bare() {
    let mut index = foreign();
    let empty = Digest::sha256(b"");
    index.remove_name("v1", None);
    assert!(!index.has_bare(&empty), "the entry has other annotations");
    index.add(&Descriptor {
        artifact_type: Some("a/b".into()),
        ..descriptor("a")
    });
    assert!(index.has_bare(&image_digest("a")));
    index.remove_bare(&image_digest("a"));
    assert_eq!(index.descriptors().count(), 1);
    index.remove(&empty);
    assert_eq!(
        text(&index),
        text(&index).replace("e3b0", ""),
        "only invalid entries are left"
    );
}
