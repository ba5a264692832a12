//! Reading and changing `index.json` without losing anything of it.

use portolan_model::fixtures::image;

use super::*;

/// An index as other tools may write it: fields, annotations and entries that nobody here knows.
const FOREIGN: &str = r#"{"x-first":{"b":1,"a":2},"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"x-own":[1.50],"annotations":{"z":"1","org.opencontainers.image.ref.name":"v1","a":"2"}},{"no":"digest"},7],"annotations":{"by":"somebody"},"x-last":null}"#;

fn foreign() -> Index {
    Index::parse(FOREIGN.into()).unwrap()
}

fn text(index: &Index) -> String {
    String::from_utf8(index.bytes().into()).unwrap()
}

fn descriptor(name: &str) -> Descriptor {
    image(name).descriptor()
}

/// Each entry by the name of its image, with its own name if it has one.
fn entries(index: &Index, images: &[&str]) -> Vec<String> {
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
fn a_foreign_index_is_written_as_it_was() {
    assert_eq!(text(&foreign()), FOREIGN);
}

#[test]
fn a_change_leaves_the_rest_as_it_was() {
    let mut index = foreign();
    index.name("v2", &descriptor("a"));
    index.take_name("v1", None);
    let digest = image_digest("a");
    let size = descriptor("a").size.unwrap();
    let added = format!(
        r#"7,{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":{size},"annotations":{{"org.opencontainers.image.ref.name":"v2"}}}}]"#
    );
    let expected = FOREIGN
        .replace(r#""org.opencontainers.image.ref.name":"v1","#, "")
        .replace("7]", &added);
    assert_eq!(text(&index), expected);
}

#[test]
fn a_list_may_be_absent_or_null() {
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
        assert_eq!(text(&Index::parse(before.into()).unwrap()), after);
    }
}

#[test]
fn what_is_no_index_is_refused() {
    for (bytes, reason) in [
        ("{", "not a JSON document"),
        ("[]", "an array"),
        (r#"{"manifests":{}}"#, "must be a list"),
    ] {
        let error = Index::parse(bytes.into()).unwrap_err();
        assert_eq!(error.kind(), &Kind::ManifestInvalid);
        assert!(
            error.message().starts_with("index.json cannot be read")
                && error.message().contains(reason),
            "{error}"
        );
    }
}

#[test]
fn a_manifest_may_have_several_names() {
    let mut index = Index::empty();
    index.add(&descriptor("a"));
    index.name("v1", &descriptor("a"));
    index.name("v2", &descriptor("a"));
    index.name("v1", &descriptor("a"));
    assert_eq!(entries(&index, &["a"]), ["a=v1", "a=v2"]);
    assert_eq!(
        index.tags(),
        ["v1", "v2"].map(|tag| tag.parse().unwrap()).into()
    );
}

#[test]
fn a_name_that_moves_leaves_an_entry_behind() {
    let mut index = Index::empty();
    for name in ["v1", "v2"] {
        index.name(name, &descriptor("a"));
    }
    index.name("v1", &descriptor("b"));
    assert_eq!(entries(&index, &["a", "b"]), ["a=v2", "b=v1"]);
    index.name("v2", &descriptor("b"));
    assert_eq!(entries(&index, &["a", "b"]), ["a", "b=v1", "b=v2"]);
    index.take_name("v1", None);
    assert_eq!(entries(&index, &["a", "b"]), ["a", "b=v2"]);
}

#[test]
fn names_that_are_no_tags_are_names() {
    let mut index = Index::empty();
    index.name("docker.io/library/x:1", &descriptor("a"));
    index.name("latest", &descriptor("b"));
    assert_eq!(
        index
            .named("docker.io/library/x:1")
            .unwrap()
            .unwrap()
            .digest,
        image_digest("a")
    );
    assert_eq!(index.tags(), ["latest".parse().unwrap()].into());
}

#[test]
fn a_name_that_several_manifests_have_names_none() {
    let mut index = Index::empty();
    for name in ["a", "b"] {
        let mut descriptor = descriptor(name);
        descriptor
            .annotations
            .insert(REF_NAME.into(), "latest".into());
        index.add(&descriptor);
    }
    let error = index.named("latest").unwrap_err();
    assert_eq!(error.kind(), &Kind::Unsupported);
    for name in ["a", "b"] {
        assert!(
            error.message().contains(image_digest(name).as_str()),
            "{error}"
        );
    }
    index.name("latest", &descriptor("b"));
    assert_eq!(entries(&index, &["a", "b"]), ["a", "b=latest"]);
}

#[test]
fn only_entries_that_say_nothing_more_are_bare() {
    let mut index = foreign();
    let empty = Digest::sha256(b"");
    index.take_name("v1", None);
    assert!(!index.has_bare(&empty), "it has annotations of its own");
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
        "only what nobody can read is left"
    );
}
