//! `cargo xtask bench`: the workloads of docs/performance.md, beside CNCF distribution, the machine's own limits, skopeo
//! and crane.
//!
//! The servers run side by side and are loaded in turn, round after round, so that a machine's mood meets them all.

mod copy;
mod document;
mod goal;
mod limits;
mod machine;
mod measure;
mod memory;
mod nginx;
mod peer;
mod rounds;
mod scale;
mod sizes;
mod table;
mod workload;
mod wrk;

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::load::{interrupt, optimised};
use crate::servers::{build_portolan, target_folder};
use crate::tools::{self, require};
use sizes::Sizes;

/// Bytes of the image with whose copy memory is measured at scale: 10 GB, in whole mebibytes.
const LARGE: u64 = 9536 << 20;

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
    /// Also: a 4 GiB layer, start and tag pages with 100,000 manifests stored, and the copy of a 10 GB image.
    #[arg(long)]
    scale: bool,
    /// One part alone, to work on it.
    #[arg(long, conflicts_with = "write")]
    only: Option<Part>,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Portolan's server.
    Server,
    /// `portolan copy`.
    Copy,
}

impl Arguments {
    fn concern(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    fn sizes(&self) -> Sizes {
        if self.quick {
            Sizes::quick()
        } else {
            Sizes::full()
        }
    }

    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }
}

/// Measures, prints, and writes if asked to.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    optimised::enter()?;
    require(&[
        tools::DISTRIBUTION,
        tools::NGINX,
        tools::OPENSSL,
        tools::WRK,
    ])?;
    require(&copy::TOOLS)?;
    build_portolan()?;
    let target = target_folder();
    fs::create_dir_all(&target)?;
    let folder = tempfile::Builder::new()
        .prefix("bench")
        .tempdir_in(target)?;
    interrupt::clears(folder.path())?;
    let mut sections = vec![machine::describe(folder.path())?];
    if arguments.concern(Part::Server) {
        server(arguments, folder.path(), &mut sections)?;
    }
    if arguments.concern(Part::Copy) {
        copies(arguments, folder.path(), &mut sections)?;
    }
    let text = sections.join("\n");
    println!("{text}");
    if arguments.write {
        document::write(&text)
    } else {
        Ok(())
    }
}

fn server(arguments: &Arguments, folder: &Path, sections: &mut Vec<String>) -> Result<()> {
    let (sizes, rounds) = (arguments.sizes(), arguments.rounds());
    if rounds > 0 {
        let results = rounds::measure(folder, &sizes, rounds)?;
        sections.push(table::side_by_side(
            &results,
            rounds,
            &limits::measure(folder, &sizes)?,
        ));
    }
    if arguments.scale {
        sections.push(scale::measure(&folder.join("scale"))?);
    }
    Ok(())
}

fn copies(arguments: &Arguments, folder: &Path, sections: &mut Vec<String>) -> Result<()> {
    let (sizes, rounds) = (arguments.sizes(), arguments.rounds());
    if rounds > 0 {
        sections.push(copy::measure(&folder.join("copy"), &sizes, rounds)?);
    }
    let large = if arguments.scale { LARGE } else { sizes.large };
    sections.push(memory::measure(&folder.join("memory"), large)?);
    Ok(())
}
