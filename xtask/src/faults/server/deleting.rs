//! Deletion of tags and manifests.

use anyhow::{Result, ensure};

use super::super::fault::Fault;
use super::super::peer::Peer;
use super::super::scene::Scene;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::media::OCI;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "delete-of-a-tag",
        check: delete_of_a_tag,
    },
    Fault {
        name: "delete-of-a-manifest",
        check: delete_of_a_manifest,
    },
];

/// Pushes an image with three tags, and returns the reference with the first one, and its digest.
fn push_with_tags(scene: &Scene, host: &str, repository: &str) -> Result<(String, String)> {
    let mut builder = Builder::new("tags");
    let image = builder.add_image(OCI, AMD64)?;
    let kind = builder.build(&image);
    let reference = Scene::seed(&kind, host, &format!("{repository}:v1"))?;
    scene
        .portolan(&["tags", "set", &reference, "stable", "latest"])?
        .expect_status(0)?;
    Ok((reference, kind.top))
}

fn tags(scene: &Scene, host: &str, repository: &str) -> Result<Vec<String>> {
    let run = scene.portolan(&["tags", "list", &format!("{host}/{repository}")])?;
    Ok(run.stdout.lines().map(str::to_owned).collect())
}

fn delete_of_a_tag(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let host = server.host();
    let (reference, digest) = push_with_tags(scene, &host, "app")?;
    let run = scene.portolan(&["delete", &reference])?;
    run.expect_status(0)?
        .expect_stdout(&reference)?
        .expect_no("latest")?;
    ensure!(
        tags(scene, &host, "app")? == ["latest", "stable"],
        "other tags are gone"
    );
    scene
        .portolan(&["inspect", "--raw", &format!("{host}/app@{digest}")])?
        .expect_status(0)?;
    scene
        .portolan(&["delete", "--dry-run", &format!("{host}/app:stable")])?
        .expect_status(0)?;
    ensure!(
        tags(scene, &host, "app")?.len() == 2,
        "the dry run deleted a tag"
    );
    for peer in Peer::ALL {
        let (reference, _) = push_with_tags(scene, &host, peer.name())?;
        let (docker, plain) = (
            format!("docker://{reference}"),
            format!("--host=reg={host},tls=disabled"),
        );
        let arguments: &[&str] = match peer {
            Peer::Skopeo => &["delete", "--tls-verify=false", &docker],
            Peer::Crane => &["delete", "--insecure", &reference],
            Peer::Oras => &["manifest", "delete", "--force", "--plain-http", &reference],
            Peer::Regctl => &[&plain, "tag", "delete", &reference],
        };
        let run = scene.peer(peer, arguments)?;
        if run.status == 0 && tags(scene, &host, peer.name())? != ["latest", "stable"] {
            scene.note_peer(peer, "deletes the other tags too");
        }
    }
    Ok(())
}

fn delete_of_a_manifest(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let host = server.host();
    let (reference, digest) = push_with_tags(scene, &host, "app")?;
    let by_digest = format!("{host}/app@{digest}");
    for arguments in [
        ["delete", "--manifest", &reference].as_slice(),
        &["delete", &by_digest],
    ] {
        scene
            .portolan(arguments)?
            .expect_status(6)?
            .expect_stderr("stable")?
            .expect_stderr("--all-tags")?;
    }
    ensure!(
        tags(scene, &host, "app")?.len() == 3,
        "a rejected command deleted tags"
    );
    scene
        .portolan(&["delete", "--manifest", "--all-tags", &reference])?
        .expect_status(0)?
        .expect_stdout("app:v1\n")?
        .expect_stdout("app:stable\n")?
        .expect_stdout("app:latest\n")?;
    scene.portolan(&["inspect", &by_digest])?.expect_status(3)?;
    Ok(())
}
