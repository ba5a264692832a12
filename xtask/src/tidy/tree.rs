//! Input of tidy: the metadata of the workspace, and every file that git tracks or would add.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

use crate::servers::workspace;

/// Text file of the repository.
pub(crate) struct SourceFile {
    /// Path from the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// Returns the crate's folder name for files below `crates/NAME/`.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Returns whether the file is named `NAME.extension`.
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|own| own == extension)
    }

    /// Returns whether the file contains only tests.
    pub(crate) fn is_test(&self) -> bool {
        let mut folders = self.path.split('/');
        let name = folders.next_back();
        name == Some("tests.rs") || folders.any(|folder| matches!(folder, "tests" | "benches"))
    }
}

/// Returns the dependency graph with all features enabled.
pub(crate) fn metadata() -> Result<Metadata> {
    let manifest = workspace().join("Cargo.toml");
    let command = MetadataCommand::new()
        .manifest_path(manifest)
        .features(CargoOpt::AllFeatures)
        .exec();
    command.context("failed to run `cargo metadata`")
}

/// Returns all text files. Files that are not UTF-8 are skipped.
pub(crate) fn files() -> Result<Vec<SourceFile>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(workspace())
        .output()
        .context("failed to run `git ls-files`")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    }
    let listed = String::from_utf8(output.stdout)?;
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        let file = workspace().join(path);
        // Git still lists a deleted file until the deletion is committed.
        if file.is_file()
            && let Ok(text) = String::from_utf8(fs::read(&file)?)
        {
            files.push(SourceFile {
                path: path.to_owned(),
                text,
            });
        }
    }
    if files.is_empty() {
        bail!("git lists no files in {}", workspace().display());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::SourceFile;

    fn file(path: &str) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            text: String::new(),
        }
    }

    #[test]
    fn recognizes_crates_and_tests() {
        assert_eq!(file("crates/store/src/lib.rs").crate_name(), Some("store"));
        assert_eq!(file("xtask/src/main.rs").crate_name(), None);
        assert!(file("crates/store/src/blobs/tests.rs").is_test());
        assert!(file("crates/store/tests/contract.rs").is_test());
        assert!(!file("crates/registry/src/contract.rs").is_test());
    }
}
