//! The rules: what is looked for in a document, how grave it is, where the specification says so, and what mends it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// What is looked for. The id of a rule is stable: policies and scripts name it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// An object has the same key twice, and readers differ in which they take.
    DuplicateKey,
    /// One document reads both as an image and as an index, or as Docker's first schema.
    TwoShapes,
    /// A field's value is not of the type that the specification gives it.
    MalformedField,
    /// A digest that does not follow the grammar.
    MalformedDigest,
    /// A size that is negative, or over 2^53 - 1, which many readers of JSON cannot hold.
    SizeOutOfRange,
    /// `schemaVersion` is missing, or not 2.
    SchemaVersion,
    /// The document does not say its own type.
    MissingMediaType,
    /// A descriptor without type or size.
    DescriptorIncomplete,
    /// The document's own `mediaType` is not the one it was sent or described with.
    MediaTypeMismatch,
    /// A field that the specification does not know.
    UnknownField,
    /// A top-level document or a child of an index is of a type that nobody here knows.
    UnknownMediaType,
    /// A child is a manifest of Docker's first schema.
    DockerSchema1,
    /// An index names children of the other family: Docker's in an OCI index, or OCI's in a Docker list.
    IndexMixedFamilies,
    /// A manifest names a config or layers of the other family.
    ManifestMixedFamilies,
    /// An index names another index.
    IndexNested,
    /// A child of an index is a config or a layer, as in BuildKit's caches.
    IndexBlobChild,
    /// An index without children.
    IndexEmpty,
    /// Two children of an index are for the same platform, so that the second is never chosen.
    DuplicatePlatform,
    /// A child that is an image does not say which platform it is for.
    PlatformMissing,
    /// A layer whose content need not be in a registry.
    NonDistributableLayer,
    /// An artifact with an empty config and no `artifactType`.
    ArtifactWithoutType,
    /// An image without layers.
    NoLayers,
    /// A field of OCI's in a Docker document, which readers of Docker's format do not see.
    OciFieldInDocker,
    /// A digest of another algorithm than sha256.
    DigestNotSha256,
    /// The content embedded in a descriptor is not the one that it describes.
    EmbeddedDataMismatch,
    /// The repository's policy does not take this type.
    TypeNotAllowed,
    /// A descriptor names content that is not stored here.
    MissingChild,
    /// The manifest that this one says something about is not stored here.
    MissingSubject,
    /// A descriptor's size is not that of the content stored under its digest.
    SizeMismatch,
    /// A descriptor's type is not the one that the manifest under its digest is stored with.
    StoredTypeMismatch,
    /// A child's config says another platform than the index does.
    PlatformMismatch,
    /// A child was built long before its siblings.
    ChildMuchOlder,
    /// A child cannot be read as the manifest that it is said to be.
    UnreadableChild,
    /// Indexes are nested deeper than is followed.
    TreeTooDeep,
    /// The tree has more documents than are looked at.
    TreeTooLarge,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works everywhere, but something is worth knowing.
    Info,
    /// Some tools will stumble.
    Warning,
    /// Against the specification, or the content cannot be used.
    Error,
}

/// What has to be read before a rule can be judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// The document alone.
    Document,
    /// Also what is stored under the digests that it names.
    Stored,
    /// Also what those documents say, and theirs in turn.
    Tree,
    /// Also the policy of the repository.
    Policy,
}

/// Everything that is said about a rule.
struct About {
    id: &'static str,
    severity: Severity,
    reach: Reach,
    section: &'static str,
    summary: &'static str,
    mend: &'static str,
}

impl Rule {
    /// Every rule, in the order in which they are listed.
    pub const ALL: [Self; 35] = [
        Self::DuplicateKey,
        Self::TwoShapes,
        Self::MalformedField,
        Self::MalformedDigest,
        Self::SizeOutOfRange,
        Self::SchemaVersion,
        Self::MissingMediaType,
        Self::DescriptorIncomplete,
        Self::MediaTypeMismatch,
        Self::UnknownField,
        Self::UnknownMediaType,
        Self::DockerSchema1,
        Self::IndexMixedFamilies,
        Self::ManifestMixedFamilies,
        Self::IndexNested,
        Self::IndexBlobChild,
        Self::IndexEmpty,
        Self::DuplicatePlatform,
        Self::PlatformMissing,
        Self::NonDistributableLayer,
        Self::ArtifactWithoutType,
        Self::NoLayers,
        Self::OciFieldInDocker,
        Self::DigestNotSha256,
        Self::EmbeddedDataMismatch,
        Self::TypeNotAllowed,
        Self::MissingChild,
        Self::MissingSubject,
        Self::SizeMismatch,
        Self::StoredTypeMismatch,
        Self::PlatformMismatch,
        Self::ChildMuchOlder,
        Self::UnreadableChild,
        Self::TreeTooDeep,
        Self::TreeTooLarge,
    ];

    /// The stable id, for example `two-shapes`.
    pub fn id(self) -> &'static str {
        self.about().id
    }

    /// How grave a finding of this rule is.
    pub fn severity(self) -> Severity {
        self.about().severity
    }

    /// What has to be read to judge it.
    pub fn reach(self) -> Reach {
        self.about().reach
    }

    /// The section of the specification that it comes from.
    pub fn section(self) -> &'static str {
        self.about().section
    }

    /// One sentence: what a finding of it means.
    pub fn summary(self) -> &'static str {
        self.about().summary
    }

    /// What mends it: a command in which `REF` is the image and `DST` is where the mended one goes, or, where no command
    /// can, what its producer has to do.
    pub fn mend(self) -> &'static str {
        self.about().mend
    }

    #[expect(clippy::too_many_lines, reason = "it is a table")]
    fn about(self) -> &'static About {
        match self {
            Self::DuplicateKey => &About {
                id: "duplicate-key",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "RFC 8259, section 4",
                summary: "An object has the same key twice, and readers differ in which they take.",
                mend: "write each key once and push again",
            },
            Self::TwoShapes => &About {
                id: "two-shapes",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, manifest.md and image-index.md, \"mediaType\"",
                summary: "The document reads both as an image and as an index, so that two readers see different content under one digest.",
                mend: "leave out config and layers in an index, and manifests in a manifest, and push again",
            },
            Self::MalformedField => &About {
                id: "malformed-field",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, descriptor.md, \"Properties\"",
                summary: "A field's value is not of the type that the specification gives it.",
                mend: "correct the field and push again",
            },
            Self::MalformedDigest => &About {
                id: "malformed-digest",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, descriptor.md, \"Digests\"",
                summary: "A digest does not follow the grammar, so that nobody can find its content.",
                mend: "write the digest as ALGORITHM:HEX in lower case and push again",
            },
            Self::SizeOutOfRange => &About {
                id: "size-out-of-range",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, descriptor.md, \"size\"; RFC 7493, section 2.2",
                summary: "A size is negative, or over 2^53 - 1, which many readers of JSON cannot hold.",
                mend: "write the size of the content in bytes and push again",
            },
            Self::SchemaVersion => &About {
                id: "schema-version",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, manifest.md and image-index.md, \"schemaVersion\"",
                summary: "schemaVersion is missing or not 2, and old readers take it for another format.",
                mend: "set schemaVersion to 2 and push again",
            },
            Self::MissingMediaType => &About {
                id: "missing-media-type",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "image-spec, manifest.md and image-index.md, \"mediaType\"",
                summary: "The document does not say its own type, so that readers have to guess it where no header tells.",
                mend: "portolan convert REF DST --to oci",
            },
            Self::DescriptorIncomplete => &About {
                id: "descriptor-incomplete",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, descriptor.md, \"Properties\"",
                summary: "A descriptor has no mediaType or no size, which it must have.",
                mend: "write mediaType, digest and size in each descriptor and push again",
            },
            Self::MediaTypeMismatch => &About {
                id: "media-type-mismatch",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "distribution-spec, \"Pushing Manifests\"; image-spec, manifest.md, \"mediaType\"",
                summary: "The document's own mediaType is not the one it was sent or described with.",
                mend: "send the Content-Type that the document's mediaType says, and push again",
            },
            Self::UnknownField => &About {
                id: "unknown-field",
                severity: Severity::Info,
                reach: Reach::Document,
                section: "image-spec, considerations.md, \"Extensibility\"",
                summary: "The specification does not know this field; readers pass over it.",
                mend: "put what it says into annotations",
            },
            Self::UnknownMediaType => &About {
                id: "unknown-media-type",
                severity: Severity::Info,
                reach: Reach::Document,
                section: "image-spec, image-index.md, \"manifests\"",
                summary: "Nobody here knows this type; readers pass over it, and some tools refuse the whole.",
                mend: "portolan copy REF DST --drop-unknown",
            },
            Self::DockerSchema1 => &About {
                id: "docker-schema1",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, media-types.md, \"Compatibility Matrix\"",
                summary: "A child is a manifest of Docker's first schema, which has been withdrawn.",
                mend: "build the image again, or convert it with skopeo copy --format v2s2",
            },
            Self::IndexMixedFamilies => &About {
                id: "index-mixed-families",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "image-spec, image-index.md, \"manifests\"; descriptor.md",
                summary: "An index names children of the other family, which the specification allows and some registries refuse.",
                mend: "portolan convert REF DST --to oci",
            },
            Self::ManifestMixedFamilies => &About {
                id: "manifest-mixed-families",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "image-spec, manifest.md, \"layers\"; media-types.md, \"Compatibility Matrix\"",
                summary: "A manifest names a config or layers of the other family, which some clients refuse.",
                mend: "portolan convert REF DST --to oci",
            },
            Self::IndexNested => &About {
                id: "index-nested",
                severity: Severity::Info,
                reach: Reach::Document,
                section: "image-spec, image-index.md, \"manifests\"",
                summary: "An index names another index, which readers should follow and some do not.",
                mend: "portolan convert REF DST --flatten",
            },
            Self::IndexBlobChild => &About {
                id: "index-blob-child",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "image-spec, image-index.md, \"manifests\"",
                summary: "A child of an index is a config or a layer, as in BuildKit's caches, and no manifest.",
                mend: "export the cache as an image: image-manifest=true,oci-mediatypes=true",
            },
            Self::IndexEmpty => &About {
                id: "index-empty",
                severity: Severity::Info,
                reach: Reach::Document,
                section: "image-spec, image-index.md, \"manifests\"",
                summary: "The index has no children, so nothing can be run from it.",
                mend: "portolan index add REF CHILD",
            },
            Self::DuplicatePlatform => &About {
                id: "duplicate-platform",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "image-spec, image-index.md, \"platform\"",
                summary: "Two children are for the same platform; readers take the first, and the second is never chosen.",
                mend: "portolan index remove REF DIGEST",
            },
            Self::PlatformMissing => &About {
                id: "platform-missing",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "image-spec, image-index.md, \"platform\"",
                summary: "A child that is an image does not say which platform it is for.",
                mend: "portolan index create DST CHILD…, which takes the platform from each child's config",
            },
            Self::NonDistributableLayer => &About {
                id: "non-distributable-layer",
                severity: Severity::Warning,
                reach: Reach::Document,
                section: "image-spec, layer.md, \"Non-Distributable Layers\"",
                summary: "A layer's content need not be in the registry, and the specification advises against such layers.",
                mend: "build the image again with a layer that may be distributed",
            },
            Self::ArtifactWithoutType => &About {
                id: "artifact-without-type",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, manifest.md, \"artifactType\"",
                summary: "A manifest with an empty config must have an artifactType, or nobody knows what it is.",
                mend: "set artifactType and push again",
            },
            Self::NoLayers => &About {
                id: "no-layers",
                severity: Severity::Info,
                reach: Reach::Document,
                section: "image-spec, manifest.md, \"layers\"",
                summary: "The manifest has no layers; it should have one for portability, if only the empty one.",
                mend: "add a layer, or the empty descriptor in an artifact, and push again",
            },
            Self::OciFieldInDocker => &About {
                id: "oci-field-in-docker",
                severity: Severity::Info,
                reach: Reach::Document,
                section: "Docker image manifest, version 2, schema 2",
                summary: "A field of OCI's stands in a Docker document, whose readers do not see it.",
                mend: "portolan convert REF DST --to oci",
            },
            Self::DigestNotSha256 => &About {
                id: "digest-not-sha256",
                severity: Severity::Info,
                reach: Reach::Document,
                section: "image-spec, descriptor.md, \"Registered Algorithms\"",
                summary: "A digest is of another algorithm than sha256, which some registries and clients do not take.",
                mend: "push the content again under its sha256 digest",
            },
            Self::EmbeddedDataMismatch => &About {
                id: "embedded-data-mismatch",
                severity: Severity::Error,
                reach: Reach::Document,
                section: "image-spec, descriptor.md, \"data\"",
                summary: "The content embedded in a descriptor is not the one that its digest and size describe.",
                mend: "leave data out, or embed the content that the digest names, and push again",
            },
            Self::TypeNotAllowed => &About {
                id: "type-not-allowed",
                severity: Severity::Error,
                reach: Reach::Policy,
                section: "distribution-spec, \"Pushing Manifests\"",
                summary: "The repository's policy does not take this type.",
                mend: "portolan convert REF DST --to oci (or docker, whichever the policy takes)",
            },
            Self::MissingChild => &About {
                id: "missing-child",
                severity: Severity::Error,
                reach: Reach::Stored,
                section: "distribution-spec, \"Pushing Manifests\"",
                summary: "A descriptor names content that is not stored here.",
                mend: "push or mount the content first, or have the repository's policy set to \"sparse\"",
            },
            Self::MissingSubject => &About {
                id: "missing-subject",
                severity: Severity::Info,
                reach: Reach::Stored,
                section: "image-spec, manifest.md, \"subject\"; distribution-spec, \"Pushing Manifests with Subject\"",
                summary: "The manifest that this one says something about is not stored here, which is allowed.",
                mend: "push the subject too",
            },
            Self::SizeMismatch => &About {
                id: "size-mismatch",
                severity: Severity::Error,
                reach: Reach::Stored,
                section: "image-spec, descriptor.md, \"size\"",
                summary: "A descriptor's size is not that of the content stored under its digest; clients refuse to read it.",
                mend: "correct the size and push again",
            },
            Self::StoredTypeMismatch => &About {
                id: "stored-type-mismatch",
                severity: Severity::Error,
                reach: Reach::Stored,
                section: "image-spec, descriptor.md, \"mediaType\"",
                summary: "A descriptor's type is not the one that the manifest under its digest is stored with.",
                mend: "write the type that the manifest itself says, and push again",
            },
            Self::PlatformMismatch => &About {
                id: "platform-mismatch",
                severity: Severity::Warning,
                reach: Reach::Tree,
                section: "image-spec, image-index.md, \"platform\"",
                summary: "A child's config says another platform than the index does.",
                mend: "portolan index create DST CHILD…, which takes the platform from each child's config",
            },
            Self::ChildMuchOlder => &About {
                id: "child-much-older",
                severity: Severity::Warning,
                reach: Reach::Tree,
                section: "image-spec, config.md, \"created\"",
                summary: "A child was built long before its siblings, as happens when a build of one platform fails and the old one is kept.",
                mend: "build this platform again, then portolan index add REF CHILD",
            },
            Self::UnreadableChild => &About {
                id: "unreadable-child",
                severity: Severity::Error,
                reach: Reach::Tree,
                section: "image-spec, image-index.md, \"manifests\"",
                summary: "A child cannot be read as the manifest that it is said to be.",
                mend: "portolan index remove REF DIGEST",
            },
            Self::TreeTooDeep => &About {
                id: "tree-too-deep",
                severity: Severity::Error,
                reach: Reach::Tree,
                section: "image-spec, image-index.md, \"manifests\"",
                summary: "Indexes are nested deeper than is followed.",
                mend: "portolan convert REF DST --flatten",
            },
            Self::TreeTooLarge => &About {
                id: "tree-too-large",
                severity: Severity::Error,
                reach: Reach::Tree,
                section: "image-spec, image-index.md, \"manifests\"",
                summary: "The tree has more documents than are looked at.",
                mend: "split the index into several",
            },
        }
    }
}

/// There is no rule with this id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no rule \"{0}\"")]
pub struct UnknownRule(String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(id: &str) -> Result<Self, UnknownRule> {
        Self::ALL.into_iter().find(|rule| rule.id() == id).ok_or_else(|| UnknownRule(id.to_owned()))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_listed_once_and_found_by_its_id() {
        for (position, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, position, "{rule}");
            assert_eq!(rule.id().parse(), Ok(rule));
        }
        assert!("no-such-rule".parse::<Rule>().is_err());
    }

    #[test]
    fn ids_and_sentences_have_their_form() {
        for rule in Rule::ALL {
            assert!(rule.id().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            assert!(rule.summary().ends_with('.') && !rule.mend().is_empty() && !rule.section().is_empty(), "{rule}");
        }
    }
}
