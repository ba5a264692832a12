//! `portolan repos`, `referrers` and `attach`.

use super::Session;
use super::{closed_address, render};

#[tokio::test]
async fn repos() {
    let session = Session::start().await;
    session.check("repos/names", "repos HOST");
    session.check("repos/json", "repos --json HOST");
    session.check("repos/wrong-host", "repos HOST/team");
    session.check("repos/no-host", "repos");
    let closed = closed_address();
    let output = session.run(&format!("repos {closed}"));
    let rendered = render("repos CLOSED", &output).replace(&closed, "CLOSED");
    session.compare("repos/unreachable", &rendered);
}

#[tokio::test]
async fn referrers() {
    let session = Session::start().await;
    session.check("referrers/artifacts", "referrers HOST/team/app:v1");
    session.check("referrers/json", "referrers --json HOST/team/app:v1");
    session.check(
        "referrers/artifact-type",
        "referrers --artifact-type text/plain HOST/team/app:v1",
    );
    session.check("referrers/none", "referrers HOST/team/app:amd64");
    session.check("referrers/unknown-tag", "referrers HOST/team/app:v9");
    session.check("referrers/no-reference", "referrers");
}

#[tokio::test]
async fn attach() {
    let session = Session::start().await;
    std::fs::write(session.person.path("sbom.json"), "{\"sbom\":1}").unwrap();
    session.check(
        "attach/file",
        "attach HOST/plain:v1 sbom.json --artifact-type application/spdx+json",
    );
    session.check("attach/json", "attach HOST/plain:v1 sbom.json --artifact-type application/spdx+json --annotation a=b --json");
    session.check(
        "attach/missing-file",
        "attach HOST/plain:v1 missing.json --artifact-type application/spdx+json",
    );
    session.check(
        "attach/unknown-tag",
        "attach HOST/plain:v9 sbom.json --artifact-type application/spdx+json",
    );
    session.check("attach/no-type", "attach HOST/plain:v1 sbom.json");
}
