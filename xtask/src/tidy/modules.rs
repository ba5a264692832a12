//! Modules: each Rust file below `src/` or `tests/` is declared by its parent, because Cargo ignores
//! other files.

use super::Finding::{self, Violation};
use super::tree::SourceFile;

/// Checks all Rust files.
pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let undeclared = files.iter().filter(|file| !is_declared(file, files));
    undeclared
        .map(|file| Violation(format!("{}: no file declares this module", file.path)))
        .collect()
}

/// Returns whether a file is a module of another file, or a file with which Cargo begins.
fn is_declared(file: &SourceFile, files: &[SourceFile]) -> bool {
    let Some((folder, name)) = file.path.rsplit_once('/') else {
        return true;
    };
    let is_module =
        folder.ends_with("/src") || folder.contains("/src/") || folder.contains("/tests/");
    let module = name.strip_suffix(".rs");
    let Some(module) = module.filter(|name| is_module && !matches!(*name, "lib" | "main")) else {
        return true;
    };
    let declaration = format!("mod {module};");
    let parents = [".rs", "/lib.rs", "/main.rs"].map(|end| format!("{folder}{end}"));
    files
        .iter()
        .filter(|other| parents.contains(&other.path))
        .any(|parent| parent.text.contains(&declaration))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn files_without_a_declaration_are_faults() {
        let files = [
            file("crates/a/src/lib.rs", "mod b;\n"),
            file("crates/a/src/b.rs", "pub(crate) mod c;\n"),
            file("crates/a/src/b/c.rs", ""),
            file("crates/a/src/b/d.rs", ""),
            file("crates/a/tests/rules.rs", ""),
            file("crates/a/tests/it/main.rs", "mod e;\n"),
            file("crates/a/tests/it/e.rs", ""),
            file("fuzz/fuzz_targets/f.rs", ""),
            file("crates/a/src/readme.md", ""),
        ];
        let expected = "crates/a/src/b/d.rs: no file declares this module";
        assert_eq!(check(&files), [Violation(expected.into())]);
    }
}
