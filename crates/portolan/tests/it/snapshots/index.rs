//! `portolan index create`, `add`, `remove` and `annotate`.

use super::Session;

#[tokio::test]
async fn index_create() {
    let session = Session::start().await;
    session.check(
        "index-create/index",
        "index create HOST/team/app:new HOST/team/app:amd64 HOST/team/app:arm64",
    );
    session.check(
        "index-create/json",
        "index create --json HOST/team/app:new HOST/team/app:amd64 HOST/team/app:arm64",
    );
    session.check(
        "index-create/annotation",
        "index create --annotation org.example.a=b HOST/team/app:noted HOST/team/app:amd64",
    );
    session.check(
        "index-create/warning",
        "index create HOST/team/app:mixed HOST/team/app:amd64 HOST/team/app:arm",
    );
    session.check(
        "index-create/docker",
        "index create --docker HOST/team/app:list HOST/team/app:arm",
    );
    session.check_sorted(
        "index-create/consistent",
        "index create --consistent HOST/team/app:same HOST/team/app:amd64 HOST/team/app:arm",
    );
    session.check_sorted(
        "index-create/elsewhere",
        "index create HOST/elsewhere:v1 HOST/plain:v1",
    );
    session.check(
        "index-create/unknown-child",
        "index create HOST/team/app:new HOST/team/app:missing",
    );
    session.check("index-create/no-children", "index create HOST/team/app:new");
    session.check(
        "index-create/docker-archive",
        "index create docker-archive:x.tar:app:v1 HOST/team/app:amd64",
    );
}

#[tokio::test]
async fn index_add() {
    let session = Session::start().await;
    session.check(
        "index-add/new",
        "index add HOST/team/app:new HOST/team/app:amd64",
    );
    session.check(
        "index-add/existing",
        "index add HOST/team/app:new HOST/team/app:arm64",
    );
    session.check(
        "index-add/json",
        "index add --json HOST/team/app:new HOST/team/app:arm64",
    );
    session.check_sorted("index-add/folder", "index add oci:folder:v1 HOST/plain:v1");
    session.check(
        "index-add/not-an-index",
        "index add HOST/team/app:amd64 HOST/team/app:arm64",
    );
    session.check(
        "index-add/unknown-child",
        "index add HOST/team/app:new HOST/team/app:missing",
    );
    session.check("index-add/no-children", "index add HOST/team/app:new");
}

#[tokio::test]
async fn index_remove() {
    let session = Session::start().await;
    session.check(
        "index-remove/json",
        "index remove --json HOST/team/app:nested linux/amd64",
    );
    session.check(
        "index-remove/platform",
        "index remove HOST/team/app:v1 linux/arm/v7",
    );
    session.check(
        "index-remove/unknown-platform",
        "index remove HOST/team/app:v1 linux/arm/v7",
    );
    session.check(
        "index-remove/unknown-index",
        "index remove HOST/team/app:v9 linux/arm/v7",
    );
    session.check("index-remove/no-children", "index remove HOST/team/app:v1");
}

#[tokio::test]
async fn index_annotate() {
    let session = Session::start().await;
    session.check(
        "index-annotate/index",
        "index annotate HOST/team/app:v1 org.example.key= org.example.a=b",
    );
    session.check(
        "index-annotate/child",
        "index annotate --child linux/amd64 HOST/team/app:v1 org.example.a=b",
    );
    session.check(
        "index-annotate/json",
        "index annotate --json HOST/team/app:v1 org.example.c=d",
    );
    session.check(
        "index-annotate/unknown-index",
        "index annotate HOST/team/app:v9 org.example.a=b",
    );
    session.check(
        "index-annotate/unknown-child",
        "index annotate --child linux/s390x HOST/team/app:v1 org.example.a=b",
    );
    session.check(
        "index-annotate/wrong-annotation",
        "index annotate HOST/team/app:v1 org.example.a",
    );
}
