//! `cargo xtask bench`: the workloads of docs/performance.md, measured side by side with CNCF
//! distribution, the limits of the machine, skopeo and crane.
//!
//! The servers run at the same time and are loaded in turn, round after round, so that variations
//! in the speed of the machine affect all of them alike.

mod copy;
mod database;
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

use crate::load::{interrupt, optimized};
use crate::servers::{build_portolan, target_folder};
use crate::tools::{self, require};
use sizes::Sizes;

/// Size in bytes of the image whose copy is measured for memory at scale: 10 GB, rounded to
/// mebibytes.
const LARGE: u64 = 9536 << 20;

/// Command line arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Use small sizes and one round, to check that everything runs
    #[arg(long, conflicts_with_all = ["write", "scale"])]
    quick: bool,
    /// Number of rounds to take the medians of; 0 skips side-by-side workloads
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Write the results to docs/performance.md, between its two markers
    #[arg(long)]
    write: bool,
    /// Also measure at scale: a 4 GiB layer, 100,000 manifests, a 10 GB image
    #[arg(long)]
    scale: bool,
    /// Measure only one part
    #[arg(long, conflicts_with = "write")]
    only: Option<Part>,
}

/// Part of the benchmark that can run alone.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Measure the server
    Server,
    /// Measure `portolan copy`
    Copy,
}

impl Arguments {
    fn includes(&self, part: Part) -> bool {
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

/// Runs the workloads, prints the results and writes them to the documentation if requested.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    optimized::reexecute()?;
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
    interrupt::install_cleanup(folder.path())?;
    let mut sections = vec![machine::describe(folder.path())?];
    if arguments.includes(Part::Server) {
        measure_server(arguments, folder.path(), &mut sections)?;
    }
    if arguments.includes(Part::Copy) {
        measure_copies(arguments, folder.path(), &mut sections)?;
    }
    let text = sections.join("\n");
    println!("{text}");
    if arguments.write {
        document::write(&text)
    } else {
        Ok(())
    }
}

fn measure_server(arguments: &Arguments, folder: &Path, sections: &mut Vec<String>) -> Result<()> {
    let (sizes, rounds) = (arguments.sizes(), arguments.rounds());
    if rounds > 0 {
        let results = rounds::measure(folder, &sizes, rounds)?;
        sections.push(table::side_by_side(
            &results,
            rounds,
            &limits::measure(folder, &sizes)?,
        ));
    }
    sections.push(database::measure(&folder.join("database"))?);
    if arguments.scale {
        sections.push(scale::measure(&folder.join("scale"))?);
    }
    Ok(())
}

fn measure_copies(arguments: &Arguments, folder: &Path, sections: &mut Vec<String>) -> Result<()> {
    let (sizes, rounds) = (arguments.sizes(), arguments.rounds());
    if rounds > 0 {
        sections.push(copy::measure(&folder.join("copy"), &sizes, rounds)?);
    }
    let large = if arguments.scale {
        LARGE
    } else {
        sizes.large_image
    };
    sections.push(memory::measure(&folder.join("memory"), large)?);
    Ok(())
}
