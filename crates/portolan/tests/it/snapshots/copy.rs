//! `portolan copy`: what is copied, planned, converted and reported.

use super::Session;

#[tokio::test]
async fn copy() {
    let session = Session::start().await;
    session.check_sorted("copy/to-a-folder", "copy HOST/team/app:v1 oci:folder:v1");
    session.check_sorted("copy/up-to-date", "copy HOST/team/app:v1 oci:folder:v1");
    session.check_sorted(
        "copy/to-an-archive",
        "copy HOST/plain:v1 oci-archive:image.tar:v1",
    );
    session.check_sorted(
        "copy/to-a-docker-archive",
        "copy HOST/team/app:arm docker-archive:docker.tar:team/app:arm",
    );
    session.check_sorted("copy/mounted", "copy HOST/plain:v1 HOST/mounted:v1");
    session.check_sorted("copy/json", "copy --json HOST/team/app:v1 oci:json:v1");
    session.check_sorted(
        "copy/referrers",
        "copy --referrers HOST/team/app:v1 oci:referrers:v1",
    );
    session.check_sorted(
        "copy/platform",
        "copy --platform linux/amd64 HOST/team/app:v1 oci:platform:v1",
    );
    session.check_sorted(
        "copy/platform-sparse",
        "copy --sparse --platform linux/amd64 HOST/team/app:v1 oci:sparse:v1",
    );
    session.check_sorted("copy/quiet", "copy --quiet HOST/team/app:v1 oci:quiet:v1");
}

#[tokio::test]
async fn copy_plans() {
    let session = Session::start().await;
    session.check(
        "copy/dry-run",
        "copy --dry-run HOST/team/app:v1 oci:folder:v1",
    );
    session.check(
        "copy/dry-run-json",
        "copy --dry-run --json HOST/team/app:v1 HOST/other:v1",
    );
    session.check(
        "copy/dry-run-conversion",
        "copy --dry-run --to oci HOST/team/app:v1 oci:folder:v1",
    );
}

#[tokio::test]
async fn copy_conversions() {
    let session = Session::start().await;
    session.check_sorted("copy/to-oci", "copy --to oci HOST/team/app:v1 oci:oci:v1");
    session.check_sorted(
        "copy/to-oci-json",
        "copy --to oci --json HOST/team/app:v1 oci:json:v1",
    );
    session.check_sorted(
        "copy/to-docker",
        "copy --to docker HOST/team/app:nested oci:docker:v1",
    );
    session.check_sorted(
        "copy/flatten",
        "copy --flatten HOST/team/app:nested oci:flat:v1",
    );
}

#[tokio::test]
async fn copy_several() {
    let session = Session::start().await;
    let list = format!(
        "{0}/plain:v1 oci:from:one\n{0}/team/app:arm oci:from:two # comment\n",
        session.server.host()
    );
    std::fs::write(session.person.path("list.txt"), list).unwrap();
    session.check_sorted(
        "copy/several",
        "copy HOST/plain:v1 HOST/team/app:arm HOST/mirror",
    );
    session.check_sorted("copy/list", "copy --from list.txt");
    session.check_sorted(
        "copy/several-failures",
        "copy HOST/plain:v9 HOST/team/app:arm HOST/nowhere:v1 HOST/other",
    );
    session.check_sorted(
        "copy/several-failures-json",
        "copy --json HOST/plain:v9 HOST/team/app:arm HOST/again",
    );
}

#[tokio::test]
async fn copy_failures() {
    let session = Session::start().await;
    session.check("copy/unknown-tag", "copy HOST/team/app:v2 oci:folder:v1");
    session.check("copy/incomplete", "copy HOST/sparse/app:v1 oci:folder:v1");
    session.check_sorted(
        "copy/rejected-by-policy",
        "copy HOST/team/app:arm HOST/oci/app:arm",
    );
    session.check_sorted(
        "copy/rejected-by-policy-json",
        "copy --json HOST/team/app:arm HOST/oci/app:arm",
    );
    session.check("copy/no-destination", "copy HOST/plain:v1");
    session.check("copy/nothing", "copy");
    session.check(
        "copy/wrong-format",
        "copy --to squashfs HOST/plain:v1 oci:folder:v1",
    );
    session.check(
        "copy/zero-jobs",
        "copy --jobs 0 HOST/plain:v1 oci:folder:v1",
    );
    session.check("copy/missing-list", "copy --from missing.txt");
    session.check("copy/platforms-to-a-docker-archive", "copy --platform linux/amd64,linux/arm/v7 HOST/team/app:v1 docker-archive:both.tar:team/app:v1");
}
