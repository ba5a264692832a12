//! `cargo xtask compat`: compares the compatibility table with the behavior of the targets that run
//! here.
//!
//! Every kind of image is pushed to CNCF distribution, and each client pulls it and copies it.
//! Operations must fail if the table of `portolan_model::compat` predicts a failure, and succeed
//! otherwise.

mod corpus;
mod matrix;
mod outcome;
mod peers;
mod platforms;
mod registries;
mod report;
mod tree;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use self::matrix::{CompatCell, CompatSubject};
use self::registries::Registries;
use crate::interop::document::Kind;
use crate::interop::matrix::SeededKind;
use crate::interop::sandbox::Sandbox;
use crate::interop::{is_chosen, log_tail, run_in_parallel, seed};
use crate::servers::ServerProgram;
use crate::tools;

/// Command line arguments of `cargo xtask compat`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only these programs
    #[arg(long = "peer", value_name = "PROGRAM")]
    peers: Vec<String>,
    /// Run only these kinds
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
}

/// Runs all cells, prints them, and fails if the table differs from the outcomes.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&peers::TOOLS)?;
    // Without the usual random letters: podman derives the name of a pulled image from its path,
    // which must be lowercase.
    let name = format!("compat-{}", std::process::id());
    let folder = tempfile::Builder::new()
        .prefix(&name)
        .rand_bytes(0)
        .tempdir()?;
    let cells = run_cells(arguments, folder.path())
        .with_context(|| log_tail(&folder.path().join("portolan/from")))?;
    ensure!(!cells.is_empty(), "no program or kind matches");
    match report::print(&cells) {
        0 => Ok(()),
        differing => bail!(
            "the table in crates/model/src/compat differs from the outcome in {differing} cells"
        ),
    }
}

fn run_cells(arguments: &Arguments, folder: &Path) -> Result<Vec<CompatCell>> {
    let portolan = Registries::start(ServerProgram::Portolan, &folder.join("portolan"))?;
    // Distribution accepts content that Portolan rejects, so that such content can be pulled from
    // somewhere.
    let distribution =
        Registries::start(ServerProgram::Distribution, &folder.join("distribution"))?;
    let kinds = corpus::accepted_kinds(
        &Sandbox::new(folder.join("build"))?,
        &portolan.source_host(),
    )?;
    let mut all = seed_subjects(arguments, kinds, &portolan)?;
    all.extend(seed_subjects(
        arguments,
        corpus::rejected_kinds()?,
        &distribution,
    )?);
    let peers = peers::start(folder, &arguments.peers)?;
    let columns = run_in_parallel(&peers, &portolan.source_host(), |peer, _| {
        vec![matrix::run_peer(peer.as_ref(), &all)]
    })?;
    let columns: Result<Vec<_>> = columns.into_iter().collect();
    Ok(columns?.into_iter().flatten().collect())
}

/// Returns the chosen kinds after pushing them to a registry.
fn seed_subjects(
    arguments: &Arguments,
    mut kinds: Vec<Kind>,
    registries: &Registries,
) -> Result<Vec<CompatSubject>> {
    kinds.retain(|kind| is_chosen(&arguments.kinds, kind.name));
    let subject = |seeded: SeededKind| {
        if let Some(error) = &seeded.error {
            bail!(
                "failed to push {} to the registry: {error}",
                seeded.kind.name
            );
        }
        CompatSubject::new(seeded.kind, seeded.place, &registries.destination_host())
    };
    seed(kinds, &registries.source_host())?
        .into_iter()
        .map(subject)
        .collect()
}
