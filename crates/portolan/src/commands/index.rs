//! `portolan index`: creates and edits indexes at their tags.

mod add;
mod annotate;
mod children;
mod create;
mod edit;
mod remove;

use clap::Subcommand;
use portolan_model::{Manifest, Tag};
use portolan_registry::{EditedDocument, IndexEdit, Repository, edit_index};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::image_ref::Location;
use crate::output;
use crate::resolve::Resolver;

/// Create and edit indexes
///
/// If somebody else changes the index at the same time, the edit is repeated on
/// their version. The digest that the tag finally points to is printed.
#[derive(Subcommand)]
#[command(verbatim_doc_comment)]
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

/// Result of an edit of an index, printed as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    reference: String,
    digest: String,
    /// Digest that the tag pointed to before, if it existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    /// True if the registry updated the tag conditionally, so that no concurrent change was lost.
    guarded: bool,
}

/// Editor of the index at a tag. It also prints the result.
struct Editor<'a> {
    resolver: &'a Resolver,
    location: &'a Location,
    repository: Repository,
    tag: Tag,
    json: bool,
}

impl<'a> Editor<'a> {
    /// Opens the repository and tag of the index.
    async fn open(resolver: &'a Resolver, location: &'a Location, json: bool) -> Outcome<Self> {
        if location.is_docker_archive() {
            let message = "a docker-archive cannot store an index";
            let help = "use oci-archive:FILE:TAG or another destination";
            return Err(Failure::usage(anyhow::Error::msg(message)).with_hint(help));
        }
        let (repository, tag) = resolver.tag(location).await?;
        Ok(Self {
            resolver,
            location,
            repository,
            tag,
            json,
        })
    }

    /// Edits the index with `change`. The argument of `change` is the current index, or `None` if
    /// the tag does not exist. If another client moves the tag in the meantime, `change` is called
    /// again. Afterwards, if the index is in an archive, renames the archive to its final path.
    async fn edit(
        &self,
        change: impl Fn(Option<&Manifest>) -> portolan_registry::Result<EditedDocument>,
    ) -> Outcome<IndexEdit> {
        let edit = edit_index(&self.repository, &self.tag, change).await;
        let edit = edit.map_err(|error| {
            let help = error
                .help()
                .map(|help| help.replace("DST", &self.location.to_string()));
            let failure = self.location.annotate("edit", error);
            help.into_iter().fold(failure, Failure::with_hint)
        })?;
        self.resolver.finish(self.location).await?;
        Ok(edit)
    }

    /// Prints the result of an edit, and a warning if the tag was not updated conditionally.
    fn report(&self, edit: &IndexEdit) -> Outcome {
        let reference = self.repository.full_name(&self.tag);
        if !edit.guarded {
            self.resolver.console().print_always(format_args!(
                "warning: {reference}: the registry does not support conditional tag updates; a change made by somebody else at the same time may be lost"
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
