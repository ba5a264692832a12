//! `portolan inspect`: exact bytes, summaries, trees.

use std::process::Stdio;

use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, blob, image};
use serde_json::json;

use super::text;

use super::toolkit::{Server, User};

/// Pushes an index with a nested index, a shared image, an unknown child and an absent child.
async fn push_index(server: &Server) -> IndexFixture {
    let repository = server.repository("sparse/app");
    repository
        .push_image(&image("a").layers(["x", "y"]), &[])
        .await;
    repository
        .push_image(&image("b").docker().layers(["x"]), &[])
        .await;
    repository.push_blob(blob("unknown")).await;
    let inner = IndexFixture::docker().image(&image("b").docker().layers(["x"]), "linux/arm64");
    repository.push_index(&inner, &[]).await;
    let index = IndexFixture::oci()
        .image(&image("a").layers(["x", "y"]), "linux/amd64")
        .nested_index(&inner, None)
        .image(&image("gone"), "linux/s390x")
        .child_of_type("application/vnd.example.unknown", &blob("unknown"), None);
    repository.push_index(&index, &["v1"]).await;
    index
}

#[tokio::test]
async fn raw_is_byte_for_byte() {
    let (server, person) = (Server::start(), User::new());
    let index = push_index(&server).await;
    let reference = server.reference("sparse/app:v1");
    assert_eq!(
        person.run_ok(&["inspect", "--raw", &reference]),
        index.bytes()
    );
    let nested = image("b").docker().layers(["x"]);
    let raw = person.run_ok(&["inspect", "--raw", "--platform", "linux/arm64", &reference]);
    assert_eq!(raw, nested.bytes());
    let config = person.run_ok(&[
        "inspect",
        "--config",
        "--platform",
        "linux/arm64/v8",
        &reference,
    ]);
    assert_eq!(config, nested.blobs()[0]);
    let stderr = person.run_failing(&["inspect", "--config", &reference], 2);
    assert!(stderr.contains("--platform"), "{stderr}");
    let stderr = person.run_failing(&["inspect", "--platform", "windows/amd64", &reference], 3);
    assert!(stderr.contains("linux/amd64"), "{stderr}");
}

#[tokio::test]
async fn a_summary_lists_the_children() {
    let (server, person) = (Server::start(), User::new());
    let index = push_index(&server).await;
    let reference = server.reference("sparse/app:v1");
    let summary = person.run_json(&["inspect", "--json", &reference]);
    assert_eq!(summary["digest"], json!(index.digest()));
    assert_eq!(
        (&summary["kind"], &summary["referrers"]),
        (&json!("OCI index"), &json!(0))
    );
    let present: Vec<_> = summary["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| &child["present"])
        .collect();
    assert_eq!(
        present,
        [&json!(true), &json!(true), &json!(false), &json!(true)]
    );
    let content: usize = image("a")
        .layers(["x", "y"])
        .blobs()
        .iter()
        .map(bytes::Bytes::len)
        .sum();
    assert_eq!(summary["children"][0]["contentSize"], json!(content));
    let shown = person.run_text(&["inspect", &reference]);
    assert!(
        shown.contains("linux/amd64") && shown.contains("missing") && shown.contains("OCI index"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_summary_of_an_image_lists_its_layers() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("app")
        .push_image(&image("a").layers(["x", "y"]), &["v1"])
        .await;
    let summary = person.run_json(&["inspect", "--json", &server.reference("app:v1")]);
    assert_eq!(
        summary["image"]["platform"],
        json!({"os": "linux", "architecture": "amd64"})
    );
    let layers = summary["image"]["layers"].as_array().unwrap();
    let digests: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    assert_eq!(
        digests,
        [
            json!(Digest::sha256(&blob("x"))),
            json!(Digest::sha256(&blob("y")))
        ]
    );
    let shown = person.run_text(&["inspect", &server.reference("app:v1")]);
    assert!(
        shown.contains("Platform:") && shown.contains("total"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_tree_marks_absent_and_shared_nodes() {
    let (server, person) = (Server::start(), User::new());
    push_index(&server).await;
    let reference = server.reference("sparse/app:v1");
    let drawn = person.run_text(&["inspect", "--tree", &reference]);
    assert!(drawn.contains("├── linux/amd64  OCI image"), "{drawn}");
    assert!(
        drawn.contains("│   └── linux/arm64  Docker image"),
        "{drawn}"
    );
    assert!(
        drawn.contains("(missing)")
            && drawn.contains("(shared, see above)")
            && drawn.contains("unknown"),
        "{drawn}"
    );
    let tree = person.run_json(&["inspect", "--tree", "--json", &reference]);
    let states: Vec<_> = tree["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| &child["state"])
        .collect();
    assert_eq!(
        states,
        [
            &json!("present"),
            &json!("present"),
            &json!("absent"),
            &json!("present")
        ]
    );
    assert_eq!(
        tree["children"][1]["children"][0]["children"][1]["state"],
        json!("shared")
    );
}

#[tokio::test]
async fn a_closed_pipe_is_not_a_failure() {
    let (server, person) = (Server::start(), User::new());
    // More than a pipe holds, so that the write blocks until the reader is gone.
    let digest = server.repository("app").push_blob(vec![7; 1 << 20]).await;
    let blob = server.reference(&format!("app@{digest}"));
    let mut command = person.command(&["blob", "get", &blob]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
}
