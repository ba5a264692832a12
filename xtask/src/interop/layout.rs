//! Kinds as folders on disk: OCI layouts, and the `dir:` form of skopeo, podman and buildah.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::document::{Document, Kind};

/// Writes an OCI layout with one reference, `name`. It includes subjects, for clients that copy
/// them too.
pub(crate) fn write_oci(folder: &Path, kind: &Kind, name: &str) -> Result<()> {
    for document in &kind.documents {
        let path = oci_path(folder, &document.digest);
        fs::create_dir_all(path.parent().context("a blob path has no parent folder")?)?;
        fs::write(path, &document.bytes)?;
    }
    let top = kind
        .document(&kind.top)
        .context("the kind has no top document")?;
    let annotations =
        json!({ "org.opencontainers.image.ref.name": name, "io.containerd.image.name": name });
    let descriptor = json!({
        "mediaType": top.media_type,
        "digest": top.digest,
        "size": top.bytes.len(),
        "annotations": annotations,
    });
    let index = json!({ "schemaVersion": 2, "manifests": [descriptor] });
    fs::write(folder.join("index.json"), index.to_string())?;
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    Ok(())
}

/// Checks that a layout, or containerd's content store, holds all of `documents`.
pub(crate) fn compare_oci(folder: &Path, documents: &[&Document]) -> Result<()> {
    documents
        .iter()
        .try_for_each(|document| compare(&oci_path(folder, &document.digest), document))
}

/// Writes a folder for a `dir:` reference.
pub(crate) fn write_dir(folder: &Path, kind: &Kind) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("version"), "Directory Transport Version: 1.1\n")?;
    for document in kind.documents_of_top() {
        fs::write(dir_path(folder, kind, document), &document.bytes)?;
    }
    Ok(())
}

/// Checks that the folder of a `dir:` reference holds the full kind.
pub(crate) fn compare_dir(folder: &Path, kind: &Kind) -> Result<()> {
    kind.documents_of_top()
        .into_iter()
        .try_for_each(|document| compare(&dir_path(folder, kind, document), document))
}

/// Returns the path of a blob in a layout.
pub(crate) fn oci_path(folder: &Path, digest: &str) -> PathBuf {
    folder.join("blobs").join(digest.replace(':', "/"))
}

fn dir_path(folder: &Path, kind: &Kind, document: &Document) -> PathBuf {
    let hash = document.digest.rsplit(':').next().unwrap_or_default();
    if document.digest == kind.top {
        folder.join("manifest.json")
    } else if kind.is_listed(&document.digest) {
        folder.join(format!("{hash}.manifest.json"))
    } else {
        folder.join(hash)
    }
}

fn compare(path: &Path, document: &Document) -> Result<()> {
    let bytes = fs::read(path).with_context(|| {
        format!(
            "failed to read the {} in {}",
            document.media_type,
            path.display()
        )
    })?;
    ensure!(
        bytes == document.bytes,
        "{} {} has different bytes",
        document.media_type,
        document.digest
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::*;

    #[test]
    fn written_kinds_compare_equal_unless_a_document_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        for kind in kinds::all_kinds().unwrap() {
            let (oci, dir) = (
                folder.path().join(kind.name),
                folder.path().join(format!("{}-dir", kind.name)),
            );
            write_oci(&oci, &kind, "sea").unwrap();
            write_dir(&dir, &kind).unwrap();
            compare_oci(&oci, &kind.documents_of_top()).unwrap();
            compare_dir(&dir, &kind).unwrap();
            fs::remove_file(oci_path(&oci, &kind.top)).unwrap();
            fs::write(dir.join("manifest.json"), "{}").unwrap();
            assert!(compare_oci(&oci, &kind.documents_of_top()).is_err());
            assert!(compare_dir(&dir, &kind).is_err());
        }
    }
}
