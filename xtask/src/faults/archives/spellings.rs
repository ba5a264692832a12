//! References that look like a path or a host.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, ensure};

use super::super::fault::Fault;
use super::super::peer::Peer;
use super::super::scene::Scene;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::media::OCI;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "path-in-place-of-a-reference",
        check: path_in_place_of_a_reference,
    },
    Fault {
        name: "host-in-place-of-a-reference",
        check: host_in_place_of_a_reference,
    },
];

/// Proxy that counts connections and closes them.
struct CountingProxy {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl CountingProxy {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for _ in listener.incoming() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(Self {
            address,
            connections,
        })
    }

    /// Runs Portolan with this proxy for all hosts. Checks that the command line is rejected with
    /// a help that contains `intended`, and that no connection is opened.
    fn expect_rejected(&self, scene: &Scene, arguments: &[&str], intended: &str) -> Result<()> {
        let before = self.connections.load(Ordering::SeqCst);
        let proxy = self.address;
        let script =
            format!("HTTPS_PROXY=http://{proxy} HTTP_PROXY=http://{proxy} exec \"$0\" \"$@\"");
        scene
            .shell(&script, arguments)?
            .expect_status(2)?
            .expect_stderr(intended)?;
        let opened = self.connections.load(Ordering::SeqCst) - before;
        ensure!(opened == 0, "{arguments:?} opened {opened} connections");
        Ok(())
    }
}

fn path_in_place_of_a_reference(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let mut builder = Builder::new("spellings");
    let image = builder.add_image(OCI, AMD64)?;
    let source = Scene::seed(&builder.build(&image), &server.host(), "app:v1")?;
    let proxy = CountingProxy::start()?;
    let absolute = scene.path("out").display().to_string();
    for (target, intended) in [
        ("image.tar", "oci-archive:image.tar"),
        ("image.tar", "docker-archive:image.tar"),
        ("out/image.tar.gz", "oci-archive:out/image.tar"),
        ("./out", "oci:./out"),
        ("../out", "oci:../out"),
        (&absolute, &format!("oci:{absolute}")),
    ] {
        proxy.expect_rejected(scene, &["copy", &source, target], intended)?;
        proxy.expect_rejected(scene, &["inspect", target], intended)?;
    }
    let docker = format!("docker://{source}");
    let plain = format!("--host=reg={},tls=disabled", server.host());
    for (peer, arguments) in [
        (
            Peer::Skopeo,
            &["copy", "--src-tls-verify=false", &docker, "image.tar"][..],
        ),
        (Peer::Crane, &["copy", "--insecure", &source, "./out"]),
        (
            Peer::Oras,
            &[
                "cp",
                "--from-plain-http",
                "--to-plain-http",
                &source,
                "./out",
            ],
        ),
        (Peer::Regctl, &[&plain, "image", "copy", &source, "./out"]),
    ] {
        scene.peer(peer, arguments)?;
    }
    Ok(())
}

fn host_in_place_of_a_reference(scene: &Scene) -> Result<()> {
    let proxy = CountingProxy::start()?;
    let host = proxy.address.to_string();
    for bare in [host.as_str(), "localhost:5000", "registry.example.com:5000"] {
        let intended = format!("{bare}/");
        for command in ["inspect", "lint", "referrers"] {
            proxy.expect_rejected(scene, &[command, bare], &intended)?;
        }
    }
    let docker = format!("docker://{host}");
    let plain = format!("--host=reg={host},tls=disabled");
    for (peer, arguments) in [
        (
            Peer::Skopeo,
            &["inspect", "--tls-verify=false", &docker][..],
        ),
        (Peer::Crane, &["manifest", "--insecure", &host]),
        (Peer::Oras, &["manifest", "fetch", "--plain-http", &host]),
        (Peer::Regctl, &[&plain, "manifest", "get", &host]),
    ] {
        scene.peer(peer, arguments)?;
    }
    Ok(())
}
