//! `portolan man`: man pages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clap_mangen::Man;

use crate::failure::Outcome;
use crate::output;

/// Print the man page, or write all of them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan man | man -l -
  portolan man --output /usr/local/share/man/man1")]
pub(crate) struct Arguments {
    /// Write a page for each command to this folder
    /// [default: print the main page]
    #[arg(long, verbatim_doc_comment, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let Some(folder) = &arguments.output {
        return Ok(write(folder)?);
    }
    let mut page = Vec::new();
    Man::new(super::definition())
        .render(&mut page)
        .context("failed to render the man page")?;
    output::bytes(&page)
}

/// Writes the man pages of all commands to a folder.
fn write(folder: &Path) -> Result<()> {
    let context = || format!("failed to write the man pages to {}", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    clap_mangen::generate_to(super::definition(), folder).with_context(context)
}
