//! `portolan completion`: shell completion scripts.

use clap::Args;
use clap_complete::Shell;

use crate::failure::Outcome;
use crate::output;

/// Print a shell completion script.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan completion bash > /etc/bash_completion.d/portolan
  portolan completion zsh > \"${fpath[1]}/_portolan\"
  portolan completion fish > ~/.config/fish/completions/portolan.fish")]
pub(crate) struct Arguments {
    /// Shell to print the script for.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut super::definition(),
        "portolan",
        &mut script,
    );
    output::bytes(&script)
}
