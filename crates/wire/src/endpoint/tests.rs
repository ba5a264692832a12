//! Tests of paths of every kind, including malicious paths.

use portolan_model::Tag;
use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn code(path: &str) -> Option<String> {
    match Endpoint::parse(path) {
        Ok(endpoint) => panic!("{path:?} is {endpoint:?}"),
        Err(EndpointError::Unknown) => None,
        Err(EndpointError::Invalid(error)) => Some(error.code.to_string()),
    }
}

#[test]
fn every_endpoint_round_trips() {
    let digest: Digest = DIGEST.parse().unwrap();
    let tag = Reference::Tag("v1".parse().unwrap());
    for (path, endpoint) in [
        ("/v2/".into(), Endpoint::Base),
        ("/v2/_catalog".into(), Endpoint::Catalog),
        ("/v2/a/b/tags/list".into(), Endpoint::Tags(name("a/b"))),
        (
            "/v2/a/manifests/v1".into(),
            Endpoint::Manifest(name("a"), tag),
        ),
        (
            format!("/v2/a/manifests/{DIGEST}"),
            Endpoint::Manifest(name("a"), digest.clone().into()),
        ),
        (
            format!("/v2/a/blobs/{DIGEST}"),
            Endpoint::Blob(name("a"), digest.clone()),
        ),
        ("/v2/a/blobs/uploads/".into(), Endpoint::Uploads(name("a"))),
        (
            "/v2/a/blobs/uploads/L3Y-P2Jsb2I_".into(),
            Endpoint::Upload(name("a"), "/v>?blob?".into()),
        ),
        (
            format!("/v2/a/referrers/{DIGEST}"),
            Endpoint::Referrers(name("a"), digest),
        ),
    ] {
        assert_eq!(Endpoint::parse(&path), Ok(endpoint.clone()), "{path}");
        assert_eq!(endpoint.to_path(), path);
    }
}

#[test]
fn names_may_contain_the_words_of_the_paths() {
    let tags = Endpoint::Tags(name("manifests/tags"));
    assert_eq!(Endpoint::parse("/v2/manifests/tags/tags/list"), Ok(tags));
    let manifest = Endpoint::Manifest(
        name("a/blobs/uploads"),
        Reference::Tag("list".parse().unwrap()),
    );
    assert_eq!(
        Endpoint::parse("/v2/a/blobs/uploads/manifests/list"),
        Ok(manifest)
    );
    assert_eq!(
        Endpoint::parse("/v2/blobs/uploads/blobs/uploads"),
        Ok(Endpoint::Uploads(name("blobs/uploads")))
    );
}

#[test]
fn decodes_percent_encoded_characters() {
    let expected = Endpoint::parse(&format!("/v2/team/app/blobs/{DIGEST}"));
    assert!(expected.is_ok());
    assert_eq!(
        Endpoint::parse(&format!(
            "/v2/team%2Fapp/blobs/{}",
            DIGEST.replace(':', "%3A")
        )),
        expected
    );
    assert_eq!(
        Endpoint::parse(&format!("/v2/te%61m/app/blobs/{DIGEST}")),
        expected
    );
}

#[test]
fn encoded_slash_does_not_split_the_path() {
    assert_eq!(code("/v2/a%2Fmanifests%2Flatest"), None);
    assert_eq!(code("/v2/a/manifests%2Flatest"), None);
    assert_eq!(
        code("/v2/a/manifests/b%2Fc").as_deref(),
        Some("MANIFEST_INVALID")
    );
}

#[test]
fn rejects_malicious_names() {
    for path in [
        "/v2//manifests/latest",
        "/v2/manifests/latest",
        "/v2/a//b/manifests/latest",
        "/v2//a/manifests/latest",
        "/v2/../manifests/latest",
        "/v2/a/../../etc/manifests/latest",
        "/v2/%2e%2e/a/manifests/latest",
        "/v2/a%2F..%2Fb/manifests/latest",
        "/v2/%2Fetc/manifests/latest",
        "/v2/a%00/manifests/latest",
        "/v2/a\0/manifests/latest",
        "/v2/a%ff/manifests/latest",
        "/v2/a%zz/manifests/latest",
        "/v2/A/manifests/latest",
        "/v2/a b/manifests/latest",
        "/v2/a%5Cb/manifests/latest",
        "/v2/_catalog/manifests/latest",
        "/v2/a%252Fb/manifests/latest",
    ] {
        assert_eq!(code(path).as_deref(), Some("NAME_INVALID"), "{path:?}");
    }
    assert_eq!(
        code(&format!("/v2/{}/manifests/latest", "a".repeat(256))).as_deref(),
        Some("NAME_INVALID")
    );
}

#[test]
fn rejects_malformed_references_digests_and_uploads() {
    for (path, expected) in [
        ("/v2/a/manifests/", "MANIFEST_INVALID"),
        ("/v2/a/manifests/..", "MANIFEST_INVALID"),
        ("/v2/a/manifests/%2e%2e", "MANIFEST_INVALID"),
        ("/v2/a/manifests/.hidden", "MANIFEST_INVALID"),
        ("/v2/a/manifests/sha256:abc", "DIGEST_INVALID"),
        ("/v2/a/blobs/latest", "DIGEST_INVALID"),
        ("/v2/a/blobs/", "DIGEST_INVALID"),
        ("/v2/a/blobs/sha256:..%2F..%2Fetc", "DIGEST_INVALID"),
        ("/v2/a/referrers/sha256:", "DIGEST_INVALID"),
        ("/v2/a/blobs/uploads/not*base64", "BLOB_UPLOAD_UNKNOWN"),
        ("/v2/a/blobs/uploads/..", "BLOB_UPLOAD_UNKNOWN"),
    ] {
        assert_eq!(code(path).as_deref(), Some(expected), "{path:?}");
    }
}

#[test]
fn other_paths_are_unknown() {
    for path in [
        "",
        "/",
        "/v2",
        "/v1/",
        "/v2/a",
        "/v2/a/tags",
        "/v2/a/tags/list/",
        "/v2/_catalog/",
        "/v2/a/manifests/b/c",
    ] {
        assert_eq!(code(path), None, "{path:?}");
    }
}

#[test]
fn errors_contain_the_part_and_the_expected_value() {
    let Err(EndpointError::Invalid(error)) = Endpoint::parse("/v2/A/manifests/latest") else {
        panic!("the path is valid")
    };
    assert_eq!(error.detail["part"], "repository name");
    assert_eq!(error.detail["found"], "A");
    assert!(
        error.detail["expected"]
            .as_str()
            .is_some_and(|expected| expected.contains("a-z"))
    );
}

fn names() -> impl Strategy<Value = RepositoryName> {
    let word = prop_oneof![
        "blobs|manifests|uploads|tags|list|referrers|v2",
        "[a-z0-9]{1,4}((\\.|_|__|--)[a-z0-9]{1,4})?"
    ];
    proptest::collection::vec(word, 1..6).prop_map(|words| name(&words.join("/")))
}

fn digests() -> impl Strategy<Value = Digest> {
    prop_oneof![
        "sha256:[0-9a-f]{64}",
        "sha512:[0-9a-f]{128}",
        "[a-z]{1,3}[+._-][a-z]{1,3}:[a-zA-Z0-9=_-]{1,40}"
    ]
    .prop_map(|text| text.parse().unwrap())
}

fn tags() -> impl Strategy<Value = Tag> {
    prop_oneof![
        "blobs|manifests|uploads|tags|list",
        "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
    ]
    .prop_map(|text| text.parse().unwrap())
}

fn endpoints() -> impl Strategy<Value = Endpoint> {
    prop_oneof![
        Just(Endpoint::Base),
        Just(Endpoint::Catalog),
        names().prop_map(Endpoint::Tags),
        (names(), tags()).prop_map(|(name, tag)| Endpoint::Manifest(name, tag.into())),
        (names(), digests()).prop_map(|(name, digest)| Endpoint::Manifest(name, digest.into())),
        (names(), digests()).prop_map(|(name, digest)| Endpoint::Blob(name, digest)),
        names().prop_map(Endpoint::Uploads),
        (names(), "\\PC{1,40}").prop_map(|(name, id)| Endpoint::Upload(name, id.into())),
        (names(), digests()).prop_map(|(name, digest)| Endpoint::Referrers(name, digest)),
    ]
}

proptest! {
    #[test]
    fn endpoints_round_trip(endpoint in endpoints()) {
        prop_assert_eq!(Endpoint::parse(&endpoint.to_path()), Ok(endpoint));
    }

    #[test]
    fn no_path_panics(path in "\\PC*") {
        let _ = Endpoint::parse(&path);
    }

    #[test]
    fn no_path_of_known_words_panics(
        words in proptest::collection::vec("|v2|_catalog|blobs|uploads|manifests|tags|list|referrers|a|sha256:|%2F|%", 0..8)
    ) {
        if let Ok(endpoint) = Endpoint::parse(&format!("/v2/{}", words.join("/"))) {
            prop_assert_eq!(Endpoint::parse(&endpoint.to_path()), Ok(endpoint));
        }
    }
}
