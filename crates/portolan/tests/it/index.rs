//! `portolan index`: creation, edits, and concurrent edits.

use std::process::Stdio;

use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Server, User};

const ARCHITECTURES: [&str; 8] = [
    "amd64", "arm64", "riscv64", "s390x", "ppc64le", "386", "mips64le", "loong64",
];

/// Pushes an image whose config names an architecture, and returns its digest.
async fn push(server: &Server, repository: &str, architecture: &str) -> Digest {
    let repository = server.repository(repository);
    let config = json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
    let config = config.to_string();
    let digest = repository.push_blob(config.clone()).await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "layers": [],
        "config": {"mediaType": MediaType::OCI_CONFIG, "digest": digest, "size": config.len()},
    });
    repository
        .push_manifest(
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

fn index(person: &User, reference: &str) -> Value {
    serde_json::from_slice(&person.run_ok(&["inspect", "--raw", reference])).unwrap()
}

#[tokio::test]
async fn creates_an_index_of_local_and_remote_children() {
    let (server, other, person) = (Server::start(), Server::start(), User::new());
    let local = push(&server, "app", "amd64").await;
    push(&other, "arm", "arm64").await;
    person.run_ok(&["copy", &other.reference("arm:arm64"), "oci:arm"]);
    let target = server.reference("app:v1");
    let printed = person.run_text(&[
        "index",
        "create",
        &target,
        &server.reference("app:amd64"),
        "oci:arm",
        "--annotation",
        "a=b",
    ]);
    let made = index(&person, &target);
    assert_eq!(platforms(&made), ["amd64", "arm64"]);
    assert_eq!(
        (&made["manifests"][0]["digest"], &made["annotations"]),
        (&json!(local), &json!({"a": "b"}))
    );
    let digest = server.repository("app").resolve_tag("v1").await.unwrap();
    assert_eq!(printed, format!("{target}@{digest}\n"));

    person.run_ok(&[
        "index",
        "create",
        "--docker",
        &server.reference("app:list"),
        &server.reference("app:amd64"),
    ]);
    let head = server
        .repository("app")
        .head_manifest("list")
        .await
        .unwrap();
    assert_eq!(head.media_type.as_str(), MediaType::DOCKER_LIST);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_additions_are_not_lost() {
    let (server, person) = (Server::start(), User::new());
    let target = server.reference("app:v1");
    for architecture in ARCHITECTURES {
        push(&server, "app", architecture).await;
    }
    let children: Vec<_> = ARCHITECTURES
        .iter()
        .map(|architecture| {
            let child = server.reference(&format!("app:{architecture}"));
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
    let mut present = platforms(&index(&person, &target));
    present.sort_unstable();
    let mut added = ARCHITECTURES.map(str::to_owned);
    added.sort_unstable();
    assert_eq!(present, added);
}

#[tokio::test]
async fn reports_the_previous_digest_of_an_edit() {
    let (server, person) = (Server::start(), User::new());
    let target = server.reference("app:v1");
    for architecture in ["amd64", "arm64"] {
        push(&server, "app", architecture).await;
        person.run_ok(&[
            "index",
            "add",
            &target,
            &server.reference(&format!("app:{architecture}")),
        ]);
    }
    let before = server.repository("app").resolve_tag("v1").await.unwrap();
    let report = person.run_json(&[
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
    person.run_ok(&["index", "remove", &target, "linux/amd64"]);
    assert_eq!(platforms(&index(&person, &target)), ["arm64"]);
    let stderr = person.run_failing(&["index", "remove", &target, "linux/amd64"], 3);
    assert!(stderr.contains("linux/arm64"), "{stderr}");
}

#[tokio::test]
async fn prints_the_digest_of_the_tag() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("normalized/app");
    let docker = image("a").docker();
    repository.push_image(&docker, &[]).await;
    let (target, child) = (
        server.reference("normalized/app:v1"),
        server.reference(&format!("normalized/app@{}", docker.digest())),
    );
    for command in [
        ["index", "create", &target, &child],
        ["index", "add", &target, &child],
    ] {
        let printed = person.run_text(&command);
        assert_eq!(
            printed,
            format!("{target}@{}\n", repository.resolve_tag("v1").await.unwrap())
        );
    }
    let set = person.run(&["tags", "set", &child, "v2"]);
    let expected = format!(
        "set tag v2 of {} to {}\n",
        server.reference("normalized/app"),
        repository.resolve_tag("v2").await.unwrap()
    );
    assert!(
        text(&set.stderr).ends_with(&expected),
        "{}",
        text(&set.stderr)
    );
}

#[tokio::test]
async fn warnings_of_the_registry_contain_a_runnable_command() {
    let (server, person) = (Server::start(), User::new());
    let (oci, docker) = (image("a"), image("b").docker());
    for image in [&oci, &docker] {
        server.repository("app").push_image(image, &[]).await;
    }
    let children =
        [&oci, &docker].map(|image| server.reference(&format!("app@{}", image.digest())));
    let made = person.run(&[
        "index",
        "create",
        &server.reference("app:v1"),
        &children[0],
        &children[1],
    ]);
    let copied = person.run(&[
        "copy",
        &server.reference("app:v1"),
        &server.reference("other:v2"),
    ]);
    for (output, reference) in [(made, "app:v1"), (copied, "other:v2")] {
        let stderr = text(&output.stderr);
        let fix = format!(
            "\nhelp: portolan convert {} DST --to oci\n",
            server.reference(reference)
        );
        assert!(
            stderr.contains(&format!(
                "warning: {}: index-mixed-families at ",
                server.host()
            )) && stderr.contains(&fix),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn rejects_a_tag_that_is_not_an_index() {
    let (server, person) = (Server::start(), User::new());
    push(&server, "app", "amd64").await;
    let (target, child) = (server.reference("app:amd64"), server.reference("app:amd64"));
    let before = server.repository("app").resolve_tag("amd64").await;
    let stderr = person.run_failing(&["index", "add", &target, &child], 6);
    assert!(stderr.contains("does not point to an index"), "{stderr}");
    assert_eq!(server.repository("app").resolve_tag("amd64").await, before);
    person.run_failing(
        &["index", "annotate", &server.reference("app:missing"), "a=b"],
        3,
    );
    let stderr = person.run_failing(
        &["index", "create", "docker-archive:x.tar:app:v1", &child],
        2,
    );
    assert!(
        stderr.contains("cannot store an index") && !person.path("x.tar").exists(),
        "{stderr}"
    );
    person.run_failing(
        &[
            "index",
            "add",
            &server.reference(&format!("app@{}", Digest::sha256(b""))),
            &child,
        ],
        2,
    );
}

#[tokio::test]
async fn edits_an_index_in_a_folder() {
    let (server, person) = (Server::start(), User::new());
    for architecture in ["amd64", "arm64"] {
        push(&server, "app", architecture).await;
        person.run_ok(&[
            "index",
            "add",
            "oci:folder:v1",
            &server.reference(&format!("app:{architecture}")),
        ]);
    }
    assert_eq!(
        platforms(&index(&person, "oci:folder:v1")),
        ["amd64", "arm64"]
    );
    let nested: (ImageFixture, IndexFixture) = (
        image("n"),
        IndexFixture::oci().image(&image("n"), "linux/mips"),
    );
    server.repository("n").push_image(&nested.0, &[]).await;
    server.repository("n").push_index(&nested.1, &["v1"]).await;
    let output = person.run(&["index", "add", "oci:folder:v1", &server.reference("n:v1")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        index(&person, "oci:folder:v1")["manifests"][2]["digest"],
        json!(nested.0.digest())
    );
}

/// Pushes an index as BuildKit does for one platform: an image and its attestation. Returns the
/// digests of both.
async fn push_built(server: &Server, architecture: &str, tag: &str) -> [Digest; 2] {
    let repository = server.repository("app");
    let image = image(tag).built_for(&format!("linux/{architecture}"));
    let attestation = image_of_attestation(&image);
    let index = IndexFixture::oci()
        .image(&image, &format!("linux/{architecture}"))
        .child(attestation_descriptor(&image, &attestation));
    repository.push_image(&image, &[]).await;
    repository.push_image(&attestation, &[]).await;
    repository.push_index(&index, &[tag]).await;
    [image.digest(), attestation.digest()]
}

fn image_of_attestation(attested: &ImageFixture) -> ImageFixture {
    image(&format!("attestation of {}", attested.digest()))
        .config_field("os", json!("unknown"))
        .config_field("architecture", json!("unknown"))
}

fn attestation_descriptor(attested: &ImageFixture, attestation: &ImageFixture) -> Value {
    let mut child = json!(attestation.descriptor());
    child["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    child["annotations"] = json!({
        "vnd.docker.reference.digest": attested.digest(),
        "vnd.docker.reference.type": "attestation-manifest",
    });
    child
}

fn child_digests(index: &Value) -> Vec<Value> {
    let children = index["manifests"].as_array().unwrap();
    children
        .iter()
        .map(|child| child["digest"].clone())
        .collect()
}

#[tokio::test]
async fn indexes_are_flattened_with_their_attestations() {
    let (server, person) = (Server::start(), User::new());
    let amd64 = push_built(&server, "amd64", "amd64").await;
    let arm64 = push_built(&server, "arm64", "arm64").await;
    let parts = ["app:amd64", "app:arm64"].map(|name| server.reference(name));
    let expected = json!([amd64, arm64.clone()].concat());
    for target in [
        server.reference("app:v1"),
        server.reference("other:v1"),
        "oci:folder:v1".to_owned(),
    ] {
        person.run_ok(&["index", "create", &target, &parts[0], &parts[1]]);
        let made = index(&person, &target);
        assert_eq!(json!(child_digests(&made)), expected, "{target}");
        assert_eq!(
            made["manifests"][3]["annotations"]["vnd.docker.reference.digest"],
            json!(arm64[0])
        );
        assert_eq!(platforms(&made), ["amd64", "unknown", "arm64", "unknown"]);
    }
    let folder = std::fs::read(person.path("folder/index.json")).unwrap();
    let folder: Value = serde_json::from_slice(&folder).unwrap();
    assert_eq!(folder["manifests"].as_array().unwrap().len(), 1, "{folder}");

    let nested = server.reference("app:nested");
    person.run_ok(&["index", "create", "--nest", &nested, &parts[0], &parts[1]]);
    person.run_ok(&["index", "create", &server.reference("app:flat"), &nested]);
    let flat = index(&person, &server.reference("app:flat"));
    assert_eq!(json!(child_digests(&flat)), expected);
    let linted = person.run_json(&["lint", "--json", &nested]);
    assert_eq!(linted["counts"]["warnings"], 2, "{linted}");
}

#[tokio::test]
async fn a_rebuilt_platform_keeps_its_position() {
    let (server, person) = (Server::start(), User::new());
    let target = server.reference("app:v1");
    push_built(&server, "amd64", "amd64").await;
    let arm64 = push_built(&server, "arm64", "arm64").await;
    for part in ["amd64", "arm64"] {
        person.run_ok(&[
            "index",
            "add",
            &target,
            &server.reference(&format!("app:{part}")),
        ]);
    }
    let rebuilt = push_built(&server, "amd64", "rebuilt").await;
    let added = person.run(&["index", "add", &target, &server.reference("app:rebuilt")]);
    assert_eq!(
        text(&added.stderr).matches("replaced ").count(),
        2,
        "{}",
        text(&added.stderr)
    );
    let made = index(&person, &target);
    assert_eq!(
        json!(child_digests(&made)),
        json!([rebuilt, arm64].concat())
    );
}

#[tokio::test]
async fn images_for_the_same_platform_are_both_listed_with_a_warning() {
    let (server, person) = (Server::start(), User::new());
    let one = push_built(&server, "amd64", "one").await;
    let two = push_built(&server, "amd64", "two").await;
    let parts = ["app:one", "app:two", "app:two"].map(|name| server.reference(name));
    let target = server.reference("app:v1");
    let created = person.run(&["index", "create", &target, &parts[0], &parts[1], &parts[2]]);
    let stderr = text(&created.stderr);
    assert!(
        stderr.contains(" are both for linux/amd64; clients select the first"),
        "{stderr}"
    );
    assert_eq!(
        json!(child_digests(&index(&person, &target))),
        json!([one, two].concat())
    );
}

#[tokio::test]
async fn a_build_cache_is_not_flattened() {
    let (server, person) = (Server::start(), User::new());
    let repository = server.repository("app");
    repository.push_blob(blob("layer")).await;
    let cache = IndexFixture::oci().child_of_type(MediaType::OCI_LAYER_GZIP, &blob("layer"), None);
    repository.push_index(&cache, &["cache"]).await;
    let target = server.reference("app:v1");
    person.run_ok(&["index", "create", &target, &server.reference("app:cache")]);
    assert_eq!(
        child_digests(&index(&person, &target)),
        [json!(cache.digest())]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_builds_are_joined() {
    let (server, person) = (Server::start(), User::new());
    let target = server.reference("app:v1");
    let mut expected = Vec::new();
    for architecture in ARCHITECTURES {
        expected.extend(push_built(&server, architecture, architecture).await);
    }
    let jobs: Vec<_> = ARCHITECTURES
        .iter()
        .map(|architecture| {
            let child = server.reference(&format!("app:{architecture}"));
            let mut command = person.command(&["index", "add", "--quiet", &target, &child]);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut job in jobs {
        assert!(job.wait().unwrap().success());
    }
    let mut present = child_digests(&index(&person, &target));
    let mut expected: Vec<_> = expected.iter().map(|digest| json!(digest)).collect();
    present.sort_unstable_by_key(ToString::to_string);
    expected.sort_unstable_by_key(ToString::to_string);
    assert_eq!(present, expected);
}
