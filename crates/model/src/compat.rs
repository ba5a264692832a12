//! Known behavior of other registries and clients, as a table of [`Fact`]s. Each fact has its
//! source.
//!
//! A [`Target`] is a registry or client, and [`Target::all`] returns all of them with their facts.
//! A [`Feature`] is a property of an image that some targets do not support. [`DetectedFeatures`]
//! detects the features of an image in one pass over its documents. A [`Judgment`] predicts the
//! behavior of a target for that image: the result of each operation, and the reasons and fixes if
//! it does not work. This module does no IO and does not recurse.

mod detected_features;
mod detector;
mod fact;
mod feature;
mod fix;
mod judgment;
mod target;
mod targets;
#[cfg(test)]
mod tests;

pub use detected_features::{Cause, DetectedFeatures, Occurrences};
pub use fact::{Fact, FactOutcome, Operation};
pub use feature::Feature;
pub use judgment::{Judgment, Reason, TargetVerdict, judge};
pub use target::{Target, TargetRole};
