//! `cargo xtask compat`: the table of what others do, beside what those of them do that run here.
//!
//! Every kind of image goes to CNCF distribution, and each client pulls it and copies it. Where the table of
//! `portolan_model::compat` says that this fails, it has to fail, and elsewhere it has to work.

mod corpus;
mod matrix;
mod peers;
mod platforms;
mod registries;
mod report;
mod tree;
mod truth;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use self::matrix::{Cell, Subject};
use self::registries::Registries;
use crate::interop::document::Kind;
use crate::interop::matrix::Seeded;
use crate::interop::sandbox::Sandbox;
use crate::interop::{end_of_log, seed, side_by_side, wanted};
use crate::servers::Program;
use crate::tools;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// These programs only.
    #[arg(long = "peer", value_name = "PROGRAM")]
    peers: Vec<String>,
    /// These kinds only.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
}

/// Runs the table, prints it, and fails if it differs from the truth.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&peers::TOOLS)?;
    // Without the usual random letters: podman names what it pulls after its path, which has to be in lower case.
    let name = format!("compat-{}", std::process::id());
    let folder = tempfile::Builder::new()
        .prefix(&name)
        .rand_bytes(0)
        .tempdir()?;
    let cells = cells(arguments, folder.path())
        .with_context(|| end_of_log(&folder.path().join("portolan/from")))?;
    ensure!(!cells.is_empty(), "no such program, or no such kind");
    match report::print(&cells) {
        0 => Ok(()),
        differing => bail!(
            "the table of crates/model/src/compat differs from the truth in {differing} cells"
        ),
    }
}

fn cells(arguments: &Arguments, folder: &Path) -> Result<Vec<Cell>> {
    let portolan = Registries::start(Program::Portolan, &folder.join("portolan"))?;
    // It takes what Portolan refuses, so that there is somewhere to pull it from.
    let distribution = Registries::start(Program::Distribution, &folder.join("distribution"))?;
    let kinds = corpus::all(&Sandbox::new(folder.join("build"))?, &portolan.from())?;
    let mut all = subjects(arguments, kinds, &portolan)?;
    all.extend(subjects(arguments, corpus::unchecked()?, &distribution)?);
    let peers = peers::start(folder, &arguments.peers)?;
    let columns = side_by_side(&peers, &portolan.from(), |peer, _| {
        vec![matrix::run_peer(peer.as_ref(), &all)]
    })?;
    let columns: Result<Vec<_>> = columns.into_iter().collect();
    Ok(columns?.into_iter().flatten().collect())
}

/// The chosen kinds, put into a registry.
fn subjects(
    arguments: &Arguments,
    mut kinds: Vec<Kind>,
    registries: &Registries,
) -> Result<Vec<Subject>> {
    kinds.retain(|kind| wanted(&arguments.kinds, kind.name));
    let subject = |seeded: Seeded| {
        if let Some(error) = &seeded.error {
            bail!("{} is not in the registry: {error}", seeded.kind.name);
        }
        Subject::new(seeded.kind, seeded.place, &registries.to())
    };
    seed(kinds, &registries.from())?
        .into_iter()
        .map(subject)
        .collect()
}
