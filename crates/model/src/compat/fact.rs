//! Facts: known behavior of a target for images with a certain feature.

use serde::Serialize;

use super::Feature;
use crate::lint::Fix;

/// Known behavior of a [`Target`](super::Target) for images with one feature.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// Feature of an image that causes the behavior.
    pub feature: Feature,
    /// Operation that the fact is about, such as a push.
    pub operation: Operation,
    /// Result of the operation.
    pub outcome: FactOutcome,
    /// One sentence that describes the result. If the error message of the target is known, the
    /// sentence quotes it.
    pub summary: &'static str,
    /// Source of the fact: a URL, a file in the source code of the target, or a measurement.
    pub source: &'static str,
}

/// Operation of a [`Target`](super::Target) on an image.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Pushes the image, with all content that it references, to the registry.
    Push,
    /// Pulls the image for one platform, to run it.
    Pull,
    /// Copies the image, with all content that it references, from one registry to another.
    Copy,
}

/// Result of an operation that fails or has a caveat.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FactOutcome {
    /// The operation works, with a caveat.
    Remark,
    /// The operation fails.
    Fails,
}

impl Operation {
    /// All operations, in display order.
    pub const ALL: [Self; 3] = [Self::Push, Self::Pull, Self::Copy];

    /// Returns the operation as text for a message, such as `pulling one platform`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "pushing",
            Self::Pull => "pulling one platform",
            Self::Copy => "copying the full image",
        }
    }
}

impl Fact {
    /// Returns the usual fix for images with the feature. Some images need another fix: see
    /// [`Reason::fix`](super::Reason::fix).
    pub fn fix(&self) -> Fix {
        self.feature.fix()
    }

    pub(super) const fn new(
        feature: Feature,
        operation: Operation,
        outcome: FactOutcome,
        summary: &'static str,
    ) -> Self {
        Self {
            feature,
            operation,
            outcome,
            summary,
            source: "",
        }
    }

    /// Creates a fact: pushing fails.
    pub(super) const fn push_fails(feature: Feature, summary: &'static str) -> Self {
        Self::new(feature, Operation::Push, FactOutcome::Fails, summary)
    }

    /// Creates a fact: pushing works, with this remark.
    pub(super) const fn push_remark(feature: Feature, summary: &'static str) -> Self {
        Self::new(feature, Operation::Push, FactOutcome::Remark, summary)
    }

    /// Creates a fact: pulling one platform fails.
    pub(super) const fn pull_fails(feature: Feature, summary: &'static str) -> Self {
        Self::new(feature, Operation::Pull, FactOutcome::Fails, summary)
    }

    /// Creates a fact: pulling one platform works, with this remark.
    pub(super) const fn pull_remark(feature: Feature, summary: &'static str) -> Self {
        Self::new(feature, Operation::Pull, FactOutcome::Remark, summary)
    }

    /// Creates a fact: copying the full image fails.
    pub(super) const fn copy_fails(feature: Feature, summary: &'static str) -> Self {
        Self::new(feature, Operation::Copy, FactOutcome::Fails, summary)
    }

    /// Creates a fact: copying the full image works, with this remark.
    pub(super) const fn copy_remark(feature: Feature, summary: &'static str) -> Self {
        Self::new(feature, Operation::Copy, FactOutcome::Remark, summary)
    }

    /// Sets the source of the fact.
    pub(super) const fn with_source(self, source: &'static str) -> Self {
        Self { source, ..self }
    }
}
