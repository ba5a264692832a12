//! `cargo xtask bench`: the workloads of docs/performance.md, measured side by side with other
//! registries, the limits of the machine, skopeo and crane.
//!
//! The servers run at the same time and are loaded in turn, round after round, so that variations
//! in the speed of the machine affect all of them alike.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints to the terminal"
)]

mod arguments;
mod cold;
mod content;
mod copy;
mod counts;
mod database;
mod document;
mod download;
mod figure;
mod goals;
mod growth;
mod images;
mod interrupt;
mod layer;
mod limits;
mod machine;
mod measure;
mod nginx;
mod report;
mod rounds;
mod sizes;
mod subject;
mod table;
mod workload;
mod wrk;
mod zot;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use xtask::servers::{build_portolan, target_folder};
use xtask::tools::{self, require};

use arguments::{Arguments, Extra, Part};
use report::{Report, Section};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the selected parts, prints the results and writes them to the documentation if requested.
fn run(arguments: &Arguments) -> Result<()> {
    require(&[
        tools::DISTRIBUTION,
        tools::DISTRIBUTION_3,
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
    let mut report = Report::new(machine::describe(folder.path())?, arguments);
    measure_parts(arguments, folder.path(), &mut report)?;
    report.publish(arguments)
}

fn measure_parts(arguments: &Arguments, folder: &Path, report: &mut Report) -> Result<()> {
    let (sizes, rounds) = (arguments.sizes(), arguments.rounds());
    let parts = arguments.parts();
    let workloads: Vec<_> = parts.iter().filter_map(|part| part.workload()).collect();
    if !workloads.is_empty() {
        let results = rounds::measure(folder, &sizes, rounds, &workloads)?;
        report.add(table::side_by_side(&results));
    }
    for part in parts {
        let folder = folder.join("part");
        match part {
            Part::Workload(_) => {}
            Part::Extra(extra) => report.add(measure_extra(extra, arguments, &folder)?),
            Part::Growth(growth) => {
                report.add(growth::measure(growth, &folder, &arguments.growth_sizes())?);
            }
        }
    }
    Ok(())
}

fn measure_extra(extra: Extra, arguments: &Arguments, folder: &Path) -> Result<Section> {
    let sizes = arguments.sizes();
    match extra {
        Extra::Counts => counts::measure(folder, sizes.images),
        Extra::Database => database::measure(folder),
        Extra::Copy => copy::measure(folder, &sizes, arguments.rounds()),
        Extra::CopyMemory => copy::memory::measure(folder, sizes.large_image),
    }
}
