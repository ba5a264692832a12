//! Archives: layouts and docker's images in one tar, read where they lie and written as a stream.

mod docker;
mod draft;
mod entries;
mod oci;
mod sealed;
mod tar;

use std::collections::HashMap;

use portolan_model::{Digest, Manifest};
use portolan_registry::{PutManifest, Result};

use crate::content::Content;
use crate::index::Index;
use entries::Entries;

pub(crate) use docker::Docker;
pub(crate) use docker::accepts;
pub(crate) use draft::Draft;
pub(crate) use oci::Oci;
pub(crate) use sealed::Sealed;

/// What an archive holds.
pub struct Held {
    index: Index,
    contents: HashMap<Digest, Content>,
    /// The names in the archive of blobs that are called otherwise than in a layout.
    names: HashMap<Digest, String>,
}

/// A kind of archive.
pub trait Format: Send + Sync + 'static {
    /// What it is called, also in front of references.
    const NAME: &str;
    /// The annotation that holds the names by which people know the manifests.
    const NAMED_BY: &str;
    /// The files that say what the others are. They are written anew at the end.
    const LISTS: &[&str];
    /// Files that an archive begins with, and what they hold.
    const BEGINNING: &[(&str, &[u8])];
    /// Whether manifests are files of the archive.
    const KEEPS_MANIFESTS: bool;

    /// What `entries` hold, as the lists among `lists` say.
    fn read(lists: &Entries, entries: &Entries) -> Result<Held>;

    /// The index of what was carried over, to which more is added.
    fn carry_over(&self, index: Index) -> Index;

    /// Says why a manifest cannot be kept.
    fn accept(&self, manifest: &Manifest, options: &PutManifest) -> Result<()>;

    /// The list that an archive ends with, by name, for the manifests that `index` names and `read` reads.
    fn list(
        &self,
        index: &Index,
        names: &HashMap<Digest, String>,
        read: &dyn Fn(&Digest) -> Result<Manifest>,
    ) -> Result<(&'static str, Vec<u8>)>;
}
