//! `cargo xtask faults`: repeats the cases of public bug reports. Each runs the release binary as a
//! user would and checks the outcome. skopeo, crane, oras and regctl get the same input where they
//! can take it; their outcome is printed beside and decides nothing.

mod archives;
mod fault;
mod http;
mod indexes;
mod peer;
mod registries;
mod report;
mod run;
mod scene;
mod server;
mod settings;

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail, ensure};

use self::fault::Fault;
use self::report::Outcome;
use self::scene::Scene;
use crate::interop::is_chosen;
use crate::servers::{build_portolan, portolan_binary};
use crate::tools;

/// Number of cases that run at the same time. Most of their time is spent waiting for a peer that
/// repeats a request.
const PARALLEL: usize = 4;

/// Command line arguments of `cargo xtask faults`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only these cases
    faults: Vec<String>,
    /// Run this portolan binary instead of the release binary
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Cases by the part of the program that they concern. A section may have several lists.
const SECTIONS: [(&str, &[&[Fault]]); 5] = [
    ("registries", registries::FAULTS),
    ("settings", settings::FAULTS),
    ("indexes", indexes::FAULTS),
    ("server", server::FAULTS),
    ("archives", archives::FAULTS),
];

/// Runs the cases, prints them, and fails if one of them fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&peer::TOOLS)?;
    let binary = if let Some(binary) = &arguments.binary {
        binary.canonicalize()?
    } else {
        build_portolan()?;
        portolan_binary()
    };
    let chosen: Vec<(&str, &Fault)> = SECTIONS
        .iter()
        .flat_map(|(section, lists)| {
            lists
                .iter()
                .copied()
                .flatten()
                .map(move |it| (*section, it))
        })
        .filter(|(_, fault)| is_chosen(&arguments.faults, fault.name))
        .collect();
    ensure!(!chosen.is_empty(), "no case matches");
    let outcomes = run_all(&chosen, |fault| run_one(fault, binary.clone()));
    match report::print(&outcomes) {
        0 => Ok(()),
        failed => bail!("{failed} cases failed"),
    }
}

/// Runs the cases on a few threads, and returns their outcomes in the same order.
fn run_all<'a>(
    chosen: &[(&'a str, &'a Fault)],
    run: impl Fn(&Fault) -> Outcome + Sync,
) -> Vec<(&'a str, &'a str, Outcome)> {
    let queue = Mutex::new(chosen.iter().enumerate());
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                loop {
                    let Some((position, (section, fault))) =
                        queue.lock().ok().and_then(|mut queue| queue.next())
                    else {
                        return;
                    };
                    let outcome = run(fault);
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.push((position, (*section, fault.name, outcome)));
                    }
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_default();
    outcomes.sort_by_key(|(position, _)| *position);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Runs one case in a new scene.
fn run_one(fault: &Fault, binary: PathBuf) -> Outcome {
    let scene = match Scene::new(fault.name, binary) {
        Ok(scene) => scene,
        Err(error) => return Outcome::new(Err(error), Vec::new()),
    };
    let result = (fault.check)(&scene);
    Outcome::new(result, scene.into_peers())
}
