//! `portolan inspect`: exact bytes, summaries, trees.

use std::process::Stdio;

use portolan_model::Digest;
use portolan_model::fixtures::{Index, blob, image};
use serde_json::json;

use super::text;

use super::toolkit::{Person, Server};

/// An index with a nested one, a shared image, something unknown and something absent.
async fn index(server: &Server) -> Index {
    let repository = server.repository("sparse/app");
    repository.image(&image("a").layers(["x", "y"]), &[]).await;
    repository
        .image(&image("b").docker().layers(["x"]), &[])
        .await;
    repository.blob(blob("unknown")).await;
    let inner = Index::docker().image(&image("b").docker().layers(["x"]), "linux/arm64");
    repository.index(&inner, &[]).await;
    let index = Index::oci()
        .image(&image("a").layers(["x", "y"]), "linux/amd64")
        .nested(&inner, None)
        .image(&image("gone"), "linux/s390x")
        .child_of_type("application/vnd.example.unknown", &blob("unknown"), None);
    repository.index(&index, &["v1"]).await;
    index
}

#[tokio::test]
async fn raw_is_byte_for_byte() {
    let (server, person) = (Server::start(), Person::new());
    let index = index(&server).await;
    let reference = server.at("sparse/app:v1");
    assert_eq!(
        person.prints(&["inspect", "--raw", &reference]),
        index.bytes()
    );
    let nested = image("b").docker().layers(["x"]);
    let raw = person.prints(&["inspect", "--raw", "--platform", "linux/arm64", &reference]);
    assert_eq!(raw, nested.bytes());
    let config = person.prints(&[
        "inspect",
        "--config",
        "--platform",
        "linux/arm64/v8",
        &reference,
    ]);
    assert_eq!(config, nested.blobs()[0]);
    let said = person.fails(&["inspect", "--config", &reference], 2);
    assert!(said.contains("--platform"), "{said}");
    let said = person.fails(&["inspect", "--platform", "windows/amd64", &reference], 3);
    assert!(said.contains("linux/amd64"), "{said}");
}

#[tokio::test]
async fn a_summary_tells_the_children() {
    let (server, person) = (Server::start(), Person::new());
    let index = index(&server).await;
    let reference = server.at("sparse/app:v1");
    let summary = person.prints_json(&["inspect", "--json", &reference]);
    assert_eq!(summary["digest"], json!(index.digest()));
    assert_eq!(
        (&summary["kind"], &summary["referrers"]),
        (&json!("OCI index"), &json!(0))
    );
    let there: Vec<_> = summary["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| &child["there"])
        .collect();
    assert_eq!(
        there,
        [&json!(true), &json!(true), &json!(false), &json!(true)]
    );
    let content: usize = image("a")
        .layers(["x", "y"])
        .blobs()
        .iter()
        .map(bytes::Bytes::len)
        .sum();
    assert_eq!(summary["children"][0]["contentSize"], json!(content));
    let shown = person.prints_text(&["inspect", &reference]);
    assert!(
        shown.contains("linux/amd64") && shown.contains("absent") && shown.contains("OCI index"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_summary_of_an_image_tells_its_layers() {
    let (server, person) = (Server::start(), Person::new());
    server
        .repository("app")
        .image(&image("a").layers(["x", "y"]), &["v1"])
        .await;
    let summary = person.prints_json(&["inspect", "--json", &server.at("app:v1")]);
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
    let shown = person.prints_text(&["inspect", &server.at("app:v1")]);
    assert!(
        shown.contains("Platform:") && shown.contains("in all"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_tree_marks_what_is_remarkable() {
    let (server, person) = (Server::start(), Person::new());
    index(&server).await;
    let reference = server.at("sparse/app:v1");
    let drawn = person.prints_text(&["inspect", "--tree", &reference]);
    assert!(drawn.contains("├── linux/amd64  OCI image"), "{drawn}");
    assert!(
        drawn.contains("│   └── linux/arm64  Docker image"),
        "{drawn}"
    );
    assert!(
        drawn.contains("(absent)")
            && drawn.contains("(shared, see above)")
            && drawn.contains("unknown"),
        "{drawn}"
    );
    let tree = person.prints_json(&["inspect", "--tree", "--json", &reference]);
    let states: Vec<_> = tree["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| &child["state"])
        .collect();
    assert_eq!(
        states,
        [
            &json!("there"),
            &json!("there"),
            &json!("absent"),
            &json!("there")
        ]
    );
    assert_eq!(
        tree["children"][1]["children"][0]["children"][1]["state"],
        json!("shared")
    );
}

#[tokio::test]
async fn whoever_stops_reading_is_no_failure() {
    let (server, person) = (Server::start(), Person::new());
    // More than fits into a pipe that nobody empties.
    let digest = server.repository("app").blob(vec![7; 1 << 20]).await;
    let blob = server.at(&format!("app@{digest}"));
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
