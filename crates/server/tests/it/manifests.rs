//! Tests for pushing, pulling and deleting manifests.

use portolan_model::fixtures::{IndexFixture, image};
use portolan_model::{Algorithm, Digest, MediaType};

use crate::gate::Gate;
use crate::harness::{TestResponse, TestServer, head};

async fn put(
    server: &TestServer,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> TestResponse {
    server.request("PUT", target, headers, body).await
}

#[tokio::test]
async fn pulls_the_pushed_bytes() {
    let server = TestServer::start().await;
    let image = image("a");
    let pushed = server.push_image("team/app", "v1", &image).await;
    assert_eq!(
        (pushed.status, pushed.header("docker-content-digest")),
        (201, image.digest().as_str())
    );
    assert_eq!(
        pushed.header("location"),
        format!("/v2/team/app/manifests/{}", image.digest())
    );
    for target in [pushed.header("location"), "/v2/team/app/manifests/v1"] {
        let pulled = server
            .request("GET", target, &[("accept", "text/html")], b"")
            .await;
        assert_eq!(
            (pulled.status, pulled.body.as_slice()),
            (200, &image.bytes()[..])
        );
        assert_eq!(pulled.header("content-type"), image.media_type().as_str());
        assert_eq!(
            pulled.header("docker-content-digest"),
            image.digest().as_str()
        );
        assert_eq!(pulled.header("x-content-type-options"), "nosniff");
        let headed = server.head(target).await;
        assert_eq!(
            headed.header("content-length"),
            image.bytes().len().to_string()
        );
        assert_eq!(
            headed.header("docker-content-digest"),
            image.digest().as_str()
        );
    }
}

#[tokio::test]
async fn accepts_a_chunked_push_without_a_type() {
    let server = TestServer::start().await;
    let index = IndexFixture::oci();
    let mut connection = server.connect().await;
    connection
        .send(head(
            "PUT",
            "/v2/a/manifests/v1",
            &[("transfer-encoding", "chunked")],
        ))
        .await;
    for chunk in index.bytes().chunks(7) {
        connection.send(format!("{:x}\r\n", chunk.len())).await;
        connection.send(chunk).await;
        connection.send("\r\n").await;
    }
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.read_response("PUT").await.status, 201);
    assert_eq!(
        server
            .get("/v2/a/manifests/v1")
            .await
            .header("content-type"),
        MediaType::OCI_INDEX
    );
    let parameters = [(
        "content-type",
        "application/vnd.oci.image.index.v1+json; charset=utf-8",
    )];
    assert_eq!(
        put(&server, "/v2/a/manifests/v2", &parameters, &index.bytes())
            .await
            .status,
        201
    );
    assert_eq!(
        server
            .get("/v2/a/manifests/v2")
            .await
            .header("content-type"),
        MediaType::OCI_INDEX
    );
}

#[tokio::test]
async fn wrong_digests_and_invalid_manifests_are_400() {
    let server = TestServer::start().await;
    let other = Digest::sha256(b"other");
    let answer = put(
        &server,
        &format!("/v2/a/manifests/{other}"),
        &[],
        &IndexFixture::oci().bytes(),
    )
    .await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (400, "DIGEST_INVALID")
    );
    let answer = put(
        &server,
        "/v2/a/manifests/sha256:baddigeststring",
        &[],
        &IndexFixture::oci().bytes(),
    )
    .await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (400, "DIGEST_INVALID")
    );
    for body in ["", "{", "[]", "hello"] {
        let answer = put(&server, "/v2/a/manifests/v1", &[], body.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "MANIFEST_INVALID"),
            "{body:?}"
        );
    }
    let answer = put(
        &server,
        "/v2/a/manifests/v1",
        &[],
        &image("missing").bytes(),
    )
    .await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (400, "MANIFEST_BLOB_UNKNOWN")
    );
}

#[tokio::test]
async fn accepts_manifests_up_to_the_limit() {
    let server = TestServer::start().await;
    let filled = |bytes: usize| {
        let empty = IndexFixture::oci()
            .field("annotations", serde_json::json!({"a": ""}))
            .bytes()
            .len();
        IndexFixture::oci()
            .field(
                "annotations",
                serde_json::json!({"a": "x".repeat(bytes - empty)}),
            )
            .bytes()
    };
    let limit = 4 << 20;
    assert_eq!(
        put(&server, "/v2/a/manifests/v1", &[], &filled(limit))
            .await
            .status,
        201
    );
    let response = put(&server, "/v2/a/manifests/v2", &[], &filled(limit + 1)).await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (413, "SIZE_INVALID")
    );
    assert_eq!(response.json()["errors"][0]["detail"]["limit"], limit);
}

#[tokio::test]
async fn a_chunked_manifest_over_the_limit_is_rejected() {
    let server = TestServer::with_settings(|settings| settings.limits.manifest_bytes = 1000).await;
    let mut connection = server.connect().await;
    connection
        .send(head(
            "PUT",
            "/v2/a/manifests/v1",
            &[("transfer-encoding", "chunked")],
        ))
        .await;
    connection
        .send(format!("3e9\r\n{}\r\n", "x".repeat(1001)))
        .await;
    let response = connection.read_response("PUT").await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (413, "SIZE_INVALID")
    );
}

#[tokio::test]
async fn sets_and_returns_several_tags() {
    let server = TestServer::start().await;
    let bytes = IndexFixture::oci().bytes();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::compute(&algorithm, &bytes).unwrap();
        let pushed = put(
            &server,
            &format!("/v2/a/manifests/{digest}?tag=b&tag=a"),
            &[],
            &bytes,
        )
        .await;
        assert_eq!(
            (pushed.status, pushed.header_values("oci-tag")),
            (201, vec!["b", "a"])
        );
        assert_eq!(pushed.header("docker-content-digest"), digest.as_str());
        for reference in [digest.as_str(), "a", "b"] {
            let pulled = server.head(&format!("/v2/a/manifests/{reference}")).await;
            assert_eq!(pulled.header("docker-content-digest"), digest.as_str());
        }
    }
    let response = put(&server, "/v2/a/manifests/v1?tag=-x", &[], &bytes).await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (400, "MANIFEST_INVALID")
    );
}

#[tokio::test]
async fn every_push_returns_the_subject() {
    let server = TestServer::start().await;
    let subject = image("not pushed").descriptor();
    let referrer = image("a").subject(&subject);
    for _ in 0..2 {
        let pushed = server.push_image("a", "v1", &referrer).await;
        assert_eq!(pushed.header("oci-subject"), subject.digest.as_str());
    }
    assert_eq!(
        server
            .push_image("a", "v2", &image("b"))
            .await
            .header("oci-subject"),
        ""
    );
}

#[tokio::test]
async fn a_manifest_that_the_client_has_is_not_read() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    let image = image("a");
    for _ in 0..=image.blobs().len() {
        gate.release();
    }
    server.push_image("no-bytes", "v1", &image).await;
    let etag = format!("\"{}\"", image.digest());
    let path = "/v2/no-bytes/manifests/v1";
    let headers = [("if-none-match", etag.as_str())];
    let same = server.request("GET", path, &headers, b"").await;
    assert_eq!((same.status, server.get(path).await.status), (304, 500));
}

#[tokio::test]
async fn an_unmodified_manifest_is_304() {
    let server = TestServer::start().await;
    server.push_image("a", "v1", &image("a")).await;
    let tag = server
        .get("/v2/a/manifests/v1")
        .await
        .header("etag")
        .to_owned();
    assert_eq!(tag, format!("\"{}\"", image("a").digest()));
    for method in ["GET", "HEAD"] {
        let same = server
            .request(
                method,
                "/v2/a/manifests/v1",
                &[("if-none-match", &tag)],
                b"",
            )
            .await;
        assert_eq!(
            (same.status, same.header("etag"), same.body.len()),
            (304, tag.as_str(), 0)
        );
        assert_ne!(same.header("content-length"), "0");
        assert_eq!(
            server
                .request(
                    method,
                    "/v2/a/manifests/v1",
                    &[("if-none-match", "\"x\"")],
                    b""
                )
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn a_failed_condition_changes_nothing() {
    let server = TestServer::start().await;
    let (first, second) = (IndexFixture::oci(), IndexFixture::docker());
    let target = "/v2/a/manifests/v1";
    let missing = put(&server, target, &[("if-match", "*")], &first.bytes()).await;
    assert_eq!(
        (missing.status, missing.error_code().as_str()),
        (412, "DENIED")
    );
    assert_eq!(
        put(&server, target, &[("if-none-match", "*")], &first.bytes())
            .await
            .status,
        201
    );
    let exists = put(&server, target, &[("if-none-match", "*")], &second.bytes()).await;
    assert_eq!(
        (exists.status, exists.error_code().as_str()),
        (412, "DENIED")
    );
    let at_first = format!("\"{}\"", first.digest());
    assert_eq!(
        put(&server, target, &[("if-match", &at_first)], &second.bytes())
            .await
            .status,
        201
    );
    assert_eq!(
        put(&server, target, &[("if-match", &at_first)], &first.bytes())
            .await
            .status,
        412
    );
    assert_eq!(
        server.get(target).await.header("docker-content-digest"),
        second.digest().as_str()
    );
}

#[tokio::test]
async fn a_condition_requires_a_tag() {
    let server = TestServer::start().await;
    let index = IndexFixture::oci();
    let target = format!("/v2/a/manifests/{}", index.digest());
    let response = put(&server, &target, &[("if-none-match", "*")], &index.bytes()).await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (400, "UNSUPPORTED")
    );
    let tagged = format!("{target}?tag=v1");
    assert_eq!(
        put(&server, &tagged, &[("if-none-match", "*")], &index.bytes())
            .await
            .status,
        201
    );
    assert_eq!(
        put(&server, &tagged, &[("if-none-match", "*")], &index.bytes())
            .await
            .status,
        412
    );
    let named = put(
        &server,
        "/v2/a/manifests/v1",
        &[("if-none-match", "\"x\"")],
        &index.bytes(),
    )
    .await;
    assert_eq!(
        (named.status, named.error_code().as_str()),
        (400, "UNSUPPORTED")
    );
}

#[tokio::test]
async fn findings_are_returned_as_warnings() {
    let server = TestServer::start().await;
    let doubled = format!(
        r#"{{"a":1,"a":"\"",{}"#,
        &String::from_utf8(IndexFixture::oci().bytes().to_vec()).unwrap()[1..]
    );
    let pushed = put(&server, "/v2/a/manifests/v1", &[], doubled.as_bytes()).await;
    assert_eq!(pushed.status, 201);
    let warnings = pushed.header_values("warning");
    assert!(
        warnings.len() == 1 && warnings[0].starts_with("299 - \"duplicate-key at '/a': "),
        "{warnings:?}"
    );
    assert!(
        warnings[0].ends_with("; help: write each key once and push again\""),
        "{warnings:?}"
    );
    assert!(
        server
            .push_image("a", "v2", &image("a"))
            .await
            .header_values("warning")
            .is_empty()
    );
}

#[tokio::test]
async fn warnings_over_the_limit_are_counted() {
    let server = TestServer::start().await;
    let doubled = (0..2000)
        .map(|number| format!(r#""key-{number}":{{"a":1,"a":2}},"#))
        .collect::<Vec<_>>()
        .concat();
    let index = String::from_utf8(IndexFixture::oci().bytes().to_vec()).unwrap();
    let pushed = put(
        &server,
        "/v2/a/manifests/v1",
        &[],
        format!("{{{doubled}{}", &index[1..]).as_bytes(),
    )
    .await;
    assert_eq!(pushed.status, 201);
    let warnings = pushed.header_values("warning");
    assert!(warnings.len() > 5, "{} headers", warnings.len());
    let (last, listed) = warnings.split_last().unwrap();
    assert_eq!(
        *last,
        format!("299 - \"and {} more warnings\"", 2000 - listed.len())
    );
    assert!(
        listed.iter().all(|warning| warning.contains("; help: ")),
        "{listed:?}"
    );
}

#[tokio::test]
async fn deletes_tags_and_manifests() {
    let server = TestServer::start().await;
    let image = image("a");
    server.push_image("a", "v1", &image).await;
    server.push_image("a", "v2", &image).await;
    let by_digest = format!("/v2/a/manifests/{}", image.digest());
    assert_eq!(
        server
            .request("DELETE", "/v2/a/manifests/v1", &[], b"")
            .await
            .status,
        202
    );
    assert_eq!(server.head("/v2/a/manifests/v1").await.status, 404);
    assert_eq!(server.head(&by_digest).await.status, 200);
    assert_eq!(
        server.request("DELETE", &by_digest, &[], b"").await.status,
        202
    );
    assert_eq!(server.head("/v2/a/manifests/v2").await.status, 404);
    let again = server.request("DELETE", &by_digest, &[], b"").await;
    assert_eq!(
        (again.status, again.error_code().as_str()),
        (404, "MANIFEST_UNKNOWN")
    );
}

#[tokio::test]
async fn a_referenced_manifest_is_deleted_only_with_force() {
    let server = TestServer::start().await;
    let child = image("a");
    server.push_image("a", "child", &child).await;
    let index = IndexFixture::oci().image(&child, "linux/amd64");
    put(&server, "/v2/a/manifests/v1", &[], &index.bytes()).await;
    let target = format!("/v2/a/manifests/{}", child.digest());
    let response = server.request("DELETE", &target, &[], b"").await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (405, "DENIED")
    );
    assert_eq!(response.header("allow"), "GET, HEAD, PUT");
    assert!(
        response
            .json()
            .to_string()
            .contains(index.digest().as_str())
    );
    assert_eq!(
        server
            .request("DELETE", &format!("{target}?force=true"), &[], b"")
            .await
            .status,
        202
    );
}
