//! TLS on a loopback address, and certificates in `certs.d`.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use portolan_testkit::fake_registry::Behavior;

use crate::faults::fault::Fault;
use crate::faults::peer::Peer;
use crate::faults::registries::content::{fill, small_image};
use crate::faults::registries::copies::image;
use crate::faults::scene::Scene;
use crate::servers::RunningServer;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "ca-for-a-loopback-host",
        check: ca,
    },
    Fault {
        name: "insecure-for-a-loopback-host",
        check: insecure,
    },
    Fault {
        name: "insecure-registry-on-a-loopback-host",
        check: insecure_registry,
    },
    Fault {
        name: "scheme-before-a-loopback-host",
        check: scheme,
    },
    Fault {
        name: "error-suggests-a-flag-that-nobody-gave",
        check: untrusted,
    },
    Fault {
        name: "self-signed-certificate-in-certs-d",
        check: self_signed,
    },
    Fault {
        name: "client-certificate-of-version-1",
        check: version_1,
    },
    Fault {
        name: "client-certificate-with-another-key",
        check: another_key,
    },
];

/// Registry with TLS that has an image.
struct TlsRegistry {
    host: String,
    image: String,
    /// Self-signed certificate of the registry.
    certificate: PathBuf,
    _server: RunningServer,
}

impl TlsRegistry {
    fn start(scene: &Scene) -> Result<Self> {
        let certificate = create_certificate(scene, "server")?;
        let file = |extension| {
            scene
                .path(&format!("server.{extension}"))
                .display()
                .to_string()
        };
        let (public, private) = (file("crt"), file("key"));
        let server = scene.serve(&format!(
            "[server.tls]\ncertificate = {public:?}\nkey = {private:?}\n"
        ))?;
        let source = scene.fake(Behavior::default());
        fill(&source, &small_image()?)?;
        let host = server.host();
        let target = format!("{host}/team/app:v1");
        let arguments = ["copy", "--insecure", &image(&source), &target];
        scene.peer(Peer::Crane, &arguments)?.expect_status(0)?;
        scene.forget_peers();
        Ok(Self {
            host,
            image: target,
            certificate,
            _server: server,
        })
    }

    /// Writes a file to the folder of this host in `certs.d`.
    fn write_certificate(&self, scene: &Scene, name: &str, content: &[u8]) -> Result<PathBuf> {
        let name = format!("containers/certs.d/{}/{name}", self.host);
        scene.write_home(&name, content)
    }
}

/// Creates a self-signed certificate as people do. OpenSSL makes it one of a CA.
fn create_certificate(scene: &Scene, name: &str) -> Result<PathBuf> {
    let script = "openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout \"$1.key\" -out \"$1.crt\"";
    scene.shell(script, &[name])?.expect_status(0)?;
    Ok(scene.path(&format!("{name}.crt")))
}

fn ca(scene: &Scene) -> Result<()> {
    let registry = TlsRegistry::start(scene)?;
    let file = registry.certificate.display().to_string();
    scene
        .portolan(&["inspect", "--ca", &file, &registry.image])?
        .expect_status(0)?;
    let arguments = ["manifest", "fetch", "--ca-file", &file, &registry.image];
    scene.peer(Peer::Oras, &arguments)?;
    Ok(())
}

fn insecure(scene: &Scene) -> Result<()> {
    let TlsRegistry { host, image, .. } = &TlsRegistry::start(scene)?;
    scene
        .portolan(&["inspect", "--insecure", image])?
        .expect_status(0)?;
    let with_transport = format!("docker://{image}");
    let setting = format!("--host=reg={host},tls=insecure");
    let inspect = ["inspect", "--raw", "--tls-verify=false", &with_transport];
    scene.peer(Peer::Skopeo, &inspect)?;
    scene.peer(Peer::Crane, &["manifest", "--insecure", image])?;
    scene.peer(Peer::Oras, &["manifest", "fetch", "--insecure", image])?;
    scene.peer(Peer::Regctl, &[&setting, "manifest", "get", image])?;
    Ok(())
}

fn insecure_registry(scene: &Scene) -> Result<()> {
    let TlsRegistry { host, image, .. } = &TlsRegistry::start(scene)?;
    let configuration = format!("[[registry]]\nlocation = \"{host}\"\ninsecure = true\n");
    scene.write_registries(&configuration)?;
    scene.portolan(&["inspect", image])?.expect_status(0)?;
    let with_transport = format!("docker://{image}");
    scene.peer(Peer::Skopeo, &["inspect", "--raw", &with_transport])?;
    Ok(())
}

/// Selects TLS, which `--plain-http` does not change, and plain HTTP, which `--ca` does not change.
fn scheme(scene: &Scene) -> Result<()> {
    let registry = TlsRegistry::start(scene)?;
    let with_tls = format!("https://{}", registry.image);
    scene
        .portolan(&["inspect", "--plain-http", "--insecure", &with_tls])?
        .expect_status(0)?;
    let plain = scene.fake(Behavior::default());
    fill(&plain, &small_image()?)?;
    let without_tls = format!("http://{}", image(&plain));
    let file = registry.certificate.display().to_string();
    scene
        .portolan(&["inspect", "--ca", &file, &without_tls])?
        .expect_status(0)?;
    Ok(())
}

fn untrusted(scene: &Scene) -> Result<()> {
    let TlsRegistry { image, .. } = &TlsRegistry::start(scene)?;
    scene
        .portolan(&["inspect", image])?
        .expect_status(5)?
        .expect_stderr("certificate")?
        .expect_no("plain-http")?;
    Ok(())
}

fn self_signed(scene: &Scene) -> Result<()> {
    let registry = TlsRegistry::start(scene)?;
    let content = fs::read(&registry.certificate)?;
    let file = registry.write_certificate(scene, "ca.crt", &content)?;
    let run = scene.portolan(&["inspect", &registry.image])?;
    run.expect_status(0)?.expect_no("warning")?;
    let folder = file.with_file_name("").display().to_string();
    let image = format!("docker://{}", registry.image);
    scene.peer(
        Peer::Skopeo,
        &["inspect", "--raw", "--cert-dir", &folder, &image],
    )?;
    Ok(())
}

fn version_1(scene: &Scene) -> Result<()> {
    let script = "openssl req -new -newkey rsa:2048 -noenc -subj /CN=me -keyout me.key -out me.csr \
        && openssl x509 -req -in me.csr -signkey me.key -out me.crt \
        && openssl x509 -in me.crt -noout -text";
    let created = scene.shell(script, &[])?;
    created
        .expect_status(0)?
        .expect_stdout("Version: 1 (0x0)")?;
    with_client_certificate(scene, "me.crt", "me.key", |registry| {
        let run = scene.portolan(&["inspect", &registry.image])?;
        run.expect_status(0)?.expect_no("warning")?;
        Ok(())
    })
}

fn another_key(scene: &Scene) -> Result<()> {
    create_certificate(scene, "me")?;
    create_certificate(scene, "other")?;
    with_client_certificate(scene, "me.crt", "other.key", |registry| {
        scene
            .portolan(&["inspect", &registry.image])?
            .expect_status(0)?
            .expect_stderr("client.cert")?;
        Ok(())
    })
}

/// Runs a check with the client certificate of the user in `certs.d`, and then skopeo.
fn with_client_certificate(
    scene: &Scene,
    certificate: &str,
    key: &str,
    check: impl FnOnce(&TlsRegistry) -> Result<()>,
) -> Result<()> {
    let registry = TlsRegistry::start(scene)?;
    let sources = [
        ("ca.crt", registry.certificate.clone()),
        ("client.cert", scene.path(certificate)),
        ("client.key", scene.path(key)),
    ];
    for (name, source) in sources {
        registry.write_certificate(scene, name, &fs::read(source)?)?;
    }
    check(&registry)?;
    let folder = scene.home(&format!("containers/certs.d/{}", registry.host));
    let (folder, image) = (
        folder.display().to_string(),
        format!("docker://{}", registry.image),
    );
    scene.peer(
        Peer::Skopeo,
        &["inspect", "--raw", "--cert-dir", &folder, &image],
    )?;
    Ok(())
}
