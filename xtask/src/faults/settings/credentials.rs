//! Configuration files with an item that cannot be used.

use anyhow::Result;
use portolan_testkit::fake::{Asked, Fake, Reply};
use portolan_testkit::fake_registry::Behavior;
use serde_json::json;

use crate::faults::fault::Fault;
use crate::faults::peer::Peer;
use crate::faults::registries::content::{fill, small_image};
use crate::faults::registries::copies::image;
use crate::faults::registries::documents::token;
use crate::faults::scene::Scene;
use crate::interop::media::OCI_INDEX;

/// Credentials `somebody:secret`, as the header and the file have them.
const SOMEBODY: &str = "c29tZWJvZHk6c2VjcmV0";

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "credential-helper-is-not-installed",
        check: missing_helper,
    },
    Fault {
        name: "auth-is-wrapped",
        check: |scene| auth(scene, "c29tZWJvZHk6\nc2VjcmV0"),
    },
    Fault {
        name: "auth-contains-crlf",
        check: |scene| auth(scene, "c29tZWJvZHk6\r\nc2VjcmV0\r\n"),
    },
    Fault {
        name: "auth-ends-with-nul",
        check: |scene| auth(scene, "c29tZWJvZHk6c2VjcmV0AA=="),
    },
    Fault {
        name: "registries-conf-of-version-1",
        check: registries_version_1,
    },
];

/// Starts a registry that shows an empty index to `somebody`.
fn private_registry(scene: &Scene) -> Fake {
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).to_string();
    scene.fake_server(move |asked: &Asked| {
        if asked.header("authorization") == format!("Basic {SOMEBODY}") {
            return Reply::new(200)
                .header("Content-Type", OCI_INDEX)
                .body(index.clone());
        }
        Reply::error(401, "UNAUTHORIZED").header("WWW-Authenticate", "Basic realm=\"fake\"")
    })
}

/// Reads a manifest from a registry without TLS with each peer.
fn read_with_peers(scene: &Scene, host: &str, image: &str) -> Result<()> {
    let (setting, with_transport) = (
        format!("--host=reg={host},tls=disabled"),
        format!("docker://{image}"),
    );
    let inspect = ["inspect", "--raw", "--tls-verify=false", &with_transport];
    scene.peer(Peer::Skopeo, &inspect)?;
    scene.peer(Peer::Crane, &["manifest", "--insecure", image])?;
    scene.peer(Peer::Oras, &["manifest", "fetch", "--plain-http", image])?;
    scene.peer(Peer::Regctl, &[&setting, "manifest", "get", image])?;
    Ok(())
}

/// Reads a public image, for which everybody gets a token, with a warning. Fails to read a private one
/// with the reason.
fn missing_helper(scene: &Scene) -> Result<()> {
    scene.write_home(".docker/config.json", r#"{"credsStore": "absent"}"#)?;
    let public = scene.fake(token(r#"{"token":"good"}"#));
    fill(&public, &small_image()?)?;
    scene
        .portolan(&["inspect", &image(&public)])?
        .expect_status(0)?
        .expect_stderr("docker-credential-absent")?;
    let private = private_registry(scene);
    let run = scene.portolan(&["inspect", &format!("{}/app:v1", private.host())])?;
    let error = run.stderr.split("error:").nth(1).unwrap_or_default();
    run.expect_status(4)?.expect(
        error.contains("docker-credential-absent"),
        "the helper in the error",
    )?;
    read_with_peers(scene, &public.fake.host(), &image(&public))
}

/// Reads a private image with credentials in this form.
fn auth(scene: &Scene, auth: &str) -> Result<()> {
    let private = private_registry(scene);
    let (host, image) = (private.host(), format!("{}/app:v1", private.host()));
    let configuration = json!({"auths": {&host: {"auth": auth}}});
    scene.write_home(".docker/config.json", configuration.to_string())?;
    scene
        .portolan(&["inspect", &image])?
        .expect_status(0)?
        .expect_no("warning")?;
    read_with_peers(scene, &host, &image)
}

fn registries_version_1(scene: &Scene) -> Result<()> {
    let configuration = "[registries.search]\nregistries = ['docker.io', 'quay.io']\n";
    scene.write_registries(configuration)?;
    let registry = scene.fake(Behavior::default());
    fill(&registry, &small_image()?)?;
    let image = image(&registry);
    scene.portolan(&["inspect", &image])?.expect_status(0)?;
    let with_transport = format!("docker://{image}");
    let inspect = ["inspect", "--raw", "--tls-verify=false", &with_transport];
    scene.peer(Peer::Skopeo, &inspect)?;
    Ok(())
}
