//! `portolan tags`: lists, sets and deletes the tags of a repository.

use bytes::Bytes;
use clap::{Args, Subcommand};
use portolan_model::{Digest, Reference, Tag};
use portolan_registry::{
    Error, Kind, PageRequest, PutManifest, Repository, StoredManifest, TagUpdate,
};
use serde::Serialize;

use super::options::CommonOptions;
use super::values::parse_tag;
use crate::failure::{Failure, Outcome};
use crate::image_ref::Location;
use crate::manifest_io;
use crate::output::{self, DataWriter};
use crate::remotes::Purpose;
use crate::resolve::{ImageSource, Resolver};

/// Number of tags to request per page.
const PAGE: usize = 1000;

/// List, set and delete tags.
#[derive(Subcommand)]
pub(crate) enum Command {
    List(List),
    Set(Set),
    Delete(Delete),
}

/// List the tags of a repository
///
/// For a folder or archive, the names of its images are listed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan tags list docker.io/library/alpine
  portolan tags list oci:images --json")]
pub(crate) struct List {
    /// Repository, without a tag.
    #[arg(value_name = "REPOSITORY")]
    repository: Location,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

/// Add tags to an image.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan tags set 127.0.0.1:5000/alpine:3.20.1 3.20 3 latest")]
pub(crate) struct Set {
    /// Image to tag.
    #[arg(value_name = "REF")]
    reference: Location,
    /// Tags to set, in the same repository.
    #[arg(value_name = "TAG", value_parser = parse_tag, required = true)]
    tags: Vec<Tag>,
    #[command(flatten)]
    options: CommonOptions,
}

/// Delete tags but keep the manifests
///
/// If a tag cannot be deleted, the others are deleted nevertheless.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan tags delete 127.0.0.1:5000/alpine:3.20 127.0.0.1:5000/alpine:3")]
pub(crate) struct Delete {
    /// Tags to delete, each with its repository.
    #[arg(value_name = "REF", required = true)]
    references: Vec<Location>,
    #[command(flatten)]
    options: CommonOptions,
}

/// Tags of a repository, printed as JSON.
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
    let resolver = arguments.options.resolver()?;
    let repository = resolver.repository(location, Purpose::Read).await?;
    let mut printed = TagOutput {
        data: DataWriter::new(),
        json: arguments.json,
        tags: Vec::new(),
    };
    match location {
        Location::Registry(_) => printed
            .read_pages(&repository)
            .await
            .map_err(|failure| location.annotate("list the tags of", failure))?,
        Location::Local(local) => printed.push(resolver.names(location, local).await?)?,
    }
    let TagOutput { tags, .. } = printed;
    if arguments.json {
        output::json(&Tags {
            repository: location.base(),
            tags,
        })
    } else {
        Ok(())
    }
}

/// Output of `tags list`: prints tags as they arrive, or collects them for the JSON document.
struct TagOutput {
    data: DataWriter,
    json: bool,
    tags: Vec<String>,
}

impl TagOutput {
    /// Reads and outputs all pages of tags.
    async fn read_pages(&mut self, repository: &Repository) -> Outcome {
        let mut request = PageRequest::first(PAGE);
        loop {
            let page = repository.tags_page(&request).await;
            let page = page.map_err(|error| match error.kind() {
                // The text of the response depends on the registry.
                Kind::RepositoryUnknown => Error::repository_unknown(&repository.name),
                _ => error,
            })?;
            self.push(page.items.iter().map(ToString::to_string).collect())?;
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Prints tags, or collects them if the output is JSON.
    fn push(&mut self, tags: Vec<String>) -> Outcome {
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
    let resolver = arguments.options.resolver()?;
    let ImageSource {
        repository,
        reference,
    } = resolver.editable_source(location).await?;
    let document = manifest_io::read(&repository, &reference)
        .await
        .map_err(|failure| location.with_login_hint(failure))?;
    let digest = put_tags(&repository, &document, &arguments.tags)
        .await
        .map_err(|failure| location.annotate("tag", failure))?;
    resolver.finish(location).await?;
    for tag in &arguments.tags {
        resolver.console().print(format_args!(
            "set tag {tag} of {} to {digest}",
            location.base()
        ));
    }
    Ok(())
}

/// Sets tags on a manifest, and returns the digest that they point to. If the registry normalizes
/// manifests, this is the digest of the normalized manifest.
async fn put_tags(
    repository: &Repository,
    document: &StoredManifest,
    tags: &[Tag],
) -> Outcome<Digest> {
    let options = PutManifest {
        media_type: Some(document.info.media_type.clone()),
        digest: Some(document.info.digest.clone()),
        tags: tags.iter().cloned().map(TagUpdate::unconditional).collect(),
    };
    let bytes = Bytes::clone(&document.bytes);
    let outcome = repository.put(bytes, options).await?;
    Ok(outcome.normalized.unwrap_or(outcome.digest))
}

async fn delete(arguments: &Delete) -> Outcome {
    let references = &arguments.references;
    references.iter().try_for_each(require_tag)?;
    let resolver = arguments.options.resolver()?;
    let mut failures = Vec::new();
    for location in references {
        match delete_tag(&resolver, location).await {
            Ok(()) => resolver
                .console()
                .print(format_args!("deleted {}", describe_tag(location))),
            Err(failure) => {
                if references.len() > 1 {
                    resolver.console().print_failure("", &failure);
                }
                failures.push(failure);
            }
        }
    }
    Failure::combine("deletions", references.len(), failures)
}

/// Returns the tag of a location and its repository, as in `tag v1 of quay.io/team/app`.
fn describe_tag(location: &Location) -> String {
    let (name, repository) = (location.to_string(), location.base());
    let tag = name.get(repository.len() + 1..).unwrap_or_default();
    format!("tag {tag} of {repository}")
}

/// Rejects a reference that does not name a tag.
fn require_tag(location: &Location) -> Outcome {
    if location.has_digest() {
        let message = format!("{location} has a digest, so it is not a tag");
        let help = format!("to delete the manifest, run `portolan delete {location}`");
        return Err(Failure::usage(anyhow::Error::msg(message)).with_hint(help));
    }
    if !location.has_reference() {
        let help = format!("write `{}:TAG`", location.base());
        return Err(Failure::usage(anyhow::anyhow!("{location} has no tag")).with_hint(help));
    }
    Ok(())
}

/// Returns the repository and the tag of a location.
pub(super) async fn find_tag(
    resolver: &Resolver,
    location: &Location,
) -> Outcome<(Repository, Tag)> {
    let source = resolver.editable_source(location).await?;
    match source.reference {
        Reference::Tag(tag) => Ok((source.repository, tag)),
        Reference::Digest(_) => Err(Failure::usage(anyhow::anyhow!(
            "{location} has a name that is not a tag"
        ))),
    }
}

/// Deletes one tag.
pub(super) async fn delete_tag(resolver: &Resolver, location: &Location) -> Outcome {
    let (repository, tag) = find_tag(resolver, location).await?;
    if let Err(error) = repository.delete_tag(&tag).await {
        let is_unsupported = *error.kind() == Kind::Unsupported;
        let reference = tag.into();
        let error = manifest_io::without_response(&repository, &reference, error);
        let failure = manifest_io::suggest_tags(&repository, &reference, error.into()).await;
        let failure = location.annotate("delete the tag", failure);
        return Err(if is_unsupported {
            failure.with_hint(format!(
                "to delete the manifest with the tag, run `portolan delete --manifest {location}`"
            ))
        } else {
            failure
        });
    }
    resolver.finish(location).await
}
