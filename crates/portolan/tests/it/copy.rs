//! `portolan copy`: what arrives, what is said, and how it ends.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use portolan_client::{Client, Scheme, Settings};
use portolan_model::fixtures::{Index, blob, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::Registry;
use portolan_registry::contract::Repository;
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Person, Server};

const UNKNOWN: &str = "application/vnd.example.unknown.v1+json";

/// An index with something of each kind in it, and its manifests.
async fn everything(repository: &Repository) -> (Index, Vec<Digest>) {
    let (oci, docker) = (image("a"), image("b").docker().layers(["x", "a"]));
    let inner = Index::docker().image(&docker, "linux/arm64");
    let index = Index::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested(&inner, None)
        .child_of_type(UNKNOWN, b"{\"nobody\":\"knows\"}", None)
        .child_of_type(
            "application/vnd.oci.image.layer.v1.tar+gzip",
            &blob("cache"),
            None,
        );
    repository.image(&oci, &[]).await;
    repository.image(&docker, &[]).await;
    repository.index(&inner, &[]).await;
    let unknown = repository
        .manifest(
            b"{\"nobody\":\"knows\"}".as_slice().into(),
            &UNKNOWN.into(),
            &[],
        )
        .await;
    repository.blob(blob("cache")).await;
    repository.index(&index, &["v1"]).await;
    let digests = vec![
        oci.digest(),
        docker.digest(),
        inner.digest(),
        unknown,
        index.digest(),
    ];
    (index, digests)
}

async fn same(digests: &[Digest], one: &Repository, other: &Repository) {
    for digest in digests {
        assert_eq!(
            one.get(digest).await.unwrap(),
            other.get(digest).await.unwrap()
        );
    }
}

#[tokio::test]
async fn everything_arrives_through_a_folder_and_an_archive() {
    let (first, second, person) = (Server::start(), Server::start(), Person::new());
    let source = first.repository("team/app");
    let (index, digests) = everything(&source).await;

    let printed = person.prints_text(&["copy", &first.at("team/app:v1"), "oci:folder:v1"]);
    assert_eq!(printed, format!("oci:folder@{}\n", index.digest()));
    person.prints(&["copy", "oci:folder:v1", "oci-archive:image.tar:v1"]);
    person.prints(&["copy", "oci-archive:image.tar", &second.at("other/app:v2")]);
    let target = second.repository("other/app");
    assert_eq!(target.tagged("v2").await, Some(index.digest()));
    same(&digests, &source, &target).await;
    assert_eq!(
        target.read(&Digest::sha256(&blob("cache"))).await.unwrap(),
        blob("cache")
    );
}

#[tokio::test]
async fn blobs_are_mounted_within_a_registry_and_nothing_moves_twice() {
    let (server, person) = (Server::start(), Person::new());
    let (_, digests) = everything(&server.repository("team/app")).await;
    let copy = [
        "copy",
        "--json",
        &server.at("team/app:v1"),
        &server.at("team/copy:v1"),
    ];
    let outcome = person.prints_json(&copy)["copies"][0]["outcome"].clone();
    assert_eq!(outcome["copied"], json!(0), "{outcome}");
    assert!(outcome["mounted"].as_u64().unwrap() > 0, "{outcome}");
    same(
        &digests,
        &server.repository("team/app"),
        &server.repository("team/copy"),
    )
    .await;
    let again = person.run(
        &copy[..1]
            .iter()
            .chain(&copy[2..])
            .copied()
            .collect::<Vec<_>>(),
    );
    assert!(
        text(&again.stderr).contains("all there already"),
        "{}",
        text(&again.stderr)
    );
}

#[tokio::test]
async fn an_incomplete_index_needs_to_be_asked_for() {
    let (server, person) = (Server::start(), Person::new());
    let source = server.repository("sparse/app");
    source.image(&image("a"), &[]).await;
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("gone"), "linux/arm64");
    source.index(&index, &["v1"]).await;
    let said = person.fails(&["copy", &server.at("sparse/app:v1"), "oci:folder:v1"], 3);
    assert!(
        said.contains("--sparse") && said.contains("linux/arm64"),
        "{said}"
    );
    person.prints(&[
        "copy",
        "--sparse",
        &server.at("sparse/app:v1"),
        "oci:folder:v1",
    ]);
    person.prints(&[
        "copy",
        "--sparse",
        "oci:folder:v1",
        &server.at("sparse/copy:v1"),
    ]);
    assert_eq!(
        server.repository("sparse/copy").tagged("v1").await,
        Some(index.digest())
    );
    server
        .repository("sparse/copy")
        .get(image("a").digest())
        .await
        .unwrap();

    let manifest = with_layer(&Digest::sha256(b"gone"), 4).to_string();
    source
        .manifest(manifest.into(), &MediaType::OCI_MANIFEST.into(), &["v2"])
        .await;
    let output = person.run(&[
        "copy",
        "--sparse",
        "--json",
        &server.at("sparse/app:v2"),
        "oci:folder:v2",
    ]);
    let (said, printed) = (
        text(&output.stderr),
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
    );
    let absent = &printed["copies"][0]["outcome"]["absent"];
    assert!(said.contains("does not have the blob"), "{said}");
    assert!(
        absent
            .as_array()
            .unwrap()
            .contains(&json!(Digest::sha256(b"gone"))),
        "{printed}"
    );
}

#[tokio::test]
async fn a_subset_is_another_index_and_says_so() {
    let (server, person) = (Server::start(), Person::new());
    let source = server.repository("team/app");
    for name in ["a", "b"] {
        source.image(&image(name), &[]).await;
    }
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    source.index(&index, &["v1"]).await;
    let copy = [
        "copy",
        "--platform",
        "linux/arm64",
        "--json",
        &server.at("team/app:v1"),
        "oci:folder:v1",
    ];
    let copied = person.prints_json(&copy)["copies"][0].clone();
    assert_eq!(
        copied["rewritten"][0]["old"],
        json!(index.digest()),
        "{copied}"
    );
    assert_eq!(
        copied["rewritten"][0]["new"], copied["outcome"]["digest"],
        "{copied}"
    );
    let children = person.prints_json(&["inspect", "--json", "oci:folder:v1"])["children"].clone();
    assert_eq!(children.as_array().map(Vec::len), Some(1), "{children}");
    assert_eq!(children[0]["digest"], json!(image("b").digest()));

    let said = person.fails(
        &[
            "copy",
            "--platform",
            "linux/s390x",
            &server.at("team/app:v1"),
            "oci:folder:x",
        ],
        3,
    );
    assert!(said.contains("linux/amd64, linux/arm64"), "{said}");
}

#[tokio::test]
async fn a_plan_has_stable_names_and_changes_nothing() {
    let (server, person) = (Server::start(), Person::new());
    server
        .repository("team/app")
        .image(&image("a"), &["v1"])
        .await;
    let (source, target) = (server.at("team/app:v1"), server.at("team/new:v1"));
    let planned = person.prints_json(&["copy", "--dry-run", "--json", &source, &target]);
    let parts: Vec<Value> = image("a")
        .blobs()
        .iter()
        .zip([MediaType::OCI_CONFIG, MediaType::OCI_LAYER_GZIP])
        .map(|(content, media_type)| {
            json!({
                "digest": Digest::sha256(content), "mediaType": media_type, "size": content.len(),
                "action": "mount", "from": "team/app",
            })
        })
        .collect();
    let digest = image("a").digest();
    let plan = json!({
        "source": source,
        "target": server.at("team/new"),
        "sourceDigest": digest,
        "digest": digest,
        "tags": ["v1"],
        "manifests": [{
            "digest": digest, "mediaType": MediaType::OCI_MANIFEST, "size": image("a").bytes().len(),
            "action": "copy", "tags": ["v1"],
        }],
        "blobs": parts,
        "rewritten": [],
        "remarks": [],
    });
    assert_eq!(
        planned,
        json!({"copies": [{"source": source, "target": target, "plan": plan}]})
    );
    assert!(
        server.repository("team/new").tags().await.is_err(),
        "nothing has been made"
    );

    let shown = person.prints_text(&["copy", "--dry-run", &source, "oci:folder:v1"]);
    assert!(
        shown.contains("manifest (v1)") && shown.contains("2 blobs"),
        "{shown}"
    );
    assert!(!person.path("folder").exists());
}

#[tokio::test]
async fn one_that_fails_does_not_stop_the_others() {
    let (server, person) = (Server::start(), Person::new());
    for name in ["a", "b"] {
        server.repository(name).image(&image(name), &["v1"]).await;
    }
    let sources = [
        server.at("a:v1"),
        server.at("missing:v1"),
        server.at("b:v1"),
    ];
    let target = server.at("mirror");
    let output = person.run(&["copy", &sources[0], &sources[1], &sources[2], &target]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("1 of 3 copies failed") && said.contains("missing:v1"),
        "{said}"
    );
    for name in ["a", "b"] {
        let copied = server
            .repository(&format!("mirror/{name}"))
            .tagged("v1")
            .await;
        assert_eq!(copied, Some(image(name).digest()));
    }
    let output = person.run(&["copy", "--json", &sources[0], &sources[1], &target]);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        printed["copies"][0]["outcome"]["digest"],
        json!(image("a").digest())
    );
    assert_eq!(
        printed["copies"][1]["error"]["status"],
        json!(3),
        "{printed}"
    );
}

#[tokio::test]
async fn a_list_comes_from_standard_input() {
    let (server, person) = (Server::start(), Person::new());
    server.repository("a").image(&image("a"), &["v1"]).await;
    let mut command = person.command(&["copy", "--from", "-", "oci:folder"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "# one\n{}", server.at("a:v1")).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(person.prints_text(&["tags", "list", "oci:folder"]), "v1\n");
}

#[tokio::test]
async fn a_target_that_names_a_digest_must_get_it() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("a");
    repository.image(&image("a"), &["v1"]).await;
    let right = server.at(&format!("b@{}", image("a").digest()));
    person.prints(&["copy", &server.at("a:v1"), &right]);
    assert_eq!(
        server.repository("b").tags().await.unwrap(),
        Vec::<String>::new()
    );
    let wrong = server.at(&format!("c@{}", image("x").digest()));
    person.fails(&["copy", &server.at("a:v1"), &wrong], 6);
}

#[tokio::test]
async fn docker_archives_get_one_platform() {
    let (server, person) = (Server::start(), Person::new());
    let source = server.repository("team/app");
    let index = Index::oci()
        .child_of_type(
            MediaType::OCI_MANIFEST,
            &plain(&source, "a").await,
            Some("linux/amd64"),
        )
        .child_of_type(
            MediaType::OCI_MANIFEST,
            &plain(&source, "b").await,
            Some("linux/arm64"),
        );
    source.index(&index, &["v1"]).await;
    let (from, to) = (
        server.at("team/app:v1"),
        "docker-archive:image.tar:team/app:v1",
    );
    person.prints(&["copy", "--platform", "linux/arm64", &from, to]);
    assert_eq!(
        person.prints_text(&["tags", "list", "docker-archive:image.tar"]),
        "docker.io/team/app:v1\n"
    );
    person.prints(&["copy", to, &server.at("team/back:v1")]);
    assert_eq!(
        server
            .repository("team/back")
            .read(&Digest::sha256(&blob("b")))
            .await
            .unwrap(),
        blob("b")
    );
    let both = [
        "copy",
        "--platform",
        "linux/amd64,linux/arm64",
        &from,
        "docker-archive:x.tar:a:v1",
    ];
    assert!(person.fails(&both, 2).contains("choose one platform"));
    assert!(!person.path("x.tar").exists());
}

/// Pushes an image whose layer is a tar, as docker wants it.
async fn plain(repository: &Repository, name: &str) -> Vec<u8> {
    let layer = repository.blob(blob(name)).await;
    let rootfs = json!({"type": "layers", "diff_ids": [layer]});
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string();
    let digest = repository.blob(config.clone()).await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
        "config": {"mediaType": MediaType::OCI_CONFIG, "digest": digest, "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": blob(name).len()}],
    });
    repository
        .manifest(
            manifest.to_string().into(),
            &MediaType::OCI_MANIFEST.into(),
            &[],
        )
        .await;
    manifest.to_string().into()
}

#[tokio::test]
async fn lines_are_told_where_there_is_no_terminal_and_none_when_quiet() {
    let (server, person) = (Server::start(), Person::new());
    server.repository("a").image(&image("a"), &["v1"]).await;
    let said = text(
        &person
            .run(&["copy", &server.at("a:v1"), "oci:folder:v1"])
            .stderr,
    );
    assert!(
        said.contains(": blob ")
            && said.contains(": manifest ")
            && said.contains(": tag v1 is sha256:"),
        "{said}"
    );
    let said = text(
        &person
            .run(&["copy", "--quiet", &server.at("a:v1"), "oci:other:v1"])
            .stderr,
    );
    assert_eq!(said, "");
}

#[tokio::test]
async fn an_upload_that_was_left_is_gone_on_with() {
    let (server, person) = (Server::start(), Person::new());
    let content: Vec<u8> = (0..3 << 20)
        .map(|position: u32| position.to_le_bytes()[1])
        .collect();
    let digest = Digest::sha256(&content);
    let source = server.repository("from");
    source.blob(content.clone()).await;
    let manifest = with_layer(&digest, content.len());
    source.blob(&b"{}"[..]).await;
    source
        .manifest(
            manifest.to_string().into(),
            &MediaType::OCI_MANIFEST.into(),
            &["v1"],
        )
        .await;

    // Another process has sent a part of the layer to another registry, and is gone.
    let other = Server::start();
    let settings = Settings {
        scheme: Scheme::Http,
        ..Settings::new(other.host())
    };
    let client: Arc<dyn Registry> = Arc::new(Client::new(settings).unwrap());
    let gone = Repository::of(&client, "to");
    let first = bytes::Bytes::copy_from_slice(&content[..1 << 20]);
    let upload = gone
        .write(&gone.start().await.id, None, first)
        .await
        .unwrap();
    let kept = json!({"uploads": [{"target": other.at("to"), "digest": digest, "upload": upload.id.as_str()}]});
    let state = person.path(".local/state/portolan");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("uploads.json"), kept.to_string()).unwrap();

    let said = text(
        &person
            .run(&[
                "copy",
                "--resume",
                &server.at("from:v1"),
                &other.at("to:v1"),
            ])
            .stderr,
    );
    assert_eq!(
        other.repository("to").read(&digest).await.unwrap(),
        content,
        "{said}"
    );
    assert!(
        gone.status(&upload.id).await.is_err(),
        "the session was finished; {said}"
    );
    assert_eq!(
        fs::read_to_string(state.join("uploads.json")).unwrap(),
        "{\"uploads\":[]}"
    );
}

fn with_layer(digest: &Digest, size: usize) -> Value {
    json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
        "config": {"mediaType": MediaType::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2},
        "layers": [{"mediaType": MediaType::OCTET_STREAM, "digest": digest, "size": size}],
    })
}
