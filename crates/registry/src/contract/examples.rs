//! One document for each rule that a push judges, in which it finds something.

use bytes::Bytes;
use portolan_model::fixtures::{Image, Index, blob, describe, image, sha512};
use portolan_model::{Digest, MediaType, Rule};
use serde_json::{Value, json};

use crate::{Policy, Preset};

/// A document, and what has to be there before it is pushed.
pub(super) struct Example {
    pub(super) bytes: Bytes,
    pub(super) media_type: MediaType,
    pub(super) blobs: Vec<Bytes>,
    pub(super) manifests: Vec<(Bytes, MediaType)>,
    /// The policy under which there is something to be found.
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

    /// With the image's blobs, and the image itself as one.
    fn holding(mut self, image: &Image) -> Self {
        self.blobs.extend(image.blobs());
        self.blob(image.bytes())
    }

    fn blob(mut self, content: impl Into<Bytes>) -> Self {
        self.blobs.push(content.into());
        self
    }
}

impl From<Index> for Example {
    fn from(index: Index) -> Self {
        Self::new(index.bytes(), index.media_type())
    }
}

impl From<Image> for Example {
    fn from(image: Image) -> Self {
        Self::new(image.bytes(), image.media_type()).holding(&image)
    }
}

/// A document in which `rule` finds something, if a push judges it by itself: what needs the whole tree is judged
/// elsewhere.
pub(super) fn example(rule: Rule) -> Option<Example> {
    let (oci, docker) = (image("a"), image("b").docker());
    let layered = |layer: Value| Example::from(image("a").field("layers", json!([layer])));
    let layer = |key: &str, value: Value| {
        let mut layer = describe(MediaType::OCI_LAYER_GZIP, &blob("a"));
        layer[key] = value;
        layered(layer)
    };
    Some(match rule {
        Rule::DuplicateKey => Example::new(
            r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
            MediaType::OCI_INDEX,
        ),
        Rule::TwoShapes => Index::oci().field("layers", json!([])).into(),
        Rule::MalformedField => oci.field("subject", json!("the one above")).into(),
        Rule::MalformedDigest => layer("digest", json!("sha256:abc")),
        Rule::SizeOutOfRange => layer("size", json!(-1)),
        Rule::SchemaVersion => Index::oci().field("schemaVersion", json!("2")).into(),
        Rule::MissingMediaType => Example::new(
            r#"{"schemaVersion":2,"manifests":[]}"#,
            MediaType::OCI_INDEX,
        ),
        Rule::DescriptorIncomplete => layered(
            json!({"mediaType": MediaType::OCI_LAYER_GZIP, "digest": Digest::sha256(&blob("a"))}),
        ),
        Rule::MediaTypeMismatch => {
            Example::new(docker.bytes(), MediaType::OCI_MANIFEST).holding(&docker)
        }
        Rule::UnknownField => oci.field("built", json!("yesterday")).into(),
        Rule::UnknownMediaType => Example::new("{}", "application/vnd.example.custom+json"),
        Rule::DockerSchema1 => {
            let withdrawn = "application/vnd.docker.distribution.manifest.v1+prettyjws";
            Example::from(Index::oci().child_of_type(withdrawn, b"{}", None)).blob("{}")
        }
        Rule::IndexMixedFamilies => {
            Example::from(Index::oci().image(&docker, "linux/amd64")).holding(&docker)
        }
        Rule::ManifestMixedFamilies => oci
            .layer_of_type(MediaType::DOCKER_LAYER_GZIP, "docker")
            .into(),
        Rule::IndexNested => {
            Example::from(Index::oci().nested(&Index::docker(), None)).blob(Index::docker().bytes())
        }
        Rule::IndexBlobChild => {
            Example::from(Index::oci().child_of_type(MediaType::OCI_LAYER_GZIP, b"cached", None))
                .blob("cached")
        }
        Rule::IndexEmpty => Index::oci().into(),
        Rule::DuplicatePlatform => {
            let index = Index::oci()
                .image(&oci, "linux/amd64")
                .image(&docker, "linux/amd64");
            Example::from(index).holding(&oci).holding(&docker)
        }
        Rule::PlatformMissing => Example::from(Index::oci().without_platform(&oci)).holding(&oci),
        Rule::NonDistributableLayer => oci
            .layer_of_type(
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                "elsewhere",
            )
            .into(),
        Rule::ArtifactWithoutType => {
            Example::from(oci.field("config", describe(MediaType::OCI_EMPTY, b"{}"))).blob("{}")
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
        Rule::MissingChild => Example::from(Index::oci().image(&image("nowhere"), "linux/amd64")),
        Rule::MissingSubject => oci.subject(&image("nowhere").descriptor()).into(),
        Rule::SizeMismatch => layer("size", json!(1)),
        Rule::StoredTypeMismatch => {
            let silent = Bytes::from(r#"{"schemaVersion":2,"manifests":[ ]}"#);
            let index = Index::oci().child_of_type(MediaType::DOCKER_LIST, &silent, None);
            Example {
                manifests: vec![(silent, MediaType::new(MediaType::OCI_INDEX))],
                ..index.into()
            }
        }
        Rule::NotNormalised
        | Rule::PlatformMismatch
        | Rule::ChildMuchOlder
        | Rule::UnreadableChild
        | Rule::TreeTooDeep
        | Rule::TreeTooLarge => return None,
    })
}
