//! `portolan index`: made, changed, and changed by many at once.

use std::process::Stdio;

use portolan_model::fixtures::{Image, Index, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Person, Server};

const ARCHITECTURES: [&str; 8] = [
    "amd64", "arm64", "riscv64", "s390x", "ppc64le", "386", "mips64le", "loong64",
];

/// Pushes an image whose config names an architecture, and answers its digest.
async fn push(server: &Server, repository: &str, architecture: &str) -> Digest {
    let repository = server.repository(repository);
    let config = json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
    let config = config.to_string();
    let digest = repository.blob(config.clone()).await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "layers": [],
        "config": {"mediaType": MediaType::OCI_CONFIG, "digest": digest, "size": config.len()},
    });
    repository
        .manifest(
            manifest.to_string().into(),
            &MediaType::OCI_MANIFEST.into(),
            &[architecture],
        )
        .await
}

fn platforms(index: &Value) -> Vec<String> {
    let children = index["manifests"].as_array().unwrap();
    children
        .iter()
        .map(|child| {
            child["platform"]["architecture"]
                .as_str()
                .unwrap_or("-")
                .to_owned()
        })
        .collect()
}

fn index(person: &Person, reference: &str) -> Value {
    serde_json::from_slice(&person.prints(&["inspect", "--raw", reference])).unwrap()
}

#[tokio::test]
async fn is_made_of_what_is_here_and_elsewhere() {
    let (server, other, person) = (Server::start(), Server::start(), Person::new());
    let here = push(&server, "app", "amd64").await;
    push(&other, "arm", "arm64").await;
    person.prints(&["copy", &other.at("arm:arm64"), "oci:arm"]);
    let target = server.at("app:v1");
    let printed = person.prints_text(&[
        "index",
        "create",
        &target,
        &server.at("app:amd64"),
        "oci:arm",
        "--annotation",
        "a=b",
    ]);
    let made = index(&person, &target);
    assert_eq!(platforms(&made), ["amd64", "arm64"]);
    assert_eq!(
        (&made["manifests"][0]["digest"], &made["annotations"]),
        (&json!(here), &json!({"a": "b"}))
    );
    let digest = server.repository("app").tagged("v1").await.unwrap();
    assert_eq!(printed, format!("{target}@{digest}\n"));

    person.prints(&[
        "index",
        "create",
        "--docker",
        &server.at("app:list"),
        &server.at("app:amd64"),
    ]);
    let head = server.repository("app").head("list").await.unwrap();
    assert_eq!(head.media_type.as_str(), MediaType::DOCKER_LIST);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_that_add_at_once_lose_nothing() {
    let (server, person) = (Server::start(), Person::new());
    let target = server.at("app:v1");
    for architecture in ARCHITECTURES {
        push(&server, "app", architecture).await;
    }
    let children: Vec<_> = ARCHITECTURES
        .iter()
        .map(|architecture| {
            let child = server.at(&format!("app:{architecture}"));
            person
                .command(&["index", "add", "--quiet", &target, &child])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut there = platforms(&index(&person, &target));
    there.sort_unstable();
    let mut added = ARCHITECTURES.map(str::to_owned);
    added.sort_unstable();
    assert_eq!(there, added);
}

#[tokio::test]
async fn is_changed_and_says_from_what() {
    let (server, person) = (Server::start(), Person::new());
    let target = server.at("app:v1");
    for architecture in ["amd64", "arm64"] {
        push(&server, "app", architecture).await;
        person.prints(&[
            "index",
            "add",
            &target,
            &server.at(&format!("app:{architecture}")),
        ]);
    }
    let before = server.repository("app").tagged("v1").await.unwrap();
    let report = person.prints_json(&[
        "index",
        "annotate",
        "--json",
        &target,
        "--child",
        "linux/arm64",
        "x=1",
    ]);
    assert_eq!(
        (&report["previous"], &report["guarded"]),
        (&json!(before), &json!(true)),
        "{report}"
    );
    assert_eq!(
        index(&person, &target)["manifests"][1]["annotations"],
        json!({"x": "1"})
    );
    person.prints(&["index", "remove", &target, "linux/amd64"]);
    assert_eq!(platforms(&index(&person, &target)), ["arm64"]);
    let said = person.fails(&["index", "remove", &target, "linux/amd64"], 3);
    assert!(said.contains("linux/arm64"), "{said}");
}

#[tokio::test]
async fn the_digest_that_is_printed_is_that_of_the_tag() {
    let (server, person) = (Server::start(), Person::new());
    let repository = server.repository("normalised/app");
    let docker = image("a").docker();
    repository.image(&docker, &[]).await;
    let (target, child) = (
        server.at("normalised/app:v1"),
        server.at(&format!("normalised/app@{}", docker.digest())),
    );
    for command in [
        ["index", "create", &target, &child],
        ["index", "add", &target, &child],
    ] {
        let printed = person.prints_text(&command);
        assert_eq!(
            printed,
            format!("{target}@{}\n", repository.tagged("v1").await.unwrap())
        );
    }
    let set = person.run(&["tags", "set", &child, "v2"]);
    let expected = format!(
        "{}:v2 is {}\n",
        server.at("normalised/app"),
        repository.tagged("v2").await.unwrap()
    );
    assert!(
        text(&set.stderr).ends_with(&expected),
        "{}",
        text(&set.stderr)
    );
}

#[tokio::test]
async fn what_the_registry_warns_of_can_be_typed() {
    let (server, person) = (Server::start(), Person::new());
    let (oci, docker) = (image("a"), image("b").docker());
    for image in [&oci, &docker] {
        server.repository("app").image(image, &[]).await;
    }
    let children = [&oci, &docker].map(|image| server.at(&format!("app@{}", image.digest())));
    let made = person.run(&[
        "index",
        "create",
        &server.at("app:v1"),
        &children[0],
        &children[1],
    ]);
    let copied = person.run(&["copy", &server.at("app:v1"), &server.at("other:v2")]);
    for (output, reference) in [(made, "app:v1"), (copied, "other:v2")] {
        let said = text(&output.stderr);
        let mend = format!(
            "; to mend it: portolan convert {} DST --to oci\n",
            server.at(reference)
        );
        assert!(
            said.contains(&format!(
                "{} warns: index-mixed-families at ",
                server.host()
            )) && said.contains(&mend),
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_is_no_index_is_left_alone() {
    let (server, person) = (Server::start(), Person::new());
    push(&server, "app", "amd64").await;
    let (target, child) = (server.at("app:amd64"), server.at("app:amd64"));
    let before = server.repository("app").tagged("amd64").await;
    let said = person.fails(&["index", "add", &target, &child], 6);
    assert!(said.contains("no index"), "{said}");
    assert_eq!(server.repository("app").tagged("amd64").await, before);
    person.fails(&["index", "annotate", &server.at("app:missing"), "a=b"], 3);
    let said = person.fails(
        &["index", "create", "docker-archive:x.tar:app:v1", &child],
        2,
    );
    assert!(
        said.contains("no index") && !person.path("x.tar").exists(),
        "{said}"
    );
    person.fails(
        &[
            "index",
            "add",
            &server.at(&format!("app@{}", Digest::sha256(b""))),
            &child,
        ],
        2,
    );
}

#[tokio::test]
async fn lives_in_folders_too() {
    let (server, person) = (Server::start(), Person::new());
    for architecture in ["amd64", "arm64"] {
        push(&server, "app", architecture).await;
        person.prints(&[
            "index",
            "add",
            "oci:folder:v1",
            &server.at(&format!("app:{architecture}")),
        ]);
    }
    assert_eq!(
        platforms(&index(&person, "oci:folder:v1")),
        ["amd64", "arm64"]
    );
    let nested: (Image, Index) = (image("n"), Index::oci().image(&image("n"), "linux/mips"));
    server.repository("n").image(&nested.0, &[]).await;
    server.repository("n").index(&nested.1, &["v1"]).await;
    let output = person.run(&["index", "add", "oci:folder:v1", &server.at("n:v1")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        index(&person, "oci:folder:v1")["manifests"][2]["digest"],
        json!(nested.1.digest())
    );
}
