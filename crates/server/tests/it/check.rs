//! `POST /api/v1/repositories/NAME/check`: what a push would get, and nothing stored.

use std::sync::Arc;

use portolan_model::fixtures::{Index, image};
use portolan_model::{Algorithm, Digest, MediaType};
use portolan_registry::Preset;
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::harness::{Answer, Running, head};

const INDEX: (&str, &str) = ("content-type", MediaType::OCI_INDEX);

async fn check(server: &Running, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    server
        .call(
            "POST",
            &format!("/api/v1/repositories/{target}"),
            headers,
            body,
        )
        .await
}

/// What a check says, which has to be an answer.
async fn checked(server: &Running, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
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

fn doubled(index: &Index) -> String {
    format!(
        r#"{{"a":1,"a":2,{}"#,
        &String::from_utf8(index.bytes().to_vec()).unwrap()[1..]
    )
}

#[tokio::test]
async fn what_would_be_taken_is_accepted_and_not_stored() {
    let server = Running::start().await;
    let image = image("a");
    for blob in image.blobs() {
        server.push_blob("team/app", &blob).await;
    }
    let headers = [("content-type", MediaType::OCI_MANIFEST)];
    let said = checked(&server, "team/app/check?tag=v1", &headers, &image.bytes()).await;
    let expected = json!({
        "accepted": true, "digest": image.digest(), "mediaType": MediaType::OCI_MANIFEST, "findings": []
    });
    assert_eq!(said, expected);
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
async fn a_check_makes_no_repository() {
    let server = Running::start().await;
    let said = checked(&server, "new/check?tag=v1", &[INDEX], &Index::oci().bytes()).await;
    assert_eq!(said["accepted"], true);
    assert_eq!(
        server.get("/v2/_catalog").await.json()["repositories"],
        json!([])
    );
}

#[tokio::test]
async fn a_warning_comes_with_its_rule_and_mend() {
    let server = Running::start().await;
    let said = checked(
        &server,
        "a/check",
        &[INDEX],
        doubled(&Index::oci()).as_bytes(),
    )
    .await;
    assert_eq!(said["accepted"], true);
    let findings = said["findings"].as_array().unwrap();
    let warning = findings
        .iter()
        .find(|finding| finding["rule"] == "duplicate-key")
        .unwrap();
    assert_eq!(
        (&warning["verdict"], &warning["pointer"]),
        (&json!("warn"), &json!("/a"))
    );
    assert!(
        ["severity", "message", "section", "mend"]
            .iter()
            .all(|key| warning[key].is_string()),
        "{warning}"
    );
}

#[tokio::test]
async fn a_refusal_says_all_that_a_push_would_say() {
    let server = Running::start().await;
    let image = image("a").layers(["x", "y"]);
    server.push_blob("a", &image.blobs()[1]).await;
    let headers = [("content-type", MediaType::OCI_MANIFEST)];
    let said = checked(&server, "a/check", &headers, &image.bytes()).await;
    assert_eq!(
        (&said["accepted"], &said["error"]["code"]),
        (&json!(false), &json!("MANIFEST_BLOB_UNKNOWN"))
    );
    assert_eq!(
        column(&said["findings"], "pointer")[..2],
        ["/config", "/layers/1"]
    );
    assert_eq!(
        column(&said["findings"], "verdict")[..2],
        ["reject", "reject"]
    );
    let pushed = server
        .call("PUT", "/v2/a/manifests/v1", &headers, &image.bytes())
        .await
        .json();
    let error = &pushed["errors"][0];
    assert_eq!(said["findings"], error["detail"]["findings"]);
    assert_eq!(
        (&said["error"]["code"], &said["error"]["message"]),
        (&error["code"], &error["message"])
    );
}

#[tokio::test]
async fn the_policy_of_the_repository_counts() {
    let rule = PolicyRule::new("oci/*", Preset::OciOnly.into()).unwrap();
    let server = Running::of(
        Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![rule])),
        |_| (),
    )
    .await;
    let list = Index::docker().bytes();
    assert_eq!(
        checked(&server, "other/a/check", &[], &list).await["accepted"],
        true
    );
    let said = checked(&server, "oci/a/check", &[], &list).await;
    assert_eq!(
        (&said["accepted"], &said["mediaType"]),
        (&json!(false), &json!(MediaType::DOCKER_LIST))
    );
    assert!(
        column(&said["findings"], "rule").contains(&"type-not-allowed"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_no_manifest_is_an_answer_too() {
    let server = Running::start().await;
    for body in ["{", "[]", "hello", r#"{"schemaVersion":1,"fsLayers":[]}"#] {
        let said = checked(&server, "a/check", &[], body.as_bytes()).await;
        assert_eq!(
            (&said["accepted"], &said["error"]["code"]),
            (&json!(false), &json!("MANIFEST_INVALID")),
            "{body}"
        );
        assert_eq!(
            (&said["digest"], &said["findings"]),
            (&json!(Digest::sha256(body.as_bytes())), &json!([]))
        );
        assert_eq!(said.get("mediaType"), None);
    }
}

#[tokio::test]
async fn a_manifest_may_be_chunked_and_without_a_type() {
    let server = Running::start().await;
    let index = Index::oci();
    let mut connection = server.connect().await;
    let headers = [
        ("transfer-encoding", "chunked"),
        ("content-type", "text/plain"),
    ];
    connection
        .send(head("POST", "/api/v1/repositories/a/check", &headers))
        .await;
    for piece in index.bytes().chunks(7) {
        connection.send(format!("{:x}\r\n", piece.len())).await;
        connection.send(piece).await;
        connection.send("\r\n").await;
    }
    connection.send("0\r\n\r\n").await;
    let said = connection.answer("POST").await.json();
    let expected = (
        json!(true),
        json!(index.digest()),
        json!(MediaType::OCI_INDEX),
    );
    assert_eq!(
        (&said["accepted"], &said["digest"], &said["mediaType"]),
        (&expected.0, &expected.1, &expected.2)
    );
}

#[tokio::test]
async fn what_is_stored_is_checked_by_its_name() {
    let server = Running::start().await;
    let subject = image("subject").descriptor();
    let image = image("a").subject(&subject);
    server.push_image("a", "v1", &image).await;
    let encoded = image.digest().as_str().replace(':', "%3A");
    for reference in ["v1", image.digest().as_str(), &encoded] {
        let said = checked(&server, &format!("a/check?reference={reference}"), &[], b"").await;
        assert_eq!(
            (&said["accepted"], &said["digest"]),
            (&json!(true), &json!(image.digest()))
        );
        assert_eq!(
            (&said["subject"], &said["mediaType"]),
            (&json!(subject.digest), &json!(MediaType::OCI_MANIFEST))
        );
    }
    let layer = Digest::sha256(&image.blobs()[1]);
    assert_eq!(
        server
            .call(
                "DELETE",
                &format!("/v2/a/blobs/{layer}?force=true"),
                &[],
                b""
            )
            .await
            .status,
        202
    );
    let said = checked(&server, "a/check?reference=v1", &[], b"").await;
    assert_eq!(
        (&said["accepted"], column(&said["findings"], "pointer")[0]),
        (&json!(false), "/layers/0")
    );
}

#[tokio::test]
async fn a_push_by_digest_is_checked_by_its_digest() {
    let server = Running::start().await;
    let (index, other) = (Index::oci().bytes(), Index::docker().bytes());
    let sha512 = Digest::of(&Algorithm::Sha512, &index).unwrap();
    for digest in [Digest::sha256(&index), sha512.clone()] {
        let said = checked(
            &server,
            &format!("a/check?reference={digest}&tag=v1"),
            &[INDEX],
            &index,
        )
        .await;
        assert_eq!(
            (&said["accepted"], &said["digest"]),
            (&json!(true), &json!(digest))
        );
    }
    let said = checked(&server, &format!("a/check?reference={sha512}"), &[], &other).await;
    assert_eq!(
        (&said["accepted"], &said["error"]["code"]),
        (&json!(false), &json!("DIGEST_INVALID"))
    );
    assert_eq!(
        said["digest"],
        json!(Digest::of(&Algorithm::Sha512, &other)),
        "the one that it has"
    );
}

#[tokio::test]
async fn what_mends_it_can_be_typed_where_it_is_stored() {
    let server = Running::start().await;
    let docker = image("a").docker();
    server
        .push_image("a", docker.digest().as_str(), &docker)
        .await;
    let index = Index::oci().image(&docker, "linux/amd64");
    let mend = |said: &Value| {
        let findings = said["findings"].as_array().unwrap();
        findings
            .iter()
            .find(|finding| finding["rule"] == "index-mixed-families")
            .unwrap()["mend"]
            .clone()
    };
    let sent = checked(&server, "a/check?tag=v1", &[INDEX], &index.bytes()).await;
    assert_eq!(
        mend(&sent),
        "portolan convert REF DST --to oci",
        "nothing is stored, so it has no name"
    );
    server
        .call("PUT", "/v2/a/manifests/v1", &[INDEX], &index.bytes())
        .await;
    let stored = checked(&server, "a/check?reference=v1", &[], b"").await;
    assert_eq!(
        mend(&stored),
        "portolan convert registry.test/a:v1 DST --to oci"
    );
    let stored = checked(
        &server,
        &format!("a/check?reference={}", index.digest()),
        &[],
        b"",
    )
    .await;
    assert_eq!(
        mend(&stored),
        format!(
            "portolan convert registry.test/a@{} DST --to oci",
            index.digest()
        )
    );
}

#[tokio::test]
async fn conditions_are_those_of_a_push() {
    let server = Running::start().await;
    let index = Index::oci();
    server
        .call("PUT", "/v2/a/manifests/v1", &[INDEX], &index.bytes())
        .await;
    let absent = [INDEX, ("if-none-match", "*")];
    let said = checked(&server, "a/check?tag=v1", &absent, &index.bytes()).await;
    assert_eq!(
        (&said["accepted"], &said["error"]["code"]),
        (&json!(false), &json!("DENIED"))
    );
    let detail = json!({"tag": "v1", "expected": "absent", "actual": index.digest()});
    assert_eq!(said["error"]["detail"], detail);
    assert_eq!(
        checked(&server, "a/check?tag=v2", &absent, &index.bytes()).await["accepted"],
        true
    );
    let at = format!("\"{}\"", index.digest());
    let said = checked(&server, "a/check?reference=v1", &[("if-match", &at)], b"").await;
    assert_eq!(said["accepted"], true);
}

#[tokio::test]
async fn requests_that_ask_nothing_are_errors() {
    let server = Running::start().await;
    let index = Index::oci().bytes();
    let malformed = format!("a/check?reference=sha256:{}", "g".repeat(64));
    for (target, headers, body, expected) in [
        ("a/check", &[INDEX][..], &b""[..], (400, "UNSUPPORTED")),
        (
            "a/check?reference=v1",
            &[INDEX],
            &index,
            (400, "UNSUPPORTED"),
        ),
        ("a/check?reference=v1", &[], b"", (404, "MANIFEST_UNKNOWN")),
        ("a/check?reference=.v1", &[], b"", (400, "MANIFEST_INVALID")),
        (&malformed, &[], b"", (400, "DIGEST_INVALID")),
        (
            "a/check?tag=.v1",
            &[INDEX],
            &index,
            (400, "MANIFEST_INVALID"),
        ),
        (
            "a/check",
            &[("if-none-match", "*")],
            &index,
            (400, "UNSUPPORTED"),
        ),
        ("UPPER/check", &[INDEX], &index, (400, "NAME_INVALID")),
    ] {
        let answer = check(&server, target, headers, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            expected,
            "{target}"
        );
    }
}

#[tokio::test]
async fn limits_are_those_of_a_push() {
    let server = Running::with(|settings| settings.limits.manifest_bytes = 100).await;
    let answer = check(&server, "a/check", &[INDEX], &[b' '; 101]).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "SIZE_INVALID")
    );
    let server = Running::with(|settings| settings.limits.uploads = 0).await;
    let answer = check(&server, "a/check", &[INDEX], &Index::oci().bytes()).await;
    assert_eq!(
        (
            answer.status,
            answer.code().as_str(),
            answer.header("retry-after")
        ),
        (429, "TOOMANYREQUESTS", "5")
    );
}

#[tokio::test]
async fn a_registry_that_cannot_tell_says_so() {
    let server = Running::of(Gate::new(), |_| ()).await;
    let answer = check(&server, "no-dry-run/check", &[INDEX], &Index::oci().bytes()).await;
    assert_eq!(
        (answer.status, answer.code().as_str(), answer.all("allow")),
        (405, "UNSUPPORTED", vec![""])
    );
}
