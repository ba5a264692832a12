//! `portolan delete`: manifests and their tags.

use super::Session;

#[tokio::test]
async fn delete() {
    let session = Session::start().await;
    session.run("tags set HOST/team/app:v1 latest stable");
    for (snapshot, line) in [
        ("delete/named-by-an-index", "--manifest HOST/team/app:amd64"),
        ("delete/force", "--manifest --force HOST/team/app:arm"),
        ("delete/force-tag", "--force HOST/team/app:v1"),
        ("delete/other-tags", "--manifest HOST/team/app:v1"),
        (
            "delete/dry-run",
            "--manifest --all-tags --dry-run HOST/team/app:v1",
        ),
        ("delete/all-tags", "--manifest --all-tags HOST/team/app:v1"),
        ("delete/tag-json", "--json HOST/team/app:nested"),
        ("delete/json", "--manifest --json HOST/plain:v1"),
    ] {
        session.check(snapshot, &format!("delete {line}"));
    }
    session.check("delete/tag", "delete HOST/team/app:signature");
    session.check("delete/unknown-tag", "delete HOST/plain:v1");
    session.check("delete/without-a-tag", "delete HOST/team/app");
    session.check("delete/nothing", "delete");
}

#[tokio::test]
async fn delete_what_belongs_together() {
    let session = Session::start().await;
    session.run("tags set HOST/team/app:v1 latest");
    session.run("tags delete HOST/team/app:nested");
    for (snapshot, line) in [
        ("delete/tree-other-tags", "--tree HOST/team/app:v1"),
        (
            "delete/tree-dry-run",
            "--tree --all-tags --dry-run HOST/team/app:v1",
        ),
        ("delete/tree", "--tree --all-tags HOST/team/app:v1"),
        (
            "delete/untagged-dry-run",
            "--untagged HOST/team/app --dry-run --json",
        ),
        ("delete/untagged", "--untagged HOST/team/app"),
        ("delete/untagged-none", "--untagged HOST/team/app"),
        ("delete/untagged-of-a-tag", "--untagged HOST/team/app:v1"),
        (
            "delete/repository-dry-run",
            "--repository HOST/plain --dry-run",
        ),
        ("delete/repository", "--repository HOST/plain --json"),
        ("delete/repository-unknown", "--repository HOST/plain"),
        (
            "delete/repository-and-reference",
            "--repository HOST/plain HOST/plain:v1",
        ),
    ] {
        session.check(snapshot, &format!("delete {line}"));
    }
    session.check("repos/after-a-deletion", "repos HOST");
}
