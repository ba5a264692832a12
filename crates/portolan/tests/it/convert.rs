//! `portolan convert`, and conversions by `copy` and `index create`: messages, results, and
//! idempotence.

use std::process::Stdio;
use std::time::Duration;

use portolan_model::fixtures::{IndexFixture, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::contract::TestRepository;
use portolan_testkit::proxy::{
    Fault, Method, Proxy, RequestClass, RequestFilter, StatusCode, Trigger,
};
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Server, User};

const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// Pushes an OCI index that contains a Docker image and a Docker list, at `v1`.
async fn push_mixed_index(repository: &TestRepository) -> IndexFixture {
    let (oci, docker) = (image("a"), image("b").docker());
    let inner = IndexFixture::docker().image(&docker, "linux/arm64");
    let index = IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested_index(&inner, None);
    repository.push_image(&oci, &[]).await;
    repository.push_image(&docker, &[]).await;
    repository.push_index(&inner, &[]).await;
    repository.push_index(&index, &["v1"]).await;
    index
}

fn read_manifest(person: &User, reference: &str) -> Value {
    serde_json::from_slice(&person.run_ok(&["inspect", "--raw", reference])).unwrap()
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
async fn converts_in_place_and_changes_nothing_the_second_time() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("team/app");
    let index = push_mixed_index(&repository).await;
    let at = server.reference("team/app:v1");
    let output = person.run(&["convert", &at, &at, "--to", "oci"]);
    let new = repository.resolve_tag("v1").await.unwrap();
    assert_eq!(
        text(&output.stdout),
        format!("{}@{new}\n", server.reference("team/app")),
        "standard output has the reference alone, so that a script can capture it"
    );
    let stderr = text(&output.stderr);
    let mut table = stderr.lines().skip_while(|line| !line.starts_with("KIND "));
    let root: Vec<_> = table.nth(1).unwrap().split_whitespace().collect();
    assert_eq!(root, ["index", "-", index.digest().as_str(), new.as_str()]);
    let children: Vec<_> = table.collect();
    assert!(
        children.len() == 2 && children[0].contains("linux/arm/v7"),
        "{stderr}"
    );
    let [manifest, list] = [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX];
    assert_eq!(
        types(&read_manifest(&person, &at)),
        [manifest, manifest, list]
    );

    let output = person.run(&["convert", &at, &at, "--to", "oci"]);
    assert_eq!(
        text(&output.stdout),
        format!("{}@{new}\n", server.reference("team/app")),
        "a second conversion must change nothing"
    );
    assert!(
        text(&output.stderr).contains("already up to date"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn converts_folders_and_archives_alike() {
    let (server, person) = (Server::start(), User::new());
    push_mixed_index(&server.repository("app")).await;
    for location in ["oci:folder:v1", "oci-archive:file.tar:v1"] {
        person.run_ok(&["copy", &server.reference("app:v1"), location]);
        person.run_ok(&["convert", location, location, "--to", "oci", "--flatten"]);
        assert_eq!(
            types(&read_manifest(&person, location)),
            [MediaType::OCI_MANIFEST; 3],
            "{location}"
        );
    }
    let [folder, archive] = ["oci:folder:v1", "oci-archive:file.tar:v1"]
        .map(|location| read_manifest(&person, location));
    assert_eq!(folder, archive);
}

#[tokio::test]
async fn prints_losses_before_anything_is_written() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    let (zstd, plain) = (
        image("z").layer_of_type(ZSTD, "z"),
        image("p").field("annotations", json!({"a": "b"})),
    );
    let index = IndexFixture::oci()
        .image(&zstd, "linux/amd64")
        .image(&plain, "linux/arm64");
    repository.push_image(&zstd, &["zstd"]).await;
    repository.push_image(&plain, &[]).await;
    repository.push_index(&index, &["v1"]).await;
    let (source, target) = (server.reference("app:v1"), server.reference("app:docker"));
    let output = person.run(&["convert", "--dry-run", &source, &target, "--to", "docker"]);
    let (stderr, stdout) = (text(&output.stderr), text(&output.stdout));
    assert!(
        stderr.contains("lost: ") && stderr.contains("/annotations") && stderr.contains("left: "),
        "{stderr}"
    );
    assert!(
        stdout.contains("KIND ") && stdout.contains(index.digest().as_str()),
        "{stdout}"
    );
    assert_eq!(repository.resolve_tag("docker").await, None);

    let planned = person.run_json(&[
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
    let printed = person.run_json(&[
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
    assert_eq!(
        types(&read_manifest(&person, &target)),
        [MediaType::DOCKER_MANIFEST]
    );

    let stderr = person.run_failing(
        &[
            "convert",
            &server.reference("app:zstd"),
            &target,
            "--to",
            "docker",
        ],
        2,
    );
    assert!(
        stderr.contains(ZSTD) && stderr.contains("/layers/1"),
        "{stderr}"
    );
}

#[tokio::test]
async fn copies_referrers_unless_disabled() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    let docker = image("a").docker();
    repository.push_image(&docker, &["v1"]).await;
    repository
        .push_image(&image("bill").subject(&docker.descriptor()), &[])
        .await;
    let convert = |target: &str, more: &[&str]| -> Digest {
        let (source, target) = (server.reference("app:v1"), server.reference(target));
        let words = [
            &["convert", "--json", &source, &target, "--to", "oci"],
            more,
        ]
        .concat();
        person.run_json(&words)["copies"][0]["outcome"]["digest"]
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
async fn creates_a_consistent_index() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    repository.push_image(&image("a"), &["oci"]).await;
    repository
        .push_image(&image("b").docker(), &["docker"])
        .await;
    let children = [server.reference("app:oci"), server.reference("app:docker")];
    for (kind, media_type) in [
        (&[][..], MediaType::OCI_MANIFEST),
        (&["--docker"], MediaType::DOCKER_MANIFEST),
    ] {
        let target = server.reference("app:index");
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
        person.run_ok(&words);
        let made = read_manifest(&person, &target);
        assert_eq!(types(&made), [media_type; 2]);
        assert_eq!(made["manifests"][1]["platform"]["architecture"], "amd64");
    }
    assert_eq!(
        read_manifest(&person, &children[1])["mediaType"],
        MediaType::DOCKER_MANIFEST,
        "the tag of the child must not change"
    );
}

#[tokio::test]
async fn warns_if_the_registry_has_no_conditional_tag_updates() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    push_mixed_index(&repository).await;
    let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
    let not_found = Fault::Reject {
        status: StatusCode::NOT_FOUND,
        retry_after: None,
    };
    proxy.inject(
        RequestFilter::for_class(Method::GET, RequestClass::Base),
        Trigger::Always,
        not_found,
    );
    let at = format!("{}/app:v1", proxy.address());
    let before = repository.resolve_tag("v1").await.unwrap();
    let output = person.run(&["convert", &format!("{at}@{before}"), &at, "--to", "OCI"]);
    let stderr = text(&output.stderr);
    assert!(
        output.status.success()
            && stderr.contains(&format!("pointed to {before} just before the update")),
        "{stderr}"
    );
    assert_ne!(repository.resolve_tag("v1").await.unwrap(), before);
    let direct = server.reference("app:v1");
    let output = person.run(&["convert", &direct, &direct, "--flatten"]);
    assert!(
        !text(&output.stderr).contains("just before"),
        "Portolan supports conditional tag updates"
    );
}

#[tokio::test]
async fn does_not_overwrite_a_tag_that_was_moved() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    repository.push_image(&image("a").docker(), &["v1"]).await;
    let other = repository.push_image(&image("other"), &["other"]).await;
    let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
    let not_found = Fault::Reject {
        status: StatusCode::NOT_FOUND,
        retry_after: None,
    };
    proxy.inject(
        RequestFilter::for_class(Method::GET, RequestClass::Base),
        Trigger::Always,
        not_found,
    );
    let checks = RequestFilter::for_class(Method::HEAD, RequestClass::Blob);
    proxy.inject(
        checks.clone(),
        Trigger::Always,
        Fault::Delay(Duration::from_secs(3)),
    );
    let at = format!("{}/app:v1", proxy.address());
    let mut command = person.command(&["convert", &at, &at, "--to", "oci"]);
    let running = command.stderr(Stdio::piped()).spawn().unwrap();
    while proxy.request_count(&checks) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    repository.push_image(&image("other"), &["v1"]).await;
    let output = running.wait_with_output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    assert!(
        stderr.contains(&format!("was moved to {other} during the copy")),
        "{stderr}"
    );
    assert_eq!(repository.resolve_tag("v1").await, Some(other));
}

#[tokio::test]
async fn an_impossible_conversion_reads_the_manifest_once() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    repository
        .push_image(&image("z").layer_of_type(ZSTD, "z"), &["v1"])
        .await;
    let proxy = Proxy::start(server.host().parse().unwrap()).unwrap();
    let at = format!("{}/app:v1", proxy.address());
    let stderr = person.run_failing(&["convert", &at, &at, "--to", "docker"], 2);
    assert!(stderr.contains(ZSTD), "{stderr}");
    assert_eq!(
        proxy.request_count(&RequestFilter::for_class(
            Method::GET,
            RequestClass::Manifest
        )),
        1
    );
}

#[tokio::test]
async fn skips_signatures_for_a_docker_archive() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    let app = image("a");
    let cosign = format!("sha256-{}.sig", app.digest().encoded_part());
    repository.push_image(&app, &["v1"]).await;
    repository.push_image(&image("signature"), &[&cosign]).await;
    let output = person.run(&[
        "convert",
        &server.reference("app:v1"),
        "docker-archive:a.tar:app:v1",
        "--to",
        "docker",
    ]);
    let stderr = text(&output.stderr);
    assert!(
        output.status.success() && stderr.contains("skipped signatures"),
        "{stderr}"
    );
    assert!(person.path("a.tar").exists());
}

#[tokio::test]
async fn an_index_nested_too_deep_is_a_usage_error() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    repository.push_image(&image("a"), &[]).await;
    let mut index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    for _ in 0..16 {
        repository.push_index(&index, &[]).await;
        index = IndexFixture::oci().nested_index(&index, None);
    }
    repository.push_index(&index, &["v1"]).await;
    let [source, target] = ["app:v1", "flat:v1"].map(|reference| server.reference(reference));
    let stderr = person.run_failing(&["copy", &source, &target], 2);
    assert!(stderr.contains("portolan convert --flatten"), "{stderr}");
    person.run_ok(&["convert", &source, &target, "--flatten"]);
    assert_eq!(
        types(&read_manifest(&person, &target)),
        [MediaType::OCI_MANIFEST]
    );
}

#[tokio::test]
async fn a_consistent_docker_list_has_no_attestations() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    let (app, attestation) = (
        image("a"),
        image("b").layer_of_type("application/vnd.in-toto+json", "statement"),
    );
    let mut attached = json!(attestation.descriptor());
    attached["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attached["annotations"] = json!({"vnd.docker.reference.digest": app.digest()});
    let index = IndexFixture::oci()
        .image(&app, "linux/amd64")
        .child(attached);
    for image in [&app, &attestation] {
        repository.push_image(image, &[]).await;
    }
    repository.push_index(&index, &["v1"]).await;
    let (child, target) = (server.reference("app:v1"), server.reference("app:list"));
    let output = person.run(&[
        "index",
        "create",
        "--consistent",
        "--docker",
        &target,
        &child,
    ]);
    let stderr = text(&output.stderr);
    assert!(
        output.status.success()
            && stderr.contains("is dropped: ")
            && stderr.contains("are not copied"),
        "{stderr}"
    );
    let list = read_manifest(&person, &target);
    assert_eq!(list["mediaType"], MediaType::DOCKER_LIST);
    assert_eq!(types(&list), [MediaType::DOCKER_MANIFEST]);
}

#[test]
fn requires_a_conversion_option() {
    let person = User::new();
    person.run_failing(&["convert", "oci:a:v1", "oci:b:v1"], 2);
    person.run_failing(&["convert", "oci:a:v1", "oci:b:v1", "--to", "rpm"], 2);
    person.run_failing(
        &[
            "convert",
            "oci:a:v1",
            "oci:b:v1",
            "--drop-unknown",
            "--keep-unknown",
        ],
        2,
    );
    person.run_failing(&["convert", "oci:a:v1", "oci:b:v1", "--keep-unknown"], 2);
}

#[tokio::test]
async fn a_rejection_by_policy_names_the_fix() {
    let (server, person) = (Server::start(), User::new());
    push_mixed_index(&server.repository("app")).await;
    let (from, to) = (server.reference("app:v1"), server.reference("oci/app:v1"));
    let stderr = person.run_failing(&["copy", &from, &to], 5);
    let fix = format!("to fix it, run `portolan convert {from} DST --to oci`");
    assert!(
        stderr.contains("does not allow") && stderr.contains(&fix),
        "{stderr}"
    );
    person.run_ok(&["convert", &from, &to, "--to", "oci"]);
}

#[tokio::test]
async fn strict_fails_if_something_does_not_fit() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    let attestation = image("b").layer_of_type("application/vnd.in-toto+json", "statement");
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&attestation, "unknown/unknown");
    for image in [&image("a"), &attestation] {
        repository.push_image(image, &[]).await;
    }
    repository.push_index(&index, &["v1"]).await;
    let (from, to) = (server.reference("app:v1"), server.reference("app:docker"));
    let convert = ["convert", &from, &to, "--to", "docker"];
    let stderr = text(&person.run(&convert).stderr);
    assert!(
        stderr.contains("is not converted: ") && stderr.contains("--drop-unknown"),
        "{stderr}"
    );
    assert!(!stderr.contains("--to oci"), "{stderr}");
    let stderr = person.run_failing(&[&convert[..], &["--strict"]].concat(), 1);
    assert!(stderr.contains("could not be converted"), "{stderr}");
    person.run_failing(&[&convert[..], &["--strict", "--dry-run"]].concat(), 1);
    let linted = text(&person.run(&["lint", &to]).stdout);
    assert!(
        linted.contains("--to docker --drop-unknown") && !linted.contains("--to oci"),
        "{linted}"
    );
    person.run_ok(&[&convert[..], &["--strict", "--drop-unknown"]].concat());
}
