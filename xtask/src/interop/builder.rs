//! Builder of kinds: layers, images and indexes are given by name, with real bytes and digests.

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

/// Descriptor for a document that refers to other content.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor(Map<String, Value>);

impl Descriptor {
    /// Sets a field, or replaces it.
    pub(crate) fn with_field(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Sets `platform` from `os/architecture/variant`.
    pub(crate) fn with_platform(self, platform: &str) -> Self {
        self.with_field("platform", platform_object(platform))
    }

    /// Removes `platform`.
    pub(crate) fn without_platform(mut self) -> Self {
        self.0.remove("platform");
        self
    }

    /// Returns the digest of the described content.
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

/// Builder that collects the documents of one kind.
#[derive(Clone)]
pub(crate) struct Builder {
    name: &'static str,
    documents: Vec<Document>,
    image: Option<Image>,
    layers: usize,
    algorithm: Algorithm,
}

impl Builder {
    /// Creates a builder. The kind's name goes into every layer, so that no two kinds share one and
    /// clients cannot skip a transfer.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            documents: Vec::new(),
            image: None,
            layers: 0,
            algorithm: Algorithm::Sha256,
        }
    }

    /// Sets the hash algorithm for all documents added later.
    pub(crate) fn set_algorithm(&mut self, algorithm: Algorithm) {
        self.algorithm = algorithm;
    }

    /// Adds bytes as a blob.
    pub(crate) fn add_blob(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Descriptor {
        self.add(Role::Blob, media_type, bytes.into())
    }

    /// Adds a document as a manifest. Its `mediaType` is set to the type with which it is pushed.
    pub(crate) fn add_manifest(&mut self, media_type: &str, mut document: Value) -> Descriptor {
        document["mediaType"] = media_type.into();
        self.add_document(media_type, &document)
    }

    /// Adds a document without changes as a manifest of the given type.
    pub(crate) fn add_document(&mut self, media_type: &str, document: &Value) -> Descriptor {
        let is_dockers = media_type == DOCKER.manifest || media_type == DOCKER.index;
        let text = if is_dockers {
            docker_text::write(document)
        } else {
            document.to_string()
        };
        self.add(Role::Manifest, media_type, text.into_bytes())
    }

    /// Adds an index or list of `children`.
    pub(crate) fn add_index(
        &mut self,
        family: Family,
        children: impl IntoIterator<Item = Descriptor>,
    ) -> Descriptor {
        let children: Vec<Value> = children.into_iter().map(Value::from).collect();
        self.add_manifest(
            family.index,
            json!({ "schemaVersion": 2, "manifests": children }),
        )
    }

    /// Adds an image of two layers.
    pub(crate) fn add_image(&mut self, family: Family, platform: &str) -> Result<Descriptor> {
        self.add_edited_image(family, platform, |_| ())
    }

    /// Adds an image of two layers. `edit` changes its manifest before it is hashed.
    pub(crate) fn add_edited_image(
        &mut self,
        family: Family,
        platform: &str,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Descriptor> {
        let layers = [self.add_layer(family.layer)?, self.add_layer(family.layer)?];
        Ok(self.add_image_with_layers(family, platform, layers, edit))
    }

    /// Adds an image with the given layers. The first image for linux/amd64 becomes the kind's
    /// [`Image`].
    pub(crate) fn add_image_with_layers(
        &mut self,
        family: Family,
        platform: &str,
        layers: impl IntoIterator<Item = (Descriptor, String)>,
        edit: impl FnOnce(&mut Value),
    ) -> Descriptor {
        let (layers, diff_ids): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
        let layers: Vec<Value> = layers.into_iter().map(Value::from).collect();
        let config = self.add_blob(
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
        let descriptor = self.add_document(family.manifest, &manifest);
        if platform == AMD64 {
            self.set_image(Image {
                manifest: descriptor.digest().to_owned(),
                config: config_digest,
            });
        }
        descriptor.with_platform(platform)
    }

    /// Adds a tar with one small file, compressed according to its type, and returns its descriptor
    /// with the digest of the tar.
    pub(crate) fn add_layer(&mut self, media_type: &str) -> Result<(Descriptor, String)> {
        self.layers += 1;
        let text = format!("layer {} of {}\n", self.layers, self.name);
        let tar = build_tar(&format!("layer-{}", self.layers), &text)?;
        let diff_id = Algorithm::Sha256.digest(&tar);
        let layer = compress_layer(media_type, &tar)?;
        Ok((self.add_blob(media_type, layer), diff_id))
    }

    /// Adds an existing document.
    pub(crate) fn add_existing(&mut self, document: Document) -> Descriptor {
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

    /// Sets the image that clients for linux/amd64 pull. Only the first call has an effect.
    pub(crate) fn set_image(&mut self, image: Image) {
        self.image.get_or_insert(image);
    }

    /// Returns the kind whose tag points to `top`.
    pub(crate) fn build(self, top: &Descriptor) -> Kind {
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
        self.add_existing(Document {
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

/// Builds a tar with one file, made by the program that creates the layers of most images.
fn build_tar(name: &str, text: &str) -> Result<Vec<u8>> {
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
    run_filter(command.arg(folder.path()).arg(name), &[])
}

/// Compresses a layer. The default is gzip, unless the media type names another compression.
fn compress_layer(media_type: &str, tar: &[u8]) -> Result<Vec<u8>> {
    match media_type.rsplit(['.', '+']).next() {
        Some("tar") => Ok(tar.to_vec()),
        Some("zstd") => run_filter(Command::new(ZSTD.path()).args(["--quiet", "--stdout"]), tar),
        _ => run_filter(Command::new("gzip").arg("--no-name"), tar),
    }
}

/// Runs a program with `input` as its standard input. The inputs are smaller than a pipe's buffer,
/// so that writing cannot block.
fn run_filter(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
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
            "{} exited with {}",
            command.get_program().display(),
            output.status
        );
    }
    Ok(output.stdout)
}
