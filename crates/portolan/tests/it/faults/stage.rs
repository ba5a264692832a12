//! Two registries, each behind a proxy, and the content that is copied between them.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use portolan_model::fixtures::{ImageFixture, IndexFixture, image, repository, tag};
use portolan_model::{Digest, Reference};
use portolan_registry::{Context, Kind, PutManifest, Reader, Registry, TagUpdate};
use portolan_testkit::proxy::Proxy;
use portolan_testkit::{HttpRegistry, Process};
use tempfile::TempDir;

use crate::{binary, text};

pub(crate) const MEBIBYTE: usize = 1 << 20;

/// Time limit for a copy.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Returns a text of `length` bytes without repetitions.
pub(crate) fn unique_text(name: &str, length: usize) -> String {
    let mut text = String::with_capacity(length + 20);
    for line in 0.. {
        writeln!(text, "{name} {line}").unwrap();
        if text.len() >= length {
            break;
        }
    }
    text.truncate(length);
    text
}

/// Index with its images.
pub(crate) struct Content {
    pub(crate) images: Vec<ImageFixture>,
    index: IndexFixture,
}

impl Content {
    /// Creates three images with layers of up to 3 MiB, one of them shared. The content is always
    /// the same.
    pub(crate) fn new() -> Self {
        let shared = unique_text("shared", MEBIBYTE);
        let image = |name, length| {
            image(name).layers([unique_text(name, length).as_str(), shared.as_str()])
        };
        Self::from_images([
            (image("large", 3 * MEBIBYTE), "linux/amd64"),
            (image("medium", 3 * MEBIBYTE / 2), "linux/arm64"),
            (image("small", 1000).docker(), "linux/s390x"),
        ])
    }

    /// Creates an index of these images for these platforms.
    pub(crate) fn from_images<const N: usize>(images: [(ImageFixture, &str); N]) -> Self {
        let index = images
            .iter()
            .fold(IndexFixture::oci(), |index, (image, platform)| {
                index.image(image, platform)
            });
        Self {
            images: images.map(|(image, _)| image).into(),
            index,
        }
    }

    /// Returns the digest of the index.
    pub(crate) fn digest(&self) -> Digest {
        self.index.digest()
    }

    /// Returns the digest of the largest layer.
    pub(crate) fn large_layer(&self) -> Digest {
        Digest::sha256(&self.images[0].blobs()[1])
    }

    pub(crate) fn blobs(&self) -> Vec<Bytes> {
        self.images.iter().flat_map(ImageFixture::blobs).collect()
    }

    /// Returns the bytes of all manifests, the index last.
    pub(crate) fn manifests(&self) -> Vec<Bytes> {
        self.images
            .iter()
            .map(ImageFixture::bytes)
            .chain([self.index.bytes()])
            .collect()
    }

    async fn push(&self, registry: &dyn Registry, name: &str, to: &[&str]) {
        let (context, name) = (Context::anonymous(), repository(name));
        for blob in self.blobs() {
            registry
                .put_blob(&context, &name, &Digest::sha256(&blob), blob.into())
                .await
                .unwrap();
        }
        for image in &self.images {
            let options = PutManifest {
                media_type: Some(image.media_type()),
                ..PutManifest::default()
            };
            registry
                .put_manifest(&context, &name, image.bytes(), options)
                .await
                .unwrap();
        }
        let tags = to
            .iter()
            .map(|name| TagUpdate::unconditional(tag(name)))
            .collect();
        registry
            .put_manifest(
                &context,
                &name,
                self.index.bytes(),
                PutManifest {
                    tags,
                    ..PutManifest::default()
                },
            )
            .await
            .unwrap();
    }
}

/// Registry behind a proxy.
pub(crate) struct ProxiedRegistry {
    process: Process,
    pub(crate) proxy: Proxy,
    _data: TempDir,
}

impl ProxiedRegistry {
    /// Starts an empty registry.
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path());
        let process = Process::start(command.env("PORTOLAN_TELEMETRY__LOG", "error")).unwrap();
        let proxy = Proxy::start(process.address()).unwrap();
        Self {
            process,
            proxy,
            _data: data,
        }
    }

    /// Starts a registry that has the content under each of the tags.
    pub(crate) async fn start_with(content: &Content, tags: &[&str]) -> Self {
        let side = Self::start();
        content.push(&side.registry(), "app", tags).await;
        side
    }

    /// Returns the registry, for direct access without the proxy.
    pub(crate) fn registry(&self) -> HttpRegistry {
        HttpRegistry::new(self.process.address())
    }

    /// Returns a reference to the registry through the proxy.
    pub(crate) fn proxied_reference(&self, name: &str) -> String {
        format!("{}/{name}", self.proxy.address())
    }

    /// Starts another proxy for the same registry.
    pub(crate) fn another_proxy(&self) -> Proxy {
        Proxy::start(self.process.address()).unwrap()
    }
}

/// Source, target, and a home folder for the client.
pub(crate) struct Scenario {
    pub(crate) content: Content,
    pub(crate) source: ProxiedRegistry,
    pub(crate) target: ProxiedRegistry,
    home: TempDir,
}

impl Scenario {
    /// Starts a source that has `app:v1`, and an empty target.
    pub(crate) async fn new() -> Self {
        Self::with_content(Content::new()).await
    }

    /// Starts a source that has `content` as `app:v1`, and an empty target.
    pub(crate) async fn with_content(content: Content) -> Self {
        let source = ProxiedRegistry::start_with(&content, &["v1"]).await;
        Self {
            content,
            source,
            target: ProxiedRegistry::start(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Removes all faults and starts an empty target.
    pub(crate) fn reset(&mut self) {
        self.source.proxy.reset();
        self.target = ProxiedRegistry::start();
    }

    /// Returns the command that copies `app:v1` at the source to `copy:v1` at the target.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let mut command = portolan_copy(self.home.path());
        command
            .args(options)
            .arg(self.source.proxied_reference("app:v1"))
            .arg(self.target.proxied_reference("copy:v1"));
        command
    }

    /// Runs the copy and verifies the content of the target. Returns standard error if the copy
    /// failed.
    pub(crate) async fn copy(&self) -> Result<(), String> {
        let output = run(&mut self.command(&[]));
        self.check_outcome(&output).await
    }

    pub(crate) async fn check_outcome(&self, output: &Output) -> Result<(), String> {
        judge(
            output,
            has_arrived(&self.target.registry(), &self.content).await,
        )
    }
}

/// Returns the command `portolan copy` with its own home folder.
pub(crate) fn portolan_copy(home: &Path) -> Command {
    let mut command = Command::new(binary());
    for variable in [
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
    ] {
        command.env(variable, home);
    }
    command
        .env_remove("DOCKER_CONFIG")
        .env_remove("REGISTRY_AUTH_FILE")
        .arg("copy");
    command
}

/// Runs a command, and panics if it exceeds the time limit.
pub(crate) fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > TIME_LIMIT {
            child.kill().unwrap();
            panic!(
                "the copy did not complete within {TIME_LIMIT:?}: {}",
                text(&child.wait_with_output().unwrap().stderr)
            );
        }
        sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Checks the exit status against the content of the target.
///
/// A success requires that the content has arrived. A failure requires a message, which is
/// returned.
pub(crate) fn judge(output: &Output, arrived: bool) -> Result<(), String> {
    let stderr = text(&output.stderr);
    match output.status.code() {
        Some(0) => {
            assert!(
                arrived,
                "the copy succeeded, but the tag does not exist: {stderr}"
            );
            Ok(())
        }
        Some(5) => {
            assert!(
                stderr.lines().last().is_some_and(|line| !line.is_empty()),
                "the copy failed without a message"
            );
            assert!(!stderr.contains("panicked"), "{stderr}");
            Err(stderr)
        }
        other => panic!("unexpected exit status {other:?}: {stderr}"),
    }
}

/// Returns whether the tag exists. Panics if any byte of its content is wrong.
pub(crate) async fn has_arrived(registry: &HttpRegistry, content: &Content) -> bool {
    let (context, name) = (Context::anonymous(), repository("copy"));
    let by_tag = registry
        .get_manifest(&context, &name, &tag("v1").into())
        .await;
    let by_tag = match by_tag {
        Err(error)
            if matches!(
                error.kind(),
                Kind::ManifestUnknown | Kind::RepositoryUnknown
            ) =>
        {
            return false;
        }
        read => read.unwrap().body.collect(MEBIBYTE).await.unwrap(),
    };
    assert_eq!(by_tag, content.index.bytes());
    for bytes in content.manifests() {
        let reference = Reference::from(Digest::sha256(&bytes));
        let read = registry
            .get_manifest(&context, &name, &reference)
            .await
            .unwrap();
        assert_eq!(read.body.collect(MEBIBYTE).await.unwrap(), bytes);
    }
    for bytes in content.blobs() {
        let read = registry
            .get_blob(&context, &name, &Digest::sha256(&bytes), None)
            .await
            .unwrap();
        assert!(
            read.body.collect(bytes.len()).await.unwrap() == bytes,
            "a blob of {} bytes",
            bytes.len()
        );
    }
    true
}
