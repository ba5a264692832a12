//! Tests for `POST /api/v1/repositories/NAME/-/check`: dry runs of pushes.

use std::sync::Arc;

use portolan_model::fixtures::{IndexFixture, image};
use portolan_model::{Algorithm, Digest, MediaType};
use portolan_registry::Preset;
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::harness::{TestResponse, TestServer, head};

const INDEX: (&str, &str) = ("content-type", MediaType::OCI_INDEX);

async fn check(
    server: &TestServer,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> TestResponse {
    server
        .request(
            "POST",
            &format!("/api/v1/repositories/{target}"),
            headers,
            body,
        )
        .await
}

/// Runs a check that must succeed, and returns its result.
async fn check_result(
    server: &TestServer,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Value {
    let answer = check(server, target, headers, body).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json"),
        "{answer:?}"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    answer.json()
}

fn column<'a>(findings: &'a Value, key: &str) -> Vec<&'a str> {
    findings
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding[key].as_str().unwrap())
        .collect()
}

fn with_duplicate_key(index: &IndexFixture) -> String {
    format!(
        r#"{{"a":1,"a":2,{}"#,
        &String::from_utf8(index.bytes().to_vec()).unwrap()[1..]
    )
}

#[tokio::test]
async fn an_acceptable_manifest_is_accepted_but_not_stored() {
    let server = TestServer::start().await;
    let image = image("a");
    for blob in image.blobs() {
        server.push_blob("team/app", &blob).await;
    }
    let headers = [("content-type", MediaType::OCI_MANIFEST)];
    let result = check_result(&server, "team/app/-/check?tag=v1", &headers, &image.bytes()).await;
    let expected = json!({
        "accepted": true, "digest": image.digest(), "mediaType": MediaType::OCI_MANIFEST, "findings": []
    });
    assert_eq!(result, expected);
    for reference in ["v1", image.digest().as_str()] {
        assert_eq!(
            server
                .head(&format!("/v2/team/app/manifests/{reference}"))
                .await
                .status,
            404
        );
    }
}

#[tokio::test]
async fn a_check_creates_no_repository() {
    let server = TestServer::start().await;
    let result = check_result(
        &server,
        "new/-/check?tag=v1",
        &[INDEX],
        &IndexFixture::oci().bytes(),
    )
    .await;
    assert_eq!(result["accepted"], true);
    assert_eq!(
        server.get("/v2/_catalog").await.json()["repositories"],
        json!([])
    );
}

#[tokio::test]
async fn a_warning_contains_its_rule_and_fix() {
    let server = TestServer::start().await;
    let result = check_result(
        &server,
        "a/-/check",
        &[INDEX],
        with_duplicate_key(&IndexFixture::oci()).as_bytes(),
    )
    .await;
    assert_eq!(result["accepted"], true);
    let findings = result["findings"].as_array().unwrap();
    let warning = findings
        .iter()
        .find(|finding| finding["rule"] == "duplicate-key")
        .unwrap();
    assert_eq!(
        (&warning["verdict"], &warning["pointer"]),
        (&json!("warn"), &json!("/a"))
    );
    assert!(
        ["severity", "message", "section", "fix"]
            .iter()
            .all(|key| warning[key].is_string()),
        "{warning}"
    );
}

#[tokio::test]
async fn a_rejection_matches_the_response_to_a_push() {
    let server = TestServer::start().await;
    let image = image("a").layers(["x", "y"]);
    server.push_blob("a", &image.blobs()[1]).await;
    let headers = [("content-type", MediaType::OCI_MANIFEST)];
    let result = check_result(&server, "a/-/check", &headers, &image.bytes()).await;
    assert_eq!(
        (&result["accepted"], &result["error"]["code"]),
        (&json!(false), &json!("MANIFEST_BLOB_UNKNOWN"))
    );
    assert_eq!(
        column(&result["findings"], "pointer")[..2],
        ["/config", "/layers/1"]
    );
    assert_eq!(
        column(&result["findings"], "verdict")[..2],
        ["reject", "reject"]
    );
    let pushed = server
        .request("PUT", "/v2/a/manifests/v1", &headers, &image.bytes())
        .await
        .json();
    let error = &pushed["errors"][0];
    assert_eq!(result["findings"], error["detail"]["findings"]);
    assert_eq!(
        (&result["error"]["code"], &result["error"]["message"]),
        (&error["code"], &error["message"])
    );
}

#[tokio::test]
async fn applies_the_policy_of_the_repository() {
    let rule = PolicyRule::new("oci/*", Preset::OciOnly.into()).unwrap();
    let server = TestServer::with_registry(
        Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![rule])),
        |_| (),
    )
    .await;
    let list = IndexFixture::docker().bytes();
    assert_eq!(
        check_result(&server, "other/a/-/check", &[], &list).await["accepted"],
        true
    );
    let result = check_result(&server, "oci/a/-/check", &[], &list).await;
    assert_eq!(
        (&result["accepted"], &result["mediaType"]),
        (&json!(false), &json!(MediaType::DOCKER_LIST))
    );
    assert!(
        column(&result["findings"], "rule").contains(&"type-not-allowed"),
        "{result}"
    );
}

#[tokio::test]
async fn an_unreadable_manifest_is_a_result() {
    let server = TestServer::start().await;
    for body in ["{", "[]", "hello", r#"{"schemaVersion":1,"fsLayers":[]}"#] {
        let result = check_result(&server, "a/-/check", &[], body.as_bytes()).await;
        assert_eq!(
            (&result["accepted"], &result["error"]["code"]),
            (&json!(false), &json!("MANIFEST_INVALID")),
            "{body}"
        );
        assert_eq!(
            (&result["digest"], &result["findings"]),
            (&json!(Digest::sha256(body.as_bytes())), &json!([]))
        );
        assert_eq!(result.get("mediaType"), None);
    }
}

#[tokio::test]
async fn a_manifest_may_be_chunked_and_without_a_type() {
    let server = TestServer::start().await;
    let index = IndexFixture::oci();
    let mut connection = server.connect().await;
    let headers = [
        ("transfer-encoding", "chunked"),
        ("content-type", "text/plain"),
    ];
    connection
        .send(head("POST", "/api/v1/repositories/a/-/check", &headers))
        .await;
    for chunk in index.bytes().chunks(7) {
        connection.send(format!("{:x}\r\n", chunk.len())).await;
        connection.send(chunk).await;
        connection.send("\r\n").await;
    }
    connection.send("0\r\n\r\n").await;
    let result = connection.read_response("POST").await.json();
    let expected = (
        json!(true),
        json!(index.digest()),
        json!(MediaType::OCI_INDEX),
    );
    assert_eq!(
        (&result["accepted"], &result["digest"], &result["mediaType"]),
        (&expected.0, &expected.1, &expected.2)
    );
}

#[tokio::test]
async fn checks_a_stored_manifest_by_reference() {
    let server = TestServer::start().await;
    let subject = image("subject").descriptor();
    let image = image("a").subject(&subject);
    server.push_image("a", "v1", &image).await;
    let encoded = image.digest().as_str().replace(':', "%3A");
    for reference in ["v1", image.digest().as_str(), &encoded] {
        let result = check_result(
            &server,
            &format!("a/-/check?reference={reference}"),
            &[],
            b"",
        )
        .await;
        assert_eq!(
            (&result["accepted"], &result["digest"]),
            (&json!(true), &json!(image.digest()))
        );
        assert_eq!(
            (&result["subject"], &result["mediaType"]),
            (&json!(subject.digest), &json!(MediaType::OCI_MANIFEST))
        );
    }
    let layer = Digest::sha256(&image.blobs()[1]);
    assert_eq!(
        server
            .request(
                "DELETE",
                &format!("/v2/a/blobs/{layer}?force=true"),
                &[],
                b""
            )
            .await
            .status,
        202
    );
    let result = check_result(&server, "a/-/check?reference=v1", &[], b"").await;
    assert_eq!(
        (
            &result["accepted"],
            column(&result["findings"], "pointer")[0]
        ),
        (&json!(false), "/layers/0")
    );
}

#[tokio::test]
async fn checks_a_push_by_digest() {
    let server = TestServer::start().await;
    let (index, other) = (IndexFixture::oci().bytes(), IndexFixture::docker().bytes());
    let sha512 = Digest::compute(&Algorithm::Sha512, &index).unwrap();
    for digest in [Digest::sha256(&index), sha512.clone()] {
        let result = check_result(
            &server,
            &format!("a/-/check?reference={digest}&tag=v1"),
            &[INDEX],
            &index,
        )
        .await;
        assert_eq!(
            (&result["accepted"], &result["digest"]),
            (&json!(true), &json!(digest))
        );
    }
    let result = check_result(
        &server,
        &format!("a/-/check?reference={sha512}"),
        &[],
        &other,
    )
    .await;
    assert_eq!(
        (&result["accepted"], &result["error"]["code"]),
        (&json!(false), &json!("DIGEST_INVALID"))
    );
    assert_eq!(
        result["digest"],
        json!(Digest::compute(&Algorithm::Sha512, &other)),
        "the digest of the sent manifest"
    );
}

#[tokio::test]
async fn fixes_contain_the_name_of_a_stored_manifest() {
    let server = TestServer::start().await;
    let docker = image("a").docker();
    server
        .push_image("a", docker.digest().as_str(), &docker)
        .await;
    let index = IndexFixture::oci().image(&docker, "linux/amd64");
    let fix = |result: &Value| {
        let findings = result["findings"].as_array().unwrap();
        findings
            .iter()
            .find(|finding| finding["rule"] == "index-mixed-families")
            .unwrap()["fix"]
            .clone()
    };
    let sent = check_result(&server, "a/-/check?tag=v1", &[INDEX], &index.bytes()).await;
    assert_eq!(
        fix(&sent),
        "portolan convert REF DST --to oci",
        "a manifest that is not stored has no name"
    );
    server
        .request("PUT", "/v2/a/manifests/v1", &[INDEX], &index.bytes())
        .await;
    let stored = check_result(&server, "a/-/check?reference=v1", &[], b"").await;
    assert_eq!(
        fix(&stored),
        "portolan convert registry.test/a:v1 DST --to oci"
    );
    let stored = check_result(
        &server,
        &format!("a/-/check?reference={}", index.digest()),
        &[],
        b"",
    )
    .await;
    assert_eq!(
        fix(&stored),
        format!(
            "portolan convert registry.test/a@{} DST --to oci",
            index.digest()
        )
    );
}

#[tokio::test]
async fn applies_the_conditions_of_a_push() {
    let server = TestServer::start().await;
    let index = IndexFixture::oci();
    server
        .request("PUT", "/v2/a/manifests/v1", &[INDEX], &index.bytes())
        .await;
    let absent = [INDEX, ("if-none-match", "*")];
    let result = check_result(&server, "a/-/check?tag=v1", &absent, &index.bytes()).await;
    assert_eq!(
        (&result["accepted"], &result["error"]["code"]),
        (&json!(false), &json!("DENIED"))
    );
    let detail = json!({"tag": "v1", "expected": "absent", "actual": index.digest()});
    assert_eq!(result["error"]["detail"], detail);
    assert_eq!(
        check_result(&server, "a/-/check?tag=v2", &absent, &index.bytes()).await["accepted"],
        true
    );
    let at = format!("\"{}\"", index.digest());
    let result = check_result(&server, "a/-/check?reference=v1", &[("if-match", &at)], b"").await;
    assert_eq!(result["accepted"], true);
}

#[tokio::test]
async fn invalid_requests_are_errors() {
    let server = TestServer::start().await;
    let index = IndexFixture::oci().bytes();
    let malformed = format!("a/-/check?reference=sha256:{}", "g".repeat(64));
    for (target, headers, body, expected) in [
        ("a/-/check", &[INDEX][..], &b""[..], (400, "UNSUPPORTED")),
        (
            "a/-/check?reference=v1",
            &[INDEX],
            &index,
            (400, "UNSUPPORTED"),
        ),
        (
            "a/-/check?reference=v1",
            &[],
            b"",
            (404, "MANIFEST_UNKNOWN"),
        ),
        (
            "a/-/check?reference=.v1",
            &[],
            b"",
            (400, "MANIFEST_INVALID"),
        ),
        (&malformed, &[], b"", (400, "DIGEST_INVALID")),
        (
            "a/-/check?tag=.v1",
            &[INDEX],
            &index,
            (400, "MANIFEST_INVALID"),
        ),
        (
            "a/-/check",
            &[("if-none-match", "*")],
            &index,
            (400, "UNSUPPORTED"),
        ),
        ("UPPER/-/check", &[INDEX], &index, (400, "NAME_INVALID")),
    ] {
        let answer = check(&server, target, headers, body).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            expected,
            "{target}"
        );
    }
}

#[tokio::test]
async fn applies_the_limits_of_a_push() {
    let server = TestServer::with_settings(|settings| settings.limits.manifest_bytes = 100).await;
    let answer = check(&server, "a/-/check", &[INDEX], &[b' '; 101]).await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (413, "SIZE_INVALID")
    );
    let server = TestServer::with_settings(|settings| settings.limits.uploads = 0).await;
    let answer = check(&server, "a/-/check", &[INDEX], &IndexFixture::oci().bytes()).await;
    assert_eq!(
        (
            answer.status,
            answer.error_code().as_str(),
            answer.header("retry-after")
        ),
        (429, "TOOMANYREQUESTS", "5")
    );
}

#[tokio::test]
async fn a_registry_without_dry_runs_is_405() {
    let server = TestServer::with_registry(Gate::new(), |_| ()).await;
    let answer = check(
        &server,
        "no-dry-run/-/check",
        &[INDEX],
        &IndexFixture::oci().bytes(),
    )
    .await;
    assert_eq!(
        (
            answer.status,
            answer.error_code().as_str(),
            answer.header_values("allow")
        ),
        (405, "UNSUPPORTED", vec![""])
    );
}
