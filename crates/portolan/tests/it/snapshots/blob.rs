//! `portolan blob get`.

use portolan_model::Digest;

use super::Session;
use super::content::oci;

#[tokio::test]
async fn blob() {
    let session = Session::start().await;
    let digest = Digest::sha256(&oci().blobs()[1]);
    let missing = Digest::sha256(b"missing");
    let check = |case: &str, line: &str| session.check(case, line);
    check(
        "blob-get/stdout",
        &format!("blob get HOST/team/app@{digest}"),
    );
    check(
        "blob-get/file",
        &format!("blob get HOST/team/app@{digest} --output blob"),
    );
    check(
        "blob-get/unknown-blob",
        &format!("blob get HOST/team/app@{missing} --output none"),
    );
    check("blob-get/without-a-digest", "blob get HOST/team/app:v1");
    check("blob-get/nothing", "blob get");
}
