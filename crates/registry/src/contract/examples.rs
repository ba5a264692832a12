//! Example documents: for each rule that applies to a push, a document that violates it.

use bytes::Bytes;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image, sha512};
use portolan_model::{Digest, MediaType, Rule};
use serde_json::{Value, json};

use crate::{Policy, Preset};

/// Document, and the content that a test has to store before it pushes the document.
pub(super) struct Example {
    pub(super) bytes: Bytes,
    pub(super) media_type: MediaType,
    pub(super) blobs: Vec<Bytes>,
    pub(super) manifests: Vec<(Bytes, MediaType)>,
    /// Policy with which the rule reports a finding.
    pub(super) policy: Policy,
}

impl Example {
    fn new(bytes: impl Into<Bytes>, media_type: impl Into<MediaType>) -> Self {
        let (blobs, manifests) = (Vec::new(), Vec::new());
        Self {
            bytes: bytes.into(),
            media_type: media_type.into(),
            blobs,
            manifests,
            policy: Policy::default(),
        }
    }

    /// Adds the blobs of an image, and the image itself as a blob.
    fn with_image(mut self, image: &ImageFixture) -> Self {
        self.blobs.extend(image.blobs());
        self.with_blob(image.bytes())
    }

    fn with_blob(mut self, content: impl Into<Bytes>) -> Self {
        self.blobs.push(content.into());
        self
    }
}

impl From<IndexFixture> for Example {
    fn from(index: IndexFixture) -> Self {
        Self::new(index.bytes(), index.media_type())
    }
}

impl From<ImageFixture> for Example {
    fn from(image: ImageFixture) -> Self {
        Self::new(image.bytes(), image.media_type()).with_image(&image)
    }
}

/// Returns a document that violates `rule`, or `None` if a push does not check this rule because it
/// needs the full tree.
#[expect(clippy::too_many_lines, reason = "one arm per rule")]
pub(super) fn example(rule: Rule) -> Option<Example> {
    let (oci, docker) = (image("a"), image("b").docker());
    let layered = |layer: Value| Example::from(image("a").field("layers", json!([layer])));
    let layer = |key: &str, value: Value| {
        let mut layer = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("a"));
        layer[key] = value;
        layered(layer)
    };
    Some(match rule {
        Rule::DuplicateKey => Example::new(
            r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
            MediaType::OCI_INDEX,
        ),
        Rule::TwoShapes => IndexFixture::oci().field("layers", json!([])).into(),
        Rule::MalformedField => oci.field("subject", json!("the one above")).into(),
        Rule::MalformedDigest => layer("digest", json!("sha256:abc")),
        Rule::SizeOutOfRange => layer("size", json!(-1)),
        Rule::SchemaVersion => IndexFixture::oci()
            .field("schemaVersion", json!("2"))
            .into(),
        Rule::MissingMediaType => Example::new(
            r#"{"schemaVersion":2,"manifests":[]}"#,
            MediaType::OCI_INDEX,
        ),
        Rule::DescriptorIncomplete => layered(
            json!({"mediaType": MediaType::OCI_LAYER_GZIP, "digest": Digest::sha256(&blob("a"))}),
        ),
        Rule::MediaTypeMismatch => {
            Example::new(docker.bytes(), MediaType::OCI_MANIFEST).with_image(&docker)
        }
        Rule::UnknownField => oci.field("built", json!("yesterday")).into(),
        Rule::UnknownMediaType => Example::new("{}", "application/vnd.example.custom+json"),
        Rule::DockerSchema1 => {
            let withdrawn = "application/vnd.docker.distribution.manifest.v1+prettyjws";
            Example::from(IndexFixture::oci().child_of_type(withdrawn, b"{}", None)).with_blob("{}")
        }
        Rule::IndexMixedFamilies => {
            Example::from(IndexFixture::oci().image(&docker, "linux/amd64")).with_image(&docker)
        }
        Rule::ManifestMixedFamilies => oci
            .layer_of_type(MediaType::DOCKER_LAYER_GZIP, "docker")
            .into(),
        Rule::IndexNested => {
            Example::from(IndexFixture::oci().nested_index(&IndexFixture::docker(), None))
                .with_blob(IndexFixture::docker().bytes())
        }
        Rule::IndexBlobChild => Example::from(IndexFixture::oci().child_of_type(
            MediaType::OCI_LAYER_GZIP,
            b"cached",
            None,
        ))
        .with_blob("cached"),
        Rule::IndexEmpty => IndexFixture::oci().into(),
        Rule::DuplicatePlatform => {
            let index = IndexFixture::oci()
                .image(&oci, "linux/amd64")
                .image(&docker, "linux/amd64");
            Example::from(index).with_image(&oci).with_image(&docker)
        }
        Rule::PlatformMissing => {
            Example::from(IndexFixture::oci().without_platform(&oci)).with_image(&oci)
        }
        Rule::NonDistributableLayer => oci
            .layer_of_type(
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                "elsewhere",
            )
            .into(),
        Rule::ArtifactWithoutType => {
            Example::from(oci.field("config", descriptor_json(MediaType::OCI_EMPTY, b"{}")))
                .with_blob("{}")
        }
        Rule::NoLayers => oci.layers([]).into(),
        Rule::OciFieldInDocker => docker.field("annotations", json!({"k": "v"})).into(),
        Rule::DigestNotSha256 => {
            let mut subject = json!(docker.descriptor());
            subject["digest"] = json!(sha512(&docker.bytes()));
            oci.field("subject", subject).into()
        }
        Rule::EmbeddedDataMismatch => layer("data", json!("no base64!")),
        Rule::TypeNotAllowed => Example {
            policy: Preset::OciOnly.into(),
            ..docker.into()
        },
        Rule::MissingChild => {
            Example::from(IndexFixture::oci().image(&image("nowhere"), "linux/amd64"))
        }
        Rule::MissingSubject => oci.subject(&image("nowhere").descriptor()).into(),
        Rule::SizeMismatch => layer("size", json!(1)),
        Rule::StoredTypeMismatch => {
            let silent = Bytes::from(r#"{"schemaVersion":2,"manifests":[ ]}"#);
            let index = IndexFixture::oci().child_of_type(MediaType::DOCKER_LIST, &silent, None);
            Example {
                manifests: vec![(silent, MediaType::new(MediaType::OCI_INDEX))],
                ..index.into()
            }
        }
        Rule::NotNormalized
        | Rule::PlatformMismatch
        | Rule::ChildMuchOlder
        | Rule::UnreadableChild
        | Rule::TreeTooDeep
        | Rule::TreeTooLarge
        | Rule::DiffIdMismatch
        | Rule::LayerCompression
        | Rule::LayerUnreadable => return None,
    })
}
