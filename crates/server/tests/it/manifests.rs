//! Pushing, pulling and deleting manifests.

use portolan_model::fixtures::{Index, image};
use portolan_model::{Algorithm, Digest, MediaType};

use crate::harness::{Answer, Running, head};

async fn put(server: &Running, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    server.call("PUT", target, headers, body).await
}

#[tokio::test]
async fn what_is_pushed_is_pulled_byte_for_byte() {
    let server = Running::start().await;
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
            .call("GET", target, &[("accept", "text/html")], b"")
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
async fn a_push_may_be_chunked_and_without_a_type() {
    let server = Running::start().await;
    let index = Index::oci();
    let mut connection = server.connect().await;
    connection
        .send(head(
            "PUT",
            "/v2/a/manifests/v1",
            &[("transfer-encoding", "chunked")],
        ))
        .await;
    for piece in index.bytes().chunks(7) {
        connection.send(format!("{:x}\r\n", piece.len())).await;
        connection.send(piece).await;
        connection.send("\r\n").await;
    }
    connection.send("0\r\n\r\n").await;
    assert_eq!(connection.answer("PUT").await.status, 201);
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
async fn wrong_digests_and_no_manifests_are_400() {
    let server = Running::start().await;
    let other = Digest::sha256(b"other");
    let answer = put(
        &server,
        &format!("/v2/a/manifests/{other}"),
        &[],
        &Index::oci().bytes(),
    )
    .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "DIGEST_INVALID")
    );
    let answer = put(
        &server,
        "/v2/a/manifests/sha256:baddigeststring",
        &[],
        &Index::oci().bytes(),
    )
    .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "DIGEST_INVALID")
    );
    for body in ["", "{", "[]", "hello"] {
        let answer = put(&server, "/v2/a/manifests/v1", &[], body.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
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
        (answer.status, answer.code().as_str()),
        (400, "MANIFEST_BLOB_UNKNOWN")
    );
}

#[tokio::test]
async fn a_large_manifest_is_taken_and_a_larger_one_refused() {
    let server = Running::start().await;
    let filled = |bytes: usize| {
        let empty = Index::oci()
            .field("annotations", serde_json::json!({"a": ""}))
            .bytes()
            .len();
        Index::oci()
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
    let refused = put(&server, "/v2/a/manifests/v2", &[], &filled(limit + 1)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "SIZE_INVALID")
    );
    assert_eq!(refused.json()["errors"][0]["detail"]["limit"], limit);
}

#[tokio::test]
async fn a_chunked_manifest_is_refused_once_it_is_too_large() {
    let server = Running::with(|settings| settings.limits.manifest_bytes = 1000).await;
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
    let refused = connection.answer("PUT").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (413, "SIZE_INVALID")
    );
}

#[tokio::test]
async fn tags_are_set_together_and_told() {
    let server = Running::start().await;
    let bytes = Index::oci().bytes();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(&algorithm, &bytes).unwrap();
        let pushed = put(
            &server,
            &format!("/v2/a/manifests/{digest}?tag=b&tag=a"),
            &[],
            &bytes,
        )
        .await;
        assert_eq!(
            (pushed.status, pushed.all("oci-tag")),
            (201, vec!["b", "a"])
        );
        assert_eq!(pushed.header("docker-content-digest"), digest.as_str());
        for reference in [digest.as_str(), "a", "b"] {
            let pulled = server.head(&format!("/v2/a/manifests/{reference}")).await;
            assert_eq!(pulled.header("docker-content-digest"), digest.as_str());
        }
    }
    let refused = put(&server, "/v2/a/manifests/v1?tag=-x", &[], &bytes).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "MANIFEST_INVALID")
    );
}

#[tokio::test]
async fn a_subject_is_told_on_every_push() {
    let server = Running::start().await;
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
async fn what_a_client_has_is_not_sent_again() {
    let server = Running::start().await;
    server.push_image("a", "v1", &image("a")).await;
    let tag = server
        .get("/v2/a/manifests/v1")
        .await
        .header("etag")
        .to_owned();
    assert_eq!(tag, format!("\"{}\"", image("a").digest()));
    for method in ["GET", "HEAD"] {
        let same = server
            .call(
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
                .call(
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
async fn a_condition_that_does_not_hold_changes_nothing() {
    let server = Running::start().await;
    let (first, second) = (Index::oci(), Index::docker());
    let target = "/v2/a/manifests/v1";
    let missing = put(&server, target, &[("if-match", "*")], &first.bytes()).await;
    assert_eq!((missing.status, missing.code().as_str()), (412, "DENIED"));
    assert_eq!(
        put(&server, target, &[("if-none-match", "*")], &first.bytes())
            .await
            .status,
        201
    );
    let exists = put(&server, target, &[("if-none-match", "*")], &second.bytes()).await;
    assert_eq!((exists.status, exists.code().as_str()), (412, "DENIED"));
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
async fn a_condition_is_about_tags() {
    let server = Running::start().await;
    let index = Index::oci();
    let target = format!("/v2/a/manifests/{}", index.digest());
    let refused = put(&server, &target, &[("if-none-match", "*")], &index.bytes()).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
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
    assert_eq!((named.status, named.code().as_str()), (400, "UNSUPPORTED"));
}

#[tokio::test]
async fn what_is_remarkable_comes_as_a_warning() {
    let server = Running::start().await;
    let doubled = format!(
        r#"{{"a":1,"a":"\"",{}"#,
        &String::from_utf8(Index::oci().bytes().to_vec()).unwrap()[1..]
    );
    let pushed = put(&server, "/v2/a/manifests/v1", &[], doubled.as_bytes()).await;
    assert_eq!(pushed.status, 201);
    let warnings = pushed.all("warning");
    assert!(
        warnings.len() == 1 && warnings[0].starts_with("299 - \"duplicate-key at \\\"/a\\\": "),
        "{warnings:?}"
    );
    assert!(
        warnings[0].ends_with("; to mend it: write each key once and push again\""),
        "{warnings:?}"
    );
    assert!(
        server
            .push_image("a", "v2", &image("a"))
            .await
            .all("warning")
            .is_empty()
    );
}

#[tokio::test]
async fn many_warnings_stay_within_the_limit_and_are_counted() {
    let server = Running::start().await;
    let doubled = (0..2000)
        .map(|number| format!(r#""key-{number}":{{"a":1,"a":2}},"#))
        .collect::<Vec<_>>()
        .concat();
    let index = String::from_utf8(Index::oci().bytes().to_vec()).unwrap();
    let pushed = put(
        &server,
        "/v2/a/manifests/v1",
        &[],
        format!("{{{doubled}{}", &index[1..]).as_bytes(),
    )
    .await;
    assert_eq!(pushed.status, 201);
    let warnings = pushed.all("warning");
    let bytes: usize = warnings
        .iter()
        .map(|warning| "Warning: \r\n".len() + warning.len())
        .sum();
    assert!(
        warnings.len() > 5 && bytes <= 4096,
        "{bytes} bytes in {} headers",
        warnings.len()
    );
    let (last, told) = warnings.split_last().unwrap();
    assert_eq!(
        *last,
        format!("299 - \"and {} more warnings\"", 2000 - told.len())
    );
    assert!(
        told.iter().all(|warning| warning.contains("to mend it: ")),
        "{told:?}"
    );
}

#[tokio::test]
async fn tags_and_manifests_are_deleted() {
    let server = Running::start().await;
    let image = image("a");
    server.push_image("a", "v1", &image).await;
    server.push_image("a", "v2", &image).await;
    let by_digest = format!("/v2/a/manifests/{}", image.digest());
    assert_eq!(
        server
            .call("DELETE", "/v2/a/manifests/v1", &[], b"")
            .await
            .status,
        202
    );
    assert_eq!(server.head("/v2/a/manifests/v1").await.status, 404);
    assert_eq!(server.head(&by_digest).await.status, 200);
    assert_eq!(
        server.call("DELETE", &by_digest, &[], b"").await.status,
        202
    );
    assert_eq!(server.head("/v2/a/manifests/v2").await.status, 404);
    let again = server.call("DELETE", &by_digest, &[], b"").await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (404, "MANIFEST_UNKNOWN")
    );
}

#[tokio::test]
async fn a_manifest_that_an_index_names_is_kept_unless_forced() {
    let server = Running::start().await;
    let child = image("a");
    server.push_image("a", "child", &child).await;
    let index = Index::oci().image(&child, "linux/amd64");
    put(&server, "/v2/a/manifests/v1", &[], &index.bytes()).await;
    let target = format!("/v2/a/manifests/{}", child.digest());
    let refused = server.call("DELETE", &target, &[], b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (405, "DENIED"));
    assert_eq!(refused.header("allow"), "GET, HEAD, PUT");
    assert!(refused.json().to_string().contains(index.digest().as_str()));
    assert_eq!(
        server
            .call("DELETE", &format!("{target}?force=true"), &[], b"")
            .await
            .status,
        202
    );
}
