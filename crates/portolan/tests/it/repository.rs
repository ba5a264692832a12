//! Commands for tags, referrers, blobs and repositories, and their exit statuses.

use std::fs;

use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, blob, image};
use serde_json::json;

use super::text;
use super::toolkit::{Server, User};

#[tokio::test]
async fn lists_sets_and_deletes_tags() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    repository.push_image(&image("a"), &["v1"]).await;
    person.run_ok(&["tags", "set", &server.reference("app:v1"), "v2", "latest"]);
    assert_eq!(
        person.run_text(&["tags", "list", &server.reference("app")]),
        "latest\nv1\nv2\n"
    );
    person.run_ok(&[
        "tags",
        "delete",
        &server.reference("app:v1"),
        &server.reference("app:v2"),
    ]);
    let listed = person.run_json(&["tags", "list", "--json", &server.reference("app")]);
    assert_eq!(
        listed,
        json!({"repository": server.reference("app"), "tags": ["latest"]})
    );
    repository.get_manifest(image("a").digest()).await.unwrap();
    let stderr = person.run_failing(&["tags", "delete", &server.reference("app:laetst")], 3);
    assert!(
        stderr.contains("latest"),
        "the nearest tag is suggested: {stderr}"
    );
    person.run_failing(&["tags", "delete", &server.reference("app")], 2);
    person.run_ok(&["tags", "set", &server.reference("app:latest"), "v3"]);
    let several = ["app:missing", "app:v3", "gone:v1"].map(|reference| server.reference(reference));
    let stderr = person.run_failing(
        &["tags", "delete", &several[0], &several[1], &several[2]],
        3,
    );
    assert!(
        stderr.contains("2 of 3") && stderr.contains("app:missing") && stderr.contains("gone:v1"),
        "{stderr}"
    );
    assert_eq!(repository.tags().await.unwrap(), ["latest"]);
    person.run_failing(&["tags", "list", &server.reference("app:v1")], 2);
}

#[tokio::test]
async fn lists_repositories() {
    let (server, person) = (Server::start(), User::new());
    for name in ["a", "b/c"] {
        server
            .repository(name)
            .push_image(&image("a"), &["v1"])
            .await;
    }
    assert_eq!(person.run_text(&["repos", &server.host()]), "a\nb/c\n");
    let listed = person.run_json(&["repos", "--json", &server.host()]);
    assert_eq!(
        listed,
        json!({"host": server.host(), "repositories": ["a", "b/c"]})
    );
}

#[tokio::test]
async fn attaches_lists_and_copies_artifacts() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("app")
        .push_image(&image("a"), &["v1"])
        .await;
    fs::write(person.path("sbom.json"), "{\"sbom\":1}").unwrap();
    person.run_ok(&["copy", &server.reference("app:v1"), "oci:folder:v1"]);
    for reference in [server.reference("app:v1"), "oci:folder:v1".into()] {
        let attach = [
            "attach",
            &reference,
            "sbom.json",
            "--artifact-type",
            "application/spdx+json",
            "--annotation",
            "a=b",
        ];
        let printed = person.run_text(&attach);
        let again = person.run_json(&[&attach[..], &["--json"]].concat());
        assert!(
            printed.trim().ends_with(again["digest"].as_str().unwrap()),
            "attaching twice gives the same artifact: {printed} {again}"
        );
        assert_eq!(
            (&again["reference"], &again["subject"]),
            (&json!(reference), &json!(image("a").digest()))
        );
        let listed = person.run_json(&["referrers", "--json", &reference]);
        let referrer = &listed["referrers"][0];
        assert!(
            printed
                .trim()
                .ends_with(referrer["digest"].as_str().unwrap()),
            "{printed} {listed}"
        );
        assert_eq!(referrer["artifactType"], json!("application/spdx+json"));
        assert_eq!(referrer["annotations"], json!({"a": "b"}));
        let manifest = person.run_ok(&["inspect", "--raw", printed.trim()]);
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(
            manifest["layers"][0]["annotations"],
            json!({"org.opencontainers.image.title": "sbom.json"})
        );
        let none = person.run_text(&["referrers", "--artifact-type", "a/b", &reference]);
        assert_eq!(none, "");
    }
    person.run_ok(&[
        "copy",
        "--referrers",
        &server.reference("app:v1"),
        &server.reference("copy:v1"),
    ]);
    assert_eq!(
        server
            .repository("copy")
            .referrers(&image("a").digest())
            .await
            .len(),
        1
    );
    person.run_failing(
        &[
            "attach",
            &server.reference("app:v1"),
            "missing.json",
            "--artifact-type",
            "a/b",
        ],
        2,
    );
}

#[tokio::test]
async fn deletes_a_referenced_manifest_only_with_force() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    repository.push_image(&image("a"), &["amd64"]).await;
    repository
        .push_index(
            &IndexFixture::oci().image(&image("a"), "linux/amd64"),
            &["v1"],
        )
        .await;
    let (amd64, app) = (server.reference("app:amd64"), server.reference("app"));
    let stderr = person.run_failing(&["delete", "--manifest", &amd64], 6);
    assert!(stderr.contains("--force"), "{stderr}");
    let stderr = person.run_failing(&["delete", "--force", &amd64], 2);
    assert!(stderr.contains("--manifest --force"), "{stderr}");
    let printed = person.run_text(&["delete", "--manifest", "--force", &amd64]);
    assert_eq!(printed, format!("{amd64}\n{app}@{}\n", image("a").digest()));
    assert!(repository.get_manifest(image("a").digest()).await.is_err());
    person.run_failing(&["delete", &server.reference("app")], 2);
    person.run_failing(&["delete", &server.reference("app:amd64")], 3);
    let printed = person.run_json(&[
        "delete",
        "--manifest",
        "--json",
        &server.reference("app:v1"),
    ]);
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .digest();
    assert_eq!(
        printed,
        json!({"reference": server.reference("app:v1"), "tags": ["v1"], "manifests": [index], "dryRun": false})
    );
}

#[tokio::test]
async fn deletes_a_tag_alone() {
    let (server, person) = (Server::start(), User::new());
    let (repository, reference) = (server.repository("app"), server.reference("app:v1"));
    repository.push_image(&image("a"), &["v1", "latest"]).await;
    let tags = || person.run_text(&["tags", "list", &server.reference("app")]);
    let printed = person.run_text(&["delete", "--dry-run", &reference]);
    assert_eq!(
        (printed, tags()),
        (format!("{reference}\n"), "latest\nv1\n".into())
    );
    let printed = person.run_text(&["delete", &reference]);
    assert_eq!(
        (printed, tags()),
        (format!("{reference}\n"), "latest\n".into())
    );
    person.run_failing(&["delete", &reference], 3);
    person.run_failing(&["delete", "--dry-run", &reference], 3);
    assert!(repository.get_manifest(image("a").digest()).await.is_ok());
}

#[tokio::test]
async fn deletes_a_manifest_with_its_tags_only_on_request() {
    let (server, person) = (Server::start(), User::new());
    let (repository, app) = (server.repository("app"), server.reference("app"));
    repository
        .push_image(&image("a"), &["v1", "latest", "stable"])
        .await;
    repository.push_image(&image("b"), &["v2"]).await;
    let (tag, digest) = (
        format!("{app}:v1"),
        format!("{app}@{}", image("a").digest()),
    );
    let stderr = person.run_failing(&["delete", "--manifest", &tag], 6);
    assert!(stderr.contains("latest, stable"), "{stderr}");
    assert!(
        stderr.contains(&format!("--manifest --all-tags {tag}")),
        "{stderr}"
    );
    let stderr = person.run_failing(&["delete", &digest], 6);
    assert!(stderr.contains("latest, stable, v1"), "{stderr}");
    assert!(
        stderr.contains(&format!("delete --all-tags {digest}")),
        "{stderr}"
    );
    let all = format!("{app}:latest\n{app}:stable\n{app}:v1\n{digest}\n");
    let printed = person.run_text(&["delete", "--all-tags", "--dry-run", &digest]);
    assert_eq!(printed, all);
    let printed = person.run_text(&["delete", "--manifest", "--all-tags", &tag]);
    assert_eq!(printed, all);
    assert_eq!(person.run_text(&["tags", "list", &app]), "v2\n");
}

#[tokio::test]
async fn deletes_a_tag_of_a_layout_alone() {
    let (server, person) = (Server::start(), User::new());
    server
        .repository("app")
        .push_image(&image("a"), &["v1"])
        .await;
    for name in ["one", "two"] {
        let target = format!("oci:layout:{name}");
        person.run_ok(&["copy", &server.reference("app:v1"), &target]);
    }
    assert_eq!(
        person.run_text(&["delete", "oci:layout:one"]),
        "oci:layout:one\n"
    );
    assert_eq!(person.run_text(&["tags", "list", "oci:layout"]), "two\n");
    let printed = person.run_text(&["delete", "--manifest", "oci:layout:two"]);
    assert!(
        printed.starts_with("oci:layout:two\noci:layout@sha256:"),
        "{printed}"
    );
    assert_eq!(person.run_text(&["tags", "list", "oci:layout"]), "");
}

#[tokio::test]
async fn a_blob_file_appears_when_it_is_complete() {
    let (server, person) = (Server::start(), User::new());
    let digest = server.repository("app").push_blob(blob("x")).await;
    let reference = server.reference(&format!("app@{digest}"));
    assert_eq!(person.run_ok(&["blob", "get", &reference]), blob("x"));
    person.run_ok(&["blob", "get", &reference, "--output", "x"]);
    assert_eq!(fs::read(person.path("x")).unwrap(), blob("x"));
    person.run_failing(&["blob", "get", &server.reference("app:v1")], 2);
    let missing = server.reference(&format!("app@{}", Digest::sha256(b"missing")));
    person.run_failing(&["blob", "get", &missing, "--output", "y"], 3);
    assert!(!person.path("y").exists());

    server
        .repository("app")
        .push_image(&image("a"), &["v1"])
        .await;
    person.run_ok(&["copy", &server.reference("app:v1"), "oci:folder:v1"]);
    let layer = Digest::sha256(&blob("a"));
    let (algorithm, encoded) = (layer.algorithm(), layer.encoded_part());
    let local = format!("oci:folder@{layer}");
    assert_eq!(person.run_ok(&["blob", "get", &local]), blob("a"));
    fs::write(
        person.path(&format!("folder/blobs/{algorithm}/{encoded}")),
        "something else",
    )
    .unwrap();
    person.run_failing(&["blob", "get", &local, "--output", "z"], 5);
    assert!(!person.path("z").exists());
    let files = fs::read_dir(person.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(
        files
            .into_iter()
            .all(|name| !name.to_string_lossy().starts_with(".portolan-"))
    );
}

#[test]
fn exit_statuses_distinguish_failures() {
    let (server, person) = (Server::start(), User::new());
    let stderr = person.run_failing(&["inspect", "containers-storage:x"], 2);
    assert!(stderr.contains("containers-storage"), "{stderr}");
    person.run_failing(&["copy", "a"], 2);
    let stderr = person.run_failing(&["inspect", &server.reference("app:v1")], 3);
    assert!(stderr.contains(&server.reference("app:v1")), "{stderr}");
    person.run_failing(&["inspect", "oci:missing"], 2);
    person.run_failing(&["copy", &server.reference("app:v1"), "oci:folder:v1"], 3);
    assert!(!person.path("folder").exists());

    // The port is closed now.
    let gone = server.host();
    drop(server);
    let stderr = person.run_failing(&["repos", &gone], 5);
    let last = stderr.lines().last().unwrap();
    assert!(
        last.contains(&gone) && last.matches("Connection refused").count() == 1,
        "{stderr}"
    );
}

#[test]
fn generates_completion_script_and_man_pages() {
    let person = User::new();
    let script = person.run_text(&["completion", "bash"]);
    assert!(
        script.contains("--dry-run") && script.contains("referrers"),
        "{script}"
    );
    let page = person.run_text(&["man"]);
    assert!(
        page.contains(".TH portolan 1") && page.contains("copy"),
        "{page}"
    );
    person.run_ok(&["man", "--output", "man1"]);
    let page = fs::read_to_string(person.path("man1/portolan-copy.1")).unwrap();
    assert!(page.contains("Examples:") && page.contains("dry"), "{page}");
    let mut check = std::process::Command::new("bash");
    let checked = check.args(["-n", "-c", &script]).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
