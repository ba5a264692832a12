//! Tests of the metadata: a suite that every database must pass, the plan and the cost of every
//! statement, and tests of a single database.

mod keys;
mod plans;
#[cfg(feature = "postgres-tests")]
mod postgres;
pub(crate) mod scenario;
mod sqlite;
mod suite;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "postgres-tests")]
pub(crate) use postgres::Postgres;

use super::{Database, Sqlite};
use portolan_files::{Runtime, SystemRuntime};

/// Empty database, and the resources that must live as long as it.
pub(super) struct Fresh {
    pub(super) database: Arc<Database>,
    _keep: Box<dyn Any + Send>,
}

/// Instantiates the given tests of the suite for the database that `$open` opens.
macro_rules! database_tests {
    ($open:expr; $($module:ident: [$($test:ident)*])*) => {
        $($(#[tokio::test]
        async fn $test() {
            let fresh = $open;
            super::$module::$test(std::sync::Arc::clone(&fresh.database)).await;
        })*)*
    };
}

/// Instantiates every test of the suite.
macro_rules! all_database_tests {
    ($open:expr) => {
        database_tests! { $open;
            suite: [
                work_that_fails_leaves_its_group_alone
                work_is_finished_even_if_nobody_waits
                work_that_panics_is_rolled_back
                a_held_blob_cannot_be_deleted
                a_held_manifest_cannot_be_deleted
                a_tag_needs_a_manifest
                changes_of_a_tag_are_recorded
                late_content_is_held_by_the_edges_that_wait_for_it
                long_annotations_are_left_out_of_lists
                referrers_are_listed_in_pages
                a_repository_is_listed_while_it_has_content
                manifests_with_many_references_go_in_pages
                references_beyond_a_page_are_written_later
                one_transaction_finishes_several_manifests
                tags_of_a_deleted_manifest_go_in_pages
                batches_return_rows_and_counts
                a_push_that_would_store_nothing_fails
            ]
            keys: [
                an_epoch_is_opened_once
                a_closed_epoch_creates_no_blob
                a_lost_race_leaves_a_claimed_object
                a_replaced_object_is_deleted_and_its_successor_is_not
                a_sweep_spares_the_keys_of_blobs
                a_range_of_an_open_epoch_is_not_swept
                claims_of_a_process_that_ended_are_taken_over
                an_object_that_a_blob_has_is_not_claimed
            ]
            scenario: [
                every_statement_runs
            ]
        }
    };
}

pub(super) use {all_database_tests, database_tests};

/// Returns an SQLite database in a temporary file.
fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh {
        database: Arc::new(Database::Sqlite(open(&folder.path().join("test.db")))),
        _keep: Box::new(folder),
    }
}

fn open(path: &Path) -> Sqlite {
    let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
    Sqlite::open(path, &runtime).unwrap()
}
