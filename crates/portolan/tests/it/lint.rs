//! `portolan lint`: findings, targets, rules, and how it ends.

use portolan_model::fixtures::{Image, Index, image};
use serde_json::json;

use super::text;
use super::toolkit::{Person, Server};

/// An index whose second child is Docker's, as the one that the project began with.
async fn mixed(server: &Server, name: &str) -> (Image, Index) {
    let (oci, docker) = (
        image("a").built_for("linux/amd64"),
        image("b").docker().built_for("linux/arm/v7"),
    );
    let repository = server.repository(name);
    repository.image(&oci, &[]).await;
    repository.image(&docker, &[]).await;
    let index = Index::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7");
    repository.index(&index, &["v1"]).await;
    (docker, index)
}

/// What a command prints that ends with `status`.
fn prints(person: &Person, arguments: &[&str], status: i32) -> String {
    let output = person.run(arguments);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[tokio::test]
async fn findings_are_told_with_what_mends_them() {
    let (server, person) = (Server::start(), Person::new());
    mixed(&server, "app").await;
    let reference = server.at("app:v1");
    let told = prints(&person, &["lint", &reference], 0);
    assert!(
        told.contains("warning  index-mixed-families\n    /manifests/1: "),
        "{told}"
    );
    assert!(
        told.contains(&format!(
            "    mend: portolan convert {reference} DST --to oci\n"
        )),
        "{told}"
    );
    assert!(told.ends_with(" in 3 documents\n"), "{told}");

    person.prints(&["copy", &reference, "oci:folder:v1"]);
    let local = prints(&person, &["lint", "oci:folder:v1"], 0);
    assert_eq!(local, told.replace(&reference, "oci:folder:v1"));
}

#[tokio::test]
async fn an_error_ends_with_1_and_a_missing_reference_with_3() {
    let (server, person) = (Server::start(), Person::new());
    let index = Index::oci().image(&image("gone"), "linux/amd64");
    server.repository("sparse/app").index(&index, &["v1"]).await;
    let reference = server.at("sparse/app:v1");
    let told = prints(&person, &["lint", &reference], 1);
    assert!(told.contains("error    missing-child\n"), "{told}");
    let mend = json!(format!(
        "portolan index remove {reference} {}",
        image("gone").digest()
    ));
    let report = prints(
        &person,
        &["lint", "--json", &reference, "--for", "crane"],
        1,
    );
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["digest"], &report["counts"]["errors"]),
        (&json!(index.digest()), &json!(1)),
        "{report}"
    );
    assert_eq!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["rule"] == "missing-child")
            .count(),
        1
    );
    assert_eq!(report["targets"][0]["reasons"][0]["mend"], mend, "{report}");
    let said = person.fails(&["lint", &server.at("sparse/app:v2")], 3);
    assert!(said.contains("the nearest tags are: v1"), "{said}");
}

#[tokio::test]
async fn what_is_in_an_inner_index_is_mended_by_what_can_be_typed() {
    let (server, person) = (Server::start(), Person::new());
    let (one, two) = (
        image("a").built_for("linux/amd64"),
        image("b").built_for("linux/amd64"),
    );
    let inner = Index::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/amd64");
    let repository = server.repository("app");
    repository.image(&one, &[]).await;
    repository.image(&two, &[]).await;
    repository.index(&inner, &[]).await;
    repository
        .index(&Index::oci().nested(&inner, None), &["v1"])
        .await;
    let told = prints(&person, &["lint", &server.at("app:v1")], 0);
    let mend = told.lines().find_map(|line| {
        line.trim()
            .strip_prefix("mend: ")
            .filter(|mend| mend.contains("remove"))
    });
    let flat = server.at("app:flat");
    for command in mend.unwrap().replace("DST", &flat).split(" && ") {
        person.prints(&command.split(' ').skip(1).collect::<Vec<_>>());
    }
    let told = prints(&person, &["lint", &flat], 0);
    assert_eq!(told, "no findings in 2 documents\n");
}

#[tokio::test]
async fn a_target_is_told_with_its_cause_source_and_mend() {
    let (server, person) = (Server::start(), Person::new());
    let (docker, _) = mixed(&server, "app").await;
    let reference = server.at("app:v1");
    let told = prints(&person, &["lint", &reference, "--for", "quay,gcr"], 1);
    assert!(told.starts_with("quay: works\n"), "{told}");
    let cause = format!(
        "    /manifests/1  linux/arm/v7  sha256:{}  {}\n",
        &docker.digest().encoded()[..12],
        docker.media_type()
    );
    assert!(
        told.contains("\ngcr: fails\n") && told.contains(&cause),
        "{told}"
    );
    assert!(
        told.contains("    known from: https://github.com/")
            && told.contains("Image index child manifest not supported"),
        "{told}"
    );
    assert!(
        told.contains(&format!(
            "    mend: portolan convert {reference} DST --to oci\n"
        )),
        "{told}"
    );
    assert!(
        told.contains("Findings: ") && told.contains(&format!("see portolan lint {reference}\n")),
        "{told}"
    );
    let said = person.fails(&["lint", &reference, "--for", "gcr"], 1);
    assert!(said.contains("it fails at gcr"), "{said}");
    assert!(prints(&person, &["lint", &reference, "--for", "quay"], 0).contains("quay: works"));
}

#[tokio::test]
async fn all_targets_are_a_line_each() {
    let (server, person) = (Server::start(), Person::new());
    mixed(&server, "app").await;
    let told = prints(&person, &["lint", &server.at("app:v1"), "--for", "all"], 1);
    let line = |target: &str| {
        told.lines()
            .find(|line| line.starts_with(target))
            .unwrap_or_default()
    };
    assert!(
        line("quay ").contains("works") && line("quay-before-2026-05").contains("fails"),
        "{told}"
    );
    assert!(
        line("gcr ").contains("An OCI index names a Docker image (/manifests/1  linux/arm/v7"),
        "{told}"
    );
    assert!(
        line("containers-image").contains("works with a remark  copying the whole: "),
        "{told}"
    );
}

#[test]
fn rules_are_listed_without_an_image() {
    let person = Person::new();
    let told = person.prints_text(&["lint", "--rules"]);
    assert!(
        told.contains("index-mixed-families") && told.starts_with("RULE"),
        "{told}"
    );
    let rules = person.prints_json(&["lint", "--rules", "--json"]);
    assert!(
        rules["rules"]
            .as_array()
            .unwrap()
            .iter()
            .any(|rule| rule["rule"] == "missing-child"),
        "{rules}"
    );
}

#[test]
fn a_target_that_nobody_knows_is_wrong_usage() {
    let person = Person::new();
    let said = person.fails(&["lint", "app:v1", "--for", "quai"], 2);
    assert!(said.contains("did you mean \"quay\"?"), "{said}");
    person.fails(&["lint"], 2);
}

#[tokio::test]
async fn a_summary_counts_the_findings_of_the_document() {
    let (server, person) = (Server::start(), Person::new());
    mixed(&server, "app").await;
    let reference = server.at("app:v1");
    let shown = person.prints_text(&["inspect", &reference]);
    assert!(
        shown.contains("Findings:      1 warning")
            && shown.contains(&format!("see portolan lint {reference}\n")),
        "{shown}"
    );
    let summary = person.prints_json(&["inspect", "--json", &reference]);
    assert_eq!(summary["findings"]["warnings"], json!(1), "{summary}");
}

#[tokio::test]
async fn a_policy_answers_as_a_push_would_be_answered() {
    let (server, person) = (Server::start(), Person::new());
    let (docker, _) = mixed(&server, "team/app").await;
    let reference = server.at("team/app:v1");
    let told = prints(&person, &["lint", &reference, "--policy", "open"], 0);
    assert!(
        told.contains("  warn    index-mixed-families\n    /manifests/1: "),
        "{told}"
    );
    assert!(
        told.ends_with("open accepts a push to team/app, with 1 warning\n"),
        "{told}"
    );

    let told = prints(&person, &["lint", &reference, "--policy", "oci-only"], 1);
    assert!(
        told.starts_with("  reject  type-not-allowed\n    /manifests/1: "),
        "{told}"
    );
    assert!(
        told.contains("oci-only refuses a push to team/app: MANIFEST_INVALID: /manifests/1: "),
        "{told}"
    );

    let file = person.path("portolan.toml");
    let entries =
        "[[policy]]\nrepositories = \"team/**\"\nrules = { index-mixed-families = \"reject\" }\n";
    std::fs::write(&file, entries).unwrap();
    let file = file.to_str().unwrap();
    let report = prints(
        &person,
        &["lint", "--json", &reference, "--policy", file],
        1,
    );
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let first = &report["findings"][0];
    assert_eq!(
        (&report["accepted"], &report["error"]["code"]),
        (&json!(false), &json!("MANIFEST_INVALID")),
        "{report}"
    );
    assert_eq!(
        (&first["verdict"], &first["digest"]),
        (&json!("reject"), &json!(docker.digest())),
        "{report}"
    );
    assert_eq!(
        first["mend"],
        json!(format!("portolan convert {reference} DST --to oci"))
    );
    mixed(&server, "other").await;
    prints(
        &person,
        &["lint", &server.at("other:v1"), "--policy", file],
        0,
    );

    let said = person.fails(&["lint", &reference, "--policy", "oci-olny"], 2);
    assert!(
        said.contains("open, sparse, oci-only and docker-only"),
        "{said}"
    );
}

#[tokio::test]
async fn a_policy_that_normalises_tells_where_the_tags_would_point() {
    let (server, person) = (Server::start(), Person::new());
    let (_, index) = mixed(&server, "team/app").await;
    let file = person.path("portolan.toml");
    let answer = |reference: &str, rules: &str, status: i32| {
        let entry = format!(
            "[[policy]]\nrepositories = \"**\"\nnormalise = \"oci\"\nrules = {{ {rules} }}\n"
        );
        std::fs::write(&file, entry).unwrap();
        prints(
            &person,
            &[
                "lint",
                "--json",
                &server.at(reference),
                "--policy",
                file.to_str().unwrap(),
            ],
            status,
        )
    };
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    // What a push of the same is answered.
    person.prints(&[
        "copy",
        &server.at("team/app:v1"),
        &server.at("normalised/app:v1"),
    ]);
    let tagged = server
        .repository("normalised/app")
        .tagged("v1")
        .await
        .unwrap();
    assert_ne!(tagged, index.digest());
    let said = json(answer("team/app:v1", "", 0));
    let warned = said["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "warn")
        .count();
    assert_eq!((&said["normalised"], warned), (&json!(tagged), 0), "{said}");
    let told = prints(
        &person,
        &[
            "lint",
            &server.at("team/app:v1"),
            "--policy",
            file.to_str().unwrap(),
        ],
        0,
    );
    assert!(
        told.starts_with(&format!("The tags would be set to {tagged}, ")),
        "{told}"
    );

    let lost = Index::oci().image(&image("lost").docker(), "linux/amd64");
    server.repository("sparse/app").index(&lost, &["v1"]).await;
    let said = json(answer("sparse/app:v1", "missing-child = \"accept\"", 0));
    let finding = said["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "not-normalised");
    assert_eq!(finding.unwrap()["verdict"], "warn", "{said}");
    let rules = "missing-child = \"accept\", not-normalised = \"reject\"";
    let said = json(answer("sparse/app:v1", rules, 1));
    assert_eq!(
        (&said["accepted"], &said["findings"][0]["rule"]),
        (&json!(false), &json!("not-normalised")),
        "{said}"
    );
}
