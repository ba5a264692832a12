//! Names of images in layouts and archives.

use std::fs;

use anyhow::{Result, ensure};
use portolan_testkit::fake_registry::Behavior;
use serde_json::{Value, json};

use crate::faults::fault::Fault;
use crate::faults::peer::Peer;
use crate::faults::registries::content::{fill, indexed_image, small_image};
use crate::faults::registries::copies::image;
use crate::faults::scene::Scene;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "layout-with-two-images-named-latest",
        check: same_short_name,
    },
    Fault {
        name: "docker-archive-name-without-a-tag",
        check: default_tag,
    },
];

fn same_short_name(scene: &Scene) -> Result<()> {
    let names = ["docker.io/library/a:latest", "docker.io/library/b:latest"];
    let registry = scene.fake(Behavior::default());
    for (kind, name) in [(small_image()?, "a"), (indexed_image()?, "b")] {
        fill(&registry, &kind)?;
        let target = format!("oci:images:{name}");
        scene
            .portolan(&["copy", &image(&registry), &target])?
            .expect_status(0)?;
    }
    let file = scene.path("images/index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&file)?)?;
    for (position, name) in names.iter().enumerate() {
        index["manifests"][position]["annotations"] = json!({
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": "latest",
        });
    }
    fs::write(&file, index.to_string())?;
    for (position, name) in names.iter().enumerate() {
        let digest = index["manifests"][position]["digest"].as_str();
        scene
            .portolan(&["inspect", &format!("oci:images:{name}")])?
            .expect_status(0)?
            .expect_stdout(digest.unwrap_or_default())?;
    }
    let run = scene.portolan(&["inspect", "oci:images:latest"])?;
    ensure!(run.status != 0, "one of two images was chosen");
    run.expect_stderr(names[0])?.expect_stderr(names[1])?;
    let full = format!("ocidir://images:{}", names[0]);
    scene.peer(Peer::Regctl, &["manifest", "get", &full])?;
    let full = format!("oci:images:{}", names[0]);
    scene.peer(Peer::Skopeo, &["inspect", "--raw", &full])?;
    scene.peer(
        Peer::Oras,
        &["manifest", "fetch", "--oci-layout", &full[4..]],
    )?;
    Ok(())
}

fn default_tag(scene: &Scene) -> Result<()> {
    let registry = scene.fake(Behavior::default());
    fill(&registry, &small_image()?)?;
    let target = "docker-archive:image.tar:a:latest";
    scene
        .portolan(&["copy", &image(&registry), target])?
        .expect_status(0)?;
    for name in ["a", "a:latest", "docker.io/library/a:latest"] {
        scene
            .portolan(&["inspect", &format!("docker-archive:image.tar:{name}")])?
            .expect_status(0)?;
    }
    scene.peer(
        Peer::Skopeo,
        &["inspect", "--raw", "docker-archive:image.tar:a"],
    )?;
    Ok(())
}
