//! Cases about lint rules: for each rule, documents that violate it, and similar documents that do
//! not.

mod descriptors;
mod families;
mod fields;
mod indexes;
mod manifests;
mod platforms;
mod stored;
mod trees;

use super::case::Case;

/// Returns the cases about all lint rules.
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
