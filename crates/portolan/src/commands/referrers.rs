//! `portolan referrers`: lists the referrers of a manifest.

use clap::Args;
use portolan_model::{Descriptor, Digest, MediaType};
use serde::Serialize;

use super::options::CommonOptions;
use crate::failure::Outcome;
use crate::image_ref::Location;
use crate::manifest_io;
use crate::output::{self, Table, format_size};

/// List the signatures, SBOMs and other referrers of a manifest.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan referrers 127.0.0.1:5000/app:v1
  portolan referrers 127.0.0.1:5000/app:v1 --artifact-type application/spdx+json --json")]
pub(crate) struct Arguments {
    /// Subject of the referrers.
    #[arg(value_name = "REF")]
    reference: Location,
    /// List only referrers of this artifact type [default: all].
    #[arg(long, value_name = "TYPE")]
    artifact_type: Option<MediaType>,
    /// Print the descriptors as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

/// Referrers of a manifest, printed as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrers {
    subject: Digest,
    referrers: Vec<Descriptor>,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let location = &arguments.reference;
    let resolver = arguments.options.resolver()?;
    let source = resolver.source(location).await?;
    let subject = manifest_io::resolve_digest(&source.repository, &source.reference)
        .await
        .map_err(|failure| location.with_login_hint(failure))?;
    let referrers = source
        .repository
        .referrers(&subject, arguments.artifact_type.as_ref())
        .await;
    let referrers = referrers.map_err(|error| location.annotate("list the referrers of", error))?;
    if arguments.json {
        return output::json(&Referrers { subject, referrers });
    }
    if referrers.is_empty() {
        let kind = match &arguments.artifact_type {
            Some(artifact_type) => format!(" of type {artifact_type}"),
            None => String::new(),
        };
        resolver.console().print(format_args!(
            "{} has no referrers{kind}",
            source.repository.full_name(&subject)
        ));
        return Ok(());
    }
    output::text(&(&table(&referrers)).into())
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
            referrer.size.map(format_size).unwrap_or_default(),
            annotations.collect::<Vec<_>>().join(" "),
        ]);
    }
    table
}
