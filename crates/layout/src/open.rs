//! The registries by name, and how each is opened.

use std::path::PathBuf;
use std::sync::Arc;

use portolan_model::{Descriptor, ImageReference, Manifest};
use portolan_registry::Result;

use crate::archive::{Docker, Draft, Oci, Sealed, accepts};
use crate::files::blocking;
use crate::folder::{Access, Folder, Tree};
use crate::layout::{Name, Orphan};
use crate::registry::{Layouts, Single};
use crate::storage::Storage;

/// An OCI layout in a folder.
pub type LayoutRegistry = Layouts<Single<Arc<Folder>>>;

/// A folder of OCI layouts.
pub type LayoutTree = Layouts<Tree>;

/// An oci-archive that is read.
pub type OciArchive = Layouts<Single<Sealed<Oci>>>;

/// A docker-archive that is read.
///
/// It holds no manifests, so a Docker manifest is made for each image: always the same bytes for the
/// same content, and perhaps others than the image had in the registry that it came from.
pub type DockerArchive = Layouts<Single<Sealed<Docker>>>;

/// An oci-archive that is written.
pub type OciArchiveWriter = Layouts<Single<Arc<Draft<Oci>>>>;

/// A docker-archive that is written.
pub type DockerArchiveWriter = Layouts<Single<Arc<Draft<Docker>>>>;

impl LayoutRegistry {
    /// Opens the layout in a folder for reading.
    ///
    /// # Errors
    /// [`Kind::RepositoryUnknown`](portolan_registry::Kind::RepositoryUnknown) when it is none, with
    /// what is missing; [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) when it is of a
    /// version that nobody here knows.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        blocking(move || Ok(Self::new(Single::new(Arc::new(Folder::open(path)?))))).await
    }

    /// Opens the layout in a folder for writing, and locks it until this is dropped. A folder that is
    /// empty or not there becomes a layout.
    ///
    /// # Errors
    /// As [`LayoutRegistry::open`]; [`Kind::Denied`](portolan_registry::Kind::Denied) when another
    /// process is writing to it; [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) when it
    /// holds something else.
    pub async fn open_for_writing(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        blocking(move || {
            Ok(Self::new(Single::new(Arc::new(Folder::open_for_writing(
                path,
            )?))))
        })
        .await
    }

    /// Blobs that nothing leads to, in the order of their digests: what deleted manifests have left.
    ///
    /// # Errors
    /// When a manifest is missing or cannot be read, since nobody can tell what it needs.
    pub async fn orphans(&self) -> Result<Vec<Orphan>> {
        let layout = Arc::clone(self.places().layout());
        blocking(move || layout.orphans()).await
    }

    /// Removes them and answers what was removed. What is being copied to the layout meanwhile would
    /// lose the blobs whose manifest has not come yet.
    ///
    /// # Errors
    /// As [`LayoutRegistry::orphans`]; nothing is removed then.
    pub async fn remove_orphans(&self) -> Result<Vec<Orphan>> {
        let layout = Arc::clone(self.places().layout());
        blocking(move || layout.remove_orphans()).await
    }
}

impl LayoutTree {
    /// The layouts below a folder, for reading.
    pub fn tree(root: impl Into<PathBuf>) -> Self {
        Self::new(Tree::new(root.into(), Access::Read))
    }

    /// The layouts below a folder, for writing. Each is made when something comes to it, and locked
    /// from then on until this is dropped.
    pub fn tree_for_writing(root: impl Into<PathBuf>) -> Self {
        Self::new(Tree::new(root.into(), Access::Write))
    }
}

impl OciArchive {
    /// Opens an oci-archive for reading. Nothing is unpacked; content is read where it lies.
    ///
    /// # Errors
    /// [`Kind::RepositoryUnknown`](portolan_registry::Kind::RepositoryUnknown) when there is none, or
    /// it lacks a file; [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) when it is
    /// compressed; [`Kind::ManifestInvalid`](portolan_registry::Kind::ManifestInvalid) when it is damaged.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        blocking(move || Ok(Self::new(Single::new(Sealed::open(path)?)))).await
    }
}

impl DockerArchive {
    /// Opens a docker-archive for reading. Nothing is unpacked; content is read where it lies.
    /// Compressed layers are read once, for their digests.
    ///
    /// # Errors
    /// As [`OciArchive::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        blocking(move || Ok(Self::new(Single::new(Sealed::open(path)?)))).await
    }
}

impl OciArchiveWriter {
    /// Begins an oci-archive in a temporary file beside `path`. What an archive there holds is carried over.
    ///
    /// # Errors
    /// As [`OciArchive::open`], if there is something at `path`; [`Kind::Unsupported`](portolan_registry::Kind::Unsupported)
    /// when that is no regular file.
    pub async fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        blocking(move || Ok(Self::new(Single::new(Arc::new(Draft::create(&path, Oci)?))))).await
    }

    /// Puts the archive in its place, durable from then on. Nothing can be added after that. Without
    /// it, whatever was at the path stays as it is.
    ///
    /// # Errors
    /// When it cannot be written; [`Kind::PreconditionFailed`](portolan_registry::Kind::PreconditionFailed)
    /// when somebody else has changed what is at the path meanwhile.
    pub async fn finish(&self) -> Result<()> {
        let layout = Arc::clone(self.places().layout());
        blocking(move || layout.storage().finish()).await
    }
}

impl DockerArchiveWriter {
    /// Begins a docker-archive in a temporary file beside `path`. What an archive there holds is carried
    /// over. Tags that are set are tags of the repository that `name` names; without it none can be set.
    ///
    /// # Errors
    /// As [`DockerArchive::open`], if there is something at `path`.
    pub async fn create(path: impl Into<PathBuf>, name: Option<&ImageReference>) -> Result<Self> {
        let path = path.into();
        let repository = name.map(|name| format!("{}/{}", name.host, name.repository));
        blocking(move || {
            Ok(Self::new(Single::new(Arc::new(Draft::create(
                &path,
                Docker { repository },
            )?))))
        })
        .await
    }

    /// Says why a docker-archive cannot hold a manifest: it has to be a single image whose layers are
    /// tars, plain or with gzip. To be asked before its layers are sent.
    ///
    /// # Errors
    /// [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) with what to do instead.
    pub fn accepts(manifest: &Manifest) -> Result<()> {
        accepts(manifest)
    }

    /// As [`OciArchiveWriter::finish`].
    ///
    /// # Errors
    /// The same.
    pub async fn finish(&self) -> Result<()> {
        let layout = Arc::clone(self.places().layout());
        blocking(move || layout.storage().finish()).await
    }
}

impl<S: Storage> Layouts<Single<S>> {
    /// Every name, in the order of the index, and the manifest that has it: tags, whole references,
    /// and any other text.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn names(&self) -> Result<Vec<Name>> {
        let layout = Arc::clone(self.places().layout());
        blocking(move || layout.names()).await
    }

    /// The manifest that is called `name`: as [`Name::name`] has it, or as docker would write the
    /// same reference, or by tag or digest.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`](portolan_registry::Kind::ManifestUnknown) with the names there are;
    /// [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) when several are called so.
    pub async fn resolve(&self, name: &str) -> Result<Descriptor> {
        let (layout, name) = (Arc::clone(self.places().layout()), name.to_owned());
        blocking(move || layout.resolve(&name)).await
    }

    /// The manifest that is meant when none is named: the only one that is not part of another, and
    /// does not merely say something about another.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`](portolan_registry::Kind::ManifestUnknown) when there is none;
    /// [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) with the choices when there are several.
    pub async fn only_manifest(&self) -> Result<Descriptor> {
        let layout = Arc::clone(self.places().layout());
        blocking(move || layout.only_manifest()).await
    }
}
