//! Facts: what one target does with one feature of an image.

use serde::Serialize;

use super::Feature;

/// What one target does with an image that has a feature.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// What the image has.
    pub feature: Feature,
    /// What is being done with it.
    pub operation: Operation,
    /// How that ends.
    pub outcome: Outcome,
    /// One sentence: what happens, in the target's own words where they are known.
    pub says: &'static str,
    /// Where this is known from: an address, a file of the target's source code, or a measurement.
    pub source: &'static str,
}

/// What is done with an image.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// It is pushed to the registry, with everything that it names.
    Push,
    /// The image for one platform is pulled out of it, to be run.
    Pull,
    /// All of it is copied from one registry to another, whatever it is made of.
    Copy,
}

/// How it ends.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It works, and something is worth knowing.
    Remark,
    /// It fails.
    Fails,
}

impl Operation {
    /// Every operation, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Push, Self::Pull, Self::Copy];

    /// The operation as a sentence names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "pushing to it",
            Self::Pull => "pulling one platform",
            Self::Copy => "copying the whole",
        }
    }
}

impl Fact {
    /// What mends it: a command, which can be typed as it stands once `REF` is the image, `DST` where the mended one goes
    /// and `DIGEST` the descriptors that cause it; or, where no command can, what its producer has to do.
    ///
    /// Of some images something else does: see [`Reason::mend`](super::Reason::mend).
    pub fn mend(&self) -> &'static str {
        self.feature.mend()
    }

    pub(super) const fn new(
        feature: Feature,
        operation: Operation,
        outcome: Outcome,
        says: &'static str,
    ) -> Self {
        Self {
            feature,
            operation,
            outcome,
            says,
            source: "",
        }
    }

    /// Pushing it is refused.
    pub(super) const fn refused(feature: Feature, says: &'static str) -> Self {
        Self::new(feature, Operation::Push, Outcome::Fails, says)
    }

    /// Pushing it works, with this remark.
    pub(super) const fn taken(feature: Feature, says: &'static str) -> Self {
        Self::new(feature, Operation::Push, Outcome::Remark, says)
    }

    /// Pulling one platform of it fails.
    pub(super) const fn unpulled(feature: Feature, says: &'static str) -> Self {
        Self::new(feature, Operation::Pull, Outcome::Fails, says)
    }

    /// Pulling one platform of it works, with this remark.
    pub(super) const fn pulled(feature: Feature, says: &'static str) -> Self {
        Self::new(feature, Operation::Pull, Outcome::Remark, says)
    }

    /// Copying all of it fails.
    pub(super) const fn uncopied(feature: Feature, says: &'static str) -> Self {
        Self::new(feature, Operation::Copy, Outcome::Fails, says)
    }

    /// Copying all of it works, with this remark.
    pub(super) const fn copied(feature: Feature, says: &'static str) -> Self {
        Self::new(feature, Operation::Copy, Outcome::Remark, says)
    }

    pub(super) const fn from(self, source: &'static str) -> Self {
        Self { source, ..self }
    }
}
