//! Folders and archives: which are open, and which are still to be put into their places.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use portolan_layout::{
    DockerArchive, DockerArchiveWriter, LayoutRegistry, OciArchive, OciArchiveWriter,
    layout_repository,
};
use portolan_model::{Descriptor, ImageReference, RepositoryName, Tag};
use portolan_registry::copy::Place;
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::{Context, Error, Kind, Registry, Result};
use tokio::sync::Mutex;

use super::{Source, Target};
use crate::failure::{Failure, Outcome, Status};
use crate::hosts::Purpose;
use crate::location::{Format, Local, Name};

/// What is open on disk.
#[derive(Default)]
pub(super) struct Disk {
    opened: Mutex<HashMap<(PathBuf, bool), Opened>>,
    /// Archives that could not be put into their places.
    broken: Mutex<HashMap<PathBuf, Failure>>,
}

/// A folder or archive, opened in one way.
#[derive(Clone)]
enum Opened {
    Folder(Arc<LayoutRegistry>),
    OciArchive(Arc<OciArchive>),
    DockerArchive(Arc<DockerArchive>),
    OciDraft(Arc<OciArchiveWriter>),
    /// All images of a run have the same repository, if they have one.
    DockerDraft(Arc<DockerArchiveWriter>, Option<(Box<str>, RepositoryName)>),
}

impl Disk {
    /// What is to be read, or changed where it is.
    pub(super) async fn source(&self, local: &Local, purpose: Purpose) -> Outcome<Source> {
        if !local.path.exists() {
            return Err(Failure::not_found(format!(
                "there is no {}",
                local.path.display()
            )));
        }
        let opened = self.open(local, purpose == Purpose::Write).await?;
        let reference = match &local.name {
            Some(Name::Digest(digest)) => digest.clone().into(),
            Some(Name::Given(name)) => match name.parse::<Tag>() {
                // What is changed is the tag, and not what it points to.
                Ok(tag) if purpose == Purpose::Write => tag.into(),
                _ => opened.resolve(name).await.map_err(unclear)?.digest.into(),
            },
            None => opened.only_manifest().await.map_err(unclear)?.digest.into(),
        };
        Ok(Source {
            place: place(local, opened.registry()),
            reference,
        })
    }

    /// Where something is to be written.
    pub(super) async fn target(&self, local: &Local) -> Outcome<Target> {
        let registry = self.open(local, true).await?.registry();
        named(local, registry)
    }

    /// What [`Disk::target`] would find; nothing is made for it.
    pub(super) async fn imagined(&self, local: &Local) -> Outcome<Target> {
        match self.open(local, false).await {
            Ok(opened) => named(local, opened.registry()),
            Err(_) if is_nothing(&local.path) => named(local, Arc::new(MemoryRegistry::new())),
            Err(failure) => Err(failure),
        }
    }

    /// A folder or archive as such.
    pub(super) async fn place(&self, local: &Local, purpose: Purpose) -> Outcome<Place> {
        Ok(place(
            local,
            self.open(local, purpose == Purpose::Write)
                .await?
                .registry(),
        ))
    }

    /// What the images are called, in their order; any of it can stand behind the path.
    pub(super) async fn names(&self, local: &Local) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        for name in self.open(local, false).await?.names().await? {
            if !names.contains(&name.name) {
                names.push(name.name);
            }
        }
        Ok(names)
    }

    /// Puts an archive that was written into its place, if it is not there yet. Whoever comes after a
    /// failure is told it too.
    pub(super) async fn finish(&self, local: &Local) -> Outcome {
        let path = key(local)?;
        let mut broken = self.broken.lock().await;
        if let Some(failure) = broken.get(&path) {
            return Err(failure.again());
        }
        let draft = self.opened.lock().await.remove(&(path.clone(), true));
        let finished = match draft {
            Some(Opened::OciDraft(draft)) => draft.finish().await,
            Some(Opened::DockerDraft(draft, _)) => draft.finish().await,
            Some(Opened::Folder(_) | Opened::OciArchive(_) | Opened::DockerArchive(_)) | None => {
                Ok(())
            }
        };
        finished.map_err(|error| {
            let failure = Failure::from(error);
            broken.insert(path, failure.again());
            failure
        })
    }

    async fn open(&self, local: &Local, write: bool) -> Outcome<Opened> {
        let key = (key(local)?, write);
        let mut opened = self.opened.lock().await;
        if let Some(known) = opened.get(&key) {
            return known.also_for(local);
        }
        let new = if write {
            Opened::to_write(local).await?
        } else {
            Opened::to_read(local).await?
        };
        opened.insert(key, new.clone());
        Ok(new)
    }
}

/// The same folder is the same however it is written.
fn key(local: &Local) -> Outcome<PathBuf> {
    Ok(std::path::absolute(&local.path)
        .with_context(|| format!("finding {}", local.path.display()))?)
}

/// Whether something can be made there.
fn is_nothing(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// Whoever names too little, or the wrong thing, has to say more.
fn unclear(error: Error) -> Failure {
    if *error.kind() == Kind::Unsupported {
        Failure::usage(error)
    } else {
        error.into()
    }
}

fn place(local: &Local, registry: Arc<dyn Registry>) -> Place {
    let name = format!("{}:{}", local.format, local.path.display()).into();
    Place {
        registry,
        context: Context::anonymous(),
        repository: layout_repository(),
        name,
    }
}

fn named(local: &Local, registry: Arc<dyn Registry>) -> Outcome<Target> {
    let place = place(local, registry);
    let (tag, digest) = match &local.name {
        Some(Name::Digest(digest)) => (None, Some(digest.clone())),
        Some(Name::Given(name)) => (Some(tag(local.format, name)?), None),
        None => (None, None),
    };
    Ok(Target { place, tag, digest })
}

/// Docker's archives have whole names, layouts have tags.
fn tag(format: Format, name: &str) -> Outcome<Tag> {
    if format == Format::DockerArchive {
        let tag = whole_name(name)?.tag;
        return tag.map_or_else(super::latest, Ok);
    }
    name.parse()
        .map_err(|error| Failure::usage(anyhow!("\"{name}\" cannot be written as a name: {error}")))
}

fn whole_name(name: &str) -> Outcome<ImageReference> {
    let parsed = name.parse::<ImageReference>();
    parsed.map_err(|error| {
        Failure::usage(anyhow!(
            "\"{name}\" is no name for docker, which are like team/app:v1: {error}"
        ))
    })
}

impl Opened {
    async fn to_read(local: &Local) -> Outcome<Self> {
        let path = local.path.clone();
        Ok(match local.format {
            Format::Oci => Self::Folder(Arc::new(LayoutRegistry::open(path).await?)),
            Format::OciArchive => Self::OciArchive(Arc::new(OciArchive::open(path).await?)),
            Format::DockerArchive => {
                Self::DockerArchive(Arc::new(DockerArchive::open(path).await?))
            }
        })
    }

    async fn to_write(local: &Local) -> Outcome<Self> {
        let path = local.path.clone();
        match local.format {
            Format::Oci => match LayoutRegistry::open_for_writing(path).await {
                Ok(folder) => Ok(Self::Folder(Arc::new(folder))),
                // No registry lets us in or not: another process is at it.
                Err(error) if *error.kind() == Kind::Denied => {
                    Err(Failure::new(Status::Failed, error))
                }
                Err(error) => Err(error.into()),
            },
            Format::OciArchive => Ok(Self::OciDraft(Arc::new(
                OciArchiveWriter::create(path).await?,
            ))),
            Format::DockerArchive => {
                let name = repository(local)?;
                let draft = DockerArchiveWriter::create(path, name.as_ref()).await?;
                Ok(Self::DockerDraft(
                    Arc::new(draft),
                    name.map(|name| (name.host, name.repository)),
                ))
            }
        }
    }

    /// This, if it can be used for another image too.
    fn also_for(&self, local: &Local) -> Outcome<Self> {
        if let Self::DockerDraft(_, first) = self
            && *first != repository(local)?.map(|name| (name.host, name.repository))
        {
            let message = "a docker-archive gets images of one repository at a time; copy the others after this one";
            return Err(Failure::usage(anyhow!(message)));
        }
        Ok(self.clone())
    }

    fn registry(&self) -> Arc<dyn Registry> {
        match self {
            Self::Folder(folder) => Arc::clone(folder) as _,
            Self::OciArchive(archive) => Arc::clone(archive) as _,
            Self::DockerArchive(archive) => Arc::clone(archive) as _,
            Self::OciDraft(draft) => Arc::clone(draft) as _,
            Self::DockerDraft(draft, _) => Arc::clone(draft) as _,
        }
    }

    async fn names(&self) -> Result<Vec<portolan_layout::Name>> {
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

/// The name that docker gives an image's repository.
fn repository(local: &Local) -> Outcome<Option<ImageReference>> {
    match &local.name {
        Some(Name::Given(name)) => whole_name(name).map(Some),
        Some(Name::Digest(_)) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_archive_that_finds_no_place_is_the_failure_of_all_that_went_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        let local = |name: &str| Local {
            format: Format::OciArchive,
            path: path.clone(),
            name: Some(Name::Given(name.into())),
        };
        let disk = Disk::default();
        disk.target(&local("v1")).await.unwrap();
        disk.target(&local("v2")).await.unwrap();
        fs::write(&path, "somebody else's").unwrap();
        for name in ["v1", "v2"] {
            let failure = disk.finish(&local(name)).await.unwrap_err();
            assert_eq!(failure.status, Status::Precondition, "{failure}");
        }
    }
}
