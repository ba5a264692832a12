//! Images and indexes from symbolic names, for tests: `image("a").layers(["x", "y"])`.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{Algorithm, Descriptor, Digest, Manifest, MediaType, Platform, RepositoryName, Tag};

/// The content that `name` stands for.
pub fn blob(name: &str) -> Bytes {
    format!("the content called {name}").into()
}

/// A repository's name that is known to be right.
///
/// # Panics
/// When it is not.
pub fn repository(name: &str) -> RepositoryName {
    name.parse().expect("a repository name")
}

/// A tag that is known to be right.
///
/// # Panics
/// When it is not.
pub fn tag(name: &str) -> Tag {
    name.parse().expect("a tag")
}

/// An OCI image with one layer, both called `name`.
pub fn image(name: &str) -> Image {
    let config = json!({"architecture": "amd64", "os": "linux", "comment": name, "rootfs": {"type": "layers", "diff_ids": []}});
    Image {
        docker: false,
        config: config.to_string().into(),
        layers: vec![(None, blob(name))],
        extra: Map::new(),
    }
}

/// An image manifest in the making.
#[derive(Clone, Debug)]
pub struct Image {
    docker: bool,
    config: Bytes,
    layers: Vec<(Option<String>, Bytes)>,
    extra: Map<String, Value>,
}

impl Image {
    /// The same in Docker's types (version 2, schema 2).
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// With these layers instead.
    #[must_use]
    pub fn layers<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.layers = names.iter().map(|name| (None, blob(name))).collect();
        self
    }

    /// With one more layer, of a type of its own.
    #[must_use]
    pub fn layer_of_type(mut self, media_type: &str, name: &str) -> Self {
        self.layers.push((Some(media_type.into()), blob(name)));
        self
    }

    /// With a field that is set as given, replacing what stood there.
    #[must_use]
    pub fn field(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.into(), value);
        self
    }

    /// With a field of its config that is set as given.
    ///
    /// # Panics
    /// When the config is no JSON object.
    #[must_use]
    pub fn config_field(mut self, key: &str, value: Value) -> Self {
        let mut config: Value = serde_json::from_slice(&self.config).expect("a config");
        config[key] = value;
        self.config = config.to_string().into();
        self
    }

    /// Built for `platform`, as its config says.
    ///
    /// # Panics
    /// When that is no platform.
    #[must_use]
    pub fn built_for(self, platform: &str) -> Self {
        let platform: Platform = platform.parse().expect("a platform");
        let image = self
            .config_field("os", json!(platform.os))
            .config_field("architecture", json!(platform.architecture));
        match platform.variant {
            Some(variant) => image.config_field("variant", json!(variant)),
            None => image,
        }
    }

    /// Built at a time (RFC 3339), as its config says.
    #[must_use]
    pub fn built_at(self, created: &str) -> Self {
        self.config_field("created", json!(created))
    }

    /// With a subject.
    #[must_use]
    pub fn subject(self, subject: &Descriptor) -> Self {
        self.field("subject", json!(subject))
    }

    /// Its type.
    pub fn media_type(&self) -> MediaType {
        MediaType::new(if self.docker {
            MediaType::DOCKER_MANIFEST
        } else {
            MediaType::OCI_MANIFEST
        })
    }

    /// The manifest's bytes.
    pub fn bytes(&self) -> Bytes {
        let (config, layer) = if self.docker {
            (MediaType::DOCKER_CONFIG, MediaType::DOCKER_LAYER_GZIP)
        } else {
            (MediaType::OCI_CONFIG, MediaType::OCI_LAYER_GZIP)
        };
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|(own, content)| describe(own.as_deref().unwrap_or(layer), content))
            .collect();
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": self.media_type(),
            "config": describe(config, &self.config),
            "layers": layers,
        });
        extend(&mut document, &self.extra);
        document.to_string().into()
    }

    /// Every blob that it names: the config, then the layers.
    pub fn blobs(&self) -> Vec<Bytes> {
        let layers = self.layers.iter().map(|(_, content)| content.clone());
        std::iter::once(self.config.clone()).chain(layers).collect()
    }

    /// Its SHA-256 digest.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes())
    }

    /// A descriptor of it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type(), self.digest(), self.bytes().len() as u64)
    }

    /// It, parsed.
    ///
    /// # Panics
    /// When the fields that a test set make it unreadable.
    pub fn manifest(&self) -> Manifest {
        Manifest::parse(self.bytes(), Some(&self.media_type())).expect("a manifest")
    }
}

/// An index in the making.
#[derive(Clone, Debug)]
pub struct Index {
    media_type: &'static str,
    children: Vec<Value>,
    extra: Map<String, Value>,
}

impl Index {
    /// An empty OCI index.
    pub fn oci() -> Self {
        Self {
            media_type: MediaType::OCI_INDEX,
            children: Vec::new(),
            extra: Map::new(),
        }
    }

    /// An empty Docker manifest list.
    pub fn docker() -> Self {
        Self {
            media_type: MediaType::DOCKER_LIST,
            ..Self::oci()
        }
    }

    /// With one more child, an image for `platform`.
    #[must_use]
    pub fn image(self, image: &Image, platform: &str) -> Self {
        self.child_of_type(image.media_type().as_str(), &image.bytes(), Some(platform))
    }

    /// With one more child, an image for nobody knows what.
    #[must_use]
    pub fn without_platform(self, image: &Image) -> Self {
        self.child_of_type(image.media_type().as_str(), &image.bytes(), None)
    }

    /// With one more child, an index.
    #[must_use]
    pub fn nested(self, index: &Self, platform: Option<&str>) -> Self {
        self.child_of_type(index.media_type, &index.bytes(), platform)
    }

    /// With one more child of any type.
    #[must_use]
    pub fn child_of_type(self, media_type: &str, content: &[u8], platform: Option<&str>) -> Self {
        let mut child = describe(media_type, content);
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

    /// With one more child, exactly this value.
    #[must_use]
    pub fn child(mut self, child: Value) -> Self {
        self.children.push(child);
        self
    }

    /// With a field that is set as given, replacing what stood there.
    #[must_use]
    pub fn field(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.into(), value);
        self
    }

    /// Its type.
    pub fn media_type(&self) -> MediaType {
        MediaType::new(self.media_type)
    }

    /// The index's bytes.
    pub fn bytes(&self) -> Bytes {
        let mut document =
            json!({"schemaVersion": 2, "mediaType": self.media_type, "manifests": self.children});
        extend(&mut document, &self.extra);
        document.to_string().into()
    }

    /// Its SHA-256 digest.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes())
    }

    /// A descriptor of it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type(), self.digest(), self.bytes().len() as u64)
    }

    /// It, parsed.
    ///
    /// # Panics
    /// When the fields that a test set make it unreadable.
    pub fn manifest(&self) -> Manifest {
        Manifest::parse(self.bytes(), Some(&self.media_type())).expect("an index")
    }
}

/// The SHA-512 digest of `bytes`.
///
/// # Panics
/// Never: the algorithm is one that is computed here.
pub fn sha512(bytes: &[u8]) -> Digest {
    Digest::of(&Algorithm::Sha512, bytes).expect("SHA-512 is computed")
}

/// A descriptor of `content` as JSON.
pub fn describe(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(content), "size": content.len()})
}

fn extend(document: &mut Value, extra: &Map<String, Value>) {
    for (key, value) in extra {
        document[key] = value.clone();
    }
}
