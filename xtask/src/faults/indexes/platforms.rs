//! Selection of platforms.

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::fault::Fault;
use super::super::peer::Peer;
use super::super::scene::Scene;
use super::{digests, entries, expect_digests};
use crate::interop::builder::{AMD64, ARM64, Builder};
use crate::interop::document::Kind;
use crate::interop::media::OCI;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "one-digest-for-several-platforms",
        check: one_digest_for_several_platforms,
    },
    Fault {
        name: "platforms-only-in-configs",
        check: platforms_only_in_configs,
    },
    Fault {
        name: "versions-of-windows",
        check: versions_of_windows,
    },
];

fn one_digest_for_several_platforms(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let mut builder = Builder::new("shared");
    let image = builder.add_image(OCI, AMD64)?;
    let index = builder.add_index(OCI, [image.clone(), image.with_platform(ARM64)]);
    let source = Scene::seed(&builder.build(&index), &server.host(), "app:v1")?;
    scene
        .portolan(&["copy", "--platform", "linux/arm64", &source, "oci:out:v1"])?
        .expect_status(0)?;
    let found = entries(scene, "oci:out:v1")?;
    let architectures: Vec<_> = found
        .iter()
        .map(|entry| &entry["platform"]["architecture"])
        .collect();
    ensure!(architectures == ["arm64"], "the copy lists {found:?}");
    copy_platform_with_peers(scene, &server.host(), &source, "linux/arm64")
}

fn platforms_only_in_configs(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let mut builder = Builder::new("unstated");
    let amd64 = builder.add_image(OCI, AMD64)?.without_platform();
    let arm64 = builder.add_image(OCI, "linux/arm64")?.without_platform();
    let index = builder.add_index(OCI, [amd64, arm64.clone()]);
    let source = Scene::seed(&builder.build(&index), &server.host(), "app:v1")?;
    scene
        .portolan(&["copy", "--platform", "linux/arm64", &source, "oci:out:v1"])?
        .expect_status(0)?;
    expect_digests(scene, "oci:out:v1", &[arm64.digest()])?;
    scene
        .portolan(&["inspect", "--platform", "linux/arm64", "--config", &source])?
        .expect_status(0)?
        .expect_stdout(r#""architecture":"arm64""#)?;
    scene
        .portolan(&["copy", "--platform", "linux/s390x", &source, "oci:none:v1"])?
        .expect_status(3)?;
    copy_platform_with_peers(scene, &server.host(), &source, "linux/arm64")
}

fn versions_of_windows(scene: &Scene) -> Result<()> {
    const WINDOWS: &str = "windows(10.0.20348)/amd64";
    let server = scene.serve("")?;
    let source = Scene::seed(&windows_index()?, &server.host(), "app:v1")?;
    let all = entries(scene, &source)?;
    let expected = [digests(&all)[1]];
    for (folder, options) in [
        ("name", ["--platform", WINDOWS].as_slice()),
        (
            "both",
            &[
                "--platform",
                "windows/amd64",
                "--platform-os-version",
                "10.0.20348",
            ],
        ),
    ] {
        let target = format!("oci:{folder}:v1");
        scene
            .portolan(&[&["copy", &source, &target], options].concat())?
            .expect_status(0)?;
        expect_digests(scene, &target, &expected)?;
    }
    scene
        .portolan(&["inspect", &source])?
        .expect_stdout("windows(10.0.20348.2113)/amd64")?;
    scene
        .portolan(&[
            "copy",
            "--platform",
            "windows(10.0.14393)/amd64",
            &source,
            "oci:none:v1",
        ])?
        .expect_status(3)?
        .expect_stderr("windows(10.0.20348.2113)/amd64")?;
    let host = server.host();
    let to = |peer: Peer| format!("{host}/{}:v1", peer.name());
    let plain = format!("--host=reg={host},tls=disabled");
    let (crane, regctl) = (to(Peer::Crane), to(Peer::Regctl));
    scene.peer(
        Peer::Crane,
        &[
            "copy",
            "--insecure",
            "--platform=windows/amd64:10.0.20348",
            &source,
            &crane,
        ],
    )?;
    scene.peer(
        Peer::Regctl,
        &[
            &plain,
            "image",
            "copy",
            "--platform=windows/amd64,osver=10.0.20348",
            &source,
            &regctl,
        ],
    )?;
    Ok(())
}

fn windows_index() -> Result<Kind> {
    let mut builder = Builder::new("windows");
    let mut children = Vec::new();
    for version in ["10.0.17763.5122", "10.0.20348.2113"] {
        let platform = json!({"os": "windows", "architecture": "amd64", "os.version": version});
        let image = builder.add_image(OCI, "windows/amd64")?;
        children.push(image.with_field("platform", platform));
    }
    let index = builder.add_index(OCI, children);
    Ok(builder.build(&index))
}

/// Copies one platform with each peer.
fn copy_platform_with_peers(scene: &Scene, host: &str, from: &str, platform: &str) -> Result<()> {
    let [skopeo, crane, oras, regctl] = Peer::ALL.map(|peer| format!("{host}/{}:v1", peer.name()));
    let (source, skopeo) = (format!("docker://{from}"), format!("docker://{skopeo}"));
    let plain = format!("--host=reg={host},tls=disabled");
    let (os, architecture) = platform.split_once('/').unwrap_or((platform, ""));
    let runs: [(Peer, &[&str]); 4] = [
        (
            Peer::Skopeo,
            &[
                "--override-os",
                os,
                "--override-arch",
                architecture,
                "copy",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
                &source,
                &skopeo,
            ],
        ),
        (
            Peer::Crane,
            &["copy", "--insecure", "--platform", platform, from, &crane],
        ),
        (
            Peer::Oras,
            &[
                "cp",
                "--from-plain-http",
                "--to-plain-http",
                "--platform",
                platform,
                from,
                &oras,
            ],
        ),
        (
            Peer::Regctl,
            &[
                &plain,
                "image",
                "copy",
                "--platform",
                platform,
                from,
                &regctl,
            ],
        ),
    ];
    for (peer, arguments) in runs {
        scene.peer(peer, arguments)?;
    }
    Ok(())
}
