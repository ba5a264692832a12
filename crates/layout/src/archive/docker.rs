//! docker-archives: the format of `docker save` and `docker load`.
//!
//! They contain configs and layers but no manifests. Instead, `manifest.json` lists the images. An
//! image is a config, its layers, and names. A manifest is generated for each image, with the same
//! bytes for the same content. Layers are usually uncompressed tars, and the config has their
//! digests (`diff_ids`).

mod manifest;

use std::collections::HashMap;

use bytes::Bytes;
use portolan_model::{
    Algorithm, Compression, Descriptor, Digest, ImageReference, Json, Manifest, MediaType,
};
use portolan_registry::{Error, Kind, PutManifest, Result};
use serde::{Deserialize, Serialize};

use super::oci::{blob_digest, blob_name};
use super::tar_index::TarIndex;
use super::{ArchiveContents, ArchiveFormat};
use crate::content::Content;
use crate::folder::{INDEX_FILE, LAYOUT_FILE};
use crate::index::{CONTAINERD_NAME, LayoutIndex, MAX_LIST_BYTES, REF_NAME};
use crate::layout::parse_tag;

pub(crate) use manifest::check_manifest;

/// File that lists the images.
const LIST_FILE: &str = "manifest.json";

/// Maximum size of a config, in bytes.
const MAX_CONFIG_BYTES: u64 = 16 << 20;

/// Number of bytes to hash at once.
const HASH_BUFFER_BYTES: u64 = 1 << 20;

/// Image in [`LIST_FILE`].
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageEntry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Format of `docker load`.
pub struct DockerFormat {
    /// Full name of the repository of the tags, including the host. If it is `None`, no tags can be
    /// set.
    repository: Option<String>,
}

impl ArchiveFormat for DockerFormat {
    const NAME: &str = "docker-archive";
    /// Does not include the reference name, because that is only the tag from the full name.
    const NAME_ANNOTATIONS: &'static [&'static str] = &[CONTAINERD_NAME];
    /// List files of all versions of the format. Portolan writes only the first file. The other
    /// files are removed, because a reader that prefers them would not see the images that are
    /// added.
    const LIST_FILES: &[&str] = &[LIST_FILE, "repositories", INDEX_FILE, LAYOUT_FILE];
    const INITIAL_FILES: &[(&str, &[u8])] = &[];
    const STORES_MANIFESTS: bool = false;

    fn read(entries: &TarIndex) -> Result<ArchiveContents> {
        let path = entries.path.display();
        let listed: Vec<ImageEntry> =
            serde_json::from_slice(&read_list(entries)?).map_err(|error| {
                Error::new(
                    Kind::MANIFEST_INVALID,
                    format!("failed to parse {LIST_FILE} in {path}: {error}"),
                )
            })?;
        let mut held = ArchiveContents::empty();
        for listed in &listed {
            let added = held.add_image(entries, listed);
            added.map_err(|error| {
                error.with_prefix(format_args!(
                    "failed to read the image with config {} in {path}",
                    listed.config
                ))
            })?;
        }
        Ok(held)
    }

    /// Keeps the tags of this repository as tags. Tags of other repositories stay available only by
    /// their full names, because a pushed tag belongs to this repository.
    fn index_for_append(&self, index: LayoutIndex) -> LayoutIndex {
        let mut own = LayoutIndex::empty();
        for descriptor in index.descriptors() {
            let mut descriptor = descriptor.clone();
            if let Some(name) = descriptor.annotations.get(CONTAINERD_NAME).cloned() {
                let tag = parse_tag(&name).filter(|tag| self.has_tag(&name, tag));
                descriptor
                    .annotations
                    .insert(REF_NAME.into(), tag.unwrap_or(&name).to_owned());
            }
            own.push(&descriptor);
        }
        own
    }

    fn check_manifest(&self, manifest: &Manifest, options: &PutManifest) -> Result<()> {
        if self.repository.is_none() && !options.tags.is_empty() {
            let message = "a docker-archive stores full names, and the image has none";
            return Err(Error::new(Kind::Unsupported, message)
                .with_help("write docker-archive:FILE:HOST/NAME:TAG"));
        }
        check_manifest(manifest)
    }

    fn render_list(
        &self,
        index: &LayoutIndex,
        names: &HashMap<Digest, String>,
        read: &dyn Fn(&Digest) -> Result<Manifest>,
    ) -> Result<(&'static str, Vec<u8>)> {
        let mut images: Vec<(&Digest, ImageEntry)> = Vec::new();
        for entry in index.descriptors() {
            if !images.iter().any(|(digest, _)| **digest == entry.digest) {
                images.push((&entry.digest, ImageEntry::new(&read(&entry.digest)?, names)));
            }
            let name = entry
                .annotations
                .get(CONTAINERD_NAME)
                .cloned()
                .or_else(|| self.full_name(entry));
            let image = images
                .iter_mut()
                .find(|(digest, _)| **digest == entry.digest);
            if let (Some((_, image)), Some(name)) = (image, name) {
                image.repo_tags.get_or_insert_default().push(name);
            }
        }
        let images: Vec<_> = images.into_iter().map(|(_, image)| image).collect();
        let bytes = serde_json::to_vec(&images);
        Ok((
            LIST_FILE,
            bytes.map_err(|error| Error::internal("failed to serialize the image list", error))?,
        ))
    }
}

impl DockerFormat {
    /// Returns the format whose tags belong to the repository of `image`.
    pub(crate) fn for_image(image: Option<&ImageReference>) -> Self {
        Self {
            repository: image.map(|image| format!("{}/{}", image.host, image.repository)),
        }
    }

    fn full_name(&self, entry: &Descriptor) -> Option<String> {
        Some(format!(
            "{}:{}",
            self.repository.as_ref()?,
            entry.annotations.get(REF_NAME)?
        ))
    }

    /// Returns whether `name` refers to a tag of this repository, in any spelling.
    fn has_tag(&self, name: &str, tag: &str) -> bool {
        let own = self
            .repository
            .as_ref()
            .map(|repository| format!("{repository}:{tag}").parse::<ImageReference>());
        matches!((own, name.parse::<ImageReference>()), (Some(Ok(own)), Ok(name)) if own == name)
    }
}

impl ImageEntry {
    fn new(manifest: &Manifest, names: &HashMap<Digest, String>) -> Self {
        let name = |digest: &Digest| {
            names
                .get(digest)
                .cloned()
                .unwrap_or_else(|| blob_name(digest))
        };
        let (config, layers) = manifest::parts(manifest);
        let config = config.as_ref().map(name).unwrap_or_default();
        Self {
            config,
            repo_tags: None,
            layers: Some(layers.iter().map(name).collect()),
        }
    }
}

/// Reads the [`LIST_FILE`] of an archive.
fn read_list(entries: &TarIndex) -> Result<Bytes> {
    let missing = || {
        let message = format!(
            "{} is not a docker-archive: file {LIST_FILE} does not exist",
            entries.path.display()
        );
        let help = format!(
            "if it is an OCI layout, use `oci-archive:{}`; if docker before 1.10 created it, load \
             and save it with a newer one",
            entries.path.display()
        );
        Error::new(Kind::RepositoryUnknown, message).with_help(help)
    };
    let list = entries.find(LIST_FILE).ok_or_else(missing)?;
    list.read(MAX_LIST_BYTES).map_err(|error| {
        error.with_prefix(format_args!(
            "failed to read {LIST_FILE} in {}",
            entries.path.display()
        ))
    })
}

impl ArchiveContents {
    fn add_image(&mut self, entries: &TarIndex, listed: &ImageEntry) -> Result<()> {
        let config = find_file(entries, &listed.config)?;
        let (config, diff_ids) = read_config(&config)?;
        let names = listed.layers.as_deref().unwrap_or_default();
        if names.len() != diff_ids.len() {
            let message = format!(
                "the image has {} layers, but its config lists {}",
                names.len(),
                diff_ids.len()
            );
            return Err(Error::new(Kind::MANIFEST_INVALID, message));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in names.iter().zip(diff_ids) {
            let content = find_file(entries, name)?;
            let layer = describe_layer(name, &content, diff_id)?;
            self.insert(&layer.digest, name, content);
            layers.push(layer);
        }
        let descriptor = Descriptor::new(
            MediaType::new(MediaType::DOCKER_CONFIG),
            Digest::sha256(&config),
            config.len() as u64,
        );
        self.insert(&descriptor.digest, &listed.config, Content::Bytes(config));
        let bytes = manifest::render(&descriptor, &layers)?;
        self.add_names(&bytes, listed.repo_tags.as_deref().unwrap_or_default());
        self.contents
            .insert(Digest::sha256(&bytes), Content::Bytes(bytes));
        Ok(())
    }

    fn insert(&mut self, digest: &Digest, name: &str, content: Content) {
        self.contents.insert(digest.clone(), content);
        self.names.insert(digest.clone(), name.to_owned());
    }

    /// Adds an entry to the index for each name of the manifest, or an entry without a name if it
    /// has no names.
    fn add_names(&mut self, manifest: &Bytes, names: &[String]) {
        let media_type = MediaType::new(MediaType::DOCKER_MANIFEST);
        let descriptor =
            Descriptor::new(media_type, Digest::sha256(manifest), manifest.len() as u64);
        for name in names {
            let mut named = descriptor.clone();
            named
                .annotations
                .insert(CONTAINERD_NAME.into(), name.clone());
            // The tag also becomes the reference name, so that the image can be found by its tag.
            named
                .annotations
                .extend(parse_tag(name).map(|tag| (REF_NAME.into(), tag.to_owned())));
            self.index.push(&named);
        }
        if names.is_empty() && self.index.find(&descriptor.digest).is_none() {
            self.index.push(&descriptor);
        }
    }
}

fn find_file(entries: &TarIndex, name: &str) -> Result<Content> {
    let missing = || {
        Error::new(
            Kind::CONTENT_MISSING,
            format!("file {name} does not exist in the archive; save the image again"),
        )
    };
    entries.find(name).ok_or_else(missing)
}

/// Reads a config, and returns it with the digests of its uncompressed layers.
fn read_config(content: &Content) -> Result<(Bytes, Vec<Digest>)> {
    let invalid = |reason: String| {
        Error::new(
            Kind::MANIFEST_INVALID,
            format!("failed to parse the config: {reason}"),
        )
    };
    let bytes = content
        .read(MAX_CONFIG_BYTES)
        .map_err(|error| error.with_prefix("failed to read the config"))?;
    let config = Json::parse(&bytes).map_err(|error| invalid(error.to_string()))?;
    let diff_ids = config
        .get("rootfs")
        .and_then(|rootfs| rootfs.get("diff_ids"))
        .and_then(Json::as_array);
    let diff_ids = diff_ids.unwrap_or_default().iter().map(|diff_id| {
        let text = diff_id
            .as_str()
            .ok_or_else(|| invalid("a diff_id is not a string".into()))?;
        text.parse()
            .map_err(|error| invalid(format!("invalid diff_id {text:?}: {error}")))
    });
    Ok((bytes, diff_ids.collect::<Result<_>>()?))
}

/// Returns the descriptor of a layer. The first bytes of the layer determine the type. The digest
/// of an uncompressed layer comes from the config and is verified when the layer is read.
fn describe_layer(name: &str, content: &Content, diff_id: Digest) -> Result<Descriptor> {
    let length = content.size().min(Compression::MAGIC_BYTES as u64);
    let (media_type, digest) = match Compression::detect(&content.part(0..length)?) {
        Compression::None => (manifest::UNCOMPRESSED_LAYER, diff_id),
        // The name of a file in `blobs` contains its digest. This digest is verified on reading too.
        Compression::Gzip => (
            MediaType::DOCKER_LAYER_GZIP,
            blob_digest(name).map_or_else(|| compute_digest(content), Ok)?,
        ),
        other => {
            let message = format!(
                "layer {name} is compressed with {other}, which docker's image format does not \
                 support; if the archive has an index.json, read it as oci-archive:"
            );
            return Err(Error::new(Kind::Unsupported, message));
        }
    };
    Ok(Descriptor::new(
        MediaType::new(media_type),
        digest,
        content.size(),
    ))
}

fn compute_digest(content: &Content) -> Result<Digest> {
    let no_hasher = || Error::new(Kind::Internal, "SHA-256 is not supported");
    let mut hasher = Algorithm::Sha256.hasher().ok_or_else(no_hasher)?;
    content.for_each_piece(HASH_BUFFER_BYTES, |_, piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(hasher.finish())
}
