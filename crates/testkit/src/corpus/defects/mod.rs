//! The defects: for each rule what fires it, and what comes as near as can be and does not.

mod descriptors;
mod families;
mod fields;
mod indexes;
mod manifests;
mod platforms;
mod stored;
mod trees;

use super::case::Case;

/// Every case of every rule.
pub(super) fn cases() -> Vec<Case> {
    [
        fields::cases(),
        descriptors::cases(),
        families::cases(),
        indexes::cases(),
        platforms::cases(),
        manifests::cases(),
        stored::cases(),
        trees::cases(),
    ]
    .concat()
}
