//! Tests of the limits on the digests of a document.

use std::collections::HashSet;

use super::*;

/// Returns `count` distinct digests, the shortest that the grammar allows.
fn short_digests(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("a:{number:x}"))
}

fn parse_index(document: String) -> Result<Manifest, ManifestError> {
    Manifest::parse(document.into(), Some(&MediaType::OCI_INDEX.into()))
}

/// Returns the number of edges, and the total size of all pointers and descriptors.
fn measure(manifest: &Manifest) -> (usize, usize) {
    let edges: HashSet<_> = manifest
        .children()
        .iter()
        .map(|child| &child.descriptor.digest)
        .collect();
    let sizes = manifest
        .children()
        .iter()
        .map(|child| child.pointer.len() + serde_json::to_vec(&child.descriptor).unwrap().len());
    (edges.len(), sizes.sum())
}

/// Pads a document with spaces to a size in bytes.
fn pad(mut document: String, bytes: usize) -> String {
    let missing = bytes.saturating_sub(document.len());
    document.extend(std::iter::repeat_n(' ', missing));
    document
}

fn is_rejected(result: &Result<Manifest, ManifestError>, expected: usize) -> bool {
    matches!(result, Err(ManifestError::TooManyReferences { limit, .. }) if *limit == expected)
}

#[test]
fn a_document_may_have_one_edge_per_64_bytes_and_30_000_at_most() {
    assert_eq!(
        [0, 1, 64, 65, 4 << 20].map(edge_limit),
        [0, 1, 1, 2, 30_000]
    );
    let document = |count: usize| {
        let digests = short_digests(count).map(|digest| format!(r#"{{"digest":"{digest}"}}"#));
        let digests: Vec<_> = digests.collect();
        format!(r#"{{"x":[{}]}}"#, digests.join(","))
    };
    for (count, bytes) in [(100, 100 * BYTES_PER_EDGE), (MAX_EDGES, 4 << 20)] {
        let manifest = parse_index(pad(document(count), bytes)).unwrap();
        assert_eq!(manifest.children().len(), count);
        assert!(is_rejected(
            &parse_index(pad(document(count + 1), bytes)),
            count
        ));
    }
}

#[test]
fn the_limit_applies_to_every_media_type_and_field() {
    let digests: Vec<_> = short_digests(1000).collect();
    let objects: Vec<_> = digests
        .iter()
        .map(|digest| format!(r#"{{"digest":"{digest}"}}"#))
        .collect();
    let objects = objects.join(",");
    let members: Vec<_> = digests
        .iter()
        .map(|digest| format!(r#""digest":"{digest}""#))
        .collect();
    let members = members.join(",");
    for document in [
        format!(r#"{{"manifests":[{objects}]}}"#),
        format!(r#"{{"layers":[{objects}]}}"#),
        format!(r#"{{"blobs":[{objects}]}}"#),
        format!(r#"{{"config":{{{members}}}}}"#),
        format!(r#"{{"manifests":[{{{members}}}]}}"#),
        format!(r#"{{"x":{{{members}}}}}"#),
        format!("{{{members}}}"),
    ] {
        for media_type in [MediaType::OCI_INDEX, MediaType::OCI_MANIFEST, "a/b"] {
            let expected = edge_limit(document.len());
            let parsed = Manifest::parse(document.clone().into(), Some(&media_type.into()));
            assert!(is_rejected(&parsed, expected), "{}", &document[..20]);
        }
    }
}

#[test]
fn the_error_names_the_limit() {
    let two = r#"{"manifests":[{"digest":"a:b"},{"digest":"c:d"}]}"#;
    assert_eq!(
        parse_index(two.into()).unwrap_err().to_string(),
        "the manifest references too many digests: at most 1 are allowed in 49 bytes, which is one \
         per 64 bytes, and never more than 30000"
    );
}

#[test]
fn equal_digests_count_once() {
    let objects = vec![r#"{"digest":"a:b"}"#; 240_000].join(",");
    let members = vec![r#""digest":"a:b""#; 275_000].join(",");
    let long_key = "k".repeat(1000);
    for document in [
        format!(r#"{{"{long_key}":[{objects}]}}"#),
        format!(r#"{{"x":{{{members}}}}}"#),
        format!(r#"{{"manifests":[{{{members}}}]}}"#),
        format!("{{{members}}}"),
    ] {
        assert!(document.len() < 4 << 20);
        let manifest = parse_index(document).unwrap();
        let (edges, bytes) = measure(&manifest);
        assert_eq!((edges, manifest.children().len()), (1, 1));
        assert!(bytes < 2048, "{bytes}");
    }
}

#[test]
fn lists_each_descriptor_of_a_known_field_within_the_limit() {
    let layer = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("x"));
    let manifest = parse(
        &json!({"layers": [layer, layer, layer], "x": [layer, layer]}),
        MediaType::OCI_MANIFEST,
    );
    assert_eq!(
        children(&manifest),
        ["/layers/0", "/layers/1", "/layers/2"].map(|pointer| (pointer, ChildKind::Layer, true))
    );
    let objects = vec![r#"{"digest":"a:b"}"#; 240_000].join(",");
    let document = format!(r#"{{"layers":[{objects}]}}"#);
    assert!(is_rejected(
        &parse_index(document.clone()),
        30_000.min(edge_limit(document.len()))
    ));
}

#[test]
fn pointers_below_long_keys_stay_small_in_total() {
    let key = "k".repeat(1000);
    let digests = short_digests(MAX_EDGES).map(|digest| format!(r#"{{"digest":"{digest}"}}"#));
    let digests: Vec<_> = digests.collect();
    let document = format!(r#"{{"{key}":[{}]}}"#, digests.join(","));
    let manifest = parse_index(pad(document, 4 << 20)).unwrap();
    let (edges, bytes) = measure(&manifest);
    assert_eq!(edges, MAX_EDGES);
    assert!(bytes < 4 << 20, "{bytes}");
    assert!(manifest.children()[0].pointer.ends_with("/0"));
    assert_eq!(manifest.children()[MAX_EDGES - 1].pointer, "…");
}

#[test]
fn nested_objects_with_digests_are_not_copied_for_each_level() {
    let payload = "p".repeat(1 << 20);
    let nested = (0..100).fold(format!(r#""{payload}""#), |inner, level| {
        format!(r#"{{"digest":"a:{level}","size":{level},"mediaType":"a/b","x":{inner}}}"#)
    });
    let manifest = parse_index(format!(r#"{{"x":{nested}}}"#)).unwrap();
    let (edges, bytes) = measure(&manifest);
    assert_eq!(edges, 100);
    assert!(bytes < 100_000, "{bytes}");
    let outermost = &manifest.children()[99].descriptor;
    assert_eq!(
        (outermost.size, outermost.media_type.as_ref()),
        (Some(99), Some(&"a/b".into()))
    );
}

/// Members of random objects: a few digests, with repetitions, and nested objects.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("0".to_owned()),
        "[a-c]{1,9}".prop_map(|text| format!("{text:?}"))
    ];
    leaf.prop_recursive(6, 300, 12, |inner| {
        let key = prop_oneof![
            Just("digest"),
            Just("Digest"),
            Just("layers"),
            Just("manifests"),
            Just("config"),
            Just("x"),
        ];
        let digest = "a:[a-d]{1,2}".prop_map(|digest| format!("{digest:?}"));
        let member = (key, prop_oneof![3 => digest, 2 => inner.clone()])
            .prop_map(|(key, value)| format!("{key:?}:{value}"));
        prop_oneof![
            proptest::collection::vec(member, 0..12)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
            proptest::collection::vec(inner, 0..12)
                .prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn children_are_bounded_by_the_size_of_the_document(
        layers in any_value(), other in any_value(), spaces in 0_usize..3000,
    ) {
        let document = format!(r#"{{"layers":[{layers}],"x":{other}}}"#);
        let document = pad(document.clone(), document.len() + spaces);
        let limit = edge_limit(document.len());
        let parsed = Manifest::parse(document.into(), Some(&MediaType::OCI_MANIFEST.into()));
        if let Ok(manifest) = parsed {
            let (edges, _) = measure(&manifest);
            prop_assert!(edges <= limit);
            let (other, known): (Vec<_>, Vec<_>) = manifest
                .children()
                .iter()
                .partition(|child| child.kind == ChildKind::Other);
            prop_assert!(known.len() <= limit);
            let digests: HashSet<_> = other.iter().map(|child| &child.descriptor.digest).collect();
            prop_assert_eq!(digests.len(), other.len());
        }
    }
}
