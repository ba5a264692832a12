//! `portolan convert`, and `copy` and `index create` that convert: what is said, what arrives, and that once is enough.

use std::process::Stdio;
use std::time::Duration;

use portolan_model::fixtures::{Index, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::contract::Repository;
use portolan_testkit::proxy::{Class, Fault, Method, Proxy, Requests, StatusCode, When};
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Person, Server};

const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// An OCI index with a Docker image and a Docker list in it, at `v1`.
async fn mixed(repository: &Repository) -> Index {
    let (oci, docker) = (image("a"), image("b").docker());
    let inner = Index::docker().image(&docker, "linux/arm64");
    let index = Index::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested(&inner, None);
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
    index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["mediaType"].as_str().unwrap())
        .collect()
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
    assert!(
        lines[2].starts_with("WHAT ") && lines.len() == 6,
        "{printed}"
    );
    let root: Vec<_> = lines[3].split_whitespace().collect();
    assert_eq!(root, ["index", "-", index.digest().as_str(), new.as_str()]);
    assert!(lines[4].contains("linux/arm/v7"), "{printed}");
    let [manifest, list] = [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX];
    assert_eq!(types(&raw(&person, &at)), [manifest, manifest, list]);

    let output = person.run(&["convert", &at, &at, "--to", "oci"]);
    assert_eq!(
        text(&output.stdout),
        format!("{}@{new}\n", server.at("team/app")),
        "nothing is left to change"
    );
    assert!(
        text(&output.stderr).contains("all there already"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn in_a_folder_and_an_archive_it_is_the_same() {
    let (server, person) = (Server::start(), Person::new());
    mixed(&server.repository("app")).await;
    for place in ["oci:folder:v1", "oci-archive:file.tar:v1"] {
        person.prints(&["copy", &server.at("app:v1"), place]);
        person.prints(&["convert", place, place, "--to", "oci", "--flatten"]);
        assert_eq!(
            types(&raw(&person, place)),
            [MediaType::OCI_MANIFEST; 3],
            "{place}"
        );
    }
    let [folder, archive] =
        ["oci:folder:v1", "oci-archive:file.tar:v1"].map(|place| raw(&person, place));
    assert_eq!(folder, archive);
}

#[tokio::test]
async fn losses_are_named_before_anything_is_written() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    let (zstd, plain) = (
        image("z").layer_of_type(ZSTD, "z"),
        image("p").field("annotations", json!({"a": "b"})),
    );
    let index = Index::oci()
        .image(&zstd, "linux/amd64")
        .image(&plain, "linux/arm64");
    repository.image(&zstd, &["zstd"]).await;
    repository.image(&plain, &[]).await;
    repository.index(&index, &["v1"]).await;
    let (source, target) = (server.at("app:v1"), server.at("app:docker"));
    let output = person.run(&["convert", "--dry-run", &source, &target, "--to", "docker"]);
    let (said, shown) = (text(&output.stderr), text(&output.stdout));
    assert!(
        said.contains("lost: ") && said.contains("/annotations") && said.contains("left: "),
        "{said}"
    );
    assert!(
        shown.contains("WHAT ") && shown.contains(index.digest().as_str()),
        "{shown}"
    );
    assert_eq!(repository.tagged("docker").await, None);

    let planned = person.prints_json(&[
        "copy",
        "--dry-run",
        "--json",
        &source,
        &target,
        "--to",
        "docker",
    ]);
    let plan = &planned["copies"][0]["plan"];
    let effects: Vec<_> = plan["losses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|loss| &loss["effect"])
        .collect();
    assert_eq!(effects, ["lost", "left"], "{planned}");
    let printed = person.prints_json(&[
        "convert",
        "--json",
        &source,
        &target,
        "--to",
        "docker",
        "--drop-unknown",
    ]);
    let copied = &printed["copies"][0];
    assert_eq!(
        (
            &copied["losses"][1]["effect"],
            &copied["rewritten"][0]["old"]
        ),
        (&json!("dropped"), &json!(index.digest()))
    );
    assert_eq!(copied["rewritten"][0]["new"], copied["outcome"]["digest"]);
    assert_eq!(types(&raw(&person, &target)), [MediaType::DOCKER_MANIFEST]);

    let said = person.fails(
        &["convert", &server.at("app:zstd"), &target, "--to", "docker"],
        2,
    );
    assert!(said.contains(ZSTD) && said.contains("/layers/1"), "{said}");
}

#[tokio::test]
async fn referrers_come_along_unless_they_are_to_stay() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    let docker = image("a").docker();
    repository.image(&docker, &["v1"]).await;
    repository
        .image(&image("bill").subject(&docker.descriptor()), &[])
        .await;
    let convert = |target: &str, more: &[&str]| -> Digest {
        let (source, target) = (server.at("app:v1"), server.at(target));
        let words = [
            &["convert", "--json", &source, &target, "--to", "oci"],
            more,
        ]
        .concat();
        person.prints_json(&words)["copies"][0]["outcome"]["digest"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let alone = convert("alone:v1", &["--no-referrers"]);
    assert_eq!(server.repository("alone").referrers(&alone).await, []);
    let new = convert("whole:v1", &[]);
    assert_eq!(
        (server.repository("whole").referrers(&new).await.len(), new),
        (1, alone)
    );
}

#[tokio::test]
async fn an_index_may_be_made_consistent() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    repository.image(&image("a"), &["oci"]).await;
    repository.image(&image("b").docker(), &["docker"]).await;
    let children = [server.at("app:oci"), server.at("app:docker")];
    for (kind, media_type) in [
        (&[][..], MediaType::OCI_MANIFEST),
        (&["--docker"], MediaType::DOCKER_MANIFEST),
    ] {
        let target = server.at("app:index");
        let words = [
            &[
                "index",
                "create",
                "--consistent",
                &target,
                &children[0],
                &children[1],
            ],
            kind,
        ]
        .concat();
        person.prints(&words);
        let made = raw(&person, &target);
        assert_eq!(types(&made), [media_type; 2]);
        assert_eq!(made["manifests"][1]["platform"]["architecture"], "amd64");
    }
    assert_eq!(
        raw(&person, &children[1])["mediaType"],
        MediaType::DOCKER_MANIFEST,
        "the child's own tag stays"
    );
}

#[tokio::test]
async fn a_tag_whose_conditions_nobody_holds_is_changed_with_a_word() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    mixed(&repository).await;
    let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
    let silent = Fault::Refuse {
        status: StatusCode::NOT_FOUND,
        retry_after: None,
    };
    proxy.spoil(Requests::of(Method::GET, Class::Base), When::Always, silent);
    let at = format!("{}/app:v1", proxy.address());
    let before = repository.tagged("v1").await.unwrap();
    let output = person.run(&["convert", &format!("{at}@{before}"), &at, "--to", "OCI"]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains(&format!("it was at {before} just before")),
        "{said}"
    );
    assert_ne!(repository.tagged("v1").await.unwrap(), before);
    let server_s = server.at("app:v1");
    let output = person.run(&["convert", &server_s, &server_s, "--flatten"]);
    assert!(
        !text(&output.stderr).contains("just before"),
        "Portolan holds conditions"
    );
}

#[tokio::test]
async fn a_tag_that_moved_meanwhile_stays_where_it_is() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    repository.image(&image("a").docker(), &["v1"]).await;
    let other = repository.image(&image("other"), &["other"]).await;
    let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
    let silent = Fault::Refuse {
        status: StatusCode::NOT_FOUND,
        retry_after: None,
    };
    proxy.spoil(Requests::of(Method::GET, Class::Base), When::Always, silent);
    let looks = Requests::of(Method::HEAD, Class::Blob);
    proxy.spoil(
        looks.clone(),
        When::Always,
        Fault::Delay(Duration::from_secs(3)),
    );
    let at = format!("{}/app:v1", proxy.address());
    let mut command = person.command(&["convert", &at, &at, "--to", "oci"]);
    let running = command.stderr(Stdio::piped()).spawn().unwrap();
    while proxy.count(&looks) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    repository.image(&image("other"), &["v1"]).await;
    let output = running.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(
        said.contains(&format!("was moved to {other} meanwhile")),
        "{said}"
    );
    assert_eq!(repository.tagged("v1").await, Some(other));
}

#[tokio::test]
async fn what_cannot_be_is_asked_for_once() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    repository
        .image(&image("z").layer_of_type(ZSTD, "z"), &["v1"])
        .await;
    let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
    let at = format!("{}/app:v1", proxy.address());
    let said = person.fails(&["convert", &at, &at, "--to", "docker"], 2);
    assert!(said.contains(ZSTD), "{said}");
    assert_eq!(proxy.count(&Requests::of(Method::GET, Class::Manifest)), 1);
}

#[tokio::test]
async fn signatures_do_not_fit_into_an_archive_of_docker_s() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    let app = image("a");
    let cosign = format!("sha256-{}.sig", app.digest().encoded());
    repository.image(&app, &["v1"]).await;
    repository.image(&image("signature"), &[&cosign]).await;
    let output = person.run(&[
        "convert",
        &server.at("app:v1"),
        "docker-archive:a.tar:app:v1",
        "--to",
        "docker",
    ]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("signatures, is left behind"),
        "{said}"
    );
    assert!(person.path("a.tar").exists());
}

#[tokio::test]
async fn an_index_too_deep_is_a_mistake_of_whoever_asks() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    repository.image(&image("a"), &[]).await;
    let mut index = Index::oci().image(&image("a"), "linux/amd64");
    for _ in 0..16 {
        repository.index(&index, &[]).await;
        index = Index::oci().nested(&index, None);
    }
    repository.index(&index, &["v1"]).await;
    let [source, target] = ["app:v1", "flat:v1"].map(|reference| server.at(reference));
    let said = person.fails(&["copy", &source, &target], 2);
    assert!(said.contains("portolan convert --flatten"), "{said}");
    person.prints(&["convert", &source, &target, "--flatten"]);
    assert_eq!(types(&raw(&person, &target)), [MediaType::OCI_MANIFEST]);
}

#[tokio::test]
async fn a_consistent_list_has_no_attestations_of_the_other_format() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("app");
    let (app, attestation) = (
        image("a"),
        image("b").layer_of_type("application/vnd.in-toto+json", "statement"),
    );
    let mut attached = json!(attestation.descriptor());
    attached["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attached["annotations"] = json!({"vnd.docker.reference.digest": app.digest()});
    let index = Index::oci().image(&app, "linux/amd64").child(attached);
    for image in [&app, &attestation] {
        repository.image(image, &[]).await;
    }
    repository.index(&index, &["v1"]).await;
    let (child, target) = (server.at("app:v1"), server.at("app:list"));
    let output = person.run(&[
        "index",
        "create",
        "--consistent",
        "--docker",
        &target,
        &child,
    ]);
    let said = text(&output.stderr);
    assert!(
        output.status.success()
            && said.contains("is left out")
            && said.contains("does not come along"),
        "{said}"
    );
    let list = raw(&person, &target);
    assert_eq!(types(&list), [MediaType::DOCKER_LIST]);
    let inner = format!(
        "{}@{}",
        server.at("app"),
        list["manifests"][0]["digest"].as_str().unwrap()
    );
    assert_eq!(types(&raw(&person, &inner)), [MediaType::DOCKER_MANIFEST]);
}

#[test]
fn something_has_to_be_asked_for() {
    let person = Person::new();
    person.fails(&["convert", "oci:a:v1", "oci:b:v1"], 2);
    person.fails(&["convert", "oci:a:v1", "oci:b:v1", "--to", "rpm"], 2);
    person.fails(
        &[
            "convert",
            "oci:a:v1",
            "oci:b:v1",
            "--drop-unknown",
            "--keep-unknown",
        ],
        2,
    );
    person.fails(&["convert", "oci:a:v1", "oci:b:v1", "--keep-unknown"], 2);
}

#[tokio::test]
async fn what_a_policy_refuses_is_refused_with_what_mends_it() {
    let (server, person) = (Server::start(), Person::new());
    mixed(&server.repository("app")).await;
    let (from, to) = (server.at("app:v1"), server.at("oci/app:v1"));
    let said = person.fails(&["copy", &from, &to], 5);
    let mend = format!("mend it with: portolan convert {from} DST --to oci --drop-unknown");
    assert!(
        said.contains("does not take") && said.contains(&mend),
        "{said}"
    );
    person.prints(&["convert", &from, &to, "--to", "oci", "--drop-unknown"]);
}
