//! Builds kinds symbolically: layers, images and indexes by name, with every byte and digest real.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::docker_text;
use super::document::{Algorithm, Document, Image, Kind, Role};
use super::media::{DOCKER, Family};
use crate::tools::ZSTD;

pub(crate) const AMD64: &str = "linux/amd64";
pub(crate) const ARM64: &str = "linux/arm64/v8";
pub(crate) const ARM_V7: &str = "linux/arm/v7";

/// A descriptor on its way into the document that will name it.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor(Map<String, Value>);

impl Descriptor {
    /// Sets a field, or replaces it.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Sets `platform` from `os/architecture/variant`.
    pub(crate) fn platform(self, platform: &str) -> Self {
        self.with("platform", platform_object(platform))
    }

    /// Takes `platform` away.
    pub(crate) fn without_platform(mut self) -> Self {
        self.0.remove("platform");
        self
    }

    /// What it points to.
    pub(crate) fn digest(&self) -> &str {
        self.0
            .get("digest")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

impl From<Descriptor> for Value {
    fn from(descriptor: Descriptor) -> Self {
        Self::Object(descriptor.0)
    }
}

/// Collects the documents of one kind.
pub(crate) struct Builder {
    name: &'static str,
    documents: Vec<Document>,
    image: Option<Image>,
    layers: usize,
    algorithm: Algorithm,
}

impl Builder {
    /// The kind's name goes into every layer, so that no two kinds share one and no client can skip a transfer.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            documents: Vec::new(),
            image: None,
            layers: 0,
            algorithm: Algorithm::Sha256,
        }
    }

    /// Names what follows by another hash.
    pub(crate) fn algorithm(&mut self, algorithm: Algorithm) {
        self.algorithm = algorithm;
    }

    /// Adds bytes as a blob.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Descriptor {
        self.add(Role::Blob, media_type, bytes.into())
    }

    /// Adds a document as a manifest, its `mediaType` being the one under which it is pushed.
    pub(crate) fn manifest(&mut self, media_type: &str, mut document: Value) -> Descriptor {
        document["mediaType"] = media_type.into();
        self.document(media_type, &document)
    }

    /// Adds a document as it is, as a manifest of this type.
    pub(crate) fn document(&mut self, media_type: &str, document: &Value) -> Descriptor {
        let is_dockers = media_type == DOCKER.manifest || media_type == DOCKER.index;
        let text = if is_dockers {
            docker_text::write(document)
        } else {
            document.to_string()
        };
        self.add(Role::Manifest, media_type, text.into_bytes())
    }

    /// Adds an index or list of `children`.
    pub(crate) fn index(
        &mut self,
        family: Family,
        children: impl IntoIterator<Item = Descriptor>,
    ) -> Descriptor {
        let children: Vec<Value> = children.into_iter().map(Value::from).collect();
        self.manifest(
            family.index,
            json!({ "schemaVersion": 2, "manifests": children }),
        )
    }

    /// Adds an image of two layers.
    pub(crate) fn image(&mut self, family: Family, platform: &str) -> Result<Descriptor> {
        self.image_with(family, platform, |_| ())
    }

    /// Adds an image of two layers whose manifest is changed by `edit` before it is hashed.
    pub(crate) fn image_with(
        &mut self,
        family: Family,
        platform: &str,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Descriptor> {
        let layers = [self.layer(family.layer)?, self.layer(family.layer)?];
        Ok(self.image_of(family, platform, layers, edit))
    }

    /// Adds an image of the given layers; the first one for linux/amd64 is the kind's [`Image`].
    pub(crate) fn image_of(
        &mut self,
        family: Family,
        platform: &str,
        layers: impl IntoIterator<Item = (Descriptor, String)>,
        edit: impl FnOnce(&mut Value),
    ) -> Descriptor {
        let (layers, diff_ids): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
        let layers: Vec<Value> = layers.into_iter().map(Value::from).collect();
        let config = self.blob(
            family.config,
            config(self.name, platform, &diff_ids).to_string(),
        );
        let config_digest = config.digest().to_owned();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": family.manifest,
            "config": Value::from(config),
            "layers": layers,
        });
        edit(&mut manifest);
        let descriptor = self.document(family.manifest, &manifest);
        if platform == AMD64 {
            self.set_image(Image {
                manifest: descriptor.digest().to_owned(),
                config: config_digest,
            });
        }
        descriptor.platform(platform)
    }

    /// Adds a tar with one small file, packed as its type says; answers it with the digest of the tar.
    pub(crate) fn layer(&mut self, media_type: &str) -> Result<(Descriptor, String)> {
        self.layers += 1;
        let text = format!("layer {} of {}\n", self.layers, self.name);
        let tar = tar(&format!("layer-{}", self.layers), &text)?;
        let diff_id = Algorithm::Sha256.digest(&tar);
        let layer = pack(media_type, &tar)?;
        Ok((self.blob(media_type, layer), diff_id))
    }

    /// Adds a document that was made elsewhere.
    pub(crate) fn adopt(&mut self, document: Document) -> Descriptor {
        let Document {
            media_type,
            digest,
            bytes,
            ..
        } = &document;
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        if !self.documents.iter().any(|known| known.digest == *digest) {
            self.documents.push(document);
        }
        Descriptor(descriptor.as_object().cloned().unwrap_or_default())
    }

    /// Says which image a client takes that wants one for linux/amd64: the first one said.
    pub(crate) fn set_image(&mut self, image: Image) {
        self.image.get_or_insert(image);
    }

    /// The kind whose tag stands for `top`.
    pub(crate) fn kind(self, top: &Descriptor) -> Kind {
        let Self {
            name,
            documents,
            image,
            ..
        } = self;
        Kind {
            name,
            documents,
            top: top.digest().to_owned(),
            image,
            platform: AMD64,
            sparse: false,
        }
    }

    fn add(&mut self, role: Role, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let digest = self.algorithm.digest(&bytes);
        self.adopt(Document {
            role,
            media_type: media_type.to_owned(),
            digest,
            bytes: bytes.into(),
        })
    }
}

fn config(name: &str, platform: &str, diff_ids: &[String]) -> Value {
    let mut config = platform_object(platform);
    config["created"] = "2026-01-02T03:04:05Z".into();
    config["config"] = json!({ "Cmd": ["/bin/true"], "Labels": { "kind": name } });
    config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
    config["history"] = diff_ids
        .iter()
        .map(|_| json!({ "created": "2026-01-02T03:04:05Z", "created_by": "test" }))
        .collect();
    config
}

fn platform_object(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut object = json!({ "os": parts.next(), "architecture": parts.next() });
    if let Some(variant) = parts.next() {
        object["variant"] = variant.into();
    }
    object
}

/// A tar with one file, made by the same program as the layers of most images.
fn tar(name: &str, text: &str) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(name), text)?;
    let mut command = Command::new("tar");
    command.args([
        "--create",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--directory",
    ]);
    filter(command.arg(folder.path()).arg(name), &[])
}

/// Gzipped, unless the type says something else.
fn pack(media_type: &str, tar: &[u8]) -> Result<Vec<u8>> {
    match media_type.rsplit(['.', '+']).next() {
        Some("tar") => Ok(tar.to_vec()),
        Some("zstd") => filter(Command::new(ZSTD.path()).args(["--quiet", "--stdout"]), tar),
        _ => filter(Command::new("gzip").arg("--no-name"), tar),
    }
}

/// Runs a program over `input`; the inputs here are smaller than a pipe's buffer.
fn filter(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    std::io::Write::write_all(&mut stdin, input)?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "{} ended with {}",
            command.get_program().display(),
            output.status
        );
    }
    Ok(output.stdout)
}
