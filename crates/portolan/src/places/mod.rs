//! From references to registries: one registry for each host, folder and archive in a run.

mod disk;

use std::sync::Arc;

use portolan_model::{Digest, ImageReference, Reference, Tag};
use portolan_registry::Context;
use portolan_registry::copy::Place;

use crate::failure::{Failure, Outcome};
use crate::hosts::{Environment, Hosts, Options, Purpose};
use crate::location::{Local, Location};
use crate::output::Talk;

use disk::Disk;

/// All places that a run touches.
pub(crate) struct Places {
    hosts: Hosts,
    disk: Disk,
    talk: Arc<Talk>,
}

/// Something to read.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) place: Place,
    pub(crate) reference: Reference,
}

/// Somewhere to write.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) place: Place,
    /// The tag that is to be set.
    pub(crate) tag: Option<Tag>,
    /// The digest that what is written must have.
    pub(crate) digest: Option<Digest>,
}

impl Places {
    /// Reads the files that say how registries are reached.
    pub(crate) fn new(options: Options, talk: Arc<Talk>) -> Outcome<Self> {
        let hosts = Hosts::new(Environment::of_process(), options, Arc::clone(&talk) as _)?;
        Ok(Self {
            hosts,
            disk: Disk::default(),
            talk,
        })
    }

    /// Where people are told what happens.
    pub(crate) fn talk(&self) -> &Arc<Talk> {
        &self.talk
    }

    /// The hosts, for what is about no image.
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Opens what is to be read. Without a tag or digest it is `latest` in a registry, and the only
    /// image on disk.
    pub(crate) async fn source(&self, location: &Location) -> Outcome<Source> {
        match location {
            Location::Registry(image) => self.image(location, image, Purpose::Read).await,
            Location::Local(local) => self.disk.source(local, Purpose::Read).await,
        }
        .map_err(|failure| location.failed(failure))
    }

    /// Opens what is to be changed where it is: it is read there too, and from no mirror.
    pub(crate) async fn edited(&self, location: &Location) -> Outcome<Source> {
        match location {
            Location::Registry(image) => self.image(location, image, Purpose::Write).await,
            Location::Local(local) => self.disk.source(local, Purpose::Write).await,
        }
        .map_err(|failure| location.failed(failure))
    }

    /// Opens where something is to be written.
    pub(crate) async fn target(&self, location: &Location) -> Outcome<Target> {
        match location {
            Location::Registry(image) => self.image_target(location, image).await,
            Location::Local(local) => self.disk.target(local).await,
        }
        .map_err(|failure| location.failed(failure))
    }

    /// What [`Places::target`] would find; nothing is made for it.
    pub(crate) async fn imagined(&self, location: &Location) -> Outcome<Target> {
        match location {
            Location::Registry(image) => self.image_target(location, image).await,
            Location::Local(local) => self.disk.imagined(local).await,
        }
        .map_err(|failure| location.failed(failure))
    }

    /// Opens the tag of an index that is to be made or changed.
    pub(crate) async fn tag(&self, location: &Location) -> Outcome<(Place, Tag)> {
        if let Target {
            place,
            tag: Some(tag),
            digest: None,
        } = self.target(location).await?
        {
            return Ok((place, tag));
        }
        let message = format!("{location} names no tag; an index is made and changed at one");
        Err(Failure::usage(anyhow::Error::msg(message)))
    }

    /// Opens a repository of which no image is named, to read or to change it.
    pub(crate) async fn repository(&self, location: &Location, purpose: Purpose) -> Outcome<Place> {
        if location.names_image() {
            let message = format!(
                "{location} names an image; name the repository alone: {}",
                location.place()
            );
            return Err(Failure::usage(anyhow::Error::msg(message)));
        }
        self.place(location, purpose).await
    }

    /// What the images on disk are called.
    pub(crate) async fn names(&self, location: &Location, local: &Local) -> Outcome<Vec<String>> {
        self.disk
            .names(local)
            .await
            .map_err(|failure| location.failed(failure))
    }

    /// Opens the repository that something is in.
    async fn place(&self, location: &Location, purpose: Purpose) -> Outcome<Place> {
        match location {
            Location::Registry(image) => self.registry(location, image, purpose).await,
            Location::Local(local) => self.disk.place(local, purpose).await,
        }
        .map_err(|failure| location.failed(failure))
    }

    /// Puts an archive that was written into its place. Whatever else it is has its place already.
    pub(crate) async fn finish(&self, location: &Location) -> Outcome {
        match location {
            Location::Registry(_) => Ok(()),
            Location::Local(local) => self
                .disk
                .finish(local)
                .await
                .map_err(|failure| location.failed(failure)),
        }
    }

    async fn image(
        &self,
        location: &Location,
        image: &ImageReference,
        purpose: Purpose,
    ) -> Outcome<Source> {
        let place = self.registry(location, image, purpose).await?;
        let reference = match (&image.digest, &image.tag) {
            (Some(digest), _) => digest.clone().into(),
            (None, Some(tag)) => tag.clone().into(),
            (None, None) => latest()?.into(),
        };
        Ok(Source { place, reference })
    }

    async fn image_target(&self, location: &Location, image: &ImageReference) -> Outcome<Target> {
        let place = self.registry(location, image, Purpose::Write).await?;
        let tag = match (&image.tag, &image.digest) {
            (None, None) => Some(latest()?),
            (tag, _) => tag.clone(),
        };
        Ok(Target {
            place,
            tag,
            digest: image.digest.clone(),
        })
    }

    async fn registry(
        &self,
        location: &Location,
        image: &ImageReference,
        purpose: Purpose,
    ) -> Outcome<Place> {
        let (registry, repository) = self.hosts.open(image, purpose).await?;
        Ok(Place {
            registry,
            context: Context::anonymous(),
            repository,
            name: location.place().into(),
        })
    }
}

/// The tag that is meant where none is named.
fn latest() -> Outcome<Tag> {
    Ok("latest".parse::<Tag>().map_err(anyhow::Error::new)?)
}
