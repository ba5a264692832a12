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
    /// The repository's policy has tags set to the converted document, and this one cannot be converted.
    NotNormalised,
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

impl Rule {
    /// Every rule, in the order in which they are listed.
    pub const ALL: [Self; 36] = [
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
        Self::NotNormalised,
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

    /// What mends it: a command, which can be typed as it stands once `REF` is the image, `DST` where the mended one goes
    /// and `DIGEST` the descriptor concerned; or, where no command can, what its producer has to do.
    ///
    /// Of some findings something else does: see [`Finding::mend`](super::Finding::mend).
    pub fn mend(self) -> &'static str {
        self.about().mend
    }
}

/// There is no rule with this id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no rule \"{0}\"")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::mend::is_typable_or_prose;

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
            assert!(
                rule.id()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            );
            assert!(
                rule.summary().ends_with('.') && !rule.section().is_empty(),
                "{rule}"
            );
            assert!(is_typable_or_prose(rule.mend()), "{rule}: {}", rule.mend());
        }
    }
}
