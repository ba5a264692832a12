//! Plan and cost of every statement on SQLite.

use portolan_model::fixtures::{blob, image, repository, tag};
use portolan_model::{Digest, MediaType};

use super::scenario::{key, name, put, reserve, run_everything};
use crate::metadata::sqlite::measured::Measured;
use crate::metadata::*;

/// Source files with statements.
const SOURCES: [&str; 10] = [
    include_str!("../blobs.rs"),
    include_str!("../broken.rs"),
    include_str!("../manifests.rs"),
    include_str!("../objects.rs"),
    include_str!("../references.rs"),
    include_str!("../referrers.rs"),
    include_str!("../repositories.rs"),
    include_str!("../tags.rs"),
    include_str!("../unfinished.rs"),
    include_str!("../view.rs"),
];

/// Scans that are cheap: of tables with a few rows for each process that ever ran or for objects
/// that are being deleted, and of a subquery with a limit.
const ALLOWED: [&str; 5] = [
    "SCAN key_epochs",
    "SCAN g",
    "SCAN u",
    "SCAN p",
    "SCAN CONSTANT ROW",
];

fn measured() -> (Measured, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Measured::open(&folder.path().join("test.db")), folder)
}

#[test]
fn every_statement_uses_an_index() {
    let (mut transaction, _folder) = measured();
    run_everything(&mut transaction).unwrap();
    for (sql, (plan, _)) in &transaction.statements {
        if sql.starts_with("INSERT INTO repositories") {
            // The plan lists checks of foreign keys to the table, but an insertion does not run
            // these checks.
            continue;
        }
        for step in plan {
            let scans = step.starts_with("SCAN") && !ALLOWED.contains(&step.as_str());
            assert!(!scans, "{step} in {sql}");
            let searches_all = ["(repository_id=?)", "TEMP B-TREE FOR ORDER BY"];
            let searches = searches_all.iter().any(|part| step.contains(part));
            let is_emptiness = sql.contains("SET has_content = 0");
            // The table has the manifests of one push or deletion for each process.
            let is_unfinished = step.starts_with("SEARCH u") && sql.contains("LIMIT 1");
            assert!(
                !searches || is_emptiness || is_unfinished,
                "{step} in {sql}"
            );
        }
    }
}

/// Ensures that the plan of every statement is checked.
#[test]
fn the_scenario_runs_every_statement() {
    let (mut transaction, _folder) = measured();
    run_everything(&mut transaction).unwrap();
    let declared: usize = SOURCES
        .iter()
        .map(|source| {
            let lines = source.lines();
            lines
                .filter(|line| line.starts_with("const ") && line.contains(": &str ="))
                .count()
        })
        .sum();
    let texts: Vec<_> = transaction.statements.keys().collect();
    // The scenario itself has one more statement.
    assert_eq!(texts.len(), declared + 1, "{texts:#?}");
}

/// Maximum number of steps of SQLite's virtual machine for any statement. A page of 1,000 tags takes the most.
const STEPS: i32 = 60_000;
/// Maximum number of steps of statements that work on single rows.
const FEW: i32 = 2_000;

fn assert_cheap(transaction: &mut Measured, what: &str, limit: i32) {
    for (sql, (plan, steps)) in std::mem::take(&mut transaction.statements) {
        assert!(steps <= limit, "{what}: {steps} steps in {sql}\n{plan:#?}");
    }
}

/// Returns a database with one crowded repository. It has thousands of tombstones, tags and
/// referrers, and a config `{}`. Thousands of manifests reference this config, and half of them are
/// deleted.
fn crowded() -> (Measured, tempfile::TempDir, KeyRange) {
    let (mut transaction, folder) = measured();
    let range = reserve(&mut transaction, 1).unwrap();
    let object = NewObject {
        size: 2,
        key: key(range, 0),
    };
    link_blob(&mut transaction, &name(), &popular(), Some(object)).unwrap();
    put(
        &mut transaction,
        image("tagged").bytes(),
        vec![portolan_registry::TagUpdate::unconditional(tag("v1"))],
    )
    .unwrap();
    put(
        &mut transaction,
        image("referrer")
            .subject(&image("subject").descriptor())
            .bytes(),
        Vec::new(),
    )
    .unwrap();
    // The binary form of a SHA-256 digest begins with 1.
    let subject = format!("01{}", image("subject").digest().encoded_part());
    transaction.seed(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
           INSERT INTO manifest_contents (id, digest, size, bytes)
           SELECT i + 1000, CAST(char(1) || printf('c%031d', i) AS BLOB), 2, x'7b7d' FROM n;
         INSERT INTO manifests (id, repository_id, content_id, media_type_id, pushed_at, deleted_at)
           SELECT id, 1, id, 1, 0, iif(id % 2, 1, NULL) FROM manifest_contents WHERE id > 1000;
         INSERT INTO manifest_references
           (parent_id, position, repository_id, parent_deleted, child_blob_id, media_type_id)
           SELECT id, 0, 1, id % 2, (SELECT blob_id FROM repository_blobs), 1
           FROM manifests WHERE id > 1000;
         INSERT INTO referrers (manifest_id, repository_id, subject, digest, artifact_type_id, deleted)
           SELECT m.id, 1, x'{subject}', c.digest, 1, m.id % 2 FROM manifests m
           JOIN manifest_contents c ON c.id = m.content_id WHERE m.id > 1000;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
           INSERT INTO tags (repository_id, name, manifest_id)
           SELECT 1, 't' || i, (SELECT manifest_id FROM tags WHERE name = 'v1') FROM n;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
           INSERT INTO repositories (id, name, has_content, created_at)
           SELECT i + 10, 'a' || i, 0, 0 FROM n;
         INSERT INTO repository_blobs (repository_id, blob_id, linked_at, deleted_at)
           SELECT r.id, (SELECT id FROM blobs), 0, 1 FROM repositories r WHERE r.id > 10;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
           INSERT INTO blobs (id, digest, size, epoch_id)
           SELECT i + 10000, CAST(char(1) || printf('b%031d', i) AS BLOB), 2, 1 FROM n;
         INSERT INTO repository_blobs (repository_id, blob_id, linked_at, deleted_at)
           SELECT 1, id, 0, 1 FROM blobs WHERE id > 10000;
         INSERT INTO media_types (name) VALUES ('text/never');"
    ));
    transaction.statements.clear();
    (transaction, folder, range)
}

fn popular() -> Digest {
    Digest::sha256(b"{}")
}

#[test]
fn reads_touch_few_rows_of_a_crowded_repository() {
    let (mut transaction, _folder, _) = crowded();
    let transaction = &mut transaction;
    head_manifest(&name(), &popular()).run(transaction).unwrap();
    let child = find_child_blob(&name(), &popular())
        .run(transaction)
        .unwrap();
    assert!(child.is_some());
    find_blob(&name(), &popular()).run(transaction).unwrap();
    find_blob_size(&name(), &popular())
        .run(transaction)
        .unwrap();
    find_manifest_by_tag(&name(), &tag("v1"))
        .run(transaction)
        .unwrap();
    assert_cheap(transaction, "lookups", FEW);
    let listed = list_repositories("", 1).run(transaction).unwrap();
    assert_eq!(listed, [name()]);
    assert_cheap(transaction, "catalog and readiness", FEW);
    let subject = image("subject").digest();
    let never = MediaType::new("text/never");
    let none = list_referrers(&name(), &subject, Some(&never), "", 64);
    assert_eq!(none.run(transaction).unwrap(), []);
    list_referrers(&name(), &subject, None, "", 1)
        .run(transaction)
        .unwrap();
    assert_cheap(transaction, "referrers", FEW);
    let parents = find_parents(&name(), &popular(), 100)
        .run(transaction)
        .unwrap();
    assert_eq!(parents.len(), 100);
    assert_cheap(transaction, "parents", 100 * 100);
    let sources = blob_sources(&popular(), 0, 100).run(transaction).unwrap();
    assert_eq!(sources.len(), 100);
    assert_cheap(transaction, "sources of a mount", 100 * 100);
}

#[test]
fn writes_touch_few_rows_of_a_crowded_repository() {
    let (mut transaction, _folder, range) = crowded();
    let transaction = &mut transaction;
    let linked = link_blob(transaction, &name(), &popular(), None).unwrap();
    assert_eq!(linked, Linked::Known);
    let object = NewObject {
        size: blob("new").len() as u64,
        key: key(range, 1),
    };
    link_blob(
        transaction,
        &name(),
        &Digest::sha256(&blob("new")),
        Some(object),
    )
    .unwrap();
    mount_blob(transaction, &name(), &repository("z"), &popular()).unwrap();
    assert_cheap(transaction, "link and mount", FEW);
    put(transaction, image("new").bytes(), Vec::new()).unwrap();
    assert_cheap(transaction, "push of a manifest", FEW);
    let guarded = remove_blob(transaction, &name(), &popular(), true).unwrap();
    assert_eq!(guarded, Removal::Referenced);
    remove_manifest(transaction, &name(), &popular(), true, None).unwrap();
    assert_cheap(transaction, "guarded deletion", FEW);
    remove_manifest(transaction, &name(), &popular(), false, None).unwrap();
    remove_blob(transaction, &name(), &popular(), false).unwrap();
    let digest = image("new").digest();
    remove_manifest(transaction, &name(), &digest, true, None).unwrap();
    assert_cheap(transaction, "deletion", FEW);
    let tagged = image("tagged").digest();
    let partial = remove_manifest(transaction, &name(), &tagged, true, None).unwrap();
    assert_eq!(partial, Removal::Partial);
    assert_cheap(
        transaction,
        "deletion of a manifest with 50,000 tags",
        STEPS,
    );
    let partial = remove_repository(transaction, &name(), None).unwrap();
    assert_eq!(partial, Removal::Partial);
    assert_cheap(transaction, "deletion of a repository", STEPS);
}
