//! oci-archives: OCI layouts in a tar (image-spec, image-layout.md).

use std::collections::HashMap;

use portolan_model::{Digest, Manifest};
use portolan_registry::{Error, Kind, PutManifest, Result};

use super::tar_index::TarIndex;
use super::{ArchiveContents, ArchiveFormat};
use crate::folder::{BLOBS_FOLDER, INDEX_FILE, LAYOUT_CONTENT, LAYOUT_FILE, check_version};
use crate::index::{LayoutIndex, MAX_LIST_BYTES, NAME_ANNOTATIONS};

/// Format of an OCI layout in a tar.
pub struct OciFormat;

impl ArchiveFormat for OciFormat {
    const NAME: &str = "oci-archive";
    const NAME_ANNOTATIONS: &'static [&'static str] = NAME_ANNOTATIONS;
    const LIST_FILES: &[&str] = &[LAYOUT_FILE, INDEX_FILE];
    const INITIAL_FILES: &[(&str, &[u8])] = &[(LAYOUT_FILE, LAYOUT_CONTENT)];
    const STORES_MANIFESTS: bool = true;

    fn read(entries: &TarIndex) -> Result<ArchiveContents> {
        let path = entries.path.display();
        let read = |name: &str| {
            let file = entries.find(name);
            file.map(|file| file.read(MAX_LIST_BYTES))
                .transpose()
                .map_err(|error| error.with_prefix(format_args!("failed to read {name} in {path}")))
        };
        let missing = || {
            let message = format!("{path} is not an oci-archive: file {INDEX_FILE} does not exist");
            Error::new(Kind::RepositoryUnknown, message)
                .with_help(format!("if docker created it, use `docker-archive:{path}`"))
        };
        let index = read(INDEX_FILE)?.ok_or_else(missing)?;
        // Some tools omit the file with the version.
        if let Some(version) = read(LAYOUT_FILE)? {
            check_version(&version).map_err(|error| {
                error.with_prefix(format!("failed to read {LAYOUT_FILE} in {path}"))
            })?;
        }
        let index = LayoutIndex::parse(index)
            .map_err(|error| error.with_prefix(format!("failed to read {path}")))?;
        let blobs = entries
            .names()
            .filter_map(|name| Some((blob_digest(name)?, entries.find(name)?)));
        Ok(ArchiveContents {
            index,
            contents: blobs.collect(),
            names: HashMap::new(),
        })
    }

    fn index_for_append(&self, index: LayoutIndex) -> LayoutIndex {
        index
    }

    fn check_manifest(&self, _: &Manifest, _: &PutManifest) -> Result<()> {
        Ok(())
    }

    fn render_list(
        &self,
        index: &LayoutIndex,
        _: &HashMap<Digest, String>,
        _: &dyn Fn(&Digest) -> Result<Manifest>,
    ) -> Result<(&'static str, Vec<u8>)> {
        Ok((INDEX_FILE, index.to_bytes().into()))
    }
}

/// Returns the digest in the file name of a blob, or `None` for another file.
pub(super) fn blob_digest(name: &str) -> Option<Digest> {
    let (algorithm, encoded) = name
        .strip_prefix(BLOBS_FOLDER)?
        .strip_prefix('/')?
        .split_once('/')?;
    format!("{algorithm}:{encoded}").parse().ok()
}

/// Returns the file name of the blob with a digest.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!(
        "{BLOBS_FOLDER}/{}/{}",
        digest.algorithm(),
        digest.encoded_part()
    )
}
