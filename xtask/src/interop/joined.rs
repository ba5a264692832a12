//! Join of two builds: two indexes as BuildKit pushes them, each of an image and its attestation,
//! become one index that every client pulls.

use anyhow::{Context, Result, ensure};

use super::builder::{AMD64, ARM64, Builder, Descriptor};
use super::client::Client;
use super::document::{Document, Kind};
use super::kinds::add_attestation;
use super::media::OCI;
use super::portolan::Portolan;
use super::reference::TaggedReference;
use super::registry::RegistryConnection;

/// Name by which the user can choose the join.
pub(super) const NAME: &str = "joined-builds";

/// Runs all steps, and fails if a client does not pull the joined index.
pub(crate) fn run(clients: &[Box<dyn Client>], portolan: &Portolan, host: &str) -> Result<()> {
    println!("=== join of two builds");
    let mut registry = RegistryConnection::new(host)?;
    let mut builder = Builder::new(NAME);
    let builds = [
        add_build(&mut builder, AMD64)?,
        add_build(&mut builder, ARM64)?,
    ];
    let digests = builds
        .clone()
        .map(|build| format!("{host}/open/{NAME}@{}", build.digest()));
    let nested = builder.add_index(OCI, builds);
    let kind = builder.build(&nested);
    let nested = TaggedReference {
        host: host.to_owned(),
        repository: format!("open/{NAME}"),
        tag: "nested".to_owned(),
    };
    registry.seed(&kind, &nested)?;
    let to = TaggedReference {
        tag: "v1".to_owned(),
        ..nested
    };
    let target = to.to_string();
    portolan.run(&[
        "index",
        "create",
        "--quiet",
        &target,
        &digests[0],
        &digests[1],
    ])?;
    let joined = joined_kind(&kind, registry.manifest(&to, &to.tag)?)?;
    for client in clients {
        client
            .pull(&joined, &to)
            .with_context(|| format!("{} failed to pull the joined index", client.name()))?;
        println!("{} pulls the joined index", client.name());
    }
    Ok(())
}

/// Adds an image with its attestation, and an index of both.
fn add_build(builder: &mut Builder, platform: &str) -> Result<Descriptor> {
    let image = builder.add_image(OCI, platform)?;
    let attestation = add_attestation(builder, &image);
    Ok(builder.add_index(OCI, [image, attestation]))
}

/// Returns the kind whose tag points to the joined index, which must list the children of both
/// builds.
fn joined_kind(nested: &Kind, joined: Document) -> Result<Kind> {
    let children = |digest: &str| nested.document(digest).map(Document::children);
    let builds = children(&nested.top).context("the kind has no top document")?;
    let expected: Vec<_> = builds
        .iter()
        .flat_map(|build| children(build).unwrap_or_default())
        .collect();
    ensure!(
        joined.children() == expected,
        "the joined index lists {:?}, not {expected:?}",
        joined.children()
    );
    let top = joined.digest.clone();
    let mut documents = nested.documents.clone();
    documents.push(joined);
    Ok(Kind {
        documents,
        top,
        ..nested.clone()
    })
}
