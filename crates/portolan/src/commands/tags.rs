//! `portolan tags`: the tags of a repository.

use bytes::Bytes;
use clap::{Args, Subcommand};
use portolan_model::{Digest, Reference, Tag};
use portolan_registry::copy::Place;
use portolan_registry::{PageRequest, PutManifest, TagUpdate};
use serde::Serialize;

use super::options::Options;
use crate::documents::{self, Document};
use crate::failure::{Failure, Outcome};
use crate::hosts::Purpose;
use crate::location::Location;
use crate::output::{self, Data};
use crate::places::{Places, Source};

/// Items asked for at a time.
const PAGE: usize = 1000;

/// List, set and delete tags.
#[derive(Subcommand)]
pub(crate) enum Command {
    List(List),
    Set(Set),
    Delete(Delete),
}

/// List the tags of a repository, one a line; of a folder or archive, the names of its images.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan tags list docker.io/library/alpine
  portolan tags list oci:images --json")]
pub(crate) struct List {
    /// The repository, without a tag.
    #[arg(value_name = "REPOSITORY")]
    repository: Location,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

/// Point more tags at what a reference is.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan tags set 127.0.0.1:5000/alpine:3.20.1 3.20 3 latest")]
pub(crate) struct Set {
    /// What they are to point to.
    #[arg(value_name = "REF")]
    reference: Location,
    /// The tags, in the same repository.
    #[arg(value_name = "TAG", required = true)]
    tags: Vec<Tag>,
    #[command(flatten)]
    options: Options,
}

/// Delete tags; what they point to stays.
///
/// One that cannot be deleted does not keep the others.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan tags delete 127.0.0.1:5000/alpine:3.20 127.0.0.1:5000/alpine:3")]
pub(crate) struct Delete {
    /// The tags, each with its repository.
    #[arg(value_name = "REF", required = true)]
    references: Vec<Location>,
    #[command(flatten)]
    options: Options,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tags {
    repository: String,
    tags: Vec<String>,
}

pub(crate) async fn run(command: &Command) -> Outcome {
    match command {
        Command::List(arguments) => list(arguments).await,
        Command::Set(arguments) => set(arguments).await,
        Command::Delete(arguments) => delete(arguments).await,
    }
}

async fn list(arguments: &List) -> Outcome {
    let location = &arguments.repository;
    let places = arguments.options.places()?;
    let place = places.repository(location, Purpose::Read).await?;
    let mut printed = Printed {
        data: Data::new(),
        json: arguments.json,
        tags: Vec::new(),
    };
    match location {
        Location::Registry(_) => printed
            .pages(&place)
            .await
            .map_err(|failure| location.failed(failure))?,
        Location::Local(local) => printed.take(places.names(location, local).await?)?,
    }
    let Printed { tags, .. } = printed;
    if arguments.json {
        output::json(&Tags {
            repository: location.place(),
            tags,
        })
    } else {
        Ok(())
    }
}

/// Tags as they come: printed at once, or kept for the document.
struct Printed {
    data: Data,
    json: bool,
    tags: Vec<String>,
}

impl Printed {
    async fn pages(&mut self, place: &Place) -> Outcome {
        let mut request = PageRequest::first(PAGE);
        loop {
            let page = place
                .registry
                .tags(&place.context, &place.repository, &request)
                .await?;
            self.take(page.items.iter().map(ToString::to_string).collect())?;
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn take(&mut self, tags: Vec<String>) -> Outcome {
        if self.json {
            self.tags.extend(tags);
            return Ok(());
        }
        for tag in tags {
            self.data.line(tag)?;
        }
        self.data.flush()
    }
}

async fn set(arguments: &Set) -> Outcome {
    let location = &arguments.reference;
    let places = arguments.options.places()?;
    let Source { place, reference } = places.edited(location).await?;
    let document = documents::read(&place, &reference)
        .await
        .map_err(|failure| location.advised(failure))?;
    let digest = put_tags(&place, &document, &arguments.tags)
        .await
        .map_err(|failure| location.failed(failure))?;
    places.finish(location).await?;
    for tag in &arguments.tags {
        places
            .talk()
            .say(format_args!("{}:{tag} is {digest}", place.name));
    }
    Ok(())
}

/// Answers where the tags point then, which is elsewhere where the registry converts what tags are set to.
async fn put_tags(place: &Place, document: &Document, tags: &[Tag]) -> Outcome<Digest> {
    let options = PutManifest {
        media_type: Some(document.info.media_type.clone()),
        digest: Some(document.info.digest.clone()),
        tags: tags.iter().cloned().map(TagUpdate::always).collect(),
        ..PutManifest::default()
    };
    let bytes = Bytes::clone(&document.bytes);
    let outcome = place
        .registry
        .put_manifest(&place.context, &place.repository, bytes, options)
        .await?;
    Ok(outcome.normalised.unwrap_or(outcome.digest))
}

async fn delete(arguments: &Delete) -> Outcome {
    let references = &arguments.references;
    references.iter().try_for_each(names_tag)?;
    let places = arguments.options.places()?;
    let mut failures = Vec::new();
    for location in references {
        match delete_tag(&places, location).await {
            Ok(()) => places
                .talk()
                .say(format_args!("deleted the tag {location}")),
            Err(failure) => failures.push((location.to_string(), failure)),
        }
    }
    Failure::of_several("deletions", references.len(), failures)
}

fn names_tag(location: &Location) -> Outcome {
    if location.has_digest() {
        let message = format!(
            "{location} names a digest; a manifest is deleted with: portolan delete {location}"
        );
        return Err(Failure::usage(anyhow::Error::msg(message)));
    }
    if !location.names_image() {
        return Err(Failure::usage(anyhow::anyhow!(
            "{location} names no tag; write {}:TAG",
            location.place()
        )));
    }
    Ok(())
}

async fn delete_tag(places: &Places, location: &Location) -> Outcome {
    let Source { place, reference } = places.edited(location).await?;
    let Reference::Tag(tag) = &reference else {
        return Err(Failure::usage(anyhow::anyhow!(
            "{location} names an image by what is no tag"
        )));
    };
    if let Err(error) = place
        .registry
        .delete_tag(&place.context, &place.repository, tag)
        .await
    {
        let failure = documents::suggesting(&place, &reference, error.into()).await;
        return Err(location.failed(failure));
    }
    places.finish(location).await
}
