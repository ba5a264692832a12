//! `portolan delete`: a manifest and each tag on it.

use clap::Args;
use portolan_model::Digest;
use portolan_registry::{Deletion, Kind};
use serde::Serialize;

use super::options::Options;
use crate::documents;
use crate::failure::{Failure, Outcome};
use crate::location::Location;
use crate::output;
use crate::places::Source;

/// Delete a manifest and each tag on it, and print what was deleted.
///
/// A tag alone is deleted with `portolan tags delete`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan delete 127.0.0.1:5000/app:old
  portolan delete 127.0.0.1:5000/app@sha256:… --force")]
pub(crate) struct Arguments {
    /// The manifest; a tag stands for what it points to.
    #[arg(value_name = "REF")]
    reference: Location,
    /// Delete it even if other manifests name it, which are incomplete then.
    #[arg(long)]
    force: bool,
    /// Print what was deleted as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Serialize)]
struct Report {
    reference: String,
    digest: Digest,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let location = &arguments.reference;
    if !location.names_image() {
        let message = format!(
            "{location} names no image; write {0}:TAG or {0}@DIGEST",
            location.place()
        );
        return Err(Failure::usage(anyhow::Error::msg(message)));
    }
    let places = arguments.options.places()?;
    let source = places.edited(location).await?;
    let digest = documents::digest(&source.place, &source.reference)
        .await
        .map_err(|failure| location.advised(failure))?;
    let deletion = if arguments.force {
        Deletion::Forced
    } else {
        Deletion::Guarded
    };
    let Source { place, .. } = &source;
    let deleted = place
        .registry
        .delete_manifest(&place.context, &place.repository, &digest, deletion)
        .await;
    deleted.map_err(|error| failed(location, error))?;
    places.finish(location).await?;
    if arguments.json {
        return output::json(&Report {
            reference: location.to_string(),
            digest,
        });
    }
    output::line(format_args!("{}@{digest}", place.name))
}

fn failed(location: &Location, error: portolan_registry::Error) -> Failure {
    let referenced = *error.kind() == Kind::Referenced;
    let parents = parents(&error);
    let failure = location.failed(error);
    if referenced {
        failure.with_hint(format!("{parents}--force deletes it nevertheless"))
    } else {
        failure
    }
}

/// The manifests that hold it, for the hint.
fn parents(error: &portolan_registry::Error) -> String {
    let parents = error.detail()["parents"].as_array().into_iter().flatten();
    let digests: Vec<_> = parents
        .filter_map(|parent| parent["digest"].as_str())
        .collect();
    if digests.is_empty() {
        String::new()
    } else {
        format!("it is part of {}; ", digests.join(", "))
    }
}
