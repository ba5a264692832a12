//! `portolan blob`: single blobs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use portolan_model::Reference;
use portolan_registry::Body;
use tokio::io::AsyncWriteExt;

use super::options::Options;
use crate::failure::{Failure, Outcome};
use crate::location::Location;
use crate::output::Data;
use crate::places::Source;

/// Get single blobs.
#[derive(Subcommand)]
pub(crate) enum Command {
    Get(Get),
}

/// Write a blob to a file or to standard output.
///
/// The file appears under its name when all of the content has come, and is right.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan blob get 127.0.0.1:5000/app@sha256:… --output layer.tar.gz
  portolan blob get oci:images@sha256:… | tar -tz")]
pub(crate) struct Get {
    /// The blob.
    #[arg(value_name = "REPOSITORY@DIGEST")]
    blob: Location,
    /// Write to this file.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(command: &Command) -> Outcome {
    let Command::Get(arguments) = command;
    let location = &arguments.blob;
    if !location.has_digest() {
        let message = format!("a blob is named by its digest: {}@DIGEST", location.place());
        return Err(Failure::usage(anyhow::Error::msg(message)));
    }
    let Source { place, reference } = arguments.options.places()?.source(location).await?;
    let Reference::Digest(digest) = &reference else {
        return Err(Failure::usage(anyhow::anyhow!(
            "{location} names no digest"
        )));
    };
    let read = place
        .registry
        .get_blob(&place.context, &place.repository, digest, None)
        .await;
    let body = read.map_err(|error| location.failed(error))?.body;
    match &arguments.output {
        Some(path) => to_file(body, path)
            .await
            .map_err(|error| location.failed(error)),
        None => to_output(body, location).await,
    }
}

async fn to_output(mut body: Body, location: &Location) -> Outcome {
    let mut data = Data::new();
    while let Some(piece) = body.next().await {
        data.bytes(&piece.map_err(|error| location.failed(error))?)?;
    }
    data.flush()
}

/// Nothing stands under the file's name until the content is complete.
async fn to_file(mut body: Body, path: &Path) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let about = || format!("writing {}", path.display());
    let mut options = tempfile::Builder::new();
    // As usual for a file that is made for everybody: less whatever the umask takes.
    let options = options
        .permissions(Permissions::from_mode(0o666))
        .prefix(".portolan-");
    let (file, temporary) = options
        .tempfile_in(folder)
        .with_context(about)?
        .into_parts();
    let mut file = tokio::fs::File::from_std(file);
    while let Some(piece) = body.next().await {
        file.write_all(&piece?).await.with_context(about)?;
    }
    file.sync_all().await.with_context(about)?;
    temporary.persist(path).with_context(about)
}
