//! `cargo xtask torture --hostile`: hostile clients and broken surroundings, with limits on memory,
//! CPU, disk and response times, beside an innocent client that pushes and pulls small images.

mod all;
mod checks;
mod client;
mod families;
mod family;
mod field;
mod limits;
mod meter;
mod mutate;
mod outcome;
mod scene;
mod turns;
mod victim;

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};

use self::outcome::Outcome;
use self::scene::Scene;
use crate::servers::{build_portolan, portolan_binary, target_folder};

/// Number of mutations in the short form.
const QUICK_MUTATIONS: u64 = 10_000;

/// Command line arguments of `cargo xtask torture --hostile`.
#[derive(clap::Args)]
pub(crate) struct HostileArguments {
    /// Attack the server instead: `families`, `all` (64 connections that do everything at once),
    /// `mutate`, or names of families; the default is `families` and `all`
    #[arg(long, num_args = 0.., value_name = "NAME")]
    hostile: Option<Vec<String>>,
    /// Run the short form, without the families that are known to fail
    #[arg(long, requires = "hostile")]
    quick: bool,
    /// Number of mutated requests of `mutate`
    #[arg(
        long,
        requires = "hostile",
        default_value_t = 1_000_000,
        value_name = "N"
    )]
    mutations: u64,
    /// Attack this portolan binary instead of the release binary
    #[arg(long, requires = "hostile", value_name = "FILE")]
    binary: Option<PathBuf>,
}

impl HostileArguments {
    /// Returns whether the server is to be attacked.
    pub(super) fn is_chosen(&self) -> bool {
        self.hostile.is_some()
    }

    /// Returns whether the binary is chosen, and the client need not be a release build either.
    pub(super) fn has_binary(&self) -> bool {
        self.binary.is_some()
    }

    fn names(&self) -> Vec<&str> {
        match self.hostile.as_deref() {
            None | Some([]) if self.quick => vec!["families", "all", "mutate"],
            None | Some([]) => vec!["families", "all"],
            Some(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

/// Runs the attacks, prints a table of the measured values, and fails if a limit was exceeded.
pub(super) fn run(arguments: &HostileArguments, seed: u64) -> Result<()> {
    let binary = if let Some(binary) = &arguments.binary {
        binary.canonicalize()?
    } else {
        build_portolan()?;
        portolan_binary()
    };
    raise_descriptor_limit()?;
    let target = target_folder();
    fs::create_dir_all(&target)?;
    let folder = tempfile::Builder::new()
        .prefix("hostile")
        .tempdir_in(&target)?;
    let scene = Scene::new(binary, folder.path(), seed, arguments.quick)?;
    let mut outcomes = Vec::new();
    for name in arguments.names() {
        run_name(&scene, arguments, name, &mut outcomes)?;
    }
    ensure!(!outcomes.is_empty(), "no attack was run");
    match outcome::print_table(&outcomes) {
        0 => Ok(()),
        failed => {
            super::keep_folder(folder, &target.join("hostile-kept"))?;
            bail!("{failed} attacks succeeded")
        }
    }
}

fn run_name(
    scene: &Scene,
    arguments: &HostileArguments,
    name: &str,
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    match name {
        "all" if families::is_skipped(scene, name) => {}
        "all" => outcomes.push(scene.clean(all::run(scene))),
        "mutate" => {
            let count = if arguments.quick {
                QUICK_MUTATIONS
            } else {
                arguments.mutations
            };
            outcomes.push(scene.clean(mutate::run(scene, count)));
        }
        _ => families::run(scene, name, outcomes)?,
    }
    Ok(())
}

/// Raises the limit of open descriptors, which the server inherits, as far as possible.
fn raise_descriptor_limit() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(())
}
