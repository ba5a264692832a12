//! Contract tests for a tree of layouts, with the known limits of the format.

use std::sync::Arc;

use portolan_layout::LayoutTree;
use portolan_registry::contract::{KnownLimit, TestedRegistry};

/// Limits of the format: a layout has one file per digest, and no place for data that is not in the
/// specification.
const LIMITS: &[KnownLimit] = &[
    KnownLimit {
        behavior: "sparse::blob_pushed_later_is_not_yet_a_manifest",
        reason: "a layout cannot mark content with the digest of an index's child as a blob",
        intermittent: false,
    },
    KnownLimit {
        behavior: "deletes::deletes_one_of_a_blob_and_a_manifest_with_equal_content",
        reason: "a layout has one file for both: a manifest as long as the index leads to it",
        intermittent: false,
    },
    KnownLimit {
        behavior: "deletes::deleted_child_is_no_longer_a_manifest",
        reason: "a layout can mark an index's child as deleted only by removing its content",
        intermittent: false,
    },
];

async fn fresh() -> TestedRegistry {
    let folder = tempfile::tempdir().unwrap();
    TestedRegistry::local(
        Arc::new(LayoutTree::tree_for_writing(folder.path())),
        folder,
    )
    .with_limits(LIMITS)
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);
