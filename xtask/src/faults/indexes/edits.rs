//! Creation and edits of indexes.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::super::fault::Fault;
use super::super::peer::Peer;
use super::super::scene::Scene;
use super::{build_output, digests, entries, expect_digests, image, place};
use crate::interop::builder::{AMD64, ARM_V7, ARM64};
use crate::interop::media::OCI_INDEX;
use crate::interop::registry::RegistryConnection;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "indexes-of-buildkit-are-joined",
        check: indexes_are_joined,
    },
    Fault {
        name: "nested-indexes-are-kept-on-request",
        check: nested_indexes_are_kept,
    },
    Fault {
        name: "index-add-keeps-the-position",
        check: position_is_kept,
    },
];

/// Pushes the output of BuildKit for two platforms, and returns the host and the references.
fn push_outputs(host: &str) -> Result<[String; 2]> {
    let amd64 = Scene::seed(&build_output("buildkit-amd64", AMD64)?, host, "app:amd64")?;
    let arm64 = Scene::seed(&build_output("buildkit-arm64", ARM64)?, host, "app:arm64")?;
    Ok([amd64, arm64])
}

fn indexes_are_joined(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let host = server.host();
    let [amd64, arm64] = push_outputs(&host)?;
    let joined = format!("{host}/app:v1");
    scene
        .portolan(&["index", "create", &joined, &amd64, &arm64])?
        .expect_status(0)?;
    let mut expected = entries(scene, &amd64)?;
    expected.extend(entries(scene, &arm64)?);
    let found = entries(scene, &joined)?;
    ensure!(found == expected, "the index lists {found:?}");
    let attested = &found[3]["annotations"]["vnd.docker.reference.digest"];
    ensure!(
        *attested == found[2]["digest"],
        "the attestation is of {attested}"
    );
    let place = place(&host, "app", "v1");
    let digest = RegistryConnection::new(&host)?
        .manifest(&place, "v1")?
        .digest;
    RegistryConnection::new(&host)?.check_tree(&digest, &place)?;
    for peer in Peer::ALL {
        let copied = scene.copy_with_peer(peer, &joined, &format!("{host}/{}:v1", peer.name()))?;
        copied.expect_status(0)?;
    }
    join_with_peers(scene, &host)
}

/// Joins the same indexes with the peers, and records which of them nest the indexes.
fn join_with_peers(scene: &Scene, host: &str) -> Result<()> {
    let [crane, oras, regctl] =
        ["crane", "oras", "regctl"].map(|name| format!("{host}/app:{name}"));
    let [amd64, arm64] = ["amd64", "arm64"].map(|tag| format!("{host}/app:{tag}"));
    let plain = format!("--host=reg={host},tls=disabled");
    scene.peer(
        Peer::Crane,
        &[
            "index",
            "append",
            "--insecure",
            "-m",
            &amd64,
            "-m",
            &arm64,
            "-t",
            &crane,
        ],
    )?;
    scene.peer(
        Peer::Oras,
        &[
            "manifest",
            "index",
            "create",
            "--plain-http",
            &oras,
            "amd64",
            "arm64",
        ],
    )?;
    scene.peer(
        Peer::Regctl,
        &[
            &plain, "index", "create", &regctl, "--ref", &amd64, "--ref", &arm64,
        ],
    )?;
    for (peer, made) in [
        (Peer::Crane, crane),
        (Peer::Oras, oras),
        (Peer::Regctl, regctl),
    ] {
        if let Ok(entries) = entries(scene, &made)
            && entries.iter().any(|entry| entry["mediaType"] == OCI_INDEX)
        {
            scene.note_peer(peer, "nests the indexes");
        }
    }
    Ok(())
}

fn nested_indexes_are_kept(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let [amd64, arm64] = push_outputs(&server.host())?;
    let nested = format!("{}/app:nested", server.host());
    scene
        .portolan(&["index", "create", "--nest", &nested, &amd64, &arm64])?
        .expect_status(0)?;
    let found = entries(scene, &nested)?;
    let nests = found.iter().all(|entry| entry["mediaType"] == OCI_INDEX);
    ensure!(nests && found.len() == 2, "the index lists {found:?}");
    let lint = scene.portolan(&["lint", "--json", &nested])?;
    let report: Value = serde_json::from_str(&lint.expect_status(0)?.stdout)?;
    let findings = report["findings"].as_array().into_iter().flatten();
    let severities: Vec<_> = findings
        .filter(|finding| finding["rule"] == "index-nested")
        .map(|finding| &finding["severity"])
        .collect();
    let warns = severities.iter().all(|severity| *severity == "warning");
    lint.expect(warns && !severities.is_empty(), "warnings of index-nested")?;
    for peer in Peer::ALL {
        scene.copy_with_peer(
            peer,
            &nested,
            &format!("{}/{}:v1", server.host(), peer.name()),
        )?;
    }
    Ok(())
}

fn position_is_kept(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let host = server.host();
    let children = [("one", AMD64), ("two", ARM64), ("three", ARM_V7)];
    for (name, platform) in children {
        Scene::seed(&image(name, platform)?, &host, &format!("app:{name}"))?;
    }
    let new = Scene::seed(&build_output("new", ARM64)?, &host, "app:new")?;
    let [one, two, three] = children.map(|(name, _)| format!("{host}/app:{name}"));
    let create = |tag: &str| {
        let index = format!("{host}/app:{tag}");
        let run = scene.portolan(&["index", "create", &index, &one, &two, &three])?;
        run.expect_status(0)?;
        anyhow::Ok(index)
    };
    let index = create("v1")?;
    let (before, added) = (entries(scene, &index)?, entries(scene, &new)?);
    let (before, added) = (digests(&before), digests(&added));
    scene
        .portolan(&["index", "add", &index, &new])?
        .expect_status(0)?;
    expect_digests(scene, &index, &[before[0], added[0], added[1], before[2]])?;
    let (crane, regctl) = (create("crane")?, create("regctl")?);
    scene.peer(
        Peer::Crane,
        &[
            "index",
            "append",
            "--insecure",
            &crane,
            "-m",
            &new,
            "-t",
            &crane,
        ],
    )?;
    let plain = format!("--host=reg={host},tls=disabled");
    scene.peer(
        Peer::Regctl,
        &[&plain, "index", "add", &regctl, "--ref", &new],
    )?;
    for (peer, index) in [(Peer::Crane, crane), (Peer::Regctl, regctl)] {
        if digests(&entries(scene, &index)?).contains(&before[1]) {
            scene.note_peer(peer, "keeps the replaced image");
        }
    }
    Ok(())
}
