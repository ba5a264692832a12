//! Archives: OCI layouts and docker images in a tar file. Readers access the content in place, and
//! writers collect the content and write the file at the end.

mod content_file;
mod docker;
mod oci;
mod reader;
mod tar_index;
mod tar_output;
mod writer;

use std::collections::HashMap;

use portolan_model::{Digest, Manifest};
use portolan_registry::{PutManifest, Result};

use crate::content::Content;
use crate::index::LayoutIndex;
use tar_index::TarIndex;

pub(crate) use docker::DockerFormat;
pub(crate) use docker::check_manifest;
pub(crate) use oci::OciFormat;
pub(crate) use reader::ArchiveReader;
pub(crate) use writer::ArchiveWriter;

/// Index and content of an archive.
pub struct ArchiveContents {
    index: LayoutIndex,
    contents: HashMap<Digest, Content>,
    /// File names of blobs that differ from the names in a layout, by digest.
    names: HashMap<Digest, String>,
}

impl ArchiveContents {
    fn empty() -> Self {
        Self {
            index: LayoutIndex::empty(),
            contents: HashMap::new(),
            names: HashMap::new(),
        }
    }
}

/// Format of an archive: oci-archive or docker-archive.
pub trait ArchiveFormat: Send + Sync + 'static {
    /// Name of the format, and prefix of references to archives of this format.
    const NAME: &str;
    /// Annotations with the names of the manifests, the most specific annotation last.
    const NAME_ANNOTATIONS: &'static [&'static str];
    /// Files that list the content of the archive. When an archive is extended, they are not
    /// copied, but written again.
    const LIST_FILES: &[&str];
    /// Files that every archive begins with, with their content.
    const INITIAL_FILES: &[(&str, &[u8])];
    /// True if the archive contains manifests as files. Otherwise, manifests are generated from the
    /// list file.
    const STORES_MANIFESTS: bool;

    /// Reads the contents of an archive.
    fn read(entries: &TarIndex) -> Result<ArchiveContents>;

    /// Converts the index of an existing archive before more content is added to the archive.
    fn index_for_append(&self, index: LayoutIndex) -> LayoutIndex;

    /// Returns an error if the archive cannot store a manifest.
    fn check_manifest(&self, manifest: &Manifest, options: &PutManifest) -> Result<()>;

    /// Returns the name and bytes of the list file at the end of the archive. It lists the
    /// manifests in `index`, in the form that [`ArchiveFormat::read`] reads.
    fn render_list(
        &self,
        index: &LayoutIndex,
        names: &HashMap<Digest, String>,
        read: &dyn Fn(&Digest) -> Result<Manifest>,
    ) -> Result<(&'static str, Vec<u8>)>;
}
