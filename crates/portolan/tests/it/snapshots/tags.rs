//! `portolan tags list`, `set` and `delete`.

use super::Session;

#[tokio::test]
async fn tags() {
    let session = Session::start().await;
    session.check("tags-list/registry", "tags list HOST/team/app");
    session.check("tags-list/json", "tags list --json HOST/team/app");
    session.check("tags-list/unknown-repository", "tags list HOST/nowhere");
    session.check("tags-list/with-a-tag", "tags list HOST/team/app:v1");
    session.check("tags-set/several", "tags set HOST/team/app:v1 v2 latest");
    session.check("tags-set/unknown-tag", "tags set HOST/team/app:v9 v3");
    session.check("tags-set/no-tags", "tags set HOST/team/app:v1");
    session.check("tags-set/wrong-tag", "tags set HOST/team/app:v1 -- -wrong");
    session.check("tags-delete/one", "tags delete HOST/team/app:v2");
    session.check(
        "tags-delete/unknown-tag",
        "tags delete HOST/team/app:laetst",
    );
    session.check(
        "tags-delete/several",
        "tags delete HOST/team/app:missing HOST/team/app:latest HOST/nowhere:v1",
    );
    session.check("tags-delete/without-a-tag", "tags delete HOST/team/app");
    session.check("tags-delete/nothing", "tags delete");
    session.prepare("copy --quiet HOST/plain:v1 oci:folder:one");
    session.check("tags-list/folder", "tags list oci:folder");
}
