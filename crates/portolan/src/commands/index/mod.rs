//! `portolan index`: indexes made and changed at their tags.

mod add;
mod annotate;
mod children;
mod create;
mod edit;
mod remove;

use clap::Subcommand;
use portolan_model::{Manifest, Tag};
use portolan_registry::copy::Place;
use portolan_registry::{Edited, IndexEdit, edit_index};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::location::Location;
use crate::output;
use crate::places::Places;

/// Make and change indexes.
///
/// A change counts for the index that it was made of: if somebody else changes it meanwhile, it is begun
/// again with theirs. The digest that the tag points to in the end is printed.
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Arguments),
    Add(add::Arguments),
    Remove(remove::Arguments),
    Annotate(annotate::Arguments),
}

pub(crate) async fn run(command: &Command) -> Outcome {
    match command {
        Command::Create(arguments) => create::run(arguments).await,
        Command::Add(arguments) => add::run(arguments).await,
        Command::Remove(arguments) => remove::run(arguments).await,
        Command::Annotate(arguments) => annotate::run(arguments).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    reference: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    guarded: bool,
}

/// An index at its tag, and those who want to know what becomes of it.
struct Editor<'a> {
    places: &'a Places,
    location: &'a Location,
    place: Place,
    tag: Tag,
    json: bool,
}

impl<'a> Editor<'a> {
    async fn open(places: &'a Places, location: &'a Location, json: bool) -> Outcome<Self> {
        if location.is_docker_archive() {
            let message = "a docker-archive holds images and no index; write oci-archive:FILE:TAG, or another place";
            return Err(Failure::usage(anyhow::Error::msg(message)));
        }
        let (place, tag) = places.tag(location).await?;
        Ok(Self {
            places,
            location,
            place,
            tag,
            json,
        })
    }

    /// Changes the index, and puts an archive that it is in into its place.
    async fn edit(
        &self,
        change: impl Fn(Option<&Manifest>) -> portolan_registry::Result<Edited>,
    ) -> Outcome<IndexEdit> {
        let edit = edit_index(&self.place, &self.tag, change).await;
        let edit = edit.map_err(|error| self.location.advised(error))?;
        self.places.finish(self.location).await?;
        Ok(edit)
    }

    fn report(&self, edit: &IndexEdit) -> Outcome {
        let reference = format!("{}:{}", self.place.name, self.tag);
        if !edit.guarded {
            self.places.talk().insist(format_args!(
                "{reference}: this registry cannot make sure that the tag has not moved; if somebody else changed it at the same time, look whether their change is there"
            ));
        }
        if !self.json {
            return output::line(format_args!("{reference}@{}", edit.digest));
        }
        output::json(&Report {
            reference,
            digest: edit.digest.to_string(),
            previous: edit.previous.as_ref().map(ToString::to_string),
            guarded: edit.guarded,
        })
    }
}
