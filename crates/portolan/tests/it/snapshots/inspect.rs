//! `portolan inspect`: summaries, documents and trees.

use super::Session;

#[tokio::test]
async fn inspect() {
    let session = Session::start().await;
    session.check("inspect/index", "inspect HOST/team/app:v1");
    session.check("inspect/index-json", "inspect --json HOST/team/app:v1");
    session.check("inspect/image", "inspect HOST/team/app:amd64");
    session.check("inspect/image-json", "inspect --json HOST/team/app:amd64");
    session.check("inspect/docker-image", "inspect HOST/team/app:arm");
    session.check(
        "inspect/platform",
        "inspect --platform linux/arm64 HOST/team/app:nested",
    );
    session.check("inspect/raw", "inspect --raw HOST/team/app:v1");
    session.check("inspect/config", "inspect --config HOST/team/app:amd64");
    session.check("inspect/incomplete", "inspect HOST/sparse/app:v1");
}

#[tokio::test]
async fn inspect_trees() {
    let session = Session::start().await;
    session.check("inspect/tree", "inspect --tree HOST/team/app:nested");
    session.check(
        "inspect/tree-json",
        "inspect --tree --json HOST/team/app:nested",
    );
    session.check(
        "inspect/tree-incomplete",
        "inspect --tree HOST/sparse/app:v1",
    );
    session.prepare("copy --quiet HOST/team/app:v1 oci:folder:v1");
    session.check("inspect/folder", "inspect oci:folder:v1");
    session.check("inspect/tree-folder", "inspect --tree oci:folder:v1");
}

#[tokio::test]
async fn inspect_failures() {
    let session = Session::start().await;
    session.check("inspect/unknown-tag", "inspect HOST/team/app:v2");
    session.check("inspect/unknown-repository", "inspect HOST/nowhere:v1");
    session.check(
        "inspect/unknown-platform",
        "inspect --platform windows/amd64 HOST/team/app:v1",
    );
    session.check("inspect/missing-folder", "inspect oci:missing");
    session.check(
        "inspect/config-of-index",
        "inspect --config HOST/team/app:v1",
    );
    session.check("inspect/no-reference", "inspect");
    session.check("inspect/unknown-transport", "inspect containers-storage:x");
    session.check("inspect/wrong-name", "inspect HOST/UPPER:v1");
    session.check(
        "inspect/wrong-platform",
        "inspect --platform amd64 HOST/team/app:v1",
    );
}
