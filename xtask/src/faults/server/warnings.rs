//! Warnings in responses.

use anyhow::{Context, Result, ensure};

use super::super::fault::Fault;
use super::super::http::exchange;
use super::super::peer::Peer;
use super::super::scene::Scene;
use crate::interop::builder::{AMD64, ARM64, Builder};
use crate::interop::layout;
use crate::interop::media::{DOCKER, OCI};

pub(super) const FAULTS: &[Fault] = &[Fault {
    name: "quotes-in-a-warning",
    check: quotes_in_a_warning,
}];

fn quotes_in_a_warning(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let mut builder = Builder::new("families");
    let children = [
        builder.add_image(OCI, AMD64)?,
        builder.add_image(DOCKER, ARM64)?,
    ];
    let index = builder.add_index(OCI, children);
    let kind = builder.build(&index);
    Scene::seed(&kind, &server.host(), "app:v1")?;
    let top = kind.document(&kind.top).context("no top")?;
    let head = format!(
        "PUT /v2/app/manifests/v2 HTTP/1.1\nContent-Type: {}",
        top.media_type
    );
    let response = exchange(server.address(), &head, &top.bytes)?;
    let warnings: Vec<_> = response.header("warning").collect();
    ensure!(!warnings.is_empty(), "no warning in {}", response.head);
    for warning in &warnings {
        let text = warning
            .strip_prefix("299 - \"")
            .and_then(|text| text.strip_suffix('"'));
        ensure!(
            text.is_some_and(|text| !text.contains(['"', '\\'])),
            "the warning is {warning}"
        );
    }
    let mixed = warnings
        .iter()
        .find(|warning| warning.contains("index-mixed-families"));
    let mixed = mixed.context("no warning of index-mixed-families")?;
    ensure!(
        mixed.contains("/manifests/1"),
        "the warning names no position: {mixed}"
    );
    print_with_regctl(scene, &server.host(), &kind, mixed)
}

/// Pushes the same index with regctl, which prints warnings, and checks that it prints all of one.
fn print_with_regctl(
    scene: &Scene,
    host: &str,
    kind: &crate::interop::document::Kind,
    warning: &str,
) -> Result<()> {
    layout::write_oci(&scene.path("layout"), kind, "v1")?;
    let plain = format!("--host=reg={host},tls=disabled");
    let target = format!("{host}/regctl:v1");
    let run = scene.peer(
        Peer::Regctl,
        &[&plain, "image", "copy", "ocidir://layout:v1", &target],
    )?;
    let start = warning.find("index-mixed").unwrap_or_default();
    let end = warning
        .find(" (fix")
        .or(warning.find("; "))
        .unwrap_or(warning.len() - 1);
    run.expect_status(0)?.expect_stderr(&warning[start..end])?;
    Ok(())
}
