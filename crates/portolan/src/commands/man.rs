//! `portolan man`: the manual.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clap_mangen::Man;

use crate::failure::Outcome;
use crate::output;

/// Print the page of the manual about the command as a whole, or write all pages.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan man | man -l -
  portolan man --output /usr/local/share/man/man1")]
pub(crate) struct Arguments {
    /// Write a page for each command into this folder.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let Some(folder) = &arguments.output {
        return Ok(write(folder)?);
    }
    let mut page = Vec::new();
    Man::new(super::definition())
        .render(&mut page)
        .context("writing the page")?;
    output::bytes(&page)
}

fn write(folder: &Path) -> Result<()> {
    let about = || format!("writing the manual into {}", folder.display());
    fs::create_dir_all(folder).with_context(about)?;
    clap_mangen::generate_to(super::definition(), folder).with_context(about)
}
