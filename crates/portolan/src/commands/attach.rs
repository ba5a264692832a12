//! `portolan attach`: files that say something about a manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use bytes::{Bytes, BytesMut};
use clap::Args;
use futures_util::stream;
use portolan_model::{Algorithm, Descriptor, Digest, MediaType};
use portolan_registry::copy::Place;
use portolan_registry::{Body, Error, PutManifest};
use serde::Serialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::options::Options;
use super::texts::Annotation;
use crate::documents;
use crate::failure::Outcome;
use crate::location::Location;
use crate::output;
use crate::places::Source;

/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 18;

/// The annotation that keeps a file's name (image-spec, annotations.md).
const TITLE: &str = "org.opencontainers.image.title";

/// Attach files to a manifest, as an artifact that refers to it.
///
/// The digest of the artifact is printed. `portolan referrers` lists what is attached.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan attach 127.0.0.1:5000/app:v1 sbom.json --artifact-type application/spdx+json
  portolan attach oci:images:app notes.txt --artifact-type text/plain --annotation com.example.by=me")]
pub(crate) struct Arguments {
    /// What they are attached to.
    #[arg(value_name = "REF")]
    reference: Location,
    /// The files.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What kind of artifact it is.
    #[arg(long, value_name = "TYPE")]
    artifact_type: MediaType,
    /// The type of the files.
    #[arg(long, value_name = "TYPE", default_value = MediaType::OCTET_STREAM)]
    media_type: MediaType,
    /// Annotate the artifact.
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<Annotation>,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Serialize)]
struct Report {
    reference: String,
    subject: Digest,
    digest: Digest,
}

/// An artifact (image-spec, manifest.md, "Guidelines for Artifact Usage").
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
    let places = arguments.options.places()?;
    let source = places.edited(location).await?;
    let (subject, digest) = attach(arguments, &source)
        .await
        .map_err(|failure| location.advised(failure))?;
    places.finish(location).await?;
    if arguments.json {
        return output::json(&Report {
            reference: location.to_string(),
            subject,
            digest,
        });
    }
    output::line(format_args!("{}@{digest}", source.place.name))
}

/// Answers the digests of what they are attached to, and of the artifact.
async fn attach(arguments: &Arguments, source: &Source) -> Outcome<(Digest, Digest)> {
    let Source { place, reference } = source;
    let subject = documents::head(place, reference).await?;
    let config = empty(place).await?;
    let mut layers = Vec::new();
    for file in &arguments.files {
        let layer = layer(place, file, &arguments.media_type).await;
        layers.push(layer.with_context(|| format!("attaching {}", file.display()))?);
    }
    let annotations = arguments
        .annotations
        .iter()
        .map(|note| (note.key.clone(), note.value.clone().into()));
    let artifact = Artifact {
        schema_version: 2,
        media_type: MediaType::OCI_MANIFEST,
        artifact_type: &arguments.artifact_type,
        config,
        layers,
        subject: Descriptor::new(subject.media_type, subject.digest.clone(), subject.size),
        annotations: annotations.collect(),
    };
    let bytes = serde_json::to_vec(&artifact).context("writing the artifact's manifest")?;
    let options = PutManifest {
        media_type: Some(MediaType::OCI_MANIFEST.into()),
        ..PutManifest::default()
    };
    let outcome = place
        .registry
        .put_manifest(&place.context, &place.repository, bytes.into(), options)
        .await?;
    Ok((subject.digest, outcome.digest))
}

/// The config of an artifact that has none.
async fn empty(place: &Place) -> Outcome<Descriptor> {
    let bytes = Bytes::from_static(b"{}");
    let digest = Digest::sha256(&bytes);
    let size = bytes.len() as u64;
    put(place, &digest, bytes.into()).await?;
    Ok(Descriptor::new(MediaType::OCI_EMPTY.into(), digest, size))
}

async fn layer(place: &Place, path: &Path, media_type: &MediaType) -> Result<Descriptor> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| anyhow!("the file has no name"))?;
    let (digest, size) = hashed(path).await?;
    put(
        place,
        &digest,
        Body::sized(size, content(open(path).await?)),
    )
    .await?;
    let mut descriptor = Descriptor::new(media_type.clone(), digest, size);
    descriptor.annotations.insert(TITLE.into(), name.into());
    Ok(descriptor)
}

async fn put(place: &Place, digest: &Digest, body: Body) -> portolan_registry::Result<()> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    if registry
        .head_blob(context, repository, digest)
        .await
        .is_ok()
    {
        return Ok(());
    }
    registry.put_blob(context, repository, digest, body).await
}

async fn open(path: &Path) -> Result<File> {
    File::open(path).await.context("opening it")
}

/// The digest and the size of a file. If it changes before it is sent, the registry refuses it.
async fn hashed(path: &Path) -> Result<(Digest, u64)> {
    let mut file = open(path).await?;
    let mut hasher = Algorithm::Sha256
        .hasher()
        .context("sha256 is computed here")?;
    let mut size = 0;
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        if file.read_buf(&mut piece).await.context("reading it")? == 0 {
            return Ok((hasher.finish(), size));
        }
        size += piece.len() as u64;
        hasher.update(&piece);
    }
}

fn content(file: File) -> impl futures_util::Stream<Item = portolan_registry::Result<Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some((piece.freeze(), file))),
            Err(error) => Err(Error::internal("reading a file", error)),
        }
    })
}
