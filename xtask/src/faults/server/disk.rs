//! A full disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};

use super::super::fault::Fault;
use super::super::http::exchange;
use super::super::peer::Peer;
use super::super::scene::Scene;
use super::{large_image, partial_uploads, serve_in};
use crate::interop::layout;
use crate::servers::RunningServer;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "push-that-does-not-fit",
        check: push_that_does_not_fit,
    },
    Fault {
        name: "old-uploads-on-a-full-disk",
        check: old_uploads_on_a_full_disk,
    },
];

/// Starts on a file system of 24 MiB, which has the content of the data folder.
const SMALL_DISK: &str = "cp -a \"$5\" \"$5.old\" && mount -t tmpfs -o size=24m none \"$5\" \
    && cp -a \"$5.old/.\" \"$5\" && exec \"$0\" \"$@\"";

const MEBIBYTE: usize = 1 << 20;

/// Writes an image with a layer of this length to an OCI layout, and returns its reference.
fn write_image(scene: &Scene, name: &'static str, length: usize) -> Result<String> {
    layout::write_oci(&scene.path(name), &large_image(name, length), "v1")?;
    Ok(format!("{name}:v1"))
}

/// Returns a folder of the server as the server sees it.
fn seen_by(server: &RunningServer, data: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", server.pid(), data.display()))
}

fn push_that_does_not_fit(scene: &Scene) -> Result<()> {
    let (large, fitting) = (
        write_image(scene, "large", 40 * MEBIBYTE)?,
        write_image(scene, "fitting", 16 * MEBIBYTE)?,
    );
    let server = serve_in(scene, SMALL_DISK, "small", "")?;
    let target = format!("{}/app:v1", server.host());
    scene
        .portolan(&["copy", &format!("oci:{large}"), &target])?
        .expect_status(5)?
        .expect_stderr("no storage space left")?;
    let left = partial_uploads(&seen_by(&server, &scene.path("small")))?;
    ensure!(left.is_empty(), "the copy left {left:?}");
    scene
        .portolan(&["copy", &format!("oci:{fitting}"), &target])?
        .expect_status(0)?;
    for peer in Peer::ALL {
        push_with_peer(scene, peer, &large)?;
    }
    Ok(())
}

/// Pushes the image with a peer to a disk of its own, and records whether an upload is left.
fn push_with_peer(scene: &Scene, peer: Peer, image: &str) -> Result<()> {
    let server = serve_in(scene, SMALL_DISK, peer.name(), "")?;
    let host = server.host();
    let target = format!("{host}/app:v1");
    let (oci, docker) = (format!("oci:{image}"), format!("docker://{target}"));
    let (dir, plain) = (
        format!("ocidir://{image}"),
        format!("--host=reg={host},tls=disabled"),
    );
    let arguments: &[&str] = match peer {
        Peer::Skopeo => &["copy", "--dest-tls-verify=false", &oci, &docker],
        Peer::Crane => &["push", "--insecure", "large", &target],
        Peer::Oras => &["cp", "--from-oci-layout", "--to-plain-http", image, &target],
        Peer::Regctl => &[&plain, "image", "copy", &dir, &target],
    };
    scene.peer(peer, arguments)?;
    let left = partial_uploads(&seen_by(&server, &scene.path(peer.name())))?;
    if !left.is_empty() {
        scene.note_peer(peer, "failed and left its upload");
    }
    Ok(())
}

fn old_uploads_on_a_full_disk(scene: &Scene) -> Result<()> {
    let image = write_image(scene, "image", 16 * MEBIBYTE)?;
    let data = scene.path("small");
    let first = RunningServer::portolan_binary(scene.binary(), &data, "")?;
    abandon_upload(&first, 14 * MEBIBYTE)?;
    drop(first);
    // The age of a session of an earlier process is that of its file.
    for (file, _) in partial_uploads(&data)? {
        File::options()
            .write(true)
            .open(file)?
            .set_modified(SystemTime::now() - Duration::from_mins(5))?;
    }
    let server = serve_in(scene, SMALL_DISK, "small", "")?;
    abandon_upload(&server, MEBIBYTE)?;
    let copy = [
        "copy",
        &format!("oci:{image}"),
        &format!("{}/app:v1", server.host()),
    ];
    scene
        .portolan(&copy)?
        .expect_status(5)?
        .expect_stderr("no storage space left")?;
    scene.portolan(&copy)?.expect_status(0)?;
    let left = partial_uploads(&seen_by(&server, &data))?;
    ensure!(
        left.len() == 1,
        "the recent upload is not left alone: {left:?}"
    );
    Ok(())
}

/// Uploads a part of a blob.
fn abandon_upload(server: &RunningServer, length: usize) -> Result<()> {
    let session = super::uploads::open(server.address())?;
    let head = format!("PATCH {session} HTTP/1.1");
    let sent = exchange(server.address(), &head, &vec![1; length])?;
    ensure!(sent.status == 202, "the chunk was rejected: {sent:?}");
    Ok(())
}
