//! `portolan convert`: digests before and after, and losses.

use super::Session;

#[tokio::test]
async fn convert() {
    let session = Session::start().await;
    session.check_sorted(
        "convert/in-place",
        "convert --to oci HOST/team/app:v1 HOST/team/app:v1",
    );
    session.check_sorted(
        "convert/up-to-date",
        "convert --to oci HOST/team/app:v1 HOST/team/app:v1",
    );
    session.check_sorted(
        "convert/json",
        "convert --to docker --json HOST/team/app:amd64 HOST/team/app:docker",
    );
    session.check_sorted(
        "convert/flatten",
        "convert --flatten HOST/team/app:nested oci:flat:v1",
    );
    session.check_sorted(
        "convert/losses",
        "convert --to docker HOST/team/app:nested oci:docker:v1",
    );
    session.check(
        "convert/dry-run",
        "convert --dry-run --to docker HOST/team/app:nested oci:dry:v1",
    );
    session.check(
        "convert/dry-run-json",
        "convert --dry-run --json --to docker HOST/team/app:nested oci:dry:v1",
    );
}

#[tokio::test]
async fn convert_failures() {
    let session = Session::start().await;
    session.check(
        "convert/unknown-tag",
        "convert --to oci HOST/team/app:v2 HOST/team/app:v3",
    );
    session.check(
        "convert/nothing-to-do",
        "convert HOST/team/app:v1 HOST/team/app:v3",
    );
    session.check(
        "convert/wrong-format",
        "convert --to squashfs HOST/team/app:v1 HOST/team/app:v3",
    );
}
