//! The content of the registry that the snapshots show.

use portolan_model::fixtures::{ImageFixture, IndexFixture, descriptor_json, image};
use serde_json::json;

use crate::toolkit::Server;

/// More levels of indexes than are followed.
const DEEP: usize = 20;

/// An OCI image with two layers and a full config, at `team/app:amd64`.
pub(crate) fn oci() -> ImageFixture {
    let runtime = json!({
        "User": "app", "WorkingDir": "/srv", "Entrypoint": ["/bin/app"], "Cmd": ["--serve"],
        "Env": ["PATH=/bin"], "Labels": {"org.example.team": "harbor"},
    });
    image("a")
        .layers(["base", "program"])
        .built_for("linux/amd64")
        .built_at("2026-11-01T00:00:00Z")
        .config_field("config", runtime)
}

/// A Docker image, at `team/app:arm`.
pub(crate) fn docker() -> ImageFixture {
    image("b").docker().built_for("linux/arm/v7")
}

/// An OCI index that has a Docker image as its second child, at `team/app:v1`.
pub(crate) fn mixed() -> IndexFixture {
    IndexFixture::oci()
        .image(&oci(), "linux/amd64")
        .image(&docker(), "linux/arm/v7")
        .field("annotations", json!({"org.example.key": "value"}))
}

/// An OCI index with an OCI image and an OCI index, at `team/app:nested`.
pub(crate) fn nested() -> IndexFixture {
    IndexFixture::oci()
        .image(&oci(), "linux/amd64")
        .nested_index(&inner(), None)
}

/// The inner index of [`nested`].
fn inner() -> IndexFixture {
    IndexFixture::oci().image(&other(), "linux/arm64")
}

/// An OCI image, at `team/app:arm64`, and alone at `plain:v1`.
pub(crate) fn other() -> ImageFixture {
    image("c").built_for("linux/arm64")
}

/// An OCI artifact that refers to [`mixed`], at `team/app:signature`.
pub(crate) fn signature() -> ImageFixture {
    image("signature")
        .subject(&mixed().descriptor())
        .field("artifactType", json!("application/vnd.example.signature"))
        .field("annotations", json!({"org.example.signer": "me"}))
}

/// An index whose only child is missing, at `sparse/app:v1`.
pub(crate) fn incomplete() -> IndexFixture {
    IndexFixture::oci().image(&image("gone"), "linux/amd64")
}

/// Pushes what only the contract needs: content that is missing, of the wrong size, named twice, nested too deep, or of
/// a kind that Docker's format cannot hold.
pub(crate) async fn push_oddities(server: &Server) {
    let sparse = server.repository("sparse/odd");
    let empty = image("empty");
    // A wrong size is accepted as long as the child is missing.
    let mut descriptor = json!(empty.descriptor());
    descriptor["size"] = json!(1);
    let index = IndexFixture::oci().child(descriptor);
    sparse.push_index(&index, &["size"]).await;
    let config = empty.blobs().swap_remove(0);
    sparse.push_blob(config).await;
    let media_type = empty.media_type();
    sparse
        .push_manifest(empty.bytes(), &media_type, &["empty"])
        .await;

    let app = server.repository("team/app");
    let twice = IndexFixture::oci()
        .image(&other(), "linux/arm64")
        .nested_index(&inner(), None);
    app.push_index(&twice, &["twice"]).await;
    app.push_blob("unknown").await;
    let odd = IndexFixture::oci()
        .image(&other(), "linux/arm64")
        .child(json!(signature().descriptor()))
        .child(descriptor_json("application/vnd.example", b"unknown"))
        .field("annotations", json!({"org.example.key": "value"}));
    app.push_index(&odd, &["artifact"]).await;
    let mut deep = IndexFixture::oci().image(&other(), "linux/arm64");
    app.push_index(&deep, &[]).await;
    for _ in 0..DEEP {
        deep = IndexFixture::oci().nested_index(&deep, None);
        app.push_index(&deep, &["deep"]).await;
    }
}

/// Stores the images and indexes above.
pub(crate) async fn push(server: &Server) {
    let app = server.repository("team/app");
    app.push_image(&oci(), &["amd64"]).await;
    app.push_image(&docker(), &["arm"]).await;
    app.push_image(&other(), &["arm64"]).await;
    app.push_index(&inner(), &[]).await;
    app.push_index(&mixed(), &["v1"]).await;
    app.push_index(&nested(), &["nested"]).await;
    app.push_image(&signature(), &["signature"]).await;
    server
        .repository("plain")
        .push_image(&other(), &["v1"])
        .await;
    let sparse = server.repository("sparse/app");
    sparse.push_index(&incomplete(), &["v1"]).await;
}
