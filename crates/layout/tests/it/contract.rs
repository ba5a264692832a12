//! The contract of every registry, held by a tree of layouts as far as a layout can.

use std::sync::Arc;

use portolan_layout::LayoutTree;
use portolan_registry::contract::{Limit, Subject};

/// A layout has one file for a digest, and no place for what is not in the specification.
const LIMITS: &[Limit] = &[
    Limit {
        behaviour: "sparse::a_blob_that_comes_later_is_no_manifest_yet",
        reason: "a layout cannot say that the content under an index's child is not that child",
        by_chance: false,
    },
    Limit {
        behaviour: "deletes::the_same_content_as_blob_and_as_manifest",
        reason: "a layout has one file for both, which is a manifest as long as the index leads to it",
        by_chance: false,
    },
    Limit {
        behaviour: "deletes::a_deleted_child_is_no_manifest",
        reason: "a layout cannot say that a child of its index was deleted, but for removing its content",
        by_chance: false,
    },
];

async fn fresh() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    Subject::new(
        Arc::new(LayoutTree::tree_for_writing(folder.path())),
        folder,
    )
    .unable(LIMITS)
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);
