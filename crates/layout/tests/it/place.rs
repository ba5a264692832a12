//! The one repository of a layout or an archive, so that a test reads as what it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_layout::layout_repository;
use portolan_model::Digest;
use portolan_registry::contract::Repository;
use portolan_registry::{Body, Registry};
use serde_json::Value;

/// The repository of a layout.
pub(crate) fn place<R: Registry + 'static>(registry: &Arc<R>) -> Repository {
    let registry: Arc<dyn Registry> = Arc::<R>::clone(registry);
    Repository::of(&registry, layout_repository().as_str())
}

/// The file of a blob in a layout.
pub(crate) fn blob_path(layout: &Path, digest: &Digest) -> PathBuf {
    layout
        .join("blobs")
        .join(digest.algorithm().as_str())
        .join(digest.encoded())
}

/// The `index.json` of a layout.
pub(crate) fn index(layout: &Path) -> Value {
    serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap()
}

/// The digests of the entries of an `index.json`, each with its name if it has one.
pub(crate) fn entries(index: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let entries = index["manifests"].as_array().unwrap().iter();
    let entry = |entry: &Value| {
        let name = text(&entry["annotations"]["org.opencontainers.image.ref.name"]);
        (text(&entry["digest"]).unwrap(), name)
    };
    entries.map(entry).collect()
}

/// What lies in a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// A body of unknown length.
pub(crate) fn pieces<const N: usize>(pieces: [&'static str; N]) -> Body {
    Body::stream(stream::iter(pieces.map(|piece| Ok(Bytes::from(piece)))))
}
