//! Order of the content of archives and layouts.

use std::fs;

use anyhow::{Result, ensure};

use super::super::fault::Fault;
use super::super::peer::Peer;
use super::super::scene::Scene;
use crate::interop::builder::{AMD64, ARM64, Builder};
use crate::interop::document::Kind;
use crate::interop::media::OCI;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "same-image-in-four-archives",
        check: same_image_in_four_archives,
    },
    Fault {
        name: "same-images-in-four-layouts",
        check: same_images_in_four_layouts,
    },
];

/// Returns an index of two images with many layers, so that their order varies by chance.
fn many_layers() -> Result<Kind> {
    let mut builder = Builder::new("order");
    let mut images = Vec::new();
    for platform in [AMD64, ARM64] {
        let layers = (0..8)
            .map(|_| builder.add_layer(OCI.layer))
            .collect::<Result<Vec<_>>>()?;
        images.push(builder.add_image_with_layers(OCI, platform, layers, |_| ()));
    }
    let index = builder.add_index(OCI, images);
    Ok(builder.build(&index))
}

fn same_image_in_four_archives(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let source = Scene::seed(&many_layers()?, &server.host(), "app:v1")?;
    scene
        .portolan(&["copy", &source, "oci:folder:v1"])?
        .expect_status(0)?;
    for (transport, name) in [("oci-archive", "v1"), ("docker-archive", "app:v1")] {
        let mut written: Vec<Vec<u8>> = Vec::new();
        for (number, (from, jobs)) in [
            (source.as_str(), "1"),
            (&source, "8"),
            (&source, "8"),
            ("oci:folder:v1", "8"),
        ]
        .iter()
        .enumerate()
        {
            let file = format!("{transport}-{number}.tar");
            let target = format!("{transport}:{file}:{name}");
            let platform = ["--platform", "linux/amd64"];
            scene
                .portolan(&[&["copy", "--jobs", jobs, from, &target], &platform[..]].concat())?
                .expect_status(0)?;
            written.push(fs::read(scene.path(&file))?);
        }
        let same = written.iter().all(|archive| *archive == written[0]);
        ensure!(same, "the archives of {transport} differ");
    }
    compare_archives_of_peers(scene, &source)
}

/// Writes the image to four archives with each peer, and records whether they differ.
fn compare_archives_of_peers(scene: &Scene, source: &str) -> Result<()> {
    let docker = format!("docker://{source}");
    let host = source.split_once('/').map_or(source, |(host, _)| host);
    let plain = format!("--host=reg={host},tls=disabled");
    for peer in [Peer::Skopeo, Peer::Crane, Peer::Regctl] {
        let mut written = Vec::new();
        for number in 0..4 {
            let file = format!("{}-{number}.tar", peer.name());
            let target = format!("oci-archive:{file}:v1");
            let arguments: &[&str] = match peer {
                Peer::Skopeo => &["copy", "--src-tls-verify=false", &docker, &target],
                Peer::Crane => &[
                    "pull",
                    "--insecure",
                    "--platform=linux/amd64",
                    source,
                    &file,
                ],
                _ => &[&plain, "image", "export", source, &file],
            };
            scene.peer(peer, arguments)?;
            written.push(fs::read(scene.path(&file)).unwrap_or_default());
        }
        if written.iter().any(|archive| *archive != written[0]) {
            scene.note_peer(peer, "writes different archives");
        }
    }
    Ok(())
}

fn same_images_in_four_layouts(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let mut sources = Vec::new();
    for name in ["one", "two", "three", "four"] {
        let mut builder = Builder::new(name);
        let image = builder.add_image(OCI, AMD64)?;
        sources.push(Scene::seed(
            &builder.build(&image),
            &server.host(),
            &format!("app:{name}"),
        )?);
    }
    let mut indexes: Vec<Vec<u8>> = Vec::new();
    for number in 0..4 {
        sources.rotate_left(1);
        let folder = format!("layout-{number}");
        let target = format!("oci:{folder}");
        let mut arguments = vec!["copy"];
        arguments.extend(sources.iter().map(String::as_str));
        arguments.push(&target);
        scene.portolan(&arguments)?.expect_status(0)?;
        indexes.push(fs::read(scene.path(&folder).join("index.json"))?);
    }
    let same = indexes.iter().all(|index| *index == indexes[0]);
    ensure!(
        same,
        "the files index.json differ: {:?}",
        String::from_utf8_lossy(&indexes[0])
    );
    Ok(())
}
