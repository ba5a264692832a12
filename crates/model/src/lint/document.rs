//! Rules that need no more than the document.

use super::Finding;
use crate::Manifest;

/// Everything remarkable about one document by itself.
pub fn document(manifest: &Manifest) -> Vec<Finding> {
    manifest.findings().to_vec()
}
