//! `portolan lint`: findings, targets, rules, and exit statuses.

use portolan_model::Digest;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use serde_json::json;

use super::text;
use super::toolkit::{Server, User};

/// Pushes an OCI index whose second child is a Docker image.
async fn push_mixed_index(server: &Server, name: &str) -> (ImageFixture, IndexFixture) {
    let (oci, docker) = (
        image("a").built_for("linux/amd64"),
        image("b").docker().built_for("linux/arm/v7"),
    );
    let repository = server.repository(name);
    repository.push_image(&oci, &[]).await;
    repository.push_image(&docker, &[]).await;
    let index = IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7");
    repository.push_index(&index, &["v1"]).await;
    (docker, index)
}

/// Runs a command that must exit with `status`, and returns its standard output.
fn run_with_status(person: &User, arguments: &[&str], status: i32) -> String {
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
async fn prints_findings_with_their_fix() {
    let (server, person) = (Server::start(), User::new());
    push_mixed_index(&server, "app").await;
    let reference = server.reference("app:v1");
    let stdout = run_with_status(&person, &["lint", &reference], 0);
    assert!(
        stdout.contains("warning  index-mixed-families\n    /manifests/1: "),
        "{stdout}"
    );
    assert!(
        stdout.contains(&format!(
            "    help: portolan convert {reference} DST --to oci\n"
        )),
        "{stdout}"
    );
    assert!(stdout.ends_with(" in 3 documents\n"), "{stdout}");

    person.run_ok(&["copy", &reference, "oci:folder:v1"]);
    let local = run_with_status(&person, &["lint", "oci:folder:v1"], 0);
    assert_eq!(local, stdout.replace(&reference, "oci:folder:v1"));
}

#[tokio::test]
async fn an_error_exits_with_1_and_a_missing_reference_with_3() {
    let (server, person) = (Server::start(), User::new());
    let index = IndexFixture::oci().image(&image("gone"), "linux/amd64");
    server
        .repository("sparse/app")
        .push_index(&index, &["v1"])
        .await;
    let reference = server.reference("sparse/app:v1");
    let stdout = run_with_status(&person, &["lint", &reference], 1);
    assert!(stdout.contains("error    missing-child\n"), "{stdout}");
    let fix = json!(format!(
        "portolan index remove {reference} {}",
        image("gone").digest()
    ));
    let report = run_with_status(
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
    assert_eq!(report["targets"][0]["reasons"][0]["fix"], fix, "{report}");
    let stderr = person.run_failing(&["lint", &server.reference("sparse/app:v2")], 3);
    assert!(stderr.contains("similar tags: v1"), "{stderr}");
}

#[tokio::test]
async fn the_printed_commands_fix_a_nested_index() {
    let (server, person) = (Server::start(), User::new());
    let (one, two) = (
        image("a").built_for("linux/amd64"),
        image("b").built_for("linux/amd64"),
    );
    let inner = IndexFixture::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/amd64");
    let repository = server.repository("app");
    repository.push_image(&one, &[]).await;
    repository.push_image(&two, &[]).await;
    repository.push_index(&inner, &[]).await;
    repository
        .push_index(&IndexFixture::oci().nested_index(&inner, None), &["v1"])
        .await;
    let stdout = run_with_status(&person, &["lint", &server.reference("app:v1")], 0);
    let fix = stdout.lines().find_map(|line| {
        line.trim()
            .strip_prefix("help: ")
            .filter(|fix| fix.contains("remove"))
    });
    let flat = server.reference("app:flat");
    for command in fix.unwrap().replace("DST", &flat).split(" && ") {
        person.run_ok(&command.split(' ').skip(1).collect::<Vec<_>>());
    }
    let stdout = run_with_status(&person, &["lint", &flat], 0);
    assert_eq!(stdout, "no findings in 2 documents\n");
}

#[tokio::test]
async fn prints_a_target_with_cause_source_and_fix() {
    let (server, person) = (Server::start(), User::new());
    let (docker, _) = push_mixed_index(&server, "app").await;
    let reference = server.reference("app:v1");
    let stdout = run_with_status(&person, &["lint", &reference, "--for", "quay,gcr"], 1);
    assert!(stdout.starts_with("quay: works\n"), "{stdout}");
    let cause = format!(
        "    /manifests/1  linux/arm/v7  sha256:{}  {}\n",
        &docker.digest().encoded_part()[..12],
        docker.media_type()
    );
    assert!(
        stdout.contains("\ngcr: fails\n") && stdout.contains(&cause),
        "{stdout}"
    );
    assert!(
        stdout.contains("    source: https://github.com/")
            && stdout.contains("Image index child manifest not supported"),
        "{stdout}"
    );
    assert!(
        stdout.contains(&format!(
            "    help: portolan convert {reference} DST --to oci\n"
        )),
        "{stdout}"
    );
    assert!(
        stdout.contains("Findings: ")
            && stdout.contains(&format!("run `portolan lint {reference}`\n")),
        "{stdout}"
    );
    let stderr = person.run_failing(&["lint", &reference, "--for", "gcr"], 1);
    assert!(stderr.contains("will be rejected by: gcr"), "{stderr}");
    assert!(
        run_with_status(&person, &["lint", &reference, "--for", "quay"], 0).contains("quay: works")
    );
}

#[tokio::test]
async fn prints_one_line_per_target() {
    let (server, person) = (Server::start(), User::new());
    push_mixed_index(&server, "app").await;
    let stdout = run_with_status(
        &person,
        &["lint", &server.reference("app:v1"), "--for", "all"],
        1,
    );
    let line = |target: &str| {
        stdout
            .lines()
            .find(|line| line.starts_with(target))
            .unwrap_or_default()
    };
    assert!(
        line("quay ").contains("works") && line("quay-before-2026-05").contains("fails"),
        "{stdout}"
    );
    assert!(
        line("gcr ").contains("An OCI index references a Docker image (/manifests/1  linux/arm/v7"),
        "{stdout}"
    );
    assert!(
        line("containers-image").contains("works with a remark  copying the full image: "),
        "{stdout}"
    );
}

#[test]
fn lists_rules_without_an_image() {
    let person = User::new();
    let stdout = person.run_text(&["lint", "--rules"]);
    assert!(
        stdout.contains("index-mixed-families") && stdout.starts_with("RULE"),
        "{stdout}"
    );
    let rules = person.run_json(&["lint", "--rules", "--json"]);
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
fn an_unknown_target_is_a_usage_error() {
    let person = User::new();
    let stderr = person.run_failing(&["lint", "app:v1", "--for", "quai"], 2);
    assert!(stderr.contains("did you mean `--for quay`?"), "{stderr}");
    person.run_failing(&["lint"], 2);
}

#[tokio::test]
async fn a_summary_counts_the_findings_of_the_document() {
    let (server, person) = (Server::start(), User::new());
    push_mixed_index(&server, "app").await;
    let reference = server.reference("app:v1");
    let stdout = person.run_text(&["inspect", &reference]);
    assert!(
        stdout.contains("Findings:      1 warning")
            && stdout.contains(&format!("run `portolan lint {reference}`)\n")),
        "{stdout}"
    );
    let summary = person.run_json(&["inspect", "--json", &reference]);
    assert_eq!(summary["findings"]["warnings"], json!(1), "{summary}");
}

#[tokio::test]
async fn a_policy_predicts_the_result_of_a_push() {
    let (server, person) = (Server::start(), User::new());
    let (docker, _) = push_mixed_index(&server, "team/app").await;
    let reference = server.reference("team/app:v1");
    let stdout = run_with_status(&person, &["lint", &reference, "--policy", "open"], 0);
    assert!(
        stdout.contains("  warn    index-mixed-families\n    /manifests/1: "),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("policy open accepts a push to team/app with 1 warning\n"),
        "{stdout}"
    );

    let stdout = run_with_status(&person, &["lint", &reference, "--policy", "oci-only"], 1);
    assert!(
        stdout.starts_with("  reject  type-not-allowed\n    /manifests/1: "),
        "{stdout}"
    );
    assert!(
        stdout.contains(
            "policy oci-only rejects a push to team/app: MANIFEST_INVALID: /manifests/1: "
        ),
        "{stdout}"
    );

    let file = person.path("portolan.toml");
    let entries =
        "[[policy]]\nrepositories = \"team/**\"\nrules = { index-mixed-families = \"reject\" }\n";
    std::fs::write(&file, entries).unwrap();
    let file = file.to_str().unwrap();
    let report = run_with_status(
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
        first["fix"],
        json!(format!("portolan convert {reference} DST --to oci"))
    );
    push_mixed_index(&server, "other").await;
    run_with_status(
        &person,
        &["lint", &server.reference("other:v1"), "--policy", file],
        0,
    );

    let stderr = person.run_failing(&["lint", &reference, "--policy", "oci-olny"], 2);
    assert!(
        stderr.contains("open, sparse, oci-only and docker-only"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_normalizing_policy_prints_the_new_digest() {
    let (server, person) = (Server::start(), User::new());
    let (_, index) = push_mixed_index(&server, "team/app").await;
    let file = person.path("portolan.toml");
    let evaluate = |reference: &str, rules: &str, status: i32| {
        let entry = format!(
            "[[policy]]\nrepositories = \"**\"\nnormalize = \"oci\"\nrules = {{ {rules} }}\n"
        );
        std::fs::write(&file, entry).unwrap();
        run_with_status(
            &person,
            &[
                "lint",
                "--json",
                &server.reference(reference),
                "--policy",
                file.to_str().unwrap(),
            ],
            status,
        )
    };
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    // The registry's result for a push of the same image.
    person.run_ok(&[
        "copy",
        &server.reference("team/app:v1"),
        &server.reference("normalized/app:v1"),
    ]);
    let tagged = server
        .repository("normalized/app")
        .resolve_tag("v1")
        .await
        .unwrap();
    assert_ne!(tagged, index.digest());
    let report = json(evaluate("team/app:v1", "", 0));
    let warnings = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "warn")
        .count();
    assert_eq!(
        (&report["normalized"], warnings),
        (&json!(tagged), 0),
        "{report}"
    );
    let stdout = run_with_status(
        &person,
        &[
            "lint",
            &server.reference("team/app:v1"),
            "--policy",
            file.to_str().unwrap(),
        ],
        0,
    );
    assert!(
        stdout.starts_with(&format!("The tags would point to {tagged}, ")),
        "{stdout}"
    );

    let lost = IndexFixture::oci().image(&image("lost").docker(), "linux/amd64");
    server
        .repository("sparse/app")
        .push_index(&lost, &["v1"])
        .await;
    let report = json(evaluate("sparse/app:v1", "missing-child = \"accept\"", 0));
    let finding = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "not-normalized");
    assert_eq!(finding.unwrap()["verdict"], "warn", "{report}");
    let rules = "missing-child = \"accept\", not-normalized = \"reject\"";
    let report = json(evaluate("sparse/app:v1", rules, 1));
    assert_eq!(
        (&report["accepted"], &report["findings"][0]["rule"]),
        (&json!(false), &json!("not-normalized")),
        "{report}"
    );
}

#[tokio::test]
async fn layers_are_read_on_request() {
    let (server, user) = (Server::start(), User::new());
    let repository = server.repository("app");
    let layer = "application/vnd.oci.image.layer.v1.tar";
    let config = |diff_id: &[u8]| {
        let diff_ids = [Digest::sha256(diff_id)];
        let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
        image("a")
            .layers([])
            .layer_of_type(layer, "x")
            .config_field("rootfs", rootfs)
    };
    repository.push_image(&config(&blob("x")), &["good"]).await;
    repository.push_image(&config(b"other"), &["bad"]).await;
    let (good, bad) = (server.reference("app:good"), server.reference("app:bad"));
    run_with_status(&user, &["lint", &good, "--layers"], 0);
    run_with_status(&user, &["lint", &bad], 0);
    let stdout = run_with_status(&user, &["lint", &bad, "--layers"], 1);
    assert!(
        stdout.contains("error    diff-id-mismatch\n    /layers/0: "),
        "{stdout}"
    );
    let stdout = run_with_status(&user, &["lint", &bad, "--layers", "--json"], 1);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let rules = report["findings"].as_array().unwrap().iter();
    let mut rules = rules.map(|finding| finding["rule"].as_str().unwrap());
    assert!(rules.any(|rule| rule == "diff-id-mismatch"), "{stdout}");
}
