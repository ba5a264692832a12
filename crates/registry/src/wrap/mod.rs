//! Wrappers from one registry to another, each in a file named for what it does.

mod policy;

pub use policy::{PatternError, Policies, PolicyRule, PolicyRules, is_mended, normalised};
