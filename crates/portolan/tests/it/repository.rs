//! The commands about tags, referrers, blobs and repositories, and how they end.

use std::fs;

use portolan_model::Digest;
use portolan_model::fixtures::{Index, blob, image};
use serde_json::json;

use super::text;
use super::toolkit::{Person, Server};

#[tokio::test]
async fn tags_are_listed_set_and_deleted() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    repository.image(&image("a"), &["v1"]).await;
    person.prints(&["tags", "set", &server.at("app:v1"), "v2", "latest"]);
    assert_eq!(
        person.prints_text(&["tags", "list", &server.at("app")]),
        "latest\nv1\nv2\n"
    );
    person.prints(&["tags", "delete", &server.at("app:v1"), &server.at("app:v2")]);
    let listed = person.prints_json(&["tags", "list", "--json", &server.at("app")]);
    assert_eq!(
        listed,
        json!({"repository": server.at("app"), "tags": ["latest"]})
    );
    repository.get(image("a").digest()).await.unwrap();
    let said = person.fails(&["tags", "delete", &server.at("app:laetst")], 3);
    assert!(
        said.contains("latest"),
        "the tag that was meant is told: {said}"
    );
    person.fails(&["tags", "delete", &server.at("app")], 2);
    person.prints(&["tags", "set", &server.at("app:latest"), "v3"]);
    let several = ["app:missing", "app:v3", "gone:v1"].map(|reference| server.at(reference));
    let said = person.fails(
        &["tags", "delete", &several[0], &several[1], &several[2]],
        3,
    );
    assert!(
        said.contains("2 of 3") && said.contains("app:missing") && said.contains("gone:v1"),
        "{said}"
    );
    assert_eq!(repository.tags().await.unwrap(), ["latest"]);
    person.fails(&["tags", "list", &server.at("app:v1")], 2);
}

#[tokio::test]
async fn repositories_are_listed() {
    let (server, person) = (Server::start(), Person::new());
    for name in ["a", "b/c"] {
        server.repository(name).image(&image("a"), &["v1"]).await;
    }
    assert_eq!(person.prints_text(&["repos", &server.host()]), "a\nb/c\n");
    let listed = person.prints_json(&["repos", "--json", &server.host()]);
    assert_eq!(
        listed,
        json!({"host": server.host(), "repositories": ["a", "b/c"]})
    );
}

#[tokio::test]
async fn files_are_attached_found_and_come_along() {
    let (server, person) = (Server::start(), Person::new());
    server.repository("app").image(&image("a"), &["v1"]).await;
    fs::write(person.path("sbom.json"), "{\"sbom\":1}").unwrap();
    person.prints(&["copy", &server.at("app:v1"), "oci:folder:v1"]);
    for reference in [server.at("app:v1"), "oci:folder:v1".into()] {
        let attach = [
            "attach",
            &reference,
            "sbom.json",
            "--artifact-type",
            "application/spdx+json",
            "--annotation",
            "a=b",
        ];
        let printed = person.prints_text(&attach);
        let again = person.prints_json(&[&attach[..], &["--json"]].concat());
        assert!(
            printed.trim().ends_with(again["digest"].as_str().unwrap()),
            "the same artifact: {printed} {again}"
        );
        assert_eq!(
            (&again["reference"], &again["subject"]),
            (&json!(reference), &json!(image("a").digest()))
        );
        let listed = person.prints_json(&["referrers", "--json", &reference]);
        let referrer = &listed["referrers"][0];
        assert!(
            printed
                .trim()
                .ends_with(referrer["digest"].as_str().unwrap()),
            "{printed} {listed}"
        );
        assert_eq!(referrer["artifactType"], json!("application/spdx+json"));
        assert_eq!(referrer["annotations"], json!({"a": "b"}));
        let manifest = person.prints(&["inspect", "--raw", printed.trim()]);
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(
            manifest["layers"][0]["annotations"],
            json!({"org.opencontainers.image.title": "sbom.json"})
        );
        let none = person.prints_text(&["referrers", "--artifact-type", "a/b", &reference]);
        assert_eq!(none, "");
    }
    person.prints(&[
        "copy",
        "--referrers",
        &server.at("app:v1"),
        &server.at("copy:v1"),
    ]);
    assert_eq!(
        server
            .repository("copy")
            .referrers(&image("a").digest())
            .await
            .len(),
        1
    );
    person.fails(
        &[
            "attach",
            &server.at("app:v1"),
            "missing.json",
            "--artifact-type",
            "a/b",
        ],
        7,
    );
}

#[tokio::test]
async fn what_an_index_names_goes_by_force_alone() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    repository.image(&image("a"), &["amd64"]).await;
    repository
        .index(&Index::oci().image(&image("a"), "linux/amd64"), &["v1"])
        .await;
    let said = person.fails(&["delete", &server.at("app:amd64")], 6);
    assert!(said.contains("--force"), "{said}");
    let printed = person.prints_text(&["delete", "--force", &server.at("app:amd64")]);
    assert_eq!(
        printed,
        format!("{}@{}\n", server.at("app"), image("a").digest())
    );
    assert!(repository.get(image("a").digest()).await.is_err());
    person.fails(&["delete", &server.at("app")], 2);
    person.fails(&["delete", &server.at("app:amd64")], 3);
    let printed = person.prints_json(&["delete", "--json", &server.at("app:v1")]);
    let index = Index::oci().image(&image("a"), "linux/amd64").digest();
    assert_eq!(
        printed,
        json!({"reference": server.at("app:v1"), "digest": index})
    );
}

#[tokio::test]
async fn a_blob_appears_when_it_is_whole() {
    let (server, person) = (Server::start(), Person::new());
    let digest = server.repository("app").blob(blob("x")).await;
    let reference = server.at(&format!("app@{digest}"));
    assert_eq!(person.prints(&["blob", "get", &reference]), blob("x"));
    person.prints(&["blob", "get", &reference, "--output", "x"]);
    assert_eq!(fs::read(person.path("x")).unwrap(), blob("x"));
    person.fails(&["blob", "get", &server.at("app:v1")], 2);
    let missing = server.at(&format!("app@{}", Digest::sha256(b"missing")));
    person.fails(&["blob", "get", &missing, "--output", "y"], 3);
    assert!(!person.path("y").exists());

    server.repository("app").image(&image("a"), &["v1"]).await;
    person.prints(&["copy", &server.at("app:v1"), "oci:folder:v1"]);
    let layer = Digest::sha256(&blob("a"));
    let (algorithm, encoded) = (layer.algorithm(), layer.encoded());
    let local = format!("oci:folder@{layer}");
    assert_eq!(person.prints(&["blob", "get", &local]), blob("a"));
    fs::write(
        person.path(&format!("folder/blobs/{algorithm}/{encoded}")),
        "something else",
    )
    .unwrap();
    person.fails(&["blob", "get", &local, "--output", "z"], 5);
    assert!(!person.path("z").exists());
    let left = fs::read_dir(person.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(
        left.into_iter()
            .all(|name| !name.to_string_lossy().starts_with(".portolan-"))
    );
}

#[test]
fn statuses_tell_what_went_wrong() {
    let (server, person) = (Server::start(), Person::new());
    let said = person.fails(&["inspect", "containers-storage:x"], 2);
    assert!(said.contains("containers-storage"), "{said}");
    person.fails(&["copy", "a"], 2);
    let said = person.fails(&["inspect", &server.at("app:v1")], 3);
    assert!(said.contains(&server.at("app:v1")), "{said}");
    person.fails(&["inspect", "oci:missing"], 3);
    person.fails(&["copy", &server.at("app:v1"), "oci:folder:v1"], 3);
    assert!(!person.path("folder").exists());

    // Nobody listens where somebody did a moment ago.
    let gone = server.host();
    drop(server);
    let said = person.fails(&["repos", &gone], 5);
    let last = said.lines().last().unwrap();
    assert!(
        last.contains(&gone) && last.matches("Connection refused").count() == 1,
        "{said}"
    );
}

#[test]
fn completion_and_manual_are_made() {
    let person = Person::new();
    let script = person.prints_text(&["completion", "bash"]);
    assert!(
        script.contains("--dry-run") && script.contains("referrers"),
        "{script}"
    );
    let page = person.prints_text(&["man"]);
    assert!(
        page.contains(".TH portolan 1") && page.contains("copy"),
        "{page}"
    );
    person.prints(&["man", "--output", "man1"]);
    let page = fs::read_to_string(person.path("man1/portolan-copy.1")).unwrap();
    assert!(page.contains("Examples:") && page.contains("dry"), "{page}");
    let mut check = std::process::Command::new("bash");
    let checked = check.args(["-n", "-c", &script]).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
