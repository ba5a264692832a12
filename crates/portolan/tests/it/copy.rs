//! `portolan copy`: results, messages and exit statuses.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use portolan_client::{Client, Scheme, Settings};
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::Registry;
use portolan_registry::contract::TestRepository;
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Server, User};

const UNKNOWN: &str = "application/vnd.example.unknown.v1+json";

/// Pushes an index with children of every kind, and returns it with the digests of its manifests.
async fn push_all_kinds(repository: &TestRepository) -> (IndexFixture, Vec<Digest>) {
    let (oci, docker) = (image("a"), image("b").docker().layers(["x", "a"]));
    let inner = IndexFixture::docker().image(&docker, "linux/arm64");
    let index = IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested_index(&inner, None)
        .child_of_type(UNKNOWN, b"{\"nobody\":\"knows\"}", None)
        .child_of_type(
            "application/vnd.oci.image.layer.v1.tar+gzip",
            &blob("cache"),
            None,
        );
    repository.push_image(&oci, &[]).await;
    repository.push_image(&docker, &[]).await;
    repository.push_index(&inner, &[]).await;
    let unknown = repository
        .push_manifest(
            b"{\"nobody\":\"knows\"}".as_slice().into(),
            &UNKNOWN.into(),
            &[],
        )
        .await;
    repository.push_blob(blob("cache")).await;
    repository.push_index(&index, &["v1"]).await;
    let digests = vec![
        oci.digest(),
        docker.digest(),
        inner.digest(),
        unknown,
        index.digest(),
    ];
    (index, digests)
}

async fn assert_same(digests: &[Digest], one: &TestRepository, other: &TestRepository) {
    for digest in digests {
        assert_eq!(
            one.get_manifest(digest).await.unwrap(),
            other.get_manifest(digest).await.unwrap()
        );
    }
}

#[tokio::test]
async fn copies_everything_through_a_folder_and_an_archive() {
    let (first, second, person) = (Server::start(), Server::start(), User::new());
    let source = first.repository("team/app");
    let (index, digests) = push_all_kinds(&source).await;

    let printed = person.run_text(&["copy", &first.reference("team/app:v1"), "oci:folder:v1"]);
    assert_eq!(printed, format!("oci:folder@{}\n", index.digest()));
    person.run_ok(&["copy", "oci:folder:v1", "oci-archive:image.tar:v1"]);
    person.run_ok(&[
        "copy",
        "oci-archive:image.tar",
        &second.reference("other/app:v2"),
    ]);
    let target = second.repository("other/app");
    assert_eq!(target.resolve_tag("v2").await, Some(index.digest()));
    assert_same(&digests, &source, &target).await;
    assert_eq!(
        target
            .read_blob(&Digest::sha256(&blob("cache")))
            .await
            .unwrap(),
        blob("cache")
    );
}

#[tokio::test]
async fn mounts_blobs_within_a_registry_and_transfers_nothing_twice() {
    let (server, person) = (Server::start(), User::new());
    let (_, digests) = push_all_kinds(&server.repository("team/app")).await;
    let copy = [
        "copy",
        "--json",
        &server.reference("team/app:v1"),
        &server.reference("team/copy:v1"),
    ];
    let outcome = person.run_json(&copy)["copies"][0]["outcome"].clone();
    assert_eq!(outcome["copied"], json!(0), "{outcome}");
    assert!(outcome["mounted"].as_u64().unwrap() > 0, "{outcome}");
    assert_same(
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
        text(&again.stderr).contains("already up to date"),
        "{}",
        text(&again.stderr)
    );
}

#[tokio::test]
async fn copies_an_incomplete_index_only_with_sparse() {
    let (server, person) = (Server::start(), User::new());
    let source = server.repository("sparse/app");
    source.push_image(&image("a"), &[]).await;
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("gone"), "linux/arm64");
    source.push_index(&index, &["v1"]).await;
    let stderr = person.run_failing(
        &["copy", &server.reference("sparse/app:v1"), "oci:folder:v1"],
        3,
    );
    assert!(
        stderr.contains("--sparse") && stderr.contains("linux/arm64"),
        "{stderr}"
    );
    person.run_ok(&[
        "copy",
        "--sparse",
        &server.reference("sparse/app:v1"),
        "oci:folder:v1",
    ]);
    person.run_ok(&[
        "copy",
        "--sparse",
        "oci:folder:v1",
        &server.reference("sparse/copy:v1"),
    ]);
    assert_eq!(
        server.repository("sparse/copy").resolve_tag("v1").await,
        Some(index.digest())
    );
    server
        .repository("sparse/copy")
        .get_manifest(image("a").digest())
        .await
        .unwrap();

    let manifest = with_layer(&Digest::sha256(b"gone"), 4).to_string();
    source
        .push_manifest(manifest.into(), &MediaType::OCI_MANIFEST.into(), &["v2"])
        .await;
    let output = person.run(&[
        "copy",
        "--sparse",
        "--json",
        &server.reference("sparse/app:v2"),
        "oci:folder:v2",
    ]);
    let (stderr, printed) = (
        text(&output.stderr),
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
    );
    let absent = &printed["copies"][0]["outcome"]["absent"];
    assert!(
        stderr.contains("which the source does not have"),
        "{stderr}"
    );
    assert!(
        absent
            .as_array()
            .unwrap()
            .contains(&json!(Digest::sha256(b"gone"))),
        "{printed}"
    );
}

#[tokio::test]
async fn reports_the_new_index_of_a_platform_subset() {
    let (server, person) = (Server::start(), User::new());
    let source = server.repository("team/app");
    for name in ["a", "b"] {
        source.push_image(&image(name), &[]).await;
    }
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    source.push_index(&index, &["v1"]).await;
    let copy = [
        "copy",
        "--platform",
        "linux/arm64",
        "--json",
        &server.reference("team/app:v1"),
        "oci:folder:v1",
    ];
    let copied = person.run_json(&copy)["copies"][0].clone();
    assert_eq!(
        copied["rewritten"][0]["old"],
        json!(index.digest()),
        "{copied}"
    );
    assert_eq!(
        copied["rewritten"][0]["new"], copied["outcome"]["digest"],
        "{copied}"
    );
    let children = person.run_json(&["inspect", "--json", "oci:folder:v1"])["children"].clone();
    assert_eq!(children.as_array().map(Vec::len), Some(1), "{children}");
    assert_eq!(children[0]["digest"], json!(image("b").digest()));

    let stderr = person.run_failing(
        &[
            "copy",
            "--platform",
            "linux/s390x",
            &server.reference("team/app:v1"),
            "oci:folder:x",
        ],
        3,
    );
    assert!(stderr.contains("linux/amd64, linux/arm64"), "{stderr}");
}

#[tokio::test]
async fn a_dry_run_has_stable_json_and_changes_nothing() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("team/app")
        .push_image(&image("a"), &["v1"])
        .await;
    let (source, target) = (
        server.reference("team/app:v1"),
        server.reference("team/new:v1"),
    );
    let planned = person.run_json(&["copy", "--dry-run", "--json", &source, &target]);
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
        "target": server.reference("team/new"),
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
        "a dry run must not create the repository"
    );

    let shown = person.run_text(&["copy", "--dry-run", &source, "oci:folder:v1"]);
    assert!(
        shown.contains("manifest (v1)") && shown.contains("2 blobs"),
        "{shown}"
    );
    assert!(!person.path("folder").exists());
}

#[tokio::test]
async fn a_failed_copy_does_not_stop_the_others() {
    let (server, person) = (Server::start(), User::new());
    for name in ["a", "b"] {
        server
            .repository(name)
            .push_image(&image(name), &["v1"])
            .await;
    }
    let sources = [
        server.reference("a:v1"),
        server.reference("missing:v1"),
        server.reference("b:v1"),
    ];
    let target = server.reference("mirror");
    let output = person.run(&["copy", &sources[0], &sources[1], &sources[2], &target]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("1 of 3 copies failed") && stderr.contains("missing:v1"),
        "{stderr}"
    );
    for name in ["a", "b"] {
        let copied = server
            .repository(&format!("mirror/{name}"))
            .resolve_tag("v1")
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
async fn reads_a_list_from_standard_input() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("a")
        .push_image(&image("a"), &["v1"])
        .await;
    let mut command = person.command(&["copy", "--from", "-", "oci:folder"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(
        child.stdin.take().unwrap(),
        "# one\n{}",
        server.reference("a:v1")
    )
    .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(person.run_text(&["tags", "list", "oci:folder"]), "v1\n");
}

#[tokio::test]
async fn rejects_a_digest_other_than_that_of_the_target() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("a");
    repository.push_image(&image("a"), &["v1"]).await;
    let right = server.reference(&format!("b@{}", image("a").digest()));
    person.run_ok(&["copy", &server.reference("a:v1"), &right]);
    assert_eq!(
        server.repository("b").tags().await.unwrap(),
        Vec::<String>::new()
    );
    let wrong = server.reference(&format!("c@{}", image("x").digest()));
    person.run_failing(&["copy", &server.reference("a:v1"), &wrong], 6);
}

#[tokio::test]
async fn copies_one_platform_to_a_docker_archive() {
    let (server, person) = (Server::start(), User::new());
    let source = server.repository("team/app");
    let index = IndexFixture::oci()
        .child_of_type(
            MediaType::OCI_MANIFEST,
            &push_uncompressed_image(&source, "a").await,
            Some("linux/amd64"),
        )
        .child_of_type(
            MediaType::OCI_MANIFEST,
            &push_uncompressed_image(&source, "b").await,
            Some("linux/arm64"),
        );
    source.push_index(&index, &["v1"]).await;
    let (from, to) = (
        server.reference("team/app:v1"),
        "docker-archive:image.tar:team/app:v1",
    );
    person.run_ok(&["copy", "--platform", "linux/arm64", &from, to]);
    assert_eq!(
        person.run_text(&["tags", "list", "docker-archive:image.tar"]),
        "docker.io/team/app:v1\n"
    );
    person.run_ok(&["copy", to, &server.reference("team/back:v1")]);
    assert_eq!(
        server
            .repository("team/back")
            .read_blob(&Digest::sha256(&blob("b")))
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
    assert!(person.run_failing(&both, 2).contains("choose one platform"));
    assert!(!person.path("x.tar").exists());
}

/// Pushes an image whose layer is an uncompressed tar, as docker requires.
async fn push_uncompressed_image(repository: &TestRepository, name: &str) -> Vec<u8> {
    let layer = repository.push_blob(blob(name)).await;
    let rootfs = json!({"type": "layers", "diff_ids": [layer]});
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string();
    let digest = repository.push_blob(config.clone()).await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
        "config": {"mediaType": MediaType::OCI_CONFIG, "digest": digest, "size": config.len()},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": blob(name).len()}],
    });
    repository
        .push_manifest(
            manifest.to_string().into(),
            &MediaType::OCI_MANIFEST.into(),
            &[],
        )
        .await;
    manifest.to_string().into()
}

#[tokio::test]
async fn prints_lines_without_a_terminal_and_nothing_when_quiet() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("a")
        .push_image(&image("a"), &["v1"])
        .await;
    let stderr = text(
        &person
            .run(&["copy", &server.reference("a:v1"), "oci:folder:v1"])
            .stderr,
    );
    assert!(
        stderr.contains("copied blob ")
            && stderr.contains("copied manifest ")
            && stderr.contains("set tag v1 of oci:folder to sha256:"),
        "{stderr}"
    );
    let stderr = text(
        &person
            .run(&["copy", "--quiet", &server.reference("a:v1"), "oci:other:v1"])
            .stderr,
    );
    assert_eq!(stderr, "");
}

#[tokio::test]
async fn prints_the_failure_of_each_copy_once_even_if_quiet() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("a")
        .push_image(&image("a"), &["v1"])
        .await;
    let (missing, present) = (server.reference("a:none"), server.reference("a:v1"));
    for options in [&["--quiet"][..], &[]] {
        let arguments = [&["copy"], options, &[&missing, &present, "oci:folder"]].concat();
        let stderr = person.run_failing(&arguments, 3);
        let expected = format!("{missing}: the manifest was not found in this repository\n");
        assert_eq!(stderr.matches(&expected).count(), 1, "{stderr}");
        assert!(
            stderr.ends_with("error: 1 of 2 copies failed\n"),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn resumes_an_upload_of_an_earlier_process() {
    let (server, person) = (Server::start(), User::new());
    let content: Vec<u8> = (0..3 << 20)
        .map(|position: u32| position.to_le_bytes()[1])
        .collect();
    let digest = Digest::sha256(&content);
    let source = server.repository("from");
    source.push_blob(content.clone()).await;
    let manifest = with_layer(&digest, content.len());
    source.push_blob(&b"{}"[..]).await;
    source
        .push_manifest(
            manifest.to_string().into(),
            &MediaType::OCI_MANIFEST.into(),
            &["v1"],
        )
        .await;

    // Another process has sent a part of the layer to another registry and has ended.
    let other = Server::start();
    let settings = Settings {
        scheme: Scheme::Http,
        ..Settings::new(other.host())
    };
    let client: Arc<dyn Registry> = Arc::new(Client::new(settings).unwrap());
    let gone = TestRepository::new(&client, "to");
    let first = bytes::Bytes::copy_from_slice(&content[..1 << 20]);
    let upload = gone
        .append_upload(&gone.open_upload().await.id, None, first)
        .await
        .unwrap();
    let stored = json!({"uploads": [{"target": other.reference("to"), "digest": digest, "upload": upload.id.as_str()}]});
    let state = person.path(".local/state/portolan");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("uploads.json"), stored.to_string()).unwrap();

    let stderr = text(
        &person
            .run(&[
                "copy",
                &server.reference("from:v1"),
                &other.reference("to:v1"),
            ])
            .stderr,
    );
    assert_eq!(
        other.repository("to").read_blob(&digest).await.unwrap(),
        content,
        "{stderr}"
    );
    assert!(
        gone.upload_status(&upload.id).await.is_err(),
        "the session was completed; {stderr}"
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

/// Returns an image that a docker-archive can store: its config has the digests of its layers.
fn loadable(layers: [&str; 2]) -> ImageFixture {
    let diff_ids = layers.map(|layer| Digest::sha256(&blob(layer)));
    image("a")
        .layers(layers)
        .config_field("rootfs", json!({"type": "layers", "diff_ids": diff_ids}))
}

/// Runs a command with content on standard input.
fn run_with_input(user: &User, arguments: &[&str], input: &[u8]) -> std::process::Output {
    let mut command = user.command(arguments);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test]
async fn archives_are_read_from_and_written_to_pipes() {
    let (server, user) = (Server::start(), User::new());
    let source = server.repository("team/app");
    source.push_image(&loadable(["x", "y"]), &["v1"]).await;
    let from = server.reference("team/app:v1");
    for (format, name) in [("oci-archive", "v1"), ("docker-archive", "team/app:v1")] {
        let file = format!("{format}:{format}.tar");
        user.run_ok(&["copy", &from, &format!("{file}:{name}")]);
        let bytes = fs::read(user.path(&format!("{format}.tar"))).unwrap();
        for path in ["-", "/dev/stdout"] {
            let target = format!("{format}:{path}:{name}");
            assert!(user.run_ok(&["copy", &from, &target]) == bytes, "{target}");
            let json = user.run_ok(&["copy", "--json", &from, &target]);
            assert!(
                json == bytes,
                "{target}: nothing else is on standard output"
            );
        }
        let digest = user.run_text(&["inspect", &file, "--raw"]);
        for path in ["-", "/dev/stdin"] {
            for reference in [
                format!("{format}:{path}"),
                format!("{format}:{path}:{name}"),
            ] {
                let arguments = ["inspect", &reference, "--raw"];
                let output = run_with_input(&user, &arguments, &bytes);
                assert_eq!(text(&output.stdout), digest, "{reference}");
            }
        }
        let plan = user.run_json(&[
            "copy",
            "--dry-run",
            "--json",
            &from,
            &format!("{format}:-:{name}"),
        ]);
        assert!(
            plan["copies"][0]["plan"].is_object(),
            "a dry run writes no archive"
        );
    }
    let output = run_with_input(&user, &["copy", "oci-archive:-", "oci-archive:-:v2"], &{
        fs::read(user.path("oci-archive.tar")).unwrap()
    });
    fs::write(user.path("copy.tar"), output.stdout).unwrap();
    assert_eq!(
        user.run_text(&["tags", "list", "oci-archive:copy.tar"]),
        "v2\n"
    );
}

#[tokio::test]
async fn archives_are_written_to_named_pipes() {
    let (server, user) = (Server::start(), User::new());
    let source = server.repository("team/app");
    source.push_image(&image("a"), &["v1"]).await;
    let pipe = user.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
    let from = server.reference("team/app:v1");
    user.run_ok(&["copy", &from, "oci-archive:pipe:v1"]);
    user.run_ok(&["copy", &from, "oci-archive:file.tar:v1"]);
    assert!(reader.join().unwrap() == fs::read(user.path("file.tar")).unwrap());
}

#[tokio::test]
async fn a_docker_archive_is_the_same_for_every_run_and_source() {
    let (server, user) = (Server::start(), User::new());
    let source = server.repository("team/app");
    source.push_image(&loadable(["x", "y"]), &["v1"]).await;
    let from = server.reference("team/app:v1");
    user.run_ok(&["copy", &from, "oci:folder:v1"]);
    for format in ["oci-archive:-:v1", "docker-archive:-:app"] {
        let first = user.run_ok(&["copy", &from, format]);
        for source in [&*from, "oci:folder:v1", &from, "oci:folder:v1"] {
            assert!(
                user.run_ok(&["copy", source, format]) == first,
                "{source} {format}"
            );
        }
    }
}
