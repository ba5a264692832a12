//! Large stores, filled directly: the database gets copies of the rows that a push wrote, under other
//! names. A million pushes would take many minutes and leave the same rows.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;

/// Number of rows up to which foreign keys are checked, which takes as long as filling.
const CHECKED: u64 = 10_000;

/// Columns of copied rows that differ from the first row, as expressions of its columns and of `n`.
type Changes = &'static [(&'static str, &'static str)];

/// Tables that a push to a new tag writes.
const TAG: [(&str, Changes); 2] = [
    ("tags", &[("name", "printf('tag-%07d', n)")]),
    (
        "tag_history",
        &[("id", "id + n"), ("name", "printf('tag-%07d', n)")],
    ),
];

/// Tables that a push of known content to a new repository writes.
const REPOSITORY: [(&str, Changes); 6] = [
    (
        "repositories",
        &[("id", "id + n"), ("name", "printf('growth/r%07d', n)")],
    ),
    (
        "repository_blobs",
        &[("repository_id", "repository_id + n")],
    ),
    (
        "manifests",
        &[("id", "id + n"), ("repository_id", "repository_id + n")],
    ),
    (
        "manifest_references",
        &[
            ("parent_id", "parent_id + n"),
            ("repository_id", "repository_id + n"),
        ],
    ),
    (
        "tags",
        &[
            ("repository_id", "repository_id + n"),
            ("manifest_id", "manifest_id + n"),
        ],
    ),
    (
        "tag_history",
        &[("id", "id + n"), ("repository_id", "repository_id + n")],
    ),
];

/// Fills a store whose only tag is number 0 with the tags up to `count`.
pub(super) fn tags(data: &Path, count: u64) -> Result<()> {
    fill(data, &TAG, count)
}

/// Fills a store whose only repository is number 0 and has one tag with the repositories up to
/// `count`, which share its content.
pub(super) fn repositories(data: &Path, count: u64) -> Result<()> {
    fill(data, &REPOSITORY, count)
}

/// Fills the database of a stopped server.
fn fill(data: &Path, tables: &[(&str, Changes)], count: u64) -> Result<()> {
    let file = data.join("portolan.db");
    let mut connection = Connection::open(&file)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    let transaction = connection.transaction()?;
    for (table, changes) in tables {
        let statement = copy_statement(&transaction, table, changes)?;
        transaction
            .execute(&statement, [i64::try_from(count)?])
            .with_context(|| format!("failed to fill the table {table}"))?;
    }
    transaction.commit()?;
    if count <= CHECKED {
        let faults = connection.prepare("PRAGMA foreign_key_check")?.exists([])?;
        ensure!(!faults, "the filled rows refer to missing rows");
    }
    drop(connection);
    // Otherwise the first syncs of the measured server would write these rows to the disk.
    File::open(file)?.sync_all()?;
    Ok(())
}

/// Returns the statement that copies all rows of a table for each `n` from 1 to below its parameter.
fn copy_statement(connection: &Connection, table: &str, changes: Changes) -> Result<String> {
    let mut info = connection.prepare("SELECT name FROM pragma_table_info(?)")?;
    let columns: Vec<String> = info
        .query_map([table], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let values: Vec<_> = columns
        .iter()
        .map(|column| {
            let change = changes.iter().find(|(changed, _)| changed == column);
            change.map_or(column.as_str(), |(_, value)| value)
        })
        .collect();
    Ok(format!(
        "WITH RECURSIVE numbers (n) AS \
         (SELECT 1 WHERE ?1 > 1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?1) \
         INSERT INTO {table} ({}) SELECT {} FROM numbers, (SELECT * FROM {table})",
        columns.join(", "),
        values.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_rows_differ_only_in_the_changed_columns() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, other TEXT);
                 INSERT INTO t VALUES (5, 'n0', 'x');",
            )
            .unwrap();
        let changes: Changes = &[("id", "id + n"), ("name", "'n' || n")];
        let statement = copy_statement(&connection, "t", changes).unwrap();
        connection.execute(&statement, [3]).unwrap();
        let rows: Vec<String> = connection
            .prepare("SELECT concat_ws(' ', id, name, other) FROM t ORDER BY id")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows, ["5 n0 x", "6 n1 x", "7 n2 x"]);
    }
}
