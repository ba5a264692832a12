//! `portolan referrers`: what refers to a manifest.

use clap::Args;
use portolan_model::{Descriptor, Digest, MediaType};
use serde::Serialize;

use super::options::Options;
use crate::documents;
use crate::failure::Outcome;
use crate::location::Location;
use crate::output::{self, Table, size};

/// List what refers to a manifest: signatures, attestations, whatever was attached.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan referrers 127.0.0.1:5000/app:v1
  portolan referrers 127.0.0.1:5000/app:v1 --artifact-type application/spdx+json --json")]
pub(crate) struct Arguments {
    /// The manifest that they refer to.
    #[arg(value_name = "REF")]
    reference: Location,
    /// Those of this type alone.
    #[arg(long, value_name = "TYPE")]
    artifact_type: Option<MediaType>,
    /// Print their descriptors as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrers {
    subject: Digest,
    referrers: Vec<Descriptor>,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let location = &arguments.reference;
    let places = arguments.options.places()?;
    let source = places.source(location).await?;
    let subject = documents::digest(&source.place, &source.reference)
        .await
        .map_err(|failure| location.advised(failure))?;
    let referrers = source
        .place
        .referrers(&subject, arguments.artifact_type.as_ref())
        .await;
    let referrers = referrers.map_err(|error| location.failed(error))?;
    if arguments.json {
        return output::json(&Referrers { subject, referrers });
    }
    if referrers.is_empty() {
        places.talk().say(format_args!(
            "nothing refers to {}@{subject}",
            source.place.name
        ));
        return Ok(());
    }
    output::text(&table(&referrers).to_string())
}

fn table(referrers: &[Descriptor]) -> Table {
    let mut table = Table::new(["ARTIFACT TYPE", "DIGEST", "SIZE", "ANNOTATIONS"]);
    for referrer in referrers {
        let annotations = referrer
            .annotations
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        table.row([
            referrer
                .artifact_type
                .as_ref()
                .map_or_else(|| "-".into(), ToString::to_string),
            referrer.digest.to_string(),
            referrer.size.map(size).unwrap_or_default(),
            annotations.collect::<Vec<_>>().join(" "),
        ]);
    }
    table
}
