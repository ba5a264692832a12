//! Test helpers for the only repository of a layout or an archive.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_layout::layout_repository;
use portolan_model::Digest;
use portolan_registry::contract::TestRepository;
use portolan_registry::{Body, Registry};
use serde_json::Value;

/// Returns the repository of a layout.
pub(crate) fn place<R: Registry + 'static>(registry: &Arc<R>) -> TestRepository {
    let registry: Arc<dyn Registry> = Arc::<R>::clone(registry);
    TestRepository::new(&registry, layout_repository().as_str())
}

/// Returns the path of a blob in a layout.
pub(crate) fn blob_path(layout: &Path, digest: &Digest) -> PathBuf {
    layout
        .join("blobs")
        .join(digest.algorithm().as_str())
        .join(digest.encoded_part())
}

/// Returns the `index.json` of a layout.
pub(crate) fn index(layout: &Path) -> Value {
    serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap()
}

/// Returns the digests of the entries in an `index.json`, each with its name if it has one.
pub(crate) fn entries(index: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let entries = index["manifests"].as_array().unwrap().iter();
    let entry = |entry: &Value| {
        let name = text(&entry["annotations"]["org.opencontainers.image.ref.name"]);
        (text(&entry["digest"]).unwrap(), name)
    };
    entries.map(entry).collect()
}

/// Returns the names of the files in a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// Returns a body of unknown length.
pub(crate) fn pieces<const N: usize>(pieces: [&'static str; N]) -> Body {
    Body::from_stream(stream::iter(pieces.map(|piece| Ok(Bytes::from(piece)))))
}

/// Compresses content with gzip.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Builder for a tar file.
pub(crate) struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    pub(crate) fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.as_ref().len() as u64);
        self.0
            .append_data(&mut header, name, content.as_ref())
            .unwrap();
        self
    }

    pub(crate) fn folder(mut self, name: &str) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        self.0.append_data(&mut header, name, &b""[..]).unwrap();
        self
    }

    pub(crate) fn link(mut self, name: &str, target: &str) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        self.0.append_link(&mut header, name, target).unwrap();
        self
    }

    /// Adds an entry without content exactly as given, even if no program would create it.
    pub(crate) fn raw(mut self, name: &str, kind: tar::EntryType, link: &str) -> Self {
        let mut header = tar::Header::new_ustar();
        let fields = header.as_old_mut();
        fields.name[..name.len()].copy_from_slice(name.as_bytes());
        fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        self.0.append(&header, &b""[..]).unwrap();
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }

    pub(crate) fn write(self, path: &Path) {
        fs::write(path, self.bytes()).unwrap();
    }
}
