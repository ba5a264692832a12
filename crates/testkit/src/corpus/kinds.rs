//! Cases about kinds of documents that Portolan must support, because documentation and bug reports
//! show that they are in use.

mod artifacts;
mod images;
mod indexes;
mod mixtures;

use super::case::Case;

/// Returns the cases about all kinds of documents.
pub(super) fn cases() -> Vec<Case> {
    [
        images::cases(),
        indexes::cases(),
        mixtures::cases(),
        artifacts::cases(),
    ]
    .concat()
}
