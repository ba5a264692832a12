//! Tests of API paths of every kind, including malicious paths.

use portolan_model::Digest;
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn tree(repository: &str, reference: &str) -> ApiEndpoint {
    ApiEndpoint::Tree(name(repository), reference.parse().unwrap())
}

fn check(repository: &str) -> ApiEndpoint {
    ApiEndpoint::Check(name(repository))
}

fn code(path: &str) -> Option<String> {
    match ApiEndpoint::parse(path) {
        Ok(endpoint) => panic!("{path:?} is {endpoint:?}"),
        Err(EndpointError::Unknown) => None,
        Err(EndpointError::Invalid(error)) => Some(error.code.to_string()),
    }
}

#[test]
fn every_endpoint_round_trips() {
    let digest = Digest::sha256(b"");
    for (path, endpoint) in [
        ("/api/v1/openapi.json".into(), ApiEndpoint::Description),
        (
            "/api/v1/repositories/a/b".into(),
            ApiEndpoint::Repository(name("a/b")),
        ),
        (
            "/api/v1/repositories/a/b/-/manifests".into(),
            ApiEndpoint::Manifests(name("a/b")),
        ),
        ("/api/v1/repositories/a/b/-/check".into(), check("a/b")),
        (
            "/api/v1/repositories/a/b/-/tree/v1".into(),
            tree("a/b", "v1"),
        ),
        (
            format!("/api/v1/repositories/a/-/tree/{digest}"),
            tree("a", digest.as_str()),
        ),
    ] {
        assert_eq!(ApiEndpoint::parse(&path), Ok(endpoint.clone()), "{path}");
        assert_eq!(endpoint.to_path(), path);
    }
}

#[test]
fn names_may_contain_the_words_of_the_paths() {
    let parse = |path: &str| ApiEndpoint::parse(&format!("/api/v1/repositories/{path}"));
    assert_eq!(
        parse("a/check"),
        Ok(ApiEndpoint::Repository(name("a/check")))
    );
    assert_eq!(parse("check/-/check"), Ok(check("check")));
    assert_eq!(parse("a/tree/-/check"), Ok(check("a/tree")));
    assert_eq!(parse("a/-/tree/check"), Ok(tree("a", "check")));
    assert_eq!(parse("tree/-/tree/tree"), Ok(tree("tree", "tree")));
    assert_eq!(
        parse("repositories/a/check/-/tree/v1"),
        Ok(tree("repositories/a/check", "v1"))
    );
}

#[test]
fn no_name_can_contain_the_separator() {
    for text in ["-", "-/a", "a/-", "a/-/b", "a/-/check", "a/-/tree/v1"] {
        assert!(text.parse::<RepositoryName>().is_err(), "{text}");
    }
    let path = "/api/v1/repositories/a/-/tree/-/check";
    assert_eq!(code(path).as_deref(), Some("NAME_INVALID"));
}

#[test]
fn decodes_percent_encoded_characters() {
    let digest = Digest::sha256(b"");
    let encoded = format!(
        "/api/v1/repositories/te%61m%2Fapp/-/tree/{}",
        digest.as_str().replace(':', "%3A")
    );
    assert_eq!(
        ApiEndpoint::parse(&encoded),
        Ok(tree("team/app", digest.as_str()))
    );
    assert_eq!(
        code("/api/v1/repositories/a%2F-%2Ftree%2Fv1").as_deref(),
        Some("NAME_INVALID")
    );
}

#[test]
fn malformed_parts_have_the_codes_of_the_specification() {
    for (path, expected) in [
        ("/api/v1/repositories/", "NAME_INVALID"),
        ("/api/v1/repositories/A", "NAME_INVALID"),
        ("/api/v1/repositories/a/", "NAME_INVALID"),
        ("/api/v1/repositories/-/manifests", "NAME_INVALID"),
        ("/api/v1/repositories/-/tree/v1", "NAME_INVALID"),
        ("/api/v1/repositories/-/check", "NAME_INVALID"),
        ("/api/v1/repositories//-/tree/v1", "NAME_INVALID"),
        ("/api/v1/repositories/../-/tree/v1", "NAME_INVALID"),
        ("/api/v1/repositories/a%00/-/tree/v1", "NAME_INVALID"),
        ("/api/v1/repositories/A/-/check", "NAME_INVALID"),
        ("/api/v1/repositories/a%ff/-/check", "NAME_INVALID"),
        ("/api/v1/repositories/a/-/tree/.hidden", "MANIFEST_INVALID"),
        ("/api/v1/repositories/a/-/tree/b%2Fc", "MANIFEST_INVALID"),
        ("/api/v1/repositories/a/-/tree/sha256:abc", "DIGEST_INVALID"),
    ] {
        assert_eq!(code(path).as_deref(), Some(expected), "{path:?}");
    }
}

#[test]
fn other_paths_are_unknown() {
    for path in [
        "",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/openapi.json",
        "/api/v1/openapi.json/",
        "/api/v1/repositories",
        "/api/v1/repositories/a/-",
        "/api/v1/repositories/a/-/",
        "/api/v1/repositories/a/-/check/",
        "/api/v1/repositories/a/-/tree/b/c",
        "/v2/repositories/a/-/check",
    ] {
        assert_eq!(code(path), None, "{path:?}");
    }
}

fn names() -> impl Strategy<Value = RepositoryName> {
    let word = prop_oneof![
        "check|manifests|tree|repositories|api|v1",
        "[a-z0-9]{1,4}((\\.|_|__|--)[a-z0-9]{1,4})?"
    ];
    proptest::collection::vec(word, 1..6).prop_map(|words| name(&words.join("/")))
}

fn references() -> impl Strategy<Value = Reference> {
    prop_oneof![
        "check|tree",
        "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
        "sha256:[0-9a-f]{64}",
        "sha512:[0-9a-f]{128}"
    ]
    .prop_map(|text| text.parse().unwrap())
}

proptest! {
    #[test]
    fn endpoints_round_trip(name in names(), reference in references()) {
        for endpoint in [
            ApiEndpoint::Repository(name.clone()),
            ApiEndpoint::Manifests(name.clone()),
            ApiEndpoint::Check(name.clone()),
            ApiEndpoint::Tree(name, reference),
        ] {
            prop_assert_eq!(ApiEndpoint::parse(&endpoint.to_path()), Ok(endpoint));
        }
    }

    #[test]
    fn slashes_of_a_name_may_be_encoded(name in names(), reference in references()) {
        let encoded = name.as_str().replace('/', "%2F");
        let path = format!("/api/v1/repositories/{encoded}/-/tree/{reference}");
        prop_assert_eq!(ApiEndpoint::parse(&path), Ok(ApiEndpoint::Tree(name.clone(), reference)));
        let path = format!("/api/v1/repositories/{encoded}/-/check");
        prop_assert_eq!(ApiEndpoint::parse(&path), Ok(ApiEndpoint::Check(name)));
    }

    #[test]
    fn no_valid_name_contains_the_separator(text in "[a-z0-9/._-]{1,12}|([a-z-]{1,2}/){1,4}[a-z-]") {
        if let Ok(name) = text.parse::<RepositoryName>() {
            prop_assert!(name.as_str().split('/').all(|component| component != SEPARATOR));
        }
    }

    #[test]
    fn no_path_panics(path in "\\PC*") {
        let _ = ApiEndpoint::parse(&path);
    }

    #[test]
    fn no_path_of_known_words_panics(words in proptest::collection::vec("|check|manifests|tree|a|v1|-|sha256:|%2F|%", 0..8)) {
        let path = format!("/api/v1/repositories/{}", words.join("/"));
        if let Ok(endpoint) = ApiEndpoint::parse(&path) {
            prop_assert_eq!(ApiEndpoint::parse(&endpoint.to_path()), Ok(endpoint));
        }
    }
}
