//! `portolan convert`, and `copy` and `index create` that convert: what is said, what arrives, and that once is enough.

use portolan_model::fixtures::{Index, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::contract::Repository;
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Person, Server};

const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// An OCI index with a Docker image and a Docker list in it, at `v1`.
async fn mixed(repository: &Repository) -> Index {
    let (oci, docker) = (image("a"), image("b").docker());
    let inner = Index::docker().image(&docker, "linux/arm64");
    let index = Index::oci().image(&oci, "linux/amd64").image(&docker, "linux/arm/v7").nested(&inner, None);
    repository.image(&oci, &[]).await;
    repository.image(&docker, &[]).await;
    repository.index(&inner, &[]).await;
    repository.index(&index, &["v1"]).await;
    index
}

fn raw(person: &Person, reference: &str) -> Value {
    serde_json::from_slice(&person.prints(&["inspect", "--raw", reference])).unwrap()
}

fn types(index: &Value) -> Vec<&str> {
    index["manifests"].as_array().unwrap().iter().map(|child| child["mediaType"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn in_place_the_tag_gets_the_other_format_and_once_is_enough() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("team/app");
    let index = mixed(&repository).await;
    let at = server.at("team/app:v1");
    let printed = person.prints_text(&["convert", &at, &at, "--to", "oci"]);
    let new = repository.tagged("v1").await.unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], format!("{}@{new}", server.at("team/app")));
    assert!(lines[2].starts_with("WHAT ") && lines.len() == 6, "{printed}");
    let root: Vec<_> = lines[3].split_whitespace().collect();
    assert_eq!(root, ["index", "-", index.digest().as_str(), new.as_str()]);
    assert!(lines[4].contains("linux/arm/v7"), "{printed}");
    let [manifest, list] = [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX];
    assert_eq!(types(&raw(&person, &at)), [manifest, manifest, list]);

    let output = person.run(&["convert", &at, &at, "--to", "oci"]);
    assert_eq!(text(&output.stdout), format!("{}@{new}\n", server.at("team/app")), "nothing is left to change");
    assert!(text(&output.stderr).contains("all there already"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn in_a_folder_and_an_archive_it_is_the_same() {
    let (server, person) = (Server::start(), Person::new());
    mixed(&server.repository("app")).await;
    for place in ["oci:folder:v1", "oci-archive:file.tar:v1"] {
        person.prints(&["copy", &server.at("app:v1"), place]);
        person.prints(&["convert", place, place, "--to", "oci", "--flatten"]);
        assert_eq!(types(&raw(&person, place)), [MediaType::OCI_MANIFEST; 3], "{place}");
    }
    let [folder, archive] = ["oci:folder:v1", "oci-archive:file.tar:v1"].map(|place| raw(&person, place));
    assert_eq!(folder, archive);
}

#[tokio::test]
async fn losses_are_named_before_anything_is_written() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    let (zstd, plain) = (image("z").layer_of_type(ZSTD, "z"), image("p").field("annotations", json!({"a": "b"})));
    let index = Index::oci().image(&zstd, "linux/amd64").image(&plain, "linux/arm64");
    repository.image(&zstd, &["zstd"]).await;
    repository.image(&plain, &[]).await;
    repository.index(&index, &["v1"]).await;
    let (source, target) = (server.at("app:v1"), server.at("app:docker"));
    let output = person.run(&["convert", "--dry-run", &source, &target, "--to", "docker"]);
    let (said, shown) = (text(&output.stderr), text(&output.stdout));
    assert!(said.contains("lost: ") && said.contains("/annotations") && said.contains("left: "), "{said}");
    assert!(shown.contains("WHAT ") && shown.contains(index.digest().as_str()), "{shown}");
    assert_eq!(repository.tagged("docker").await, None);

    let planned = person.prints_json(&["copy", "--dry-run", "--json", &source, &target, "--to", "docker"]);
    let plan = &planned["copies"][0]["plan"];
    let effects: Vec<_> = plan["losses"].as_array().unwrap().iter().map(|loss| &loss["effect"]).collect();
    assert_eq!(effects, ["lost", "left"], "{planned}");
    let printed = person.prints_json(&["convert", "--json", &source, &target, "--to", "docker", "--drop-unknown"]);
    let copied = &printed["copies"][0];
    assert_eq!(
        (&copied["losses"][1]["effect"], &copied["rewritten"][0]["old"]),
        (&json!("dropped"), &json!(index.digest()))
    );
    assert_eq!(copied["rewritten"][0]["new"], copied["outcome"]["digest"]);
    assert_eq!(types(&raw(&person, &target)), [MediaType::DOCKER_MANIFEST]);

    let said = person.fails(&["convert", &server.at("app:zstd"), &target, "--to", "docker"], 2);
    assert!(said.contains(ZSTD) && said.contains("/layers/1"), "{said}");
}

#[tokio::test]
async fn referrers_come_along_unless_they_are_to_stay() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    let docker = image("a").docker();
    repository.image(&docker, &["v1"]).await;
    repository.image(&image("bill").subject(&docker.descriptor()), &[]).await;
    let convert = |target: &str, more: &[&str]| -> Digest {
        let (source, target) = (server.at("app:v1"), server.at(target));
        let words = [&["convert", "--json", &source, &target, "--to", "oci"], more].concat();
        person.prints_json(&words)["copies"][0]["outcome"]["digest"].as_str().unwrap().parse().unwrap()
    };
    let alone = convert("alone:v1", &["--no-referrers"]);
    assert_eq!(server.repository("alone").referrers(&alone).await, []);
    let new = convert("whole:v1", &[]);
    assert_eq!((server.repository("whole").referrers(&new).await.len(), new), (1, alone));
}

#[tokio::test]
async fn an_index_may_be_made_consistent() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    repository.image(&image("a"), &["oci"]).await;
    repository.image(&image("b").docker(), &["docker"]).await;
    let children = [server.at("app:oci"), server.at("app:docker")];
    for (kind, media_type) in [(&[][..], MediaType::OCI_MANIFEST), (&["--docker"], MediaType::DOCKER_MANIFEST)] {
        let target = server.at("app:index");
        let words = [&["index", "create", "--consistent", &target, &children[0], &children[1]], kind].concat();
        person.prints(&words);
        let made = raw(&person, &target);
        assert_eq!(types(&made), [media_type; 2]);
        assert_eq!(made["manifests"][1]["platform"]["architecture"], "amd64");
    }
    assert_eq!(raw(&person, &children[1])["mediaType"], MediaType::DOCKER_MANIFEST, "the child's own tag stays");
}

#[test]
fn something_has_to_be_asked_for() {
    let person = Person::new();
    person.fails(&["convert", "oci:a:v1", "oci:b:v1"], 2);
    person.fails(&["convert", "oci:a:v1", "oci:b:v1", "--to", "rpm"], 2);
    person.fails(&["convert", "oci:a:v1", "oci:b:v1", "--drop-unknown", "--keep-unknown"], 2);
    person.fails(&["convert", "oci:a:v1", "oci:b:v1", "--keep-unknown"], 2);
}
