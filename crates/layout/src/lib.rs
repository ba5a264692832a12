//! OCI layouts and archives on disk, as registries.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`LayoutRegistry`] | an OCI layout in a folder (image-spec, image-layout.md) |
//! | [`LayoutTree`] | a folder of layouts: each repository is the subfolder of its name |
//! | [`OciArchive`] | an OCI layout in a tar, read where it lies |
//! | [`OciArchiveWriter`] | the same, written and then put in its place by `finish` |
//! | [`DockerArchive`] | what `docker save` writes; its manifests are made from what is there |
//! | [`DockerArchiveWriter`] | what `docker load` takes; put in its place by `finish` |
//!
//! Each but [`LayoutTree`] holds one repository, which is called [`layout_repository`]: a layout has
//! no name of its own. Its manifests are what `index.json` leads to, through indexes at any depth;
//! its tags are those names in `index.json` that are tags. Names that are none, such as whole
//! references, are seen through `names` and `resolve`.
//!
//! A layout keeps a manifest and a blob of the same digest as one file. So it cannot hold content as
//! both, nor know that a deleted manifest was a blob too.

mod archive;
mod content;
mod files;
mod folder;
mod incoming;
mod index;
mod layout;
mod open;
mod registry;
mod sessions;
mod storage;

pub use layout::{Name, Orphan};
pub use open::{
    DockerArchive, DockerArchiveWriter, LayoutRegistry, LayoutTree, OciArchive, OciArchiveWriter,
};
pub use registry::{Layouts, layout_repository};
