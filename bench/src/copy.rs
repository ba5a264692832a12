//! `portolan copy` compared with skopeo and crane: 20 images for four platforms each, copied from
//! CNCF distribution to Portolan.

mod images;
pub(crate) mod memory;
mod programs;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;

use xtask::load::Connection;
use xtask::servers::RunningServer;

use super::measure::{Sample, measure as sample};
use super::report::Section;
use super::sizes::Sizes;
use images::CopiedIndex;
use programs::CopyProgram;

pub(crate) use programs::TOOLS;

/// State of the target: empty, or already holding all content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CopyRun {
    First,
    Again,
}

/// Samples of all runs and programs.
type Results = BTreeMap<(CopyRun, CopyProgram), Vec<Sample>>;

/// Runs `rounds` rounds below `folder` and returns the results.
pub(crate) fn measure(folder: &Path, sizes: &Sizes, rounds: u32) -> Result<Section> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let source = RunningServer::distribution(&folder.join("source"))?;
    let indexes = images::create_indexes(sizes);
    for index in &indexes {
        runtime
            .block_on(index.push(&mut Connection::new(source.address())))
            .context("failed to fill the source registry")?;
    }
    let mut results = Results::new();
    let mut programs = CopyProgram::ALL;
    for round in 1..=rounds {
        // Each round starts with another program, so that none always runs on a cold or warm
        // machine.
        programs.rotate_left(1);
        for program in programs {
            let place = folder.join(format!("round-{round}"));
            let copies = Copies {
                program,
                place: &place,
                source: &source,
                indexes: &indexes,
                runtime: &runtime,
            };
            copies.run(&mut results).with_context(|| program.title())?;
            fs::remove_dir_all(&place)?;
            eprintln!("        round {round} of {rounds}: {}", program.title());
        }
    }
    drop(source);
    fs::remove_dir_all(folder)?;
    Ok(table::render(&results, &indexes, rounds))
}

/// Copies made by one program in one round.
struct Copies<'a> {
    program: CopyProgram,
    place: &'a Path,
    source: &'a RunningServer,
    indexes: &'a [CopiedIndex],
    runtime: &'a Runtime,
}

impl Copies<'_> {
    /// Copies everything to a fresh registry, then copies it again.
    fn run(&self, results: &mut Results) -> Result<()> {
        let home = self.place.join("home");
        fs::create_dir_all(&home)?;
        let target = RunningServer::portolan(&self.place.join("target"), "")?;
        let names: Vec<_> = self.indexes.iter().map(CopiedIndex::name).collect();
        for run in [CopyRun::First, CopyRun::Again] {
            let mut command =
                self.program
                    .command(&home, &self.source.host(), &target.host(), &names)?;
            let figures = sample(target.pid(), || {
                programs::run_successfully(&mut command).map(|()| 1)
            })?;
            results
                .entry((run, self.program))
                .or_default()
                .push(figures);
            self.check(&target)?;
        }
        Ok(())
    }

    /// Checks that the target holds what was copied, because a program that copies nothing is fast.
    fn check(&self, target: &RunningServer) -> Result<()> {
        let mut connection = Connection::new(target.address());
        for index in self.indexes {
            let response = self
                .runtime
                .block_on(connection.get(&index.manifest_path()))?;
            ensure!(
                response.body == index.document.bytes,
                "{} differs from its source",
                index.name()
            );
        }
        Ok(())
    }
}
