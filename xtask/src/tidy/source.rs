//! What code may name where: IO, SQL, object stores and the environment each have one place.

use super::Finding::{self, Fault};
use super::tokens::Tokens;
use super::tree::SourceFile;

const METADATA: &str = "crates/store/src/metadata";
const BLOBS: &str = "crates/store/src/blobs";

/// No IO and no runtime.
const SANS_IO: [&str; 2] = ["model", "wire"];
const IO_MODULES: [&str; 4] = ["fs", "net", "process", "thread"];

/// The binary reads the environment; the testkit finds what Cargo built through it.
const READS_ENVIRONMENT: [&str; 2] = ["portolan", "testkit"];

const DATABASES: [&str; 4] = ["rusqlite", "postgres", "tokio_postgres", "sqlx"];

/// How statements begin. Upper case is the rule in ours, and keeps prose out.
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

/// Checks the code of our crates; their tests may do as they need.
pub(crate) fn check(file: &SourceFile) -> Vec<Finding> {
    let Some(crate_name) = file.crate_name() else {
        return Vec::new();
    };
    if file.is_test() {
        return Vec::new();
    }
    let tokens = match Tokens::of(&file.text) {
        Ok(tokens) => tokens,
        Err(error) => return vec![Fault(format!("{}: is no Rust: {error}", file.path))],
    };
    let mut faults = Vec::new();
    let mut at = |lines: Vec<usize>, fault: &str| {
        faults.extend(
            lines
                .into_iter()
                .map(|line| Fault(format!("{}:{line}: {fault}", file.path))),
        );
    };
    if SANS_IO.contains(&crate_name) {
        at(tokens.lines_with("tokio"), "this crate knows no runtime");
        for module in IO_MODULES {
            at(
                tokens.lines_naming("std", module),
                &format!("this crate does no IO, yet names std::{module}"),
            );
        }
    }
    if !READS_ENVIRONMENT.contains(&crate_name) {
        at(
            tokens.lines_naming("std", "env"),
            "only the binary reads the environment",
        );
    }
    if !file.path.starts_with(METADATA) {
        at(
            statements(&tokens),
            "SQL stands only in the store's metadata",
        );
        for database in DATABASES {
            at(
                tokens.lines_with(database),
                "databases are spoken to only in the store's metadata",
            );
        }
    }
    if !file.path.starts_with(BLOBS) {
        at(
            tokens.lines_with("object_store"),
            "object stores are spoken to only in the store's blobs",
        );
    }
    faults
}

/// Checks a file that is no Rust by its name: statements also stand in files of their own.
pub(crate) fn check_name(file: &SourceFile) -> Vec<Finding> {
    let statements = file.has_extension("sql") && !file.path.starts_with(METADATA);
    let fault = statements.then(|| {
        Fault(format!(
            "{}: SQL stands only in the store's metadata",
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
    // Byte strings, raw strings, and nothing else that holds a quote.
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
    fn sql_has_one_place() {
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
    fn object_stores_have_one_place() {
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
    fn tests_may_do_as_they_need() {
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
    fn what_cannot_be_read_is_a_fault() {
        assert_eq!(faults("crates/model/src/a.rs", "fn f( {"), 1);
    }
}
