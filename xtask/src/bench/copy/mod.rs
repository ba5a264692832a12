//! `portolan copy` beside skopeo and crane: 20 images for four platforms each, from CNCF distribution to Portolan.

mod images;
mod programs;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;

use super::measure::{Sample, measure as sample};
use super::sizes::Sizes;
use crate::load::Connection;
use crate::servers::Server;
use images::Index;
use programs::Program;

pub(crate) use programs::TOOLS;

/// Whether the target has nothing or everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    First,
    Again,
}

/// All samples.
type Results = BTreeMap<(Run, Program), Vec<Sample>>;

/// Runs so many rounds below `folder` and answers a table.
pub(crate) fn measure(folder: &Path, sizes: &Sizes, rounds: u32) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let source = Server::distribution(&folder.join("source"))?;
    let indexes = images::make(sizes);
    for index in &indexes {
        runtime
            .block_on(index.push(&mut Connection::new(source.address())))
            .context("filling the source")?;
    }
    let mut results = Results::new();
    let mut programs = Program::ALL;
    for round in 1..=rounds {
        // Who goes first changes from round to round.
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
            println!("        round {round}: {}", program.title());
        }
    }
    let text = table::write(&results, &indexes, rounds);
    println!("{text}");
    Ok(text)
}

/// What one program does in one round.
struct Copies<'a> {
    program: Program,
    place: &'a Path,
    source: &'a Server,
    indexes: &'a [Index],
    runtime: &'a Runtime,
}

impl Copies<'_> {
    /// Copies everything to a fresh registry, and then once more.
    fn run(&self, results: &mut Results) -> Result<()> {
        let home = self.place.join("home");
        fs::create_dir_all(&home)?;
        let target = Server::portolan(&self.place.join("target"), "")?;
        let names: Vec<_> = self.indexes.iter().map(Index::name).collect();
        for run in [Run::First, Run::Again] {
            let mut command =
                self.program
                    .command(&home, &self.source.host(), &target.host(), &names)?;
            let figures = sample(target.pid(), || programs::succeed(&mut command).map(|()| 1))?;
            results
                .entry((run, self.program))
                .or_default()
                .push(figures);
            self.check(&target)?;
        }
        Ok(())
    }

    /// Whoever copies nothing is fast.
    fn check(&self, target: &Server) -> Result<()> {
        let mut connection = Connection::new(target.address());
        for index in self.indexes {
            let held = self.runtime.block_on(connection.get(&index.target()))?;
            ensure!(
                held.body == index.document.bytes,
                "{} is not what was copied",
                index.name()
            );
        }
        Ok(())
    }
}
