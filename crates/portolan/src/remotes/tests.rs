//! Tests for the clients and settings that are chosen for an image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use async_trait::async_trait;
use portolan_client::NullObserver;
use portolan_model::fixtures::image;
use portolan_registry::contract::{TestRepository, push_image};
use portolan_registry::memory::MemoryRegistry;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::TcpListener;

use super::*;
use crate::image_ref::Location;

/// In-memory registries and a folder with configuration files, for a [`Remotes`].
struct World {
    folder: TempDir,
    memory: Memory,
    warnings: Arc<Mutex<Vec<String>>>,
}

/// [`Clients`] that return in-memory registries.
#[derive(Clone, Default)]
struct Memory {
    /// Registries by `SCHEME://HOST`.
    registries: BTreeMap<String, Arc<dyn Registry>>,
    /// Settings of each created client.
    made: Arc<Mutex<Vec<Settings>>>,
}

#[async_trait]
impl Clients for Memory {
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>> {
        let registry = Arc::clone(&self.registries[&url(&settings)]);
        self.made.lock().unwrap().push(settings);
        Ok(registry)
    }

    async fn accepts_protocol(&self, settings: &Settings) -> Result<bool> {
        Ok(self.registries.contains_key(&url(settings)))
    }
}

impl World {
    fn new(urls: &[&str]) -> Self {
        let registry = |url: &&str| {
            (
                (*url).to_owned(),
                Arc::new(MemoryRegistry::new()) as Arc<dyn Registry>,
            )
        };
        let memory = Memory {
            registries: urls.iter().map(registry).collect(),
            ..Memory::default()
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            memory,
            warnings: Arc::default(),
        }
    }

    fn with(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn registries_conf(self, text: &str) -> Self {
        self.with("etc/containers/registries.conf", text)
    }

    fn hosts(&self, options: RemoteOptions) -> Remotes {
        let environment = Environment::rooted_at(self.folder.path());
        let warnings = Arc::clone(&self.warnings);
        Remotes::with_clients(
            environment,
            options,
            Arc::new(NullObserver),
            Arc::new(Warnings::new(move |text| {
                warnings.lock().unwrap().push(text.into());
            })),
            Box::new(self.memory.clone()),
        )
        .unwrap()
    }

    async fn settings(&self, host: &str, options: RemoteOptions) -> Settings {
        self.hosts(options)
            .settings(&host.parse().unwrap())
            .await
            .unwrap()
    }
}

/// Starts a server, and returns its address. On each connection, the server sends `answer` without
/// parsing the request, and closes the connection.
pub(super) async fn answering(answer: impl Into<String>) -> String {
    let (answer, listener) = (
        answer.into(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Errors are ignored, because the client may disconnect before it has read the
            // response.
            let _ = stream.read(&mut [0; 1 << 14]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = copy(&mut stream, &mut sink()).await;
        }
    });
    host
}

fn url(settings: &Settings) -> String {
    format!("{}://{}", settings.scheme.as_str(), settings.host)
}

fn remote(image: &str) -> RemoteImage {
    match image.parse().unwrap() {
        Location::Registry(image) => image,
        Location::Local(_) => panic!("{image} is not in a registry"),
    }
}

async fn open(hosts: &Remotes, image: &str, purpose: Purpose) -> (Arc<dyn Registry>, String) {
    let (registry, repository) = hosts.open(&remote(image), purpose).await.unwrap();
    (registry, repository.to_string())
}

#[tokio::test]
async fn images_on_one_host_share_a_client() {
    let world = World::new(&["https://a.io", "https://b.io", "https://docker.io"]);
    let hosts = world.hosts(RemoteOptions::default());
    let (one, name) = open(&hosts, "a.io/one:v1", Purpose::Read).await;
    assert_eq!(name, "one");
    let (two, _) = open(&hosts, "a.io/two", Purpose::Write).await;
    let (other, _) = open(&hosts, "b.io/one", Purpose::Write).await;
    let host = hosts.registry(&"a.io".parse().unwrap()).await.unwrap();
    assert!(Arc::ptr_eq(&one, &two) && Arc::ptr_eq(&one, &host));
    assert!(!Arc::ptr_eq(&one, &other));
    assert_eq!(
        open(&hosts, "alpine", Purpose::Read).await.1,
        "library/alpine"
    );
    let made: Vec<String> = world.memory.made.lock().unwrap().iter().map(url).collect();
    assert_eq!(made, ["https://a.io", "https://b.io", "https://docker.io"]);
}

fn certificate() -> String {
    let key = rcgen::generate_simple_self_signed(["r.io".into()]).unwrap();
    key.cert.pem()
}

/// All options that affect TLS, and whether plain HTTP may be used for a loopback host with this
/// option.
fn options_for_tls(world: &World) -> [(RemoteOptions, bool); 3] {
    let ca = RemoteOptions {
        ca_certificates: Some(world.folder.path().join("ca.pem")),
        ..RemoteOptions::default()
    };
    let insecure = RemoteOptions {
        skip_tls_verification: true,
        ..RemoteOptions::default()
    };
    [
        (RemoteOptions::default(), true),
        (insecure, true),
        (ca, false),
    ]
}

#[tokio::test]
async fn loopback_hosts_use_plain_http_only_without_tls() {
    for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
        let (tls, plain) = (format!("https://{host}"), format!("http://{host}"));
        let world = World::new(&[&tls, &plain]).with("ca.pem", &certificate());
        for (options, _) in options_for_tls(&world) {
            assert_eq!(url(&world.settings(host, options).await), tls);
        }
        let world = World::new(&[&plain]).with("ca.pem", &certificate());
        for (options, may_be_plain) in options_for_tls(&world) {
            let expected = if may_be_plain { &plain } else { &tls };
            assert_eq!(url(&world.settings(host, options).await), *expected);
        }
    }
}

#[tokio::test]
async fn certificates_of_a_loopback_host_exclude_plain_http() {
    let world = World::new(&["http://localhost:5001"]).with(
        "etc/docker/certs.d/localhost:5001/README",
        "TLS, by an authority of the system",
    );
    let settings = world.settings("localhost:5001", RemoteOptions::default());
    assert_eq!(settings.await.scheme, Scheme::Https);
}

#[tokio::test]
async fn other_hosts_are_never_tried_with_plain_http() {
    let world = World::new(&["http://quay.io"]).with("ca.pem", &certificate());
    for (options, _) in options_for_tls(&world) {
        assert_eq!(
            world.settings("quay.io", options).await.scheme,
            Scheme::Https
        );
    }
    let plain = RemoteOptions {
        plain_http: true,
        ..RemoteOptions::default()
    };
    assert_eq!(world.settings("quay.io", plain).await.scheme, Scheme::Http);
}

#[tokio::test]
async fn a_scheme_before_the_host_decides() {
    let configuration = "[[registry]]\nlocation = 'r.io'\ninsecure = true\n";
    let world = World::new(&["http://r.io", "https://r.io"]).registries_conf(configuration);
    for plain_http in [false, true] {
        for address in ["http://r.io", "https://r.io"] {
            let options = RemoteOptions {
                plain_http,
                ..RemoteOptions::default()
            };
            let hosts = world.hosts(options);
            let settings = hosts.settings(&address.parse().unwrap()).await.unwrap();
            assert_eq!(url(&settings), address);
            open(&hosts, &format!("{address}/app"), Purpose::Write).await;
            let made = world.memory.made.lock().unwrap().pop().unwrap();
            assert_eq!(url(&made), address);
        }
    }
}

#[tokio::test]
async fn a_scheme_does_not_apply_to_the_host_of_a_mirror() {
    let world = World::new(&["http://a.io", "https://mirror.io"]).registries_conf(
        "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'mirror.io'\n",
    );
    let hosts = world.hosts(RemoteOptions::default());
    open(&hosts, "http://a.io/app", Purpose::Read).await;
    let made: Vec<String> = world.memory.made.lock().unwrap().iter().map(url).collect();
    assert_eq!(made, ["http://a.io", "https://mirror.io"]);
}

#[tokio::test]
async fn items_that_cannot_be_used_are_warnings() {
    let world = World::new(&["https://r.io"])
        .registries_conf("[[registry]]\ninsecure = true\n")
        .with("etc/containers/certs.d/r.io/ca.crt", "DER");
    let hosts = world.hosts(RemoteOptions::default());
    for _ in 0..2 {
        let settings = hosts.settings(&"r.io".parse().unwrap()).await.unwrap();
        let warnings = world.warnings.lock().unwrap().clone();
        assert_eq!(
            warnings.iter().collect::<BTreeSet<_>>(),
            settings.skipped.iter().collect(),
            "errors name the same items"
        );
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}

#[tokio::test]
async fn trusts_certificates_of_the_host_and_of_the_command() {
    let (of_host, of_command) = (certificate(), certificate());
    let world = World::new(&[])
        .with("etc/containers/certs.d/r.io/ca.crt", &of_host)
        .with("ca.pem", &of_command);
    let tls = world.settings("r.io", RemoteOptions::default()).await.tls;
    assert_eq!(
        (tls.roots, tls.skip_verification),
        (vec![of_host.clone().into_bytes()], false)
    );
    let options = RemoteOptions {
        ca_certificates: Some(world.folder.path().join("ca.pem")),
        skip_tls_verification: true,
        ..RemoteOptions::default()
    };
    let tls = world.settings("r.io", options.clone()).await.tls;
    let both = [of_host.into_bytes(), of_command.into_bytes()];
    assert_eq!(
        (tls.roots.as_slice(), tls.skip_verification),
        (both.as_slice(), true)
    );
    assert_eq!(
        world.settings("other.io", options).await.tls.roots,
        both[1..]
    );
}

#[tokio::test]
async fn an_insecure_host_is_tried_with_tls_and_plain_http() {
    let insecure = |url: &str| {
        let world = World::new(&[url]);
        world.registries_conf("[[registry]]\nlocation = 'r.io'\ninsecure = true\n")
    };
    for (url, scheme) in [
        ("https://r.io", Scheme::Https),
        ("http://r.io", Scheme::Http),
        ("https://elsewhere.io", Scheme::Https),
    ] {
        let settings = insecure(url)
            .settings("r.io", RemoteOptions::default())
            .await;
        assert_eq!(settings.scheme, scheme, "{url}");
        assert!(settings.tls.skip_verification, "{url}");
        assert!(!settings.tls.skip_verification_of_other_origins, "{url}");
    }
    let (_, name) = open(
        &insecure("http://r.io").hosts(RemoteOptions::default()),
        "r.io/app",
        Purpose::Write,
    )
    .await;
    assert_eq!(name, "app");
}

#[tokio::test]
async fn mirrors_are_read_but_never_written() {
    let world = World::new(&["https://a.io", "https://internal.io", "https://mirror.io"])
        .registries_conf(
            "[[registry]]\nprefix = 'a.io/team'\nlocation = 'internal.io/all'\n\
         [[registry.mirror]]\nlocation = 'mirror.io/copies'\n",
        );
    push_image(
        &world.memory.registries["https://mirror.io"],
        "copies/app",
        &image("mirror"),
        "v1",
    )
    .await;
    push_image(
        &world.memory.registries["https://internal.io"],
        "all/app",
        &image("primary"),
        "v2",
    )
    .await;
    let hosts = world.hosts(RemoteOptions::default());
    let (registry, name) = open(&hosts, "a.io/team/app:v1", Purpose::Read).await;
    assert_eq!(name, "all/app");
    let app = TestRepository::new(&registry, &name);
    assert_eq!(app.resolve_tag("v1").await, Some(image("mirror").digest()));
    assert_eq!(app.resolve_tag("v2").await, Some(image("primary").digest()));

    let (target, name) = open(&hosts, "a.io/team/app:v1", Purpose::Write).await;
    assert_eq!(name, "team/app");
    let host = hosts.registry(&"a.io".parse().unwrap()).await.unwrap();
    assert!(Arc::ptr_eq(&target, &host));
}

#[tokio::test]
async fn blocked_images_are_rejected() {
    let world =
        World::new(&[]).registries_conf("[[registry]]\nlocation = 'r.io'\nblocked = true\n");
    let hosts = world.hosts(RemoteOptions::default());
    for purpose in [Purpose::Read, Purpose::Write] {
        let error = hosts
            .open(&remote("r.io/app:v1"), purpose)
            .await
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("r.io/app:v1 is blocked"),
            "{error}"
        );
    }
    let host = "r.io".parse().unwrap();
    assert!(hosts.registry(&host).await.is_err() && hosts.settings(&host).await.is_err());
}
