//! Wrappers that add behavior to another registry. Each file is named after what it does.

mod policy;

pub use policy::{
    PatternError, Policies, PolicyRule, PolicyRules, is_fixed_by_normalization, normalized_digest,
};
