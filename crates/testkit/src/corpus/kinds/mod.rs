//! The kinds that must work: everything that docs and bug reports show registries being asked to hold.

mod artifacts;
mod images;
mod indexes;
mod mixtures;

use super::case::Case;

/// Every kind.
pub(super) fn cases() -> Vec<Case> {
    [
        images::cases(),
        indexes::cases(),
        mixtures::cases(),
        artifacts::cases(),
    ]
    .concat()
}
