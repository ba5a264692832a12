//! Folders and archives that a run has opened, including archives that it writes to.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use portolan_layout::{
    DockerArchive, DockerArchiveWriter, LayoutRegistry, OciArchive, OciArchiveWriter, Spool,
    layout_repository,
};
use portolan_model::{Descriptor, ImageReference, RepositoryName, Tag};
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::{
    Context, Error, Kind, LocalRegistry, Policy, Registry, Repository, Result,
};
use tokio::sync::Mutex;

use super::streams::{self, NamedStream};
use super::{ImageSource, ImageTarget};
use crate::failure::{Failure, Outcome, Status};
use crate::image_ref::{LocalFormat, LocalLocation, LocalReference, lowercase_name};
use crate::remotes::Purpose;
use crate::usage::ValueError;

/// Folders and archives that a run has opened. Each of them is opened at most once for reading and
/// once for writing.
pub(super) struct OpenImages {
    /// Policy for writes to folders and archives.
    policy: Policy,
    /// True if changes of folders are written by [`OpenImages::save`].
    gathers_changes: bool,
    /// Open folders and archives, by absolute path and whether they are open for writing.
    opened: Mutex<HashMap<(PathBuf, bool), OpenImage>>,
    /// Failures of archives that could not be moved to their final path.
    failures: Mutex<HashMap<PathBuf, Failure>>,
}

/// Folder or archive, open for reading or for writing.
#[derive(Clone)]
struct OpenImage {
    file: ImageFile,
    /// Registry with the policy of the run. It is created once for each file, because a copy
    /// compares the `Arc`s to find out whether two repositories are in the same registry.
    registry: Arc<dyn Registry>,
}

/// Open folder or archive. A draft is an archive that is being written, and that is not at its
/// final path yet.
#[derive(Clone)]
enum ImageFile {
    Folder(Arc<LayoutRegistry>),
    OciArchive(Arc<OciArchive>),
    DockerArchive(Arc<DockerArchive>),
    OciDraft(Arc<OciArchiveWriter>),
    /// Docker archive. All images in it must have the same host and repository name. The second
    /// value is this name, or `None` if the images have no name.
    DockerDraft(Arc<DockerArchiveWriter>, Option<(Box<str>, RepositoryName)>),
}

impl OpenImages {
    /// Creates an empty set. Folders and archives accept every manifest that another registry has
    /// accepted. The content that a manifest references must be present.
    pub(super) fn new() -> Self {
        Self {
            policy: Policy::for_copies(false),
            gathers_changes: false,
            opened: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Creates an empty set for copies, whose folders must be saved. If `sparse` is true, the
    /// content that a manifest references may be missing.
    pub(super) fn for_copies(sparse: bool) -> Self {
        Self {
            policy: Policy::for_copies(sparse),
            gathers_changes: true,
            ..Self::new()
        }
    }

    /// Opens an image for reading or in-place modification.
    pub(super) async fn source(
        &self,
        local: &LocalLocation,
        purpose: Purpose,
    ) -> Outcome<ImageSource> {
        check_exists(local)?;
        // Another copy of the run may have written the image that this copy reads.
        self.save(local).await?;
        let opened = self.open(local, purpose == Purpose::Write).await?;
        let reference = match &local.reference {
            Some(LocalReference::Digest(digest)) => digest.clone().into(),
            Some(LocalReference::Name(name)) => match name.parse::<Tag>() {
                // A modification applies to the tag and not to the manifest that the tag points to,
                // so do not resolve the tag to a digest.
                Ok(tag) if purpose == Purpose::Write => tag.into(),
                _ => opened
                    .file
                    .resolve(name)
                    .await
                    .map_err(without_name)
                    .map_err(to_usage_failure)?
                    .digest
                    .into(),
            },
            None => opened
                .file
                .only_manifest()
                .await
                .map_err(to_usage_failure)?
                .digest
                .into(),
        };
        Ok(ImageSource {
            repository: repository(local, opened.registry),
            reference,
        })
    }

    /// Opens a destination for writing.
    pub(super) async fn target(&self, local: &LocalLocation) -> Outcome<ImageTarget> {
        let registry = self.open(local, true).await?.registry;
        image_target(local, registry)
    }

    /// Returns the destination that [`OpenImages::target`] would open, without creating anything.
    pub(super) async fn planned_target(&self, local: &LocalLocation) -> Outcome<ImageTarget> {
        if streams::is_output(local) {
            return image_target(local, Arc::new(MemoryRegistry::new()));
        }
        match self.open(local, false).await {
            Ok(opened) => image_target(local, opened.registry),
            Err(_) if is_absent_or_empty(&local.path) => {
                image_target(local, Arc::new(MemoryRegistry::new()))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Opens a folder or archive without an image reference.
    pub(super) async fn repository(
        &self,
        local: &LocalLocation,
        purpose: Purpose,
    ) -> Outcome<Repository> {
        check_exists(local)?;
        Ok(repository(
            local,
            self.open(local, purpose == Purpose::Write).await?.registry,
        ))
    }

    /// Lists the names of the images in order, without duplicates. A name can follow the path in a
    /// location.
    pub(super) async fn names(&self, local: &LocalLocation) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        check_exists(local)?;
        for name in self.open(local, false).await?.file.names().await? {
            if !names.contains(&name.name) {
                names.push(name.name);
            }
        }
        Ok(names)
    }

    /// Moves a written archive to its final path, if that has not been done yet. Several images may
    /// be in the same archive, so a failure is stored and returned again for each of these images.
    pub(super) async fn finish(&self, local: &LocalLocation) -> Outcome {
        let path = absolute_path(local)?;
        // This lock is held until the end, so that concurrent callers wait for the result of the
        // first caller.
        let mut broken = self.failures.lock().await;
        if let Some(failure) = broken.get(&path) {
            return Err(failure.duplicate());
        }
        let draft = self.opened.lock().await.remove(&(path.clone(), true));
        let finished = match draft.map(|draft| draft.file) {
            Some(ImageFile::OciDraft(draft)) => draft.finish().await,
            Some(ImageFile::DockerDraft(draft, _)) => draft.finish().await,
            Some(ImageFile::Folder(_) | ImageFile::OciArchive(_) | ImageFile::DockerArchive(_))
            | None => Ok(()),
        };
        finished.map_err(|error| {
            let failure = Failure::from(error);
            broken.insert(path, failure.duplicate());
            failure
        })
    }

    /// Writes the index of a folder, if it is open for writing and lacks images. Does nothing for
    /// archives.
    pub(super) async fn save(&self, local: &LocalLocation) -> Outcome {
        let key = (absolute_path(local)?, true);
        let opened = self.opened.lock().await.get(&key).cloned();
        if let Some(ImageFile::Folder(folder)) = opened.map(|opened| opened.file) {
            folder.save().await?;
        }
        Ok(())
    }

    async fn open(&self, local: &LocalLocation, write: bool) -> Outcome<OpenImage> {
        let key = (absolute_path(local)?, write);
        // Hold this lock while the file is opened, because a folder can be locked for writing only
        // once.
        let mut opened = self.opened.lock().await;
        if let Some(existing) = opened.get(&key) {
            existing.file.check_reuse(local)?;
            return Ok(existing.clone());
        }
        let file = if write {
            ImageFile::open_for_writing(local, self.gathers_changes).await
        } else {
            ImageFile::open_for_reading(local).await
        };
        let file = file.map_err(|failure| name_path(local, failure))?;
        let registry = file.local_registry().handle(Arc::new(self.policy.clone()));
        let new = OpenImage { file, registry };
        opened.insert(key, new.clone());
        Ok(new)
    }
}

/// Returns the absolute path, so that a relative and an absolute path share one entry.
fn absolute_path(local: &LocalLocation) -> Outcome<PathBuf> {
    if local.is_standard_output() {
        return Ok("-".into());
    }
    Ok(std::path::absolute(&local.path)
        .with_context(|| format!("failed to resolve the path {}", local.path.display()))?)
}

/// Returns a failure if there is no folder or archive at the path.
fn check_exists(local: &LocalLocation) -> Outcome {
    match local.format {
        _ if local.path.exists() || local.is_standard_output() => Ok(()),
        LocalFormat::Oci => Err(Failure::missing_folder(&local.path)),
        LocalFormat::OciArchive | LocalFormat::DockerArchive => {
            Err(Failure::missing_file(&local.path))
        }
    }
}

/// Marks a failure as complete if its message contains the path.
fn name_path(local: &LocalLocation, failure: Failure) -> Failure {
    Failure {
        is_complete: failure
            .message()
            .contains(&*local.path.display().to_string()),
        ..failure
    }
}

/// Returns whether a folder or archive can be created at a path.
fn is_absent_or_empty(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// Replaces the message about an unknown name, which the context of the failure contains.
fn without_name(error: Error) -> Error {
    if *error.kind() != Kind::ManifestUnknown || error.detail()["name"].is_null() {
        return error;
    }
    let unnamed = Error::new(Kind::ManifestUnknown, "no image has this name");
    let help = error.help().unwrap_or_default().to_owned();
    unnamed.with_detail(error.detail()).with_help(help)
}

/// Reports an ambiguous or unusable reference as a usage error.
fn to_usage_failure(error: Error) -> Failure {
    if *error.kind() == Kind::Unsupported {
        Failure::usage(error)
    } else {
        error.into()
    }
}

fn repository(local: &LocalLocation, registry: Arc<dyn Registry>) -> Repository {
    Repository::new(registry, Context::anonymous(), layout_repository()).with_display_name(format!(
        "{}:{}",
        local.format,
        local.path.display()
    ))
}

fn image_target(local: &LocalLocation, registry: Arc<dyn Registry>) -> Outcome<ImageTarget> {
    let repository = repository(local, registry);
    let (tag, digest) = match &local.reference {
        Some(LocalReference::Digest(digest)) => (None, Some(digest.clone())),
        Some(LocalReference::Name(name)) => (Some(parse_tag(local.format, name)?), None),
        None => (None, None),
    };
    Ok(ImageTarget {
        repository,
        tag,
        digest,
    })
}

/// Parses the tag from the name after the path in a location. For a Docker archive, the name is a
/// full image name. For a layout, it is only the tag.
fn parse_tag(format: LocalFormat, name: &str) -> Outcome<Tag> {
    if format == LocalFormat::DockerArchive {
        let tag = parse_image_name(name)?.tag;
        return tag.map_or_else(super::latest_tag, Ok);
    }
    name.parse()
        .map_err(|error| Failure::usage(anyhow!("\"{name}\" is not a valid name: {error}")))
}

fn parse_image_name(name: &str) -> Outcome<ImageReference> {
    let parsed = name.parse::<ImageReference>();
    parsed.map_err(|error| match lowercase_name(name) {
        Some((upper, lower)) => ValueError::new(
            format!("the repository name \"{upper}\" contains upper-case letters"),
            format!("use the name `{lower}`"),
        )
        .into(),
        None => Failure::usage(anyhow!("\"{name}\" is not a valid image name: {error}"))
            .with_hint("write a name such as team/app:v1"),
    })
}

impl ImageFile {
    async fn open_for_reading(local: &LocalLocation) -> Outcome<Self> {
        let path = local.path.clone();
        if local.format.is_archive()
            && let Some(input) = streams::input(local)?
        {
            return Self::open_stream(local.format, input).await;
        }
        Ok(match local.format {
            LocalFormat::Oci => Self::Folder(Arc::new(LayoutRegistry::open(path).await?)),
            LocalFormat::OciArchive => Self::OciArchive(Arc::new(OciArchive::open(path).await?)),
            LocalFormat::DockerArchive => {
                Self::DockerArchive(Arc::new(DockerArchive::open(path).await?))
            }
        })
    }

    async fn open_stream(
        format: LocalFormat,
        input: NamedStream<Box<dyn Read + Send>>,
    ) -> Outcome<Self> {
        let NamedStream { name, stream } = input;
        let spool = Spool::default();
        Ok(if format == LocalFormat::DockerArchive {
            let archive = DockerArchive::open_stream(name, stream, spool).await?;
            Self::DockerArchive(Arc::new(archive))
        } else {
            let archive = OciArchive::open_stream(name, stream, spool).await?;
            Self::OciArchive(Arc::new(archive))
        })
    }

    async fn create_stream(
        local: &LocalLocation,
        output: NamedStream<Box<dyn Write + Send>>,
    ) -> Outcome<Self> {
        let NamedStream { name, stream } = output;
        let spool = Spool::default();
        if local.format != LocalFormat::DockerArchive {
            let draft = OciArchiveWriter::create_stream(name, stream, spool).await?;
            return Ok(Self::OciDraft(Arc::new(draft)));
        }
        let image = docker_name(local)?;
        let draft = DockerArchiveWriter::create_stream(name, stream, spool, image.as_ref()).await?;
        Ok(Self::DockerDraft(
            Arc::new(draft),
            image.map(|image| (image.host, image.repository)),
        ))
    }

    async fn open_for_writing(local: &LocalLocation, gathers_changes: bool) -> Outcome<Self> {
        let path = local.path.clone();
        if let Some(output) = streams::output(local)? {
            return Self::create_stream(local, output).await;
        }
        match local.format {
            LocalFormat::Oci => match open_folder(path, gathers_changes).await {
                Ok(folder) => Ok(Self::Folder(Arc::new(folder))),
                // For a folder, `Denied` means that another process has locked it. The status
                // `Status::Denied` would be misleading, because it means that a registry denied
                // access.
                Err(error) if *error.kind() == Kind::Denied => {
                    Err(Failure::new(Status::Failed, error))
                }
                Err(error) => Err(error.into()),
            },
            LocalFormat::OciArchive => Ok(Self::OciDraft(Arc::new(
                OciArchiveWriter::create(path).await?,
            ))),
            LocalFormat::DockerArchive => {
                let name = docker_name(local)?;
                let draft = DockerArchiveWriter::create(path, name.as_ref()).await?;
                Ok(Self::DockerDraft(
                    Arc::new(draft),
                    name.map(|name| (name.host, name.repository)),
                ))
            }
        }
    }

    /// Returns a failure if the image at `local` cannot be written to the archive, because an
    /// earlier image of the run has another repository name.
    fn check_reuse(&self, local: &LocalLocation) -> Outcome {
        if let Self::DockerDraft(_, first) = self
            && *first != docker_name(local)?.map(|name| (name.host, name.repository))
        {
            let message = "a docker-archive accepts images of one repository per run";
            return Err(
                Failure::usage(anyhow!(message)).with_hint("copy the others in a separate run")
            );
        }
        Ok(())
    }

    fn local_registry(&self) -> &dyn LocalRegistry {
        match self {
            Self::Folder(folder) => &**folder,
            Self::OciArchive(archive) => &**archive,
            Self::DockerArchive(archive) => &**archive,
            Self::OciDraft(draft) => &**draft,
            Self::DockerDraft(draft, _) => &**draft,
        }
    }

    async fn names(&self) -> Result<Vec<portolan_layout::ManifestName>> {
        match self {
            Self::Folder(folder) => folder.names().await,
            Self::OciArchive(archive) => archive.names().await,
            Self::DockerArchive(archive) => archive.names().await,
            Self::OciDraft(draft) => draft.names().await,
            Self::DockerDraft(draft, _) => draft.names().await,
        }
    }

    async fn resolve(&self, name: &str) -> Result<Descriptor> {
        match self {
            Self::Folder(folder) => folder.resolve(name).await,
            Self::OciArchive(archive) => archive.resolve(name).await,
            Self::DockerArchive(archive) => archive.resolve(name).await,
            Self::OciDraft(draft) => draft.resolve(name).await,
            Self::DockerDraft(draft, _) => draft.resolve(name).await,
        }
    }

    async fn only_manifest(&self) -> Result<Descriptor> {
        match self {
            Self::Folder(folder) => folder.only_manifest().await,
            Self::OciArchive(archive) => archive.only_manifest().await,
            Self::DockerArchive(archive) => archive.only_manifest().await,
            Self::OciDraft(draft) => draft.only_manifest().await,
            Self::DockerDraft(draft, _) => draft.only_manifest().await,
        }
    }
}

async fn open_folder(path: PathBuf, gathers_changes: bool) -> Result<LayoutRegistry> {
    if gathers_changes {
        LayoutRegistry::open_for_copies(path).await
    } else {
        LayoutRegistry::open_for_writing(path).await
    }
}

/// Returns the name of an image in a Docker archive, or `None` if `local` contains no name.
fn docker_name(local: &LocalLocation) -> Outcome<Option<ImageReference>> {
    match &local.reference {
        Some(LocalReference::Name(name)) => parse_image_name(name).map(Some),
        Some(LocalReference::Digest(_)) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_archive_fails_for_every_image_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        let local = |name: &str| LocalLocation {
            format: LocalFormat::OciArchive,
            path: path.clone(),
            reference: Some(LocalReference::Name(name.into())),
        };
        let disk = OpenImages::new();
        disk.target(&local("v1")).await.unwrap();
        disk.target(&local("v2")).await.unwrap();
        fs::write(&path, "unrelated").unwrap();
        for name in ["v1", "v2"] {
            let failure = disk.finish(&local(name)).await.unwrap_err();
            assert_eq!(failure.status, Status::Precondition, "{failure}");
        }
    }
}
