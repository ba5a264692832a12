//! Rules that manifests, indexes and the content that they reference should follow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fix::Fix;

/// Rule that a manifest, an index or the content that it references should follow. Each variant
/// describes the violation.
///
/// The [id](Rule::id) of a rule is stable, because policies and scripts refer to it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// JSON object with a duplicate key. Parsers differ in the choice of the value.
    DuplicateKey,
    /// Document that parses both as an image and as an index, or as Docker schema 1.
    TwoShapes,
    /// Value that does not have the type that the specification requires.
    MalformedField,
    /// Digest that does not follow the grammar.
    MalformedDigest,
    /// Size that is negative, or larger than 2^53 - 1.
    SizeOutOfRange,
    /// `schemaVersion` that is missing or not 2.
    SchemaVersion,
    /// Document without a `mediaType`.
    MissingMediaType,
    /// Descriptor without a media type or a size.
    DescriptorIncomplete,
    /// Document whose `mediaType` differs from its `Content-Type` or descriptor.
    MediaTypeMismatch,
    /// Field that the specification does not define.
    UnknownField,
    /// Document or child of an index with an unknown media type.
    UnknownMediaType,
    /// Child that is a Docker schema 1 manifest.
    DockerSchema1,
    /// Docker child in an OCI index, or OCI child in a Docker manifest list.
    IndexMixedFamilies,
    /// Docker config or layer in an OCI manifest, or OCI config or layer in a Docker manifest.
    ManifestMixedFamilies,
    /// Child of an index that is an index itself.
    IndexNested,
    /// Child of an index that is a config or a layer, as in BuildKit caches.
    IndexBlobChild,
    /// Index without children.
    IndexEmpty,
    /// Child of an index whose platform an earlier child already has.
    DuplicatePlatform,
    /// Child of an index that is an image and has no platform.
    PlatformMissing,
    /// Layer whose content may be missing from the registry.
    NonDistributableLayer,
    /// Artifact with an empty config and without an `artifactType`.
    ArtifactWithoutType,
    /// Image without layers.
    NoLayers,
    /// Field in a Docker document that only OCI defines.
    OciFieldInDocker,
    /// Digest with an algorithm other than sha256.
    DigestNotSha256,
    /// Embedded content that does not match its descriptor.
    EmbeddedDataMismatch,
    /// Media type that the repository's policy does not allow.
    TypeNotAllowed,
    /// Document that cannot be converted to the format that the repository's policy requires.
    NotNormalized,
    /// Descriptor of content that does not exist in the repository.
    MissingChild,
    /// Subject that does not exist in the repository.
    MissingSubject,
    /// Descriptor whose size differs from the size of the stored content.
    SizeMismatch,
    /// Descriptor whose media type differs from the type of the stored manifest.
    StoredTypeMismatch,
    /// Child whose platform in the index differs from the platform in its config.
    PlatformMismatch,
    /// Child with a build date long before the build dates of its siblings.
    ChildMuchOlder,
    /// Child that is not a readable manifest.
    UnreadableChild,
    /// Tree with indexes nested deeper than the limit.
    TreeTooDeep,
    /// Tree that exceeds the limit on documents or memory.
    TreeTooLarge,
    /// Layer whose unpacked content does not match the `diff_id` in the config.
    DiffIdMismatch,
    /// Layer whose compression differs from the compression in its media type.
    LayerCompression,
    /// Layer that cannot be unpacked.
    LayerUnreadable,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Valid, but something that some tools ignore or do not support.
    Info,
    /// Valid or tolerated, but some tools reject it or use it in another way than intended.
    Warning,
    /// Violation of the specification, missing or different content, or an exceeded limit.
    Error,
}

/// Input that the check of a rule needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RuleScope {
    /// Only the document.
    Document,
    /// Document, and the size and media type of the stored content that it references.
    Stored,
    /// Full tree of documents.
    Tree,
    /// Full tree of documents, and the content of the layers.
    Layers,
    /// Policy of the repository.
    Policy,
}

impl Rule {
    /// All rules, in the order of the documentation.
    pub const ALL: [Self; 39] = [
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
        Self::NotNormalized,
        Self::MissingChild,
        Self::MissingSubject,
        Self::SizeMismatch,
        Self::StoredTypeMismatch,
        Self::PlatformMismatch,
        Self::ChildMuchOlder,
        Self::UnreadableChild,
        Self::TreeTooDeep,
        Self::TreeTooLarge,
        Self::DiffIdMismatch,
        Self::LayerCompression,
        Self::LayerUnreadable,
    ];

    /// Returns the stable id, for example `two-shapes`.
    pub fn id(self) -> &'static str {
        self.metadata().id
    }

    /// Returns the severity of findings of this rule.
    pub fn severity(self) -> Severity {
        self.metadata().severity
    }

    /// Returns the input that the check of the rule needs.
    pub fn scope(self) -> RuleScope {
        self.metadata().scope
    }

    /// Returns the section of the specification that the rule comes from.
    pub fn section(self) -> &'static str {
        self.metadata().section
    }

    /// Returns one sentence that explains a finding of this rule.
    pub fn summary(self) -> &'static str {
        self.metadata().summary
    }

    /// Returns the usual fix for findings of this rule.
    ///
    /// Some findings have another fix: see [`Finding::fix`](super::Finding::fix).
    pub fn fix(self) -> Fix {
        self.metadata().fix
    }
}

/// Error for an unknown rule id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown rule \"{0}\"")]
pub struct UnknownRule(String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(id: &str) -> Result<Self, UnknownRule> {
        Self::ALL
            .into_iter()
            .find(|rule| rule.id() == id)
            .ok_or_else(|| UnknownRule(id.to_owned()))
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

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        id.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::fix::is_well_formed;

    #[test]
    fn lists_every_rule_once_and_parses_its_id() {
        for (position, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, position, "{rule}");
            assert_eq!(rule.id().parse(), Ok(rule));
        }
        assert!("no-such-rule".parse::<Rule>().is_err());
    }

    #[test]
    fn ids_summaries_and_fixes_are_well_formed() {
        for rule in Rule::ALL {
            assert!(
                rule.id()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            );
            assert!(
                rule.summary().ends_with('.') && !rule.section().is_empty(),
                "{rule}"
            );
            assert!(is_well_formed(rule.fix()), "{rule}: {}", rule.fix());
        }
    }
}
