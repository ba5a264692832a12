//! docker-archives: what `docker save` writes and `docker load` takes.
//!
//! They hold configs and layers, and no manifests: `manifest.json` says which of them make an image,
//! and what it is called. So a manifest is made for each image, always the same bytes for the same
//! content. Layers lie there as plain tars as a rule, whose digests the config knows (`diff_ids`).

mod manifest;

use std::collections::HashMap;

use bytes::Bytes;
use portolan_model::{Algorithm, Descriptor, Digest, ImageReference, Json, Manifest, MediaType};
use portolan_registry::{Error, Kind, PutManifest, Result};
use serde::{Deserialize, Serialize};

use super::entries::Entries;
use super::oci::{blob_digest, blob_name};
use super::{Format, Held};
use crate::content::Content;
use crate::folder::{INDEX_FILE, LAYOUT_FILE};
use crate::index::{CONTAINERD_NAME, Index, MAX_LIST_BYTES, REF_NAME};

pub(crate) use manifest::accepts;

/// The file that lists the images.
const LIST_FILE: &str = "manifest.json";

/// Most bytes that a config may have.
const MAX_CONFIG_BYTES: u64 = 16 << 20;

/// An image as [`LIST_FILE`] has it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Images that `docker load` takes.
pub struct Docker {
    /// What tags are tags of, with its host. Without it nothing can be tagged.
    pub(crate) repository: Option<String>,
}

impl Format for Docker {
    const NAME: &str = "docker-archive";
    const NAMED_BY: &str = CONTAINERD_NAME;
    /// The others say less than the first; a reader that prefers them would not see what is added.
    const LISTS: &[&str] = &[LIST_FILE, "repositories", INDEX_FILE, LAYOUT_FILE];
    const BEGINNING: &[(&str, &[u8])] = &[];
    const KEEPS_MANIFESTS: bool = false;

    fn read(lists: &Entries, entries: &Entries) -> Result<Held> {
        let path = lists.path.display();
        let listed: Vec<Listed> = serde_json::from_slice(&read_list(lists)?).map_err(|error| {
            Error::new(
                Kind::ManifestInvalid,
                format!("{path}: {LIST_FILE} cannot be read: {error}"),
            )
        })?;
        let mut held = Held {
            index: Index::empty(),
            contents: HashMap::new(),
            names: HashMap::new(),
        };
        for listed in &listed {
            let taken = held.take(entries, listed);
            taken.map_err(|error| {
                error.while_doing(format_args!("{path}: the image of {}", listed.config))
            })?;
        }
        Ok(held)
    }

    /// Tags of other repositories are known by their whole names alone, since a tag that is pushed is
    /// one of this repository.
    fn carry_over(&self, index: Index) -> Index {
        let mut own = Index::empty();
        for descriptor in index.descriptors() {
            let mut descriptor = descriptor.clone();
            if let Some(name) = descriptor.annotations.get(CONTAINERD_NAME).cloned() {
                let tag = tag_of(&name).filter(|tag| self.has(&name, tag));
                descriptor
                    .annotations
                    .insert(REF_NAME.into(), tag.unwrap_or(&name).to_owned());
            }
            own.add(&descriptor);
        }
        own
    }

    fn accept(&self, manifest: &Manifest, options: &PutManifest) -> Result<()> {
        if self.repository.is_none() && !options.tags.is_empty() {
            let message = "a docker-archive keeps whole names; say which one the image is to have, as in \
                           docker-archive:FILE:HOST/NAME:TAG";
            return Err(Error::new(Kind::Unsupported, message));
        }
        accepts(manifest)
    }

    fn list(
        &self,
        index: &Index,
        names: &HashMap<Digest, String>,
        read: &dyn Fn(&Digest) -> Result<Manifest>,
    ) -> Result<(&'static str, Vec<u8>)> {
        let mut images: Vec<(&Digest, Listed)> = Vec::new();
        for entry in index.descriptors() {
            if !images.iter().any(|(digest, _)| **digest == entry.digest) {
                images.push((&entry.digest, Listed::of(&read(&entry.digest)?, names)));
            }
            let name = entry
                .annotations
                .get(CONTAINERD_NAME)
                .cloned()
                .or_else(|| self.whole_name(entry));
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
            bytes.map_err(|error| Error::internal("writing the list of images", error))?,
        ))
    }
}

impl Docker {
    fn whole_name(&self, entry: &Descriptor) -> Option<String> {
        Some(format!(
            "{}:{}",
            self.repository.as_ref()?,
            entry.annotations.get(REF_NAME)?
        ))
    }

    /// Whether `name` is that of a tag of the repository, however it is written.
    fn has(&self, name: &str, tag: &str) -> bool {
        let own = self
            .repository
            .as_ref()
            .map(|repository| format!("{repository}:{tag}").parse::<ImageReference>());
        matches!((own, name.parse::<ImageReference>()), (Some(Ok(own)), Ok(name)) if own == name)
    }
}

impl Listed {
    fn of(manifest: &Manifest, names: &HashMap<Digest, String>) -> Self {
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

/// The bytes of [`LIST_FILE`].
fn read_list(entries: &Entries) -> Result<Bytes> {
    let missing = || {
        let message = format!(
            "{} is no docker-archive: it has no file {LIST_FILE}; if it is an OCI layout, try oci-archive:, and if a docker \
             before 1.10 made it, load and save it with a newer one",
            entries.path.display()
        );
        Error::new(Kind::RepositoryUnknown, message)
    };
    let list = entries.find(LIST_FILE).ok_or_else(missing)?;
    list.read(MAX_LIST_BYTES)
        .map_err(|error| error.while_doing(format_args!("{}, {LIST_FILE}", entries.path.display())))
}

impl Held {
    fn take(&mut self, entries: &Entries, listed: &Listed) -> Result<()> {
        let config = find(entries, &listed.config)?;
        let (config, diff_ids) = read_config(&config)?;
        let names = listed.layers.as_deref().unwrap_or_default();
        if names.len() != diff_ids.len() {
            let message = format!(
                "it has {} layers, and its config speaks of {}",
                names.len(),
                diff_ids.len()
            );
            return Err(Error::new(Kind::ManifestInvalid, message));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in names.iter().zip(diff_ids) {
            let content = find(entries, name)?;
            let layer = describe_layer(name, &content, diff_id)?;
            self.hold(&layer.digest, name, content);
            layers.push(layer);
        }
        let descriptor = Descriptor::new(
            MediaType::new(MediaType::DOCKER_CONFIG),
            Digest::sha256(&config),
            config.len() as u64,
        );
        self.hold(&descriptor.digest, &listed.config, Content::Bytes(config));
        let bytes = manifest::bytes(&descriptor, &layers)?;
        self.name(&bytes, listed.repo_tags.as_deref().unwrap_or_default());
        self.contents
            .insert(Digest::sha256(&bytes), Content::Bytes(bytes));
        Ok(())
    }

    fn hold(&mut self, digest: &Digest, name: &str, content: Content) {
        self.contents.insert(digest.clone(), content);
        self.names.insert(digest.clone(), name.to_owned());
    }

    /// Gives the manifest an entry for each whole name, or one without.
    fn name(&mut self, manifest: &Bytes, names: &[String]) {
        let media_type = MediaType::new(MediaType::DOCKER_MANIFEST);
        let descriptor =
            Descriptor::new(media_type, Digest::sha256(manifest), manifest.len() as u64);
        for name in names {
            let mut named = descriptor.clone();
            named
                .annotations
                .insert(CONTAINERD_NAME.into(), name.clone());
            named
                .annotations
                .extend(tag_of(name).map(|tag| (REF_NAME.into(), tag.to_owned())));
            self.index.add(&named);
        }
        if names.is_empty() && self.index.find(&descriptor.digest).is_none() {
            self.index.add(&descriptor);
        }
    }
}

fn tag_of(name: &str) -> Option<&str> {
    name.rsplit_once(':')
        .map(|(_, tag)| tag)
        .filter(|tag| !tag.contains('/'))
}

fn find(entries: &Entries, name: &str) -> Result<Content> {
    let missing = || {
        Error::new(
            Kind::ContentMissing,
            format!("the archive has no file {name}; save the image again"),
        )
    };
    entries.find(name).ok_or_else(missing)
}

/// A config, and the digests of the uncompressed layers that it knows.
fn read_config(content: &Content) -> Result<(Bytes, Vec<Digest>)> {
    let invalid = |reason: String| {
        Error::new(
            Kind::ManifestInvalid,
            format!("its config cannot be read: {reason}"),
        )
    };
    let bytes = content
        .read(MAX_CONFIG_BYTES)
        .map_err(|error| error.while_doing("its config"))?;
    let config = Json::parse(&bytes).map_err(|error| invalid(error.to_string()))?;
    let diff_ids = config
        .get("rootfs")
        .and_then(|rootfs| rootfs.get("diff_ids"))
        .and_then(Json::as_array);
    let diff_ids = diff_ids.unwrap_or_default().iter().map(|diff_id| {
        let text = diff_id
            .as_str()
            .ok_or_else(|| invalid("a diff_id is no string".into()))?;
        text.parse()
            .map_err(|error| invalid(format!("{text:?} is no diff_id: {error}")))
    });
    Ok((bytes, diff_ids.collect::<Result<_>>()?))
}

/// What a layer is, going by how it begins. The digest of a plain one is held against its content
/// when that is read.
fn describe_layer(name: &str, content: &Content, diff_id: Digest) -> Result<Descriptor> {
    let beginning = content.part(0..content.size().min(6))?;
    if beginning.starts_with(b"\x28\xb5\x2f\xfd") || beginning.starts_with(b"\xfd7zXZ\0") {
        let message = format!(
            "the layer {name} is compressed in a way that docker's image format has no type for; if the archive has an \
             index.json, read it as oci-archive:"
        );
        return Err(Error::new(Kind::Unsupported, message));
    }
    let (media_type, digest) = if beginning.starts_with(b"\x1f\x8b") {
        (
            MediaType::DOCKER_LAYER_GZIP,
            blob_digest(name).map_or_else(|| hash(content), Ok)?,
        )
    } else {
        (manifest::PLAIN_LAYER, diff_id)
    };
    Ok(Descriptor::new(
        MediaType::new(media_type),
        digest,
        content.size(),
    ))
}

fn hash(content: &Content) -> Result<Digest> {
    const PIECE: u64 = 1 << 20;
    let no_hasher = || Error::new(Kind::Internal, "SHA-256 cannot be computed");
    let mut hasher = Algorithm::Sha256.hasher().ok_or_else(no_hasher)?;
    let mut offset = 0;
    while offset < content.size() {
        let piece = content.part(offset..content.size().min(offset + PIECE))?;
        hasher.update(&piece);
        offset += piece.len() as u64;
    }
    Ok(hasher.finish())
}
