//! Layers that are not what their descriptors or configs state.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::super::fault::Fault;
use super::super::peer::Peer;
use super::super::scene::Scene;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::document::Kind;
use crate::interop::media::OCI;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "layer-in-bzip2",
        check: layer_in_bzip2,
    },
    Fault {
        name: "layer-in-bzip2-in-a-docker-archive",
        check: layer_in_bzip2_in_a_docker_archive,
    },
    Fault {
        name: "layer-that-unpacks-to-another-diff-id",
        check: layer_with_another_diff_id,
    },
];

/// Returns an image with one layer in bzip2, whose type states gzip.
fn bzip2_image(scene: &Scene) -> Result<Kind> {
    let mut builder = Builder::new("bzip2");
    let (tar, diff_id) = builder.add_layer("application/vnd.oci.image.layer.v1.tar")?;
    let kind = builder.clone().build(&tar);
    let tar = kind.document(tar.digest()).map(|tar| tar.bytes.clone());
    fs::write(scene.path("layer.tar"), tar.unwrap_or_default())?;
    let output = Command::new("bzip2")
        .args(["--stdout", "layer.tar"])
        .current_dir(scene.path(""))
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "bzip2 exited with {}",
        output.status
    );
    let layer = builder.add_blob(OCI.layer, output.stdout);
    let image = builder.add_image_with_layers(OCI, AMD64, [(layer, diff_id)], |_| ());
    Ok(builder.build(&image))
}

fn layer_in_bzip2(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let source = Scene::seed(&bzip2_image(scene)?, &server.host(), "app:v1")?;
    scene
        .portolan(&["lint", "--layers", &source])?
        .expect_stdout("layer-compression")?
        .expect_stdout("bzip2")?
        .expect_no("diff-id-mismatch")?;
    check_with_peers(scene, &source)
}

fn layer_in_bzip2_in_a_docker_archive(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let host = server.host();
    let source = Scene::seed(&bzip2_image(scene)?, &host, "app:v1")?;
    scene
        .portolan(&["copy", &source, "docker-archive:image.tar:app:v1"])?
        .expect_status(0)?;
    scene
        .portolan(&["copy", "docker-archive:image.tar", "oci:out:v1"])?
        .expect_status(5)?
        .expect_stderr("compressed with bzip2")?
        .expect_no("does not match")?;
    let (skopeo, crane) = (
        format!("docker://{host}/skopeo:v1"),
        format!("{host}/crane:v1"),
    );
    let archive = "docker-archive:image.tar";
    scene.peer(
        Peer::Skopeo,
        &["copy", "--dest-tls-verify=false", archive, &skopeo],
    )?;
    scene.peer(Peer::Crane, &["push", "--insecure", "image.tar", &crane])?;
    Ok(())
}

fn layer_with_another_diff_id(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let mut builder = Builder::new("diff-id");
    let (right, right_id) = builder.add_layer(OCI.layer)?;
    let (wrong, _) = builder.add_layer(OCI.layer)?;
    let layers = [(right, right_id.clone()), (wrong.clone(), right_id)];
    let image = builder.add_image_with_layers(OCI, AMD64, layers, |_| ());
    let source = Scene::seed(&builder.build(&image), &server.host(), "app:v1")?;
    scene.portolan(&["lint", &source])?.expect_status(0)?;
    scene
        .portolan(&["lint", "--layers", &source])?
        .expect_status(1)?
        .expect_stdout("diff-id-mismatch")?
        .expect_stdout("/layers/1")?
        .expect_no("/layers/0")?;
    check_with_peers(scene, &source)
}

/// Unpacks or checks the layers with the peers.
fn check_with_peers(scene: &Scene, source: &str) -> Result<()> {
    let docker = format!("docker://{source}");
    for (peer, arguments) in [
        (
            Peer::Skopeo,
            &[
                "copy",
                "--src-tls-verify=false",
                &docker,
                "docker-archive:skopeo.tar",
            ][..],
        ),
        (Peer::Crane, &["validate", "--insecure", "--remote", source]),
    ] {
        scene.peer(peer, arguments)?;
    }
    Ok(())
}
