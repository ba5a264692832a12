//! `portolan blob`: downloads single blobs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use portolan_model::Reference;
use portolan_registry::{Body, Error, Kind};
use tokio::io::AsyncWriteExt;

use super::options::CommonOptions;
use crate::failure::{Failure, Outcome};
use crate::image_ref::Location;
use crate::output::DataWriter;
use crate::resolve::ImageSource;

/// Download single blobs.
#[derive(Subcommand)]
pub(crate) enum Command {
    Get(Get),
}

/// Write a blob to a file or to standard output
///
/// The file appears under its name only after the content is complete and verified.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan blob get 127.0.0.1:5000/app@sha256:… --output layer.tar.gz
  portolan blob get oci:images@sha256:… | tar -tz")]
pub(crate) struct Get {
    /// Blob to download.
    #[arg(value_name = "REPOSITORY@DIGEST")]
    blob: Location,
    /// Write to this file [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    options: CommonOptions,
}

pub(crate) async fn run(command: &Command) -> Outcome {
    let Command::Get(arguments) = command;
    let location = &arguments.blob;
    if !location.has_digest() {
        let message = format!("{location} has no digest, which a blob needs");
        let help = format!("write `{}@DIGEST`", location.base());
        return Err(Failure::usage(anyhow::Error::msg(message)).with_hint(help));
    }
    if let Some(path) = &arguments.output
        && !folder_of(path).exists()
    {
        return Err(Failure::missing_folder(folder_of(path)));
    }
    let ImageSource {
        repository,
        reference,
    } = arguments.options.resolver()?.source(location).await?;
    let Reference::Digest(digest) = &reference else {
        return Err(Failure::usage(anyhow::anyhow!("{location} has no digest")));
    };
    let read = repository.get_blob(digest, None).await;
    let read = read.map_err(|error| match error.kind() {
        // The text of the response depends on the registry.
        Kind::BlobUnknown => Error::blob_unknown(&repository.name, digest),
        _ => error,
    });
    let body = read
        .map_err(|error| location.annotate("download", error))?
        .body;
    match &arguments.output {
        Some(path) => write_to_file(body, path)
            .await
            .map_err(|error| location.annotate("download", error)),
        None => write_to_stdout(body, location).await,
    }
}

/// Returns the folder that a file is written to.
fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Writes the content to standard output.
async fn write_to_stdout(mut body: Body, location: &Location) -> Outcome {
    let mut data = DataWriter::new();
    while let Some(chunk) = body.next().await {
        data.bytes(&chunk.map_err(|error| location.annotate("download", error))?)?;
    }
    data.flush()
}

/// Writes the content to a temporary file and renames it to `path` when it is complete, so that a
/// failed download leaves no partial file at `path`.
async fn write_to_file(mut body: Body, path: &Path) -> Result<()> {
    let context = || format!("failed to write {}", path.display());
    let mut options = tempfile::Builder::new();
    // By default, `tempfile` creates files with mode 0600. 0666, restricted by the umask, is the
    // mode of an ordinary new file.
    let options = options
        .permissions(Permissions::from_mode(0o666))
        .prefix(".portolan-");
    let (file, temporary) = options
        .tempfile_in(folder_of(path))
        .with_context(context)?
        .into_parts();
    let mut file = tokio::fs::File::from_std(file);
    while let Some(chunk) = body.next().await {
        file.write_all(&chunk?).await.with_context(context)?;
    }
    file.sync_all().await.with_context(context)?;
    temporary.persist(path).with_context(context)
}
