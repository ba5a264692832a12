//! Two registries, a proxy before each, and what is copied from one to the other.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use portolan_model::fixtures::{Image, Index, image, repository, tag};
use portolan_model::{Digest, Reference};
use portolan_registry::{Context, Kind, PutManifest, Reader, Registry, TagUpdate};
use portolan_testkit::proxy::Proxy;
use portolan_testkit::{HttpRegistry, Process};
use tempfile::TempDir;

use crate::{binary, text};

pub(crate) const MEBIBYTE: usize = 1 << 20;

/// Longest time that a copy may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A text of so many bytes in which no two places look alike.
pub(crate) fn long(name: &str, length: usize) -> String {
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

/// An index with its images.
pub(crate) struct Content {
    pub(crate) images: Vec<Image>,
    index: Index,
}

impl Content {
    /// Three images with layers of up to 3 MiB, one of them shared; always the same.
    pub(crate) fn new() -> Self {
        let shared = long("shared", MEBIBYTE);
        let image =
            |name, length| image(name).layers([long(name, length).as_str(), shared.as_str()]);
        Self::of([
            (image("large", 3 * MEBIBYTE), "linux/amd64"),
            (image("medium", 3 * MEBIBYTE / 2), "linux/arm64"),
            (image("small", 1000).docker(), "linux/s390x"),
        ])
    }

    /// An index of these images for these platforms.
    pub(crate) fn of<const N: usize>(images: [(Image, &str); N]) -> Self {
        let index = images
            .iter()
            .fold(Index::oci(), |index, (image, platform)| {
                index.image(image, platform)
            });
        Self {
            images: images.map(|(image, _)| image).into(),
            index,
        }
    }

    /// What its tag points to.
    pub(crate) fn digest(&self) -> Digest {
        self.index.digest()
    }

    /// The digest of the largest layer.
    pub(crate) fn large_layer(&self) -> Digest {
        Digest::sha256(&self.images[0].blobs()[1])
    }

    pub(crate) fn blobs(&self) -> Vec<Bytes> {
        self.images.iter().flat_map(Image::blobs).collect()
    }

    /// Every manifest with its bytes, the index last.
    pub(crate) fn manifests(&self) -> Vec<Bytes> {
        self.images
            .iter()
            .map(Image::bytes)
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
        let tags = to.iter().map(|name| TagUpdate::always(tag(name))).collect();
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

/// A registry with a proxy before it.
pub(crate) struct Side {
    process: Process,
    pub(crate) proxy: Proxy,
    _data: TempDir,
}

impl Side {
    /// An empty one.
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

    /// One that has the content under each of the tags.
    pub(crate) async fn with(content: &Content, tags: &[&str]) -> Self {
        let side = Self::start();
        content.push(&side.registry(), "app", tags).await;
        side
    }

    /// The registry itself, not by way of the proxy.
    pub(crate) fn registry(&self) -> HttpRegistry {
        HttpRegistry::new(self.process.address())
    }

    /// A reference that goes by way of the proxy.
    pub(crate) fn by_proxy(&self, name: &str) -> String {
        format!("{}/{name}", self.proxy.address())
    }

    /// Another proxy before the same registry.
    pub(crate) fn another_proxy(&self) -> Proxy {
        Proxy::start(self.process.address()).unwrap()
    }
}

/// Source, target, and a home for the client.
pub(crate) struct Stage {
    pub(crate) content: Content,
    pub(crate) source: Side,
    pub(crate) target: Side,
    home: TempDir,
}

impl Stage {
    /// A source that has `app:v1`, and an empty target.
    pub(crate) async fn new() -> Self {
        Self::with(Content::new()).await
    }

    /// The same with other content.
    pub(crate) async fn with(content: Content) -> Self {
        let source = Side::with(&content, &["v1"]).await;
        Self {
            content,
            source,
            target: Side::start(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Goes on with an empty target, and without harm.
    pub(crate) fn begin_anew(&mut self) {
        self.source.proxy.mend();
        self.target = Side::start();
    }

    /// `portolan copy` from `app:v1` at the source to `copy:v1` at the target.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let mut command = portolan_copy(self.home.path());
        command
            .args(options)
            .arg(self.source.by_proxy("app:v1"))
            .arg(self.target.by_proxy("copy:v1"));
        command
    }

    /// Copies, and answers whether that went well, having looked at the target either way.
    pub(crate) async fn copy(&self) -> Result<(), String> {
        let output = run(&mut self.command(&[]));
        self.judge(&output).await
    }

    pub(crate) async fn judge(&self, output: &Output) -> Result<(), String> {
        judge(
            output,
            whether_arrived(&self.target.registry(), &self.content).await,
        )
    }
}

/// The command with a home of its own.
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

/// Runs a command that is no use if it takes longer than anybody would wait.
pub(crate) fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!(
                "it is not done after {PATIENCE:?}: {}",
                text(&child.wait_with_output().unwrap().stderr)
            );
        }
        sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// What the command said, held against whether the content has arrived: a success without it is none, and a failure
/// says why.
pub(crate) fn judge(output: &Output, arrived: bool) -> Result<(), String> {
    let said = text(&output.stderr);
    match output.status.code() {
        Some(0) => {
            assert!(
                arrived,
                "it says that all is well, and the tag is not there: {said}"
            );
            Ok(())
        }
        Some(5) => {
            assert!(
                said.lines().last().is_some_and(|line| !line.is_empty()),
                "it fails without a word"
            );
            assert!(!said.contains("panicked"), "{said}");
            Err(said)
        }
        other => panic!("it ends with {other:?}: {said}"),
    }
}

/// Whether the tag is there. What is there is right to the last byte.
pub(crate) async fn whether_arrived(registry: &HttpRegistry, content: &Content) -> bool {
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
