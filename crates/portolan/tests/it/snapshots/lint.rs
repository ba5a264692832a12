//! `portolan lint`: findings, targets, policies and rules.

use super::Session;

#[tokio::test]
async fn lint() {
    let session = Session::start().await;
    session.check("lint/findings", "lint HOST/team/app:v1");
    session.check("lint/findings-json", "lint --json HOST/team/app:v1");
    session.check("lint/no-findings", "lint HOST/team/app:amd64");
    session.check("lint/errors", "lint HOST/sparse/app:v1");
    session.check("lint/errors-json", "lint --json HOST/sparse/app:v1");
    session.check("lint/rules", "lint --rules");
    session.check("lint/rules-json", "lint --rules --json");
}

#[tokio::test]
async fn lint_for_targets() {
    let session = Session::start().await;
    session.check(
        "lint/targets",
        "lint --for quay,gcr,containerd HOST/team/app:v1",
    );
    session.check(
        "lint/targets-json",
        "lint --json --for gcr HOST/team/app:v1",
    );
    session.check("lint/target-works", "lint --for quay HOST/team/app:amd64");
    session.check("lint/all-targets", "lint --for all HOST/team/app:v1");
}

#[tokio::test]
async fn lint_by_policies() {
    let session = Session::start().await;
    let entries = "[[policy]]\nrepositories = \"team/**\"\nnormalize = \"oci\"\n";
    std::fs::write(session.person.path("portolan.toml"), entries).unwrap();
    session.check("lint/policy-accepts", "lint --policy open HOST/team/app:v1");
    session.check(
        "lint/policy-rejects",
        "lint --policy oci-only HOST/team/app:v1",
    );
    session.check(
        "lint/policy-rejects-json",
        "lint --json --policy oci-only HOST/team/app:v1",
    );
    session.check(
        "lint/policy-of-a-file",
        "lint --policy portolan.toml HOST/team/app:v1",
    );
    session.check(
        "lint/policy-of-a-file-json",
        "lint --json --policy portolan.toml HOST/team/app:v1",
    );
    session.check(
        "lint/unknown-policy",
        "lint --policy oci-olny HOST/team/app:v1",
    );
}

#[tokio::test]
async fn lint_failures() {
    let session = Session::start().await;
    session.check("lint/unknown-tag", "lint HOST/team/app:v2");
    session.check("lint/unknown-target", "lint --for quai HOST/team/app:v1");
    session.check("lint/no-reference", "lint");
}
