//! Conversions between formats, and media types in unusual spellings.

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::Method;

use super::super::fault::Fault;
use super::super::peer::Peer;
use super::super::scene::Scene;
use super::{build_output, entries};
use crate::interop::builder::{AMD64, ARM64, Builder};
use crate::interop::document::Kind;
use crate::interop::media::{DOCKER, Family, OCI, OCI_MANIFEST};
use crate::interop::registry::RegistryConnection;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "attestation-in-a-conversion-to-docker",
        check: attestation_in_a_conversion,
    },
    Fault {
        name: "fix-of-a-docker-list-with-oci-images",
        check: fix_of_a_list,
    },
    Fault {
        name: "fix-for-the-policy-oci-only",
        check: fix_for_a_policy,
    },
    Fault {
        name: "media-types-in-capitals",
        check: media_types_in_capitals,
    },
    Fault {
        name: "media-types-in-capitals-inside-documents",
        check: capitals_inside_documents,
    },
];

fn attestation_in_a_conversion(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let host = server.host();
    let source = Scene::seed(&build_output("attested", AMD64)?, &host, "app:v1")?;
    let attestation = entries(scene, &source)?[1]["digest"].take();
    let attestation = attestation.as_str().unwrap_or_default();
    let target = format!("{host}/app:docker");
    let convert = ["convert", "--to", "docker", &source, &target];
    let planned = scene.portolan(&[&convert[..], &["--dry-run"]].concat())?;
    planned.expect_status(0)?.expect_stderr(attestation)?;
    scene
        .portolan(&[&convert[..], &["--strict"]].concat())?
        .expect_status(1)?
        .expect_stderr(attestation)?
        .expect_stderr("--drop-unknown")?
        .expect_no("--to oci")?;
    scene
        .portolan(&convert)?
        .expect_status(0)?
        .expect_stderr(attestation)?
        .expect_no("--to oci")?;
    scene
        .portolan(&[&convert[..], &["--strict", "--drop-unknown"]].concat())?
        .expect_status(0)?;
    ensure!(
        entries(scene, &target)?.len() == 1,
        "the attestation is still listed"
    );
    let (from, to) = (
        format!("docker://{source}"),
        format!("docker://{host}/skopeo:v1"),
    );
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    scene.peer(
        Peer::Skopeo,
        &[
            "copy",
            "--all",
            "--format=v2s2",
            plain[0],
            plain[1],
            &from,
            &to,
        ],
    )?;
    let regctl = [
        &format!("--host=reg={host},tls=disabled"),
        "image",
        "mod",
        &source,
    ];
    let regctl = [&regctl[..], &["--to-docker", "--create", "regctl"]].concat();
    scene.peer(Peer::Regctl, &regctl)?;
    Ok(())
}

fn fix_of_a_list(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let list = Scene::seed(&mixed_index(DOCKER)?, &server.host(), "app:v1")?;
    scene
        .portolan(&["lint", &list])?
        .expect_stdout("--to docker")?
        .expect_no("--to oci")?;
    Ok(())
}

fn fix_for_a_policy(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let index = Scene::seed(&mixed_index(OCI)?, &server.host(), "app:v1")?;
    scene
        .portolan(&["lint", "--policy", "oci-only", &index])?
        .expect_status(1)?
        .expect_stdout("--to oci")?
        .expect_no("--drop-unknown")?;
    Ok(())
}

/// Returns an index of this family, of an OCI image and a Docker image.
fn mixed_index(family: Family) -> Result<Kind> {
    let mut builder = Builder::new("mixed");
    let children = [
        builder.add_image(OCI, AMD64)?,
        builder.add_image(DOCKER, ARM64)?,
    ];
    let index = builder.add_index(family, children);
    Ok(builder.build(&index))
}

fn media_types_in_capitals(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let image = image(|_| ())?;
    let reference = Scene::seed(&image, &server.host(), "app:v1")?;
    let top = image.document(&image.top).map(|top| top.bytes.clone());
    let top = top.unwrap_or_default();
    let mut connection = RegistryConnection::new(&server.host())?;
    let mut put = |media_type: &str, bytes: &Bytes| {
        connection.send(
            Method::PUT,
            "/v2/app/manifests/put",
            media_type,
            bytes.clone(),
        )
    };
    let pushed = put("Application/Vnd.OCI.Image.Manifest.v1+JSON", &top)?;
    ensure!(pushed.status == 201, "the push returned {}", pushed.status);
    let wrong = put("Application/Vnd.OCI.Image.Index.v1+JSON", &top)?;
    ensure!(
        wrong.status == 400,
        "another type returned {}",
        wrong.status
    );
    let pulled = connection.send(Method::GET, "/v2/app/manifests/put", "", Bytes::new())?;
    ensure!(pulled.body == top, "the bytes changed");
    ensure!(
        pulled.header("content-type") == OCI_MANIFEST,
        "the type is {:?}",
        pulled.headers
    );
    scene.portolan(&["lint", &reference])?.expect_status(0)?;
    Ok(())
}

fn capitals_inside_documents(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let image = image(|manifest| {
        for pointer in ["/mediaType", "/config/mediaType", "/layers/0/mediaType"] {
            if let Some(serde_json::Value::String(text)) = manifest.pointer_mut(pointer) {
                *text = text.replace("application/vnd.oci", "Application/Vnd.OCI");
            }
        }
    })?;
    let host = server.host();
    let source = Scene::seed(&image, &host, "app:v1")?;
    scene
        .portolan(&["copy", &source, "oci:folder:v1"])?
        .expect_status(0)?;
    let target = format!("{host}/copy:v1");
    scene
        .portolan(&["copy", "oci:folder:v1", &target])?
        .expect_status(0)?;
    RegistryConnection::new(&host)?.compare(
        &image,
        &image.top,
        &super::place(&host, "copy", "v1"),
    )?;
    scene
        .portolan(&["copy", &target, "docker-archive:image.tar:copy:v1"])?
        .expect_status(0)?;
    for peer in Peer::ALL {
        scene.copy_with_peer(peer, &source, &format!("{host}/{}:v1", peer.name()))?;
    }
    Ok(())
}

/// Returns an OCI image whose manifest is changed by `edit`.
fn image(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Kind> {
    let mut builder = Builder::new("capitals");
    let image = builder.add_edited_image(OCI, AMD64, edit)?;
    Ok(builder.build(&image))
}
