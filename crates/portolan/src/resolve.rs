//! Resolution of locations to repositories. All locations on the same host, or in the same folder
//! or archive, share one registry object for the run of a command.

mod disk;
mod streams;

use std::sync::Arc;

use portolan_model::{Digest, Reference, Tag};
use portolan_registry::{Context, Repository};

use crate::failure::{Failure, Outcome};
use crate::image_ref::{LocalLocation, Location, RemoteImage};
use crate::output::Console;
use crate::remotes::{Environment, Purpose, RemoteOptions, Remotes};

use disk::OpenImages;

/// Resolver of locations. Keeps the registries that a run of a command uses, so that each is opened
/// once.
pub(crate) struct Resolver {
    remotes: Remotes,
    disk: OpenImages,
    console: Arc<Console>,
}

/// Image to read, in an open repository.
#[derive(Clone)]
pub(crate) struct ImageSource {
    pub(crate) repository: Repository,
    pub(crate) reference: Reference,
}

/// Destination of an image, in an open repository.
#[derive(Clone)]
pub(crate) struct ImageTarget {
    pub(crate) repository: Repository,
    /// Tag to set, if the location contains one or has a default.
    pub(crate) tag: Option<Tag>,
    /// Digest that the written manifest must have, if the location contains one.
    pub(crate) digest: Option<Digest>,
}

impl Resolver {
    /// Creates a resolver. Reads `registries.conf` and the additional CA certificates.
    pub(crate) fn new(options: RemoteOptions, console: Arc<Console>) -> Outcome<Self> {
        let remotes = Remotes::new(Environment::from_process(), options, Arc::clone(&console))?;
        Ok(Self {
            remotes,
            disk: OpenImages::new(),
            console,
        })
    }

    /// Prepares for copies of several images. Folders accept manifests whose content is missing if
    /// `sparse` is true, and archives too. The index of a folder is written by [`Resolver::save`].
    pub(crate) fn for_copies(self, sparse: bool) -> Self {
        Self {
            disk: OpenImages::for_copies(sparse),
            ..self
        }
    }

    /// Returns the console for messages.
    pub(crate) fn console(&self) -> &Arc<Console> {
        &self.console
    }

    /// Returns the registry hosts, for operations that do not concern an image.
    pub(crate) fn remotes(&self) -> &Remotes {
        &self.remotes
    }

    /// Opens an image for reading. If `location` has no tag, name or digest, opens the tag `latest`
    /// in a registry, or the only image in a folder or archive.
    pub(crate) async fn source(&self, location: &Location) -> Outcome<ImageSource> {
        match location {
            Location::Registry(image) => self.image_source(location, image, Purpose::Read).await,
            Location::Local(local) => self.disk.source(local, Purpose::Read).await,
        }
        .map_err(|failure| location.annotate("open", failure))
    }

    /// Opens an image for in-place modification. Never reads from a mirror, because a mirror may be
    /// outdated.
    pub(crate) async fn editable_source(&self, location: &Location) -> Outcome<ImageSource> {
        match location {
            Location::Registry(image) => self.image_source(location, image, Purpose::Write).await,
            Location::Local(local) => self.disk.source(local, Purpose::Write).await,
        }
        .map_err(|failure| location.annotate("open", failure))
    }

    /// Opens a destination for writing.
    pub(crate) async fn target(&self, location: &Location) -> Outcome<ImageTarget> {
        match location {
            Location::Registry(image) => self.image_target(location, image).await,
            Location::Local(local) => self.disk.target(local).await,
        }
        .map_err(|failure| location.annotate("open", failure))
    }

    /// Returns the destination that [`Resolver::target`] would open, without creating anything.
    pub(crate) async fn planned_target(&self, location: &Location) -> Outcome<ImageTarget> {
        match location {
            Location::Registry(image) => self.image_target(location, image).await,
            Location::Local(local) => self.disk.planned_target(local).await,
        }
        .map_err(|failure| location.annotate("open", failure))
    }

    /// Opens the tag of an index to create or modify.
    ///
    /// # Errors
    /// Returns a usage error if `location` has no tag, or if it has a digest.
    pub(crate) async fn tag(&self, location: &Location) -> Outcome<(Repository, Tag)> {
        if let ImageTarget {
            repository,
            tag: Some(tag),
            digest: None,
        } = self.target(location).await?
        {
            return Ok((repository, tag));
        }
        let message = format!("{location} has no tag, which an index needs");
        let help = format!("write `{}:TAG`", location.base());
        Err(Failure::usage(anyhow::Error::msg(message)).with_hint(help))
    }

    /// Opens a repository, for a location without tag, name and digest.
    ///
    /// # Errors
    /// Returns a usage error if `location` refers to one image.
    pub(crate) async fn repository(
        &self,
        location: &Location,
        purpose: Purpose,
    ) -> Outcome<Repository> {
        if location.has_reference() {
            let message = format!("{location} is an image, not a repository");
            let help = format!("use `{}`", location.base());
            return Err(Failure::usage(anyhow::Error::msg(message)).with_hint(help));
        }
        self.open_location(location, purpose).await
    }

    /// Lists the names of the images in a folder or archive. `local` is the content of `location`.
    pub(crate) async fn names(
        &self,
        location: &Location,
        local: &LocalLocation,
    ) -> Outcome<Vec<String>> {
        self.disk
            .names(local)
            .await
            .map_err(|failure| location.annotate("list the tags of", failure))
    }

    /// Opens the repository of a location.
    async fn open_location(&self, location: &Location, purpose: Purpose) -> Outcome<Repository> {
        match location {
            Location::Registry(image) => self.open_registry(location, image, purpose).await,
            Location::Local(local) => self.disk.repository(local, purpose).await,
        }
        .map_err(|failure| location.annotate("open", failure))
    }

    /// Moves a written archive at `location` to its final path. Does nothing for other locations.
    pub(crate) async fn finish(&self, location: &Location) -> Outcome {
        match location {
            Location::Registry(_) => Ok(()),
            Location::Local(local) => self
                .disk
                .finish(local)
                .await
                .map_err(|failure| location.annotate("write", failure)),
        }
    }

    /// Writes the index of a folder that is open for copies, if it lacks images. Does nothing for
    /// other locations.
    pub(crate) async fn save(&self, location: &Location) -> Outcome {
        match location {
            Location::Registry(_) => Ok(()),
            Location::Local(local) => self
                .disk
                .save(local)
                .await
                .map_err(|failure| location.annotate("write", failure)),
        }
    }

    async fn image_source(
        &self,
        location: &Location,
        image: &RemoteImage,
        purpose: Purpose,
    ) -> Outcome<ImageSource> {
        let repository = self.open_registry(location, image, purpose).await?;
        let reference = match (&image.reference.digest, &image.reference.tag) {
            (Some(digest), _) => digest.clone().into(),
            (None, Some(tag)) => tag.clone().into(),
            (None, None) => latest_tag()?.into(),
        };
        Ok(ImageSource {
            repository,
            reference,
        })
    }

    async fn image_target(&self, location: &Location, image: &RemoteImage) -> Outcome<ImageTarget> {
        let repository = self.open_registry(location, image, Purpose::Write).await?;
        let tag = match (&image.reference.tag, &image.reference.digest) {
            (None, None) => Some(latest_tag()?),
            (tag, _) => tag.clone(),
        };
        Ok(ImageTarget {
            repository,
            tag,
            digest: image.reference.digest.clone(),
        })
    }

    async fn open_registry(
        &self,
        location: &Location,
        image: &RemoteImage,
        purpose: Purpose,
    ) -> Outcome<Repository> {
        let (registry, name) = self.remotes.open(image, purpose).await?;
        let repository = Repository::new(registry, Context::anonymous(), name);
        Ok(repository.with_display_name(location.base()))
    }
}

/// Returns `latest`, the default tag.
fn latest_tag() -> Outcome<Tag> {
    Ok("latest".parse::<Tag>().map_err(anyhow::Error::new)?)
}
