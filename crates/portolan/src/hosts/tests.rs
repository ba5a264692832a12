//! Which clients are made for an image, with which settings.

use std::collections::BTreeMap;
use std::fs;

use async_trait::async_trait;
use portolan_client::Silent;
use portolan_model::fixtures::image;
use portolan_registry::contract::{Repository, push_image};
use portolan_registry::memory::MemoryRegistry;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::TcpListener;

use super::*;

/// Hosts that are registries in memory, by `SCHEME://HOST`, and the files that say how to reach them.
struct World {
    folder: TempDir,
    memory: Memory,
}

#[derive(Clone, Default)]
struct Memory {
    registries: BTreeMap<String, Arc<dyn Registry>>,
    /// The settings of each client that was made.
    made: Arc<Mutex<Vec<Settings>>>,
}

#[async_trait]
impl Clients for Memory {
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>> {
        let registry = Arc::clone(&self.registries[&url(&settings)]);
        self.made.lock().unwrap().push(settings);
        Ok(registry)
    }

    async fn speaks(&self, settings: &Settings) -> Result<bool> {
        assert!(settings.scheme == Scheme::Http || settings.tls.accept_any);
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

    fn hosts(&self, options: Options) -> Hosts {
        let environment = Environment::below(self.folder.path());
        Hosts::with_clients(
            environment,
            options,
            Arc::new(Silent),
            Box::new(self.memory.clone()),
        )
        .unwrap()
    }

    async fn settings(&self, host: &str, options: Options) -> Settings {
        self.hosts(options).settings(host).await.unwrap()
    }
}

/// A host that answers each connection with this text, whatever is asked, and then ends it.
pub(super) async fn answering(answer: impl Into<String>) -> String {
    let (answer, listener) = (
        answer.into(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Whoever is asking may be gone before it has heard everything.
            let _ = stream.read(&mut [0; 1 << 14]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = copy(&mut stream, &mut sink()).await;
        }
    });
    host
}

fn url(settings: &Settings) -> String {
    let scheme = if settings.scheme == Scheme::Https {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{}", settings.host)
}

async fn open(hosts: &Hosts, image: &str, purpose: Purpose) -> (Arc<dyn Registry>, String) {
    let (registry, repository) = hosts.open(&image.parse().unwrap(), purpose).await.unwrap();
    (registry, repository.to_string())
}

#[tokio::test]
async fn a_host_is_one_client() {
    let world = World::new(&["https://a.io", "https://b.io", "https://docker.io"]);
    let hosts = world.hosts(Options::default());
    let (one, name) = open(&hosts, "a.io/one:v1", Purpose::Read).await;
    assert_eq!(name, "one");
    let (two, _) = open(&hosts, "a.io/two", Purpose::Write).await;
    let (other, _) = open(&hosts, "b.io/one", Purpose::Write).await;
    assert!(Arc::ptr_eq(&one, &two) && Arc::ptr_eq(&one, &hosts.registry("a.io").await.unwrap()));
    assert!(!Arc::ptr_eq(&one, &other));
    assert_eq!(
        open(&hosts, "alpine", Purpose::Read).await.1,
        "library/alpine"
    );
    let made: Vec<String> = world.memory.made.lock().unwrap().iter().map(url).collect();
    assert_eq!(made, ["https://a.io", "https://b.io", "https://docker.io"]);
}

#[tokio::test]
async fn loopback_hosts_have_no_tls_unless_there_are_certificates() {
    let world = World::new(&[]).with(
        "etc/docker/certs.d/localhost:5001/README",
        "TLS, by an authority of the system",
    );
    for (host, scheme) in [
        ("localhost:5000", Scheme::Http),
        ("127.0.0.1:5000", Scheme::Http),
        ("[::1]:5000", Scheme::Http),
        ("localhost:5001", Scheme::Https),
        ("quay.io", Scheme::Https),
    ] {
        assert_eq!(
            world.settings(host, Options::default()).await.scheme,
            scheme,
            "{host}"
        );
    }
    let plain = Options {
        plain_http: true,
        ..Options::default()
    };
    assert_eq!(world.settings("quay.io", plain).await.scheme, Scheme::Http);
}

#[tokio::test]
async fn whom_to_trust() {
    let certificate = |name: &str| format!("-----BEGIN CERTIFICATE-----\n{name}");
    let world = World::new(&[])
        .with(
            "etc/containers/certs.d/r.io/ca.crt",
            &certificate("of the host"),
        )
        .with("ca.pem", &certificate("of the command"));
    let tls = world.settings("r.io", Options::default()).await.tls;
    assert_eq!(
        (tls.roots, tls.accept_any),
        (vec![certificate("of the host").into_bytes()], false)
    );
    let options = Options {
        authorities: Some(world.folder.path().join("ca.pem")),
        accept_any_certificate: true,
        ..Options::default()
    };
    let tls = world.settings("r.io", options.clone()).await.tls;
    let both = [
        certificate("of the host").into_bytes(),
        certificate("of the command").into_bytes(),
    ];
    assert_eq!(
        (tls.roots.as_slice(), tls.accept_any),
        (both.as_slice(), true)
    );
    assert_eq!(
        world.settings("other.io", options).await.tls.roots,
        both[1..]
    );
}

#[tokio::test]
async fn an_insecure_host_is_tried_with_tls_and_without() {
    let insecure = |url: &str| {
        let world = World::new(&[url]);
        world.registries_conf("[[registry]]\nlocation = 'r.io'\ninsecure = true\n")
    };
    for (url, scheme) in [
        ("https://r.io", Scheme::Https),
        ("http://r.io", Scheme::Http),
        ("https://elsewhere.io", Scheme::Https),
    ] {
        let settings = insecure(url).settings("r.io", Options::default()).await;
        assert_eq!(settings.scheme, scheme, "{url}");
        assert_eq!(settings.tls.accept_any, scheme == Scheme::Https, "{url}");
    }
    let (_, name) = open(
        &insecure("http://r.io").hosts(Options::default()),
        "r.io/app",
        Purpose::Write,
    )
    .await;
    assert_eq!(name, "app");
}

#[tokio::test]
async fn mirrors_are_read_and_never_written() {
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
    let hosts = world.hosts(Options::default());
    let (registry, name) = open(&hosts, "a.io/team/app:v1", Purpose::Read).await;
    assert_eq!(name, "all/app");
    let app = Repository::of(&registry, &name);
    assert_eq!(app.tagged("v1").await, Some(image("mirror").digest()));
    assert_eq!(app.tagged("v2").await, Some(image("primary").digest()));

    let (target, name) = open(&hosts, "a.io/team/app:v1", Purpose::Write).await;
    assert_eq!(name, "team/app");
    assert!(Arc::ptr_eq(&target, &hosts.registry("a.io").await.unwrap()));
}

#[tokio::test]
async fn what_is_blocked_is_not_opened() {
    let world =
        World::new(&[]).registries_conf("[[registry]]\nlocation = 'r.io'\nblocked = true\n");
    let hosts = world.hosts(Options::default());
    for purpose in [Purpose::Read, Purpose::Write] {
        let error = hosts
            .open(&"r.io/app:v1".parse().unwrap(), purpose)
            .await
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("r.io/app:v1 may not be used"),
            "{error}"
        );
    }
    assert!(hosts.registry("r.io").await.is_err() && hosts.settings("r.io").await.is_err());
}
