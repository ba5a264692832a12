//! Tests of queries in the forms that clients send, and of queries written by this crate.

use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn page(n: Option<usize>, last: Option<&str>) -> PageQuery {
    PageQuery {
        n,
        last: last.map(Into::into),
    }
}

#[test]
fn parses_pages() {
    assert_eq!(PageQuery::parse(""), Ok(page(None, None)));
    assert_eq!(PageQuery::parse("n=0&last="), Ok(page(Some(0), None)));
    assert_eq!(
        PageQuery::parse("x=1&last=team%2Fapp&n=10&n=11"),
        Ok(page(Some(10), Some("team/app")))
    );
    assert_eq!(
        PageQuery::parse("n=99999999999999999999999"),
        Ok(page(Some(usize::MAX), None))
    );
    for bad in ["n=", "n", "n=-1", "n=+1", "n=ten", "n=1.0", "n=%20"] {
        assert_eq!(
            PageQuery::parse(bad).map_err(|error| error.code),
            Err(ErrorCode::Unsupported),
            "{bad}"
        );
    }
}

#[test]
fn parses_upload_starts() {
    let digest: Digest = DIGEST.parse().unwrap();
    let start = |query: &str| UploadStart::parse(query).map_err(|error| error.code);
    assert_eq!(start(""), Ok(UploadStart::Session(Algorithm::Sha256)));
    assert_eq!(
        start("digest-algorithm=sha512"),
        Ok(UploadStart::Session(Algorithm::Sha512))
    );
    assert_eq!(
        start("digest-algorithm=SHA%20512"),
        Err(ErrorCode::DigestInvalid)
    );
    assert_eq!(
        start(&format!("digest={DIGEST}")),
        Ok(UploadStart::Monolithic(digest.clone()))
    );
    assert_eq!(start("digest=sha256:abc"), Err(ErrorCode::DigestInvalid));
    let encoded = DIGEST.replace(':', "%3A");
    let mount = |from: Option<&str>| {
        Ok(UploadStart::Mount {
            digest: digest.clone(),
            from: from.map(|from| from.parse().unwrap()),
        })
    };
    assert_eq!(start(&format!("mount={encoded}")), mount(None));
    assert_eq!(start(&format!("from=&mount={encoded}")), mount(None));
    assert_eq!(
        start(&format!("from=team%2Fapp&mount={encoded}&digest=x")),
        mount(Some("team/app"))
    );
}

#[test]
fn malformed_mount_starts_a_session() {
    for query in [
        "mount=sha256:abc",
        "mount=",
        &format!("mount={DIGEST}&from=UPPER"),
    ] {
        assert_eq!(
            UploadStart::parse(query),
            Ok(UploadStart::Session(Algorithm::Sha256)),
            "{query}"
        );
    }
}

#[test]
fn parses_and_writes_closing_digests() {
    let digest: Digest = DIGEST.parse().unwrap();
    let location = closing_location("/v2/a/blobs/uploads/x?state=%2B", &digest);
    assert_eq!(
        location,
        format!(
            "/v2/a/blobs/uploads/x?state=%2B&digest={}",
            DIGEST.replace(':', "%3A")
        )
    );
    assert!(closing_location("/x", &digest).starts_with("/x?digest=sha256%3A"));
    assert_eq!(
        closing_digest(&format!("state=%2B&digest={DIGEST}")),
        Ok(digest)
    );
    for query in ["", "digest=", "digest=sha256:abc"] {
        assert_eq!(
            closing_digest(query).map_err(|error| error.code),
            Err(ErrorCode::DigestInvalid),
            "{query}"
        );
    }
}

#[test]
fn parses_repeated_tags() {
    let read: Vec<String> = tags("tag=b&x=y&tag=a")
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(read, ["b", "a"]);
    assert_eq!(
        tags("tag=a,b").map_err(|error| error.code),
        Err(ErrorCode::ManifestInvalid)
    );
    assert_eq!(
        tags("tag=").map_err(|error| error.code),
        Err(ErrorCode::ManifestInvalid)
    );
}

#[test]
fn tags_are_counted_before_they_are_parsed() {
    let query = |count: usize, tag: &str| vec![format!("tag={tag}"); count].join("&");
    assert_eq!(
        tags(&query(MAX_TAGS, "a")).map(|tags| tags.len()),
        Ok(MAX_TAGS)
    );
    // Each of these tags is malformed. This is reported only if there are not too many tags.
    assert_eq!(
        tags(&query(MAX_TAGS, ".")).map_err(|error| error.code),
        Err(ErrorCode::ManifestInvalid)
    );
    for count in [MAX_TAGS + 1, 4_600] {
        let error = tags(&query(count, ".")).unwrap_err();
        assert_eq!(error.code, ErrorCode::Unsupported);
        assert_eq!(
            error.message,
            "too many tag parameters: a request may have at most 100"
        );
        assert_eq!(error.detail["limit"], MAX_TAGS);
    }
}

#[test]
fn reference_is_a_tag_or_a_digest() {
    let read = |query: &str| reference(query).map_err(|error| error.code);
    assert_eq!(read("tag=a"), Ok(None));
    assert_eq!(read("reference=v1&tag=a"), Ok(Some("v1".parse().unwrap())));
    let digest = Digest::sha256(b"");
    assert_eq!(
        read(&format!(
            "reference={}",
            digest.as_str().replace(':', "%3A")
        )),
        Ok(Some(digest.into()))
    );
    assert_eq!(read("reference="), Err(ErrorCode::ManifestInvalid));
    assert_eq!(read("reference=sha256:abc"), Err(ErrorCode::DigestInvalid));
}

#[test]
fn filters_by_only_one_artifact_type() {
    let sbom = MediaType::new("application/vnd.example.sbom.v1+json");
    for query in [
        "artifactType=application/vnd.example.sbom.v1+json",
        "artifactType=application%2Fvnd.example.sbom.v1%2Bjson",
        "artifactType=application/vnd.example.sbom.v1+json&artifactType=application/vnd.example.sbom.v1%2Bjson",
    ] {
        assert_eq!(artifact_type(query), Some(sbom.clone()), "{query}");
    }
    for query in [
        "",
        "artifactType=",
        "artifactType=a/b,c/d",
        "artifactType=a/b&artifactType=c/d",
        &format!("artifactType={}", "a".repeat(MAX_ARTIFACT_TYPE + 1)),
    ] {
        assert_eq!(artifact_type(query), None, "{query}");
    }
    assert_eq!(artifact_type(&write_artifact_type(&sbom)), Some(sbom));
}

#[test]
fn parses_flags_and_namespaces() {
    assert!(is_forced("force=true") && is_forced("a&force") && is_forced("force=1"));
    assert!(!is_forced("") && !is_forced("force=false") && !is_forced("enforce=true"));
    assert_eq!(namespace("ns=docker.io").as_deref(), Some("docker.io"));
    assert_eq!(namespace("ns="), None);
    assert_eq!(join(&["", "a=b", "", "c=d"]), "a=b&c=d");
}

proptest! {
    #[test]
    fn pages_round_trip(n in any::<Option<usize>>(), last in proptest::option::of("\\PC{1,30}")) {
        let query = PageQuery { n, last };
        prop_assert_eq!(PageQuery::parse(&query.to_string()), Ok(query));
    }

    #[test]
    fn upload_starts_round_trip(hex in "[0-9a-f]{128}", from in proptest::option::of("[a-z]{1,3}(/[a-z0-9]{1,3}){0,3}")) {
        let digest: Digest = format!("sha512:{hex}").parse().unwrap();
        for start in [
            UploadStart::Session(digest.algorithm().clone()),
            UploadStart::Monolithic(digest.clone()),
            UploadStart::Mount { digest, from: from.map(|from| from.parse().unwrap()) },
        ] {
            prop_assert_eq!(UploadStart::parse(&start.to_string()), Ok(start));
        }
    }

    #[test]
    fn tags_round_trip(texts in proptest::collection::vec("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}", 0..5)) {
        let given: Vec<Tag> = texts.iter().map(|text| text.parse().unwrap()).collect();
        prop_assert_eq!(tags(&write_tags(&given)), Ok(given));
    }

    #[test]
    fn no_query_panics(query in "\\PC*|((n|last|tag|reference|digest|mount|from|artifactType|force)=?[%&=a-z0-9:]{0,9}&?)*") {
        let _ = PageQuery::parse(&query);
        let _ = UploadStart::parse(&query);
        let _ = closing_digest(&query);
        let _ = (tags(&query), reference(&query));
        let _ = (artifact_type(&query), is_forced(&query), namespace(&query));
    }
}
