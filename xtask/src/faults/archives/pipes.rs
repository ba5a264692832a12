//! Archives from and to pipes.

use std::fs;

use anyhow::{Result, ensure};

use super::super::fault::Fault;
use super::super::indexes::place;
use super::super::peer::Peer;
use super::super::scene::Scene;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::document::Kind;
use crate::interop::media::OCI;
use crate::interop::registry::RegistryConnection;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "archive-from-a-pipe",
        check: archive_from_a_pipe,
    },
    Fault {
        name: "archive-to-a-pipe",
        check: archive_to_a_pipe,
    },
];

/// Transports of archives, with a name of an image in each.
const ARCHIVES: [(&str, &str); 2] = [("oci-archive", "v1"), ("docker-archive", "app:v1")];

/// Returns an image that every form of archive stores byte for byte.
fn image() -> Result<Kind> {
    let mut builder = Builder::new("pipe");
    let image = builder.add_image(OCI, AMD64)?;
    Ok(builder.build(&image))
}

fn archive_from_a_pipe(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let host = server.host();
    let kind = image()?;
    let source = Scene::seed(&kind, &host, "app:v1")?;
    for (transport, image) in ARCHIVES {
        let archive = format!("{transport}:{transport}.tar:{image}");
        scene
            .portolan(&["copy", &source, &archive])?
            .expect_status(0)?;
        for (number, file) in ["-", "/dev/stdin"].into_iter().enumerate() {
            let target = format!("{host}/{transport}:v{number}");
            let script = format!("cat {transport}.tar | \"$0\" copy \"$@\"");
            scene
                .shell(&script, &[&format!("{transport}:{file}"), &target])?
                .expect_status(0)?;
            let config = scene.portolan(&["inspect", "--config", &target])?;
            config.expect(
                config.stdout == config_text(&kind),
                "the config of the image",
            )?;
        }
    }
    let whole = place(&host, "oci-archive", "v0");
    RegistryConnection::new(&host)?.compare(&kind, &kind.top, &whole)?;
    read_with_peers(scene, &host)
}

fn config_text(kind: &Kind) -> String {
    let config = kind
        .image
        .as_ref()
        .and_then(|image| kind.document(&image.config));
    config.map_or_else(String::new, |config| {
        String::from_utf8_lossy(&config.bytes).into_owned()
    })
}

/// Reads the same archives from a pipe with the peers.
fn read_with_peers(scene: &Scene, host: &str) -> Result<()> {
    let target = |peer: Peer| format!("{host}/{}:v1", peer.name());
    let docker = format!("docker://{}", target(Peer::Skopeo));
    let plain = format!("--host=reg={host},tls=disabled");
    for (peer, arguments) in [
        (
            Peer::Skopeo,
            &[
                "copy",
                "--dest-tls-verify=false",
                "docker-archive:/dev/stdin",
                &docker,
            ][..],
        ),
        (
            Peer::Crane,
            &["push", "--insecure", "/dev/stdin", &target(Peer::Crane)],
        ),
        (
            Peer::Regctl,
            &[
                &plain,
                "image",
                "import",
                &target(Peer::Regctl),
                "/dev/stdin",
            ],
        ),
    ] {
        scene.peer_with_input(peer, "docker-archive.tar", arguments)?;
    }
    Ok(())
}

fn archive_to_a_pipe(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let source = Scene::seed(&image()?, &server.host(), "app:v1")?;
    for (transport, image) in ARCHIVES {
        let (file, piped) = (format!("{transport}.tar"), format!("{transport}.piped.tar"));
        scene
            .portolan(&["copy", &source, &format!("{transport}:{file}:{image}")])?
            .expect_status(0)?;
        for name in ["-", "/dev/stdout"] {
            let target = format!("{transport}:{name}:{image}");
            let script = format!("\"$0\" copy \"$@\" | cat > {piped}");
            scene
                .shell(&script, &[&source, &target])?
                .expect_status(0)?;
            let same = fs::read(scene.path(&piped))? == fs::read(scene.path(&file))?;
            ensure!(same, "{target} is not the archive that a file gets");
        }
    }
    let docker = format!("docker://{source}");
    let plain = format!("--host=reg={},tls=disabled", server.host());
    for (peer, arguments) in [
        (
            Peer::Skopeo,
            &[
                "copy",
                "--src-tls-verify=false",
                &docker,
                "docker-archive:/dev/stdout",
            ][..],
        ),
        (Peer::Crane, &["pull", "--insecure", &source, "/dev/stdout"]),
        (Peer::Regctl, &[&plain, "image", "export", &source]),
    ] {
        scene.peer(peer, arguments)?;
    }
    Ok(())
}
