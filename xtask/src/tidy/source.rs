//! Restrictions on names in code: IO, SQL, object stores and the environment are each used in one
//! place only.

use super::Finding::{self, Violation};
use super::tokens::Tokens;
use super::tree::SourceFile;

const METADATA: &str = "crates/store/src/metadata";
const BLOBS: &str = "crates/store/src/blobs";

/// Crates without IO and without a runtime.
const SANS_IO: [&str; 2] = ["model", "wire"];
const IO_MODULES: [&str; 4] = ["fs", "net", "process", "thread"];

/// The binary reads the environment. The testkit uses it to find files built by Cargo.
const READS_ENVIRONMENT: [&str; 2] = ["portolan", "testkit"];

const DATABASES: [&str; 4] = ["rusqlite", "postgres", "tokio_postgres", "sqlx"];

/// Beginnings of SQL statements. Statements in this project are in upper case, which distinguishes
/// them from prose.
const STATEMENTS: [&str; 14] = [
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE INDEX ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
    "SAVEPOINT ",
    "WITH RECURSIVE ",
];

/// Checks the code of the crates, without their tests.
pub(crate) fn check(file: &SourceFile) -> Vec<Finding> {
    let Some(crate_name) = file.crate_name() else {
        return Vec::new();
    };
    if file.is_test() {
        return Vec::new();
    }
    let tokens = match Tokens::parse(&file.text) {
        Ok(tokens) => tokens,
        Err(error) => {
            return vec![Violation(format!(
                "{}: is not valid Rust: {error}",
                file.path
            ))];
        }
    };
    let mut faults = Vec::new();
    let mut at = |lines: Vec<usize>, fault: &str| {
        faults.extend(
            lines
                .into_iter()
                .map(|line| Violation(format!("{}:{line}: {fault}", file.path))),
        );
    };
    if SANS_IO.contains(&crate_name) {
        at(
            tokens.lines_with("tokio"),
            "this crate must not use a runtime",
        );
        for module in IO_MODULES {
            at(
                tokens.lines_naming("std", module),
                &format!("this crate must not do IO, but names std::{module}"),
            );
        }
    }
    if !READS_ENVIRONMENT.contains(&crate_name) {
        at(
            tokens.lines_naming("std", "env"),
            "only the binary may read the environment",
        );
    }
    if !file.path.starts_with(METADATA) {
        at(
            statements(&tokens),
            "SQL is only allowed in the store's metadata",
        );
        for database in DATABASES {
            at(
                tokens.lines_with(database),
                "databases may only be used in the store's metadata",
            );
        }
    }
    if !file.path.starts_with(BLOBS) {
        at(
            tokens.lines_with("object_store"),
            "object stores may only be used in the store's blobs",
        );
    }
    faults
}

/// Checks other files by their name, because statements can also be in files of their own.
pub(crate) fn check_name(file: &SourceFile) -> Vec<Finding> {
    let statements = file.has_extension("sql") && !file.path.starts_with(METADATA);
    let fault = statements.then(|| {
        Violation(format!(
            "{}: SQL is only allowed in the store's metadata",
            file.path
        ))
    });
    fault.into_iter().collect()
}

fn statements(tokens: &Tokens) -> Vec<usize> {
    let literals = tokens.all.iter().filter(|token| is_statement(&token.text));
    literals.map(|token| token.line).collect()
}

fn is_statement(token: &str) -> bool {
    let Some((prefix, text)) = token.split_once('"') else {
        return false;
    };
    // Accepts string, byte string, C string and raw string literals, and rejects other tokens that
    // contain a quote.
    if !prefix
        .chars()
        .all(|sign| matches!(sign, 'b' | 'c' | 'r' | '#'))
    {
        return false;
    }
    let text = text.trim_start().trim_start_matches("\\n").trim_start();
    STATEMENTS.iter().any(|begin| text.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, code: &str) -> usize {
        check(&SourceFile {
            path: path.to_owned(),
            text: format!("//! Code.\n{code}\n"),
        })
        .len()
    }

    #[test]
    fn model_and_wire_do_no_io() {
        for code in [
            "use std::fs;",
            "use std::{fmt, net::TcpStream};",
            "use tokio::sync;",
            "use std::process;",
        ] {
            assert_eq!(faults("crates/model/src/a.rs", code), 1, "{code}");
            assert_eq!(faults("crates/wire/src/a.rs", code), 1, "{code}");
            assert_eq!(faults("crates/store/src/a.rs", code), 0, "{code}");
        }
    }

    #[test]
    fn sql_is_only_allowed_in_metadata() {
        let code = "const LIST: &str = \"SELECT name FROM tags\";";
        assert_eq!(faults("crates/store/src/uploads/a.rs", code), 1);
        assert_eq!(
            faults(
                "crates/server/src/a.rs",
                "const A: &str = r#\"\n  DELETE FROM tags\"#;"
            ),
            1
        );
        assert_eq!(
            faults("crates/server/src/a.rs", "use rusqlite::Connection;"),
            1
        );
        assert_eq!(faults("crates/store/src/metadata/a.rs", code), 0);
        assert_eq!(
            faults(
                "crates/server/src/a.rs",
                "const A: &str = \"Select a tag\";"
            ),
            0
        );
        assert_eq!(
            faults(
                "crates/server/src/a.rs",
                "/// Like `\"SELECT 1\"`.\nfn f() {}"
            ),
            0
        );
        let migration = SourceFile {
            path: "crates/server/1.sql".to_owned(),
            text: String::new(),
        };
        assert_eq!(check_name(&migration).len(), 1);
    }

    #[test]
    fn object_stores_are_only_allowed_in_blobs() {
        let code = "use object_store::ObjectStore;";
        assert_eq!(faults("crates/store/src/gc/a.rs", code), 1);
        assert_eq!(faults("crates/store/src/blobs/cloud.rs", code), 0);
    }

    #[test]
    fn only_the_binary_reads_the_environment() {
        let code = "fn f() { std::env::var(\"HOME\"); }";
        assert_eq!(faults("crates/client/src/a.rs", code), 1);
        assert_eq!(faults("crates/portolan/src/compose.rs", code), 0);
        assert_eq!(
            faults(
                "crates/client/src/a.rs",
                "const A: &str = env!(\"CARGO_PKG_VERSION\");"
            ),
            0
        );
    }

    #[test]
    fn tests_are_exempt() {
        assert_eq!(faults("crates/model/src/tests.rs", "use std::fs;"), 0);
        assert_eq!(
            faults(
                "crates/model/src/a.rs",
                "#[cfg(test)]\nmod tests { use std::fs; }"
            ),
            0
        );
    }

    #[test]
    fn unparsable_file_is_a_fault() {
        assert_eq!(faults("crates/model/src/a.rs", "fn f( {"), 1);
    }
}
