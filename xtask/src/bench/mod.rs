//! `cargo xtask bench`: the workloads of docs/performance.md, beside CNCF distribution and the machine's own limits.
//!
//! The servers run side by side and are loaded in turn, round after round, so that a machine's mood meets them all.

mod document;
mod goal;
mod limits;
mod machine;
mod measure;
mod nginx;
mod peer;
mod rounds;
mod scale;
mod sizes;
mod table;
mod workload;
mod wrk;

use std::fs;

use anyhow::Result;

use crate::load::{interrupt, optimised};
use crate::servers::{build_portolan, target_folder};
use crate::tools::{self, require};
use sizes::Sizes;

/// How long, how often, and where to.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Small sizes and one round: shows that everything runs, measures nothing worth keeping.
    #[arg(long, conflicts_with_all = ["write", "scale"])]
    quick: bool,
    /// Rounds of which the medians are taken; 0 leaves the side-by-side workloads out.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Puts the result into docs/performance.md, between its two markers.
    #[arg(long)]
    write: bool,
    /// Also: a 4 GiB layer, and start and tag pages with 100,000 manifests stored.
    #[arg(long)]
    scale: bool,
}

/// Measures, prints, and writes if asked to.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    optimised::enter()?;
    require(&[tools::DISTRIBUTION, tools::NGINX, tools::OPENSSL, tools::WRK])?;
    build_portolan()?;
    let target = target_folder();
    fs::create_dir_all(&target)?;
    let folder = tempfile::Builder::new().prefix("bench").tempdir_in(target)?;
    interrupt::clears(folder.path())?;
    let mut sections = vec![machine::describe(folder.path())?];
    if arguments.rounds > 0 {
        let sizes = if arguments.quick { Sizes::quick() } else { Sizes::full() };
        let rounds = if arguments.quick { 1 } else { arguments.rounds };
        let results = rounds::measure(folder.path(), &sizes, rounds)?;
        sections.push(table::side_by_side(&results, rounds, &limits::measure(folder.path(), &sizes)?));
    }
    if arguments.scale {
        sections.push(scale::measure(&folder.path().join("scale"))?);
    }
    let text = sections.join("\n");
    println!("{text}");
    if arguments.write { document::write(&text) } else { Ok(()) }
}
