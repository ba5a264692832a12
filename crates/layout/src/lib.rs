//! OCI layouts and archives on disk, as registries.
//!
//! | type | content |
//! | --- | --- |
//! | [`LayoutRegistry`] | an OCI layout in a folder (image-spec, image-layout.md) |
//! | [`LayoutTree`] | a folder of layouts: each repository is the subfolder of its name |
//! | [`OciArchive`] | an OCI layout in a tar, read in place |
//! | [`OciArchiveWriter`] | an OCI layout in a tar; `finish` writes it |
//! | [`DockerArchive`] | the format of `docker save`; its manifests are generated |
//! | [`DockerArchiveWriter`] | the format of `docker load`; `finish` writes it |
//!
//! Each type except [`LayoutTree`] has one repository, [`layout_repository`], because a layout has
//! no name of its own. The manifests are those that can be reached from `index.json`, through
//! indexes at any depth. A name in `index.json` is a tag if it is a valid tag. Other names, such as
//! full references, are available through `names` and `resolve`.
//!
//! Archives from and to pipes, and compressed archives, are copied to a temporary file of limited
//! size ([`Spool`]). The same images result in the same archive and in the same `index.json`.
//!
//! A layout stores a manifest and a blob with the same digest as one file. It cannot store the same
//! content as both, so deleting the manifest deletes the blob too.

mod archive;
mod content;
mod files;
mod folder;
mod index;
mod layout;
mod open;
mod registry;
mod spool;
mod storage;

pub use layout::{ManifestName, Orphan};
pub use open::{
    DockerArchive, DockerArchiveWriter, LayoutRegistry, LayoutTree, OciArchive, OciArchiveWriter,
};
pub use registry::{Layouts, layout_repository};
pub use spool::Spool;
