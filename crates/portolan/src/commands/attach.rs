//! `portolan attach`: attaches files to a manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use bytes::{Bytes, BytesMut};
use clap::Args;
use futures_util::stream;
use portolan_model::{Algorithm, Descriptor, Digest, MediaType};
use portolan_registry::{Body, Error, PutManifest, Repository};
use serde::Serialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::options::CommonOptions;
use super::values::Annotation;
use crate::failure::{Failure, Outcome};
use crate::image_ref::Location;
use crate::manifest_io;
use crate::output;
use crate::resolve::ImageSource;

/// Number of bytes of a file to read at a time.
const CHUNK_SIZE: usize = 1 << 18;

/// Annotation of a layer with the name of its file (image-spec, annotations.md).
const TITLE_ANNOTATION: &str = "org.opencontainers.image.title";

/// Attach files to a manifest as an artifact
///
/// The artifact has the manifest as its subject. Its digest is printed.
///
/// `portolan referrers` lists the artifacts of a manifest.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan attach 127.0.0.1:5000/app:v1 sbom.json --artifact-type application/spdx+json
  portolan attach oci:images:app notes.txt --artifact-type text/plain --annotation com.example.by=me")]
pub(crate) struct Arguments {
    /// Manifest to attach the files to.
    #[arg(value_name = "REF")]
    reference: Location,
    /// Files to attach.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Artifact type.
    #[arg(long, value_name = "TYPE")]
    artifact_type: MediaType,
    /// Media type of the files.
    #[arg(long, value_name = "TYPE", default_value = MediaType::OCTET_STREAM)]
    media_type: MediaType,
    /// Add an annotation to the artifact.
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<Annotation>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

/// Result of `portolan attach`, printed as JSON.
#[derive(Serialize)]
struct Report {
    reference: String,
    subject: Digest,
    digest: Digest,
}

/// Artifact manifest (image-spec, manifest.md, "Guidelines for Artifact Usage").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the specification's names")]
struct Artifact<'a> {
    schema_version: u8,
    media_type: &'static str,
    artifact_type: &'a MediaType,
    config: Descriptor,
    layers: Vec<Descriptor>,
    subject: Descriptor,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    annotations: serde_json::Map<String, serde_json::Value>,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let location = &arguments.reference;
    if let Some(file) = arguments.files.iter().find(|file| !file.exists()) {
        return Err(Failure::missing_file(file));
    }
    let resolver = arguments.options.resolver()?;
    let source = resolver.editable_source(location).await?;
    let (subject, digest) = attach(arguments, &source)
        .await
        .map_err(|failure| location.with_login_hint(failure))?;
    resolver.finish(location).await?;
    if arguments.json {
        return output::json(&Report {
            reference: location.to_string(),
            subject,
            digest,
        });
    }
    output::line(source.repository.full_name(&digest))
}

/// Pushes the files and the artifact manifest, and returns the digests of the subject and of the
/// artifact.
async fn attach(arguments: &Arguments, source: &ImageSource) -> Outcome<(Digest, Digest)> {
    let ImageSource {
        repository,
        reference,
    } = source;
    let subject = manifest_io::head(repository, reference).await?;
    let config = put_empty_config(repository).await?;
    let mut layers = Vec::new();
    for file in &arguments.files {
        let layer = put_layer(repository, file, &arguments.media_type).await;
        layers.push(layer.with_context(|| format!("failed to attach {}", file.display()))?);
    }
    let annotations = arguments
        .annotations
        .iter()
        .map(|annotation| (annotation.key.clone(), annotation.value.clone().into()));
    let artifact = Artifact {
        schema_version: 2,
        media_type: MediaType::OCI_MANIFEST,
        artifact_type: &arguments.artifact_type,
        config,
        layers,
        subject: Descriptor::new(subject.media_type, subject.digest.clone(), subject.size),
        annotations: annotations.collect(),
    };
    let bytes =
        serde_json::to_vec(&artifact).context("failed to serialize the artifact manifest")?;
    let options = PutManifest {
        media_type: Some(MediaType::OCI_MANIFEST.into()),
        ..PutManifest::default()
    };
    let outcome = repository.put(bytes.into(), options).await?;
    Ok((subject.digest, outcome.digest))
}

/// Pushes the empty config of an artifact and returns its descriptor.
async fn put_empty_config(repository: &Repository) -> Outcome<Descriptor> {
    let bytes = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&bytes);
    let size = bytes.len() as u64;
    put_blob_if_missing(repository, &digest, bytes.into()).await?;
    Ok(Descriptor::new(MediaType::OCI_EMPTY.into(), digest, size))
}

/// Pushes a file as a layer and returns its descriptor.
async fn put_layer(
    repository: &Repository,
    path: &Path,
    media_type: &MediaType,
) -> Result<Descriptor> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| anyhow!("the path has no file name"))?;
    let (digest, size) = hash_file(path).await?;
    put_blob_if_missing(
        repository,
        &digest,
        Body::with_length(size, file_stream(open_file(path).await?)),
    )
    .await?;
    let mut descriptor = Descriptor::new(media_type.clone(), digest, size);
    descriptor
        .annotations
        .insert(TITLE_ANNOTATION.into(), name.into());
    Ok(descriptor)
}

/// Pushes a blob unless the repository already has it.
async fn put_blob_if_missing(
    repository: &Repository,
    digest: &Digest,
    body: Body,
) -> portolan_registry::Result<()> {
    if repository.head_blob(digest).await.is_ok() {
        return Ok(());
    }
    repository.put_blob(digest, body).await
}

async fn open_file(path: &Path) -> Result<File> {
    File::open(path).await.context("failed to open the file")
}

/// Computes the digest and size of a file.
///
/// The file is read a second time for the upload. If it has changed in the meantime, the registry
/// rejects the blob, because its digest does not match.
async fn hash_file(path: &Path) -> Result<(Digest, u64)> {
    let mut file = open_file(path).await?;
    let mut hasher = Algorithm::Sha256
        .hasher()
        .context("sha256 is not supported")?;
    let mut size = 0;
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_SIZE);
        if file
            .read_buf(&mut chunk)
            .await
            .context("failed to read the file")?
            == 0
        {
            return Ok((hasher.finish(), size));
        }
        size += chunk.len() as u64;
        hasher.update(&chunk);
    }
}

/// Returns the content of a file as a stream of chunks.
fn file_stream(file: File) -> impl futures_util::Stream<Item = portolan_registry::Result<Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let mut chunk = BytesMut::with_capacity(CHUNK_SIZE);
        match file.read_buf(&mut chunk).await {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some((chunk.freeze(), file))),
            Err(error) => Err(Error::internal("reading a file", error)),
        }
    })
}
