//! Public registry types, with their constructors.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use portolan_files::run_blocking;
use portolan_model::{Descriptor, ImageReference, Manifest};
use portolan_registry::Result;

use crate::archive::{ArchiveReader, ArchiveWriter, DockerFormat, OciFormat, check_manifest};
use crate::folder::{Access, Folder, FolderTree};
use crate::layout::{ManifestName, Orphan};
use crate::registry::{Layouts, SingleLayout};
use crate::spool::Spool;
use crate::storage::Storage;

/// OCI layout in a folder.
pub type LayoutRegistry = Layouts<SingleLayout<Arc<Folder>>>;

/// Folder of OCI layouts.
pub type LayoutTree = Layouts<FolderTree>;

/// oci-archive for reading.
pub type OciArchive = Layouts<SingleLayout<ArchiveReader<OciFormat>>>;

/// docker-archive for reading.
///
/// It contains no manifests, so a Docker manifest is generated for each image. The same content
/// always results in the same bytes. They may differ from the manifest in the original registry of
/// the image.
pub type DockerArchive = Layouts<SingleLayout<ArchiveReader<DockerFormat>>>;

/// oci-archive for writing.
pub type OciArchiveWriter = Layouts<SingleLayout<Arc<ArchiveWriter<OciFormat>>>>;

/// docker-archive for writing.
pub type DockerArchiveWriter = Layouts<SingleLayout<Arc<ArchiveWriter<DockerFormat>>>>;

impl LayoutRegistry {
    /// Opens the layout in a folder for reading.
    ///
    /// # Errors
    /// Returns [`Kind::RepositoryUnknown`](portolan_registry::Kind::RepositoryUnknown) if the
    /// folder is not a layout, and [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) if
    /// the version of the layout is not supported. The message names the missing file.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        run_blocking(move || Ok(Self::new(SingleLayout::new(Arc::new(Folder::open(path)?))))).await
    }

    /// Opens the layout in a folder for writing, and locks it until this value is dropped. Creates
    /// the layout if the folder is empty or does not exist.
    ///
    /// # Errors
    /// Returns the errors of [`LayoutRegistry::open`]. Returns
    /// [`Kind::Denied`](portolan_registry::Kind::Denied) if another process is writing to the
    /// layout, and [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) if the folder
    /// contains something else.
    pub async fn open_for_writing(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with_access(path.into(), Access::Write).await
    }

    /// Opens the layout in a folder like [`LayoutRegistry::open_for_writing`], to push many
    /// manifests. Pushed manifests and tags are durable after the next [`LayoutRegistry::save`]:
    /// `index.json` is not written for each of them. Until then, other processes do not see them,
    /// and a crash leaves the layout without them.
    ///
    /// # Errors
    /// Returns the errors of [`LayoutRegistry::open_for_writing`].
    pub async fn open_for_copies(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with_access(path.into(), Access::Gather).await
    }

    async fn open_with_access(path: PathBuf, access: Access) -> Result<Self> {
        run_blocking(move || {
            Ok(Self::new(SingleLayout::new(Arc::new(
                Folder::open_for_writing(path, access)?,
            ))))
        })
        .await
    }

    /// Writes `index.json`, durably, if it lacks pushed manifests or tags.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written. The next call tries again.
    pub async fn save(&self) -> Result<()> {
        let layout = Arc::clone(self.source().layout());
        run_blocking(move || layout.save()).await
    }

    /// Returns all unreferenced blobs, in the order of their digests. Deleting a manifest leaves
    /// such blobs.
    ///
    /// # Errors
    /// Returns an error if a manifest is missing or unreadable, because the blobs that it needs are
    /// unknown.
    pub async fn orphans(&self) -> Result<Vec<Orphan>> {
        let layout = Arc::clone(self.source().layout());
        run_blocking(move || layout.orphans()).await
    }

    /// Removes all unreferenced blobs, and returns the removed blobs.
    ///
    /// Must not run while images are copied to the layout: it would remove blobs whose manifest has
    /// not arrived yet.
    ///
    /// # Errors
    /// Returns the errors of [`LayoutRegistry::orphans`]. In these cases, nothing is removed.
    pub async fn remove_orphans(&self) -> Result<Vec<Orphan>> {
        let layout = Arc::clone(self.source().layout());
        run_blocking(move || layout.remove_orphans()).await
    }
}

impl LayoutTree {
    /// Opens the layouts in the subfolders of a folder for reading.
    pub fn tree(root: impl Into<PathBuf>) -> Self {
        Self::new(FolderTree::new(root.into(), Access::Read))
    }

    /// Opens the layouts in the subfolders of a folder for writing. The first write to a layout
    /// creates and locks it. The lock is held until this value is dropped.
    pub fn tree_for_writing(root: impl Into<PathBuf>) -> Self {
        Self::new(FolderTree::new(root.into(), Access::Write))
    }
}

impl OciArchive {
    /// Opens an archive from a stream for reading. Copies it to a temporary file first,
    /// uncompressed. `name` is the name of the stream in messages.
    ///
    /// # Errors
    /// Returns the errors of [`OciArchive::open`], and
    /// [`Kind::TooLarge`](portolan_registry::Kind::TooLarge) if the archive exceeds the limit of
    /// `spool`.
    pub async fn open_stream(
        name: impl Into<String>,
        input: impl Read + Send + 'static,
        spool: Spool,
    ) -> Result<Self> {
        let name = name.into();
        run_blocking(move || {
            let reader = ArchiveReader::open_stream(name, input, &spool)?;
            Ok(Self::new(SingleLayout::new(reader)))
        })
        .await
    }

    /// Opens an oci-archive for reading. Content is read in place. An archive that is compressed
    /// with gzip or zstd is unpacked to a temporary file first ([`Spool::default`]).
    ///
    /// # Errors
    /// Returns [`Kind::RepositoryUnknown`](portolan_registry::Kind::RepositoryUnknown) if the
    /// archive or a required file in it does not exist,
    /// [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) if it has another compression,
    /// [`Kind::TooLarge`](portolan_registry::Kind::TooLarge) if it exceeds the limit of the
    /// temporary file, and [`Kind::ManifestInvalid`](portolan_registry::Kind::ManifestInvalid) if
    /// it is damaged.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        run_blocking(move || Ok(Self::new(SingleLayout::new(ArchiveReader::open(path)?)))).await
    }
}

impl DockerArchive {
    /// Opens an archive from a stream for reading. Copies it to a temporary file first,
    /// uncompressed. `name` is the name of the stream in messages.
    ///
    /// # Errors
    /// Returns the errors of [`OciArchive::open`], and
    /// [`Kind::TooLarge`](portolan_registry::Kind::TooLarge) if the archive exceeds the limit of
    /// `spool`.
    pub async fn open_stream(
        name: impl Into<String>,
        input: impl Read + Send + 'static,
        spool: Spool,
    ) -> Result<Self> {
        let name = name.into();
        run_blocking(move || {
            let reader = ArchiveReader::open_stream(name, input, &spool)?;
            Ok(Self::new(SingleLayout::new(reader)))
        })
        .await
    }

    /// Opens a docker-archive for reading, as [`OciArchive::open`] does. Compressed layers are read
    /// once to compute their digests.
    ///
    /// # Errors
    /// Returns the errors of [`OciArchive::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        run_blocking(move || Ok(Self::new(SingleLayout::new(ArchiveReader::open(path)?)))).await
    }
}

impl OciArchiveWriter {
    /// Creates an oci-archive that [`OciArchiveWriter::finish`] writes to `output`. Its content is
    /// collected in a temporary file. `name` is the name of the output in messages.
    ///
    /// # Errors
    /// Returns an error if the temporary file cannot be created. Writes return
    /// [`Kind::TooLarge`](portolan_registry::Kind::TooLarge) if the content exceeds the limit of
    /// `spool`.
    pub async fn create_stream(
        name: impl Into<String>,
        output: impl Write + Send + 'static,
        spool: Spool,
    ) -> Result<Self> {
        let name = name.into();
        run_blocking(move || {
            let writer = ArchiveWriter::create_stream(name, Box::new(output), OciFormat, &spool)?;
            Ok(Self::new(SingleLayout::new(Arc::new(writer))))
        })
        .await
    }

    /// Creates an oci-archive. Its content is collected in a temporary file next to `path`. If an
    /// archive exists at `path`, its contents are retained.
    ///
    /// # Errors
    /// Returns the errors of [`OciArchive::open`] if a file exists at `path`, and
    /// [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) if it is not a regular file.
    pub async fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        run_blocking(move || {
            Ok(Self::new(SingleLayout::new(Arc::new(
                ArchiveWriter::create(&path, OciFormat)?,
            ))))
        })
        .await
    }

    /// Writes the archive to its path, durably, or to its output. Nothing can be added afterwards.
    /// Without this call, the path stays unchanged.
    ///
    /// The bytes depend only on the images, their names and the contents of the archive that is
    /// replaced.
    ///
    /// # Errors
    /// Returns an error if the archive cannot be written, and
    /// [`Kind::PreconditionFailed`](portolan_registry::Kind::PreconditionFailed) if the file at the
    /// path has changed in the meantime.
    pub async fn finish(&self) -> Result<()> {
        let layout = Arc::clone(self.source().layout());
        run_blocking(move || layout.storage().finish()).await
    }
}

impl DockerArchiveWriter {
    /// Creates a docker-archive that [`DockerArchiveWriter::finish`] writes to `output`, as
    /// [`OciArchiveWriter::create_stream`] does. Tags belong to the repository of `image`. Without
    /// an image name, no tags can be set.
    ///
    /// # Errors
    /// Returns the errors of [`OciArchiveWriter::create_stream`].
    pub async fn create_stream(
        name: impl Into<String>,
        output: impl Write + Send + 'static,
        spool: Spool,
        image: Option<&ImageReference>,
    ) -> Result<Self> {
        let (name, format) = (name.into(), DockerFormat::for_image(image));
        run_blocking(move || {
            let writer = ArchiveWriter::create_stream(name, Box::new(output), format, &spool)?;
            Ok(Self::new(SingleLayout::new(Arc::new(writer))))
        })
        .await
    }

    /// Creates a docker-archive, as [`OciArchiveWriter::create`] does. Tags belong to the
    /// repository of `name`. Without a name, no tags can be set.
    ///
    /// # Errors
    /// Returns the errors of [`DockerArchive::open`] if a file exists at `path`.
    pub async fn create(path: impl Into<PathBuf>, name: Option<&ImageReference>) -> Result<Self> {
        let (path, format) = (path.into(), DockerFormat::for_image(name));
        run_blocking(move || {
            Ok(Self::new(SingleLayout::new(Arc::new(
                ArchiveWriter::create(&path, format)?,
            ))))
        })
        .await
    }

    /// Returns an error if a docker-archive cannot store a manifest. The manifest must be a single
    /// image, and its layers must be tars, uncompressed or with gzip. Call this before you send the
    /// layers.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`](portolan_registry::Kind::Unsupported). The message suggests an
    /// alternative.
    pub fn check_manifest(manifest: &Manifest) -> Result<()> {
        check_manifest(manifest)
    }

    /// Writes the archive, as [`OciArchiveWriter::finish`] does.
    ///
    /// # Errors
    /// Returns the errors of [`OciArchiveWriter::finish`].
    pub async fn finish(&self) -> Result<()> {
        let layout = Arc::clone(self.source().layout());
        run_blocking(move || layout.storage().finish()).await
    }
}

impl<S: Storage> Layouts<SingleLayout<S>> {
    /// Returns all names with their manifests, in the order of the index: tags, full references,
    /// and any other text.
    ///
    /// # Errors
    /// Returns an error if the index is unreadable.
    pub async fn names(&self) -> Result<Vec<ManifestName>> {
        let layout = Arc::clone(self.source().layout());
        run_blocking(move || layout.names()).await
    }

    /// Returns the manifest with `name`. The name may be a [`ManifestName::name`], another spelling
    /// of the same reference, a tag, or a digest.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`](portolan_registry::Kind::ManifestUnknown) with the
    /// existing names if there is no such manifest, and
    /// [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) if several manifests have the
    /// name.
    pub async fn resolve(&self, name: &str) -> Result<Descriptor> {
        let (layout, name) = (Arc::clone(self.source().layout()), name.to_owned());
        run_blocking(move || layout.resolve(&name)).await
    }

    /// Returns the manifest to use when no name is given: the only manifest that is neither a child
    /// of an index nor a referrer.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestUnknown`](portolan_registry::Kind::ManifestUnknown) if there is no
    /// such manifest, and [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) with the
    /// choices if there are several.
    pub async fn only_manifest(&self) -> Result<Descriptor> {
        let layout = Arc::clone(self.source().layout());
        run_blocking(move || layout.only_manifest()).await
    }
}
