//! Test fixtures. They build images and indexes from short names, such as `image("a").layers(["x",
//! "y"])`.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Algorithm, Descriptor, Digest, Manifest, MediaType, Platform, RepositoryName, Tag};

/// Returns the content of the blob called `name`.
pub fn blob(name: &str) -> Bytes {
    format!("the content called {name}").into()
}

/// Parses a repository name.
///
/// # Panics
/// Panics if the name is invalid.
pub fn repository(name: &str) -> RepositoryName {
    name.parse().expect("the repository name is valid")
}

/// Parses a tag.
///
/// # Panics
/// Panics if the tag is invalid.
pub fn tag(name: &str) -> Tag {
    name.parse().expect("the tag is valid")
}

/// Creates an OCI image for linux/amd64 with one layer. The content of the config and the layer
/// depends on `name`.
pub fn image(name: &str) -> ImageFixture {
    let config = json!({"architecture": "amd64", "os": "linux", "comment": name, "rootfs": {"type": "layers", "diff_ids": []}});
    ImageFixture {
        docker: false,
        config: config.to_string().into(),
        layers: vec![(None, blob(name))],
        extra: Map::new(),
    }
}

/// Builder of an image manifest.
#[derive(Clone, Debug)]
pub struct ImageFixture {
    docker: bool,
    config: Bytes,
    layers: Vec<(Option<String>, Bytes)>,
    extra: Map<String, Value>,
}

impl ImageFixture {
    /// Changes the media types to Docker's (version 2, schema 2).
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Replaces the layers with the blobs of these names.
    #[must_use]
    pub fn layers<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.layers = names.iter().map(|name| (None, blob(name))).collect();
        self
    }

    /// Adds a layer with the given media type and the blob called `name`.
    #[must_use]
    pub fn layer_of_type(mut self, media_type: &str, name: &str) -> Self {
        self.layers.push((Some(media_type.into()), blob(name)));
        self
    }

    /// Sets or replaces a field of the document.
    #[must_use]
    pub fn field(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.into(), value);
        self
    }

    /// Sets or replaces a field of the config.
    ///
    /// # Panics
    /// Panics if the config is not a JSON object.
    #[must_use]
    pub fn config_field(mut self, key: &str, value: Value) -> Self {
        let mut config: Value = serde_json::from_slice(&self.config).expect("the config is JSON");
        config[key] = value;
        self.config = config.to_string().into();
        self
    }

    /// Sets the platform in the config.
    ///
    /// # Panics
    /// Panics if `platform` is invalid.
    #[must_use]
    pub fn built_for(self, platform: &str) -> Self {
        let platform: Platform = platform.parse().expect("the platform is valid");
        let image = self
            .config_field("os", json!(platform.os))
            .config_field("architecture", json!(platform.architecture));
        match platform.variant {
            Some(variant) => image.config_field("variant", json!(variant)),
            None => image,
        }
    }

    /// Sets the build date (RFC 3339) in the config.
    #[must_use]
    pub fn built_at(self, created: &str) -> Self {
        self.config_field("created", json!(created))
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(self, subject: &Descriptor) -> Self {
        self.field("subject", json!(subject))
    }

    /// Returns the media type of the document.
    pub fn media_type(&self) -> MediaType {
        MediaType::new(if self.docker {
            MediaType::DOCKER_MANIFEST
        } else {
            MediaType::OCI_MANIFEST
        })
    }

    /// Returns the bytes of the manifest.
    pub fn bytes(&self) -> Bytes {
        let (config, layer) = if self.docker {
            (MediaType::DOCKER_CONFIG, MediaType::DOCKER_LAYER_GZIP)
        } else {
            (MediaType::OCI_CONFIG, MediaType::OCI_LAYER_GZIP)
        };
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|(own, content)| descriptor_json(own.as_deref().unwrap_or(layer), content))
            .collect();
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": self.media_type(),
            "config": descriptor_json(config, &self.config),
            "layers": layers,
        });
        set_fields(&mut document, &self.extra);
        document.to_string().into()
    }

    /// Returns all blobs: the config, then the layers.
    pub fn blobs(&self) -> Vec<Bytes> {
        let layers = self.layers.iter().map(|(_, content)| content.clone());
        std::iter::once(self.config.clone()).chain(layers).collect()
    }

    /// Returns the SHA-256 digest of the document.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes())
    }

    /// Returns a descriptor of the document with media type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type(), self.digest(), self.bytes().len() as u64)
    }

    /// Parses the document into a manifest.
    ///
    /// # Panics
    /// Panics if the fields that the test has set make the document invalid.
    pub fn manifest(&self) -> Manifest {
        Manifest::parse(self.bytes(), Some(&self.media_type())).expect("the manifest is valid")
    }
}

/// Builder of an index.
#[derive(Clone, Debug)]
pub struct IndexFixture {
    media_type: &'static str,
    children: Vec<Value>,
    extra: Map<String, Value>,
}

impl IndexFixture {
    /// Creates an empty OCI index.
    pub fn oci() -> Self {
        Self {
            media_type: MediaType::OCI_INDEX,
            children: Vec::new(),
            extra: Map::new(),
        }
    }

    /// Creates an empty Docker manifest list.
    pub fn docker() -> Self {
        Self {
            media_type: MediaType::DOCKER_LIST,
            ..Self::oci()
        }
    }

    /// Adds an image for `platform`.
    #[must_use]
    pub fn image(self, image: &ImageFixture, platform: &str) -> Self {
        self.child_of_type(image.media_type().as_str(), &image.bytes(), Some(platform))
    }

    /// Adds an image without a platform.
    #[must_use]
    pub fn without_platform(self, image: &ImageFixture) -> Self {
        self.child_of_type(image.media_type().as_str(), &image.bytes(), None)
    }

    /// Adds a nested index.
    #[must_use]
    pub fn nested_index(self, index: &Self, platform: Option<&str>) -> Self {
        self.child_of_type(index.media_type, &index.bytes(), platform)
    }

    /// Adds a child with the given media type.
    #[must_use]
    pub fn child_of_type(self, media_type: &str, content: &[u8], platform: Option<&str>) -> Self {
        let mut child = descriptor_json(media_type, content);
        if let Some(platform) = platform {
            let mut parts = platform.split('/');
            child["platform"] =
                json!({"os": parts.next(), "architecture": parts.next().unwrap_or_default()});
            if let Some(variant) = parts.next() {
                child["platform"]["variant"] = variant.into();
            }
        }
        self.child(child)
    }

    /// Adds a child with exactly this JSON value.
    #[must_use]
    pub fn child(mut self, child: Value) -> Self {
        self.children.push(child);
        self
    }

    /// Sets or replaces a field of the document.
    #[must_use]
    pub fn field(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.into(), value);
        self
    }

    /// Returns the media type of the document.
    pub fn media_type(&self) -> MediaType {
        MediaType::new(self.media_type)
    }

    /// Returns the bytes of the index.
    pub fn bytes(&self) -> Bytes {
        let mut document =
            json!({"schemaVersion": 2, "mediaType": self.media_type, "manifests": self.children});
        set_fields(&mut document, &self.extra);
        document.to_string().into()
    }

    /// Returns the SHA-256 digest of the document.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes())
    }

    /// Returns a descriptor of the document with media type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type(), self.digest(), self.bytes().len() as u64)
    }

    /// Parses the document into a manifest.
    ///
    /// # Panics
    /// Panics if the fields that the test has set make the document invalid.
    pub fn manifest(&self) -> Manifest {
        Manifest::parse(self.bytes(), Some(&self.media_type())).expect("the index is valid")
    }
}

/// Computes the SHA-512 digest of `bytes`.
///
/// # Panics
/// Never panics, because SHA-512 is implemented.
pub fn sha512(bytes: &[u8]) -> Digest {
    Digest::compute(&Algorithm::Sha512, bytes).expect("SHA-512 is implemented")
}

/// Returns a descriptor of `content` as JSON.
pub fn descriptor_json(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(content), "size": content.len()})
}

fn set_fields(document: &mut Value, extra: &Map<String, Value>) {
    for (key, value) in extra {
        document[key] = value.clone();
    }
}
