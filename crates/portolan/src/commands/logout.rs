//! `portolan logout`: forget who to be at a registry.

use clap::Args;

use super::options::Options;
use crate::failure::{Failure, Outcome};
use crate::host::Host;

/// Forget the name and password for a registry.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan logout quay.io")]
pub(crate) struct Arguments {
    /// The registry.
    #[arg(value_name = "HOST")]
    host: Host,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let host = &arguments.host;
    let places = arguments.options.places()?;
    let erased = places.hosts().credentials().erase(host.as_str()).await?;
    if erased.is_empty() {
        return Err(Failure::not_found(format!("nothing is kept for {host}")));
    }
    for keeper in erased {
        places.talk().say(format_args!("forgot {host} in {keeper}"));
    }
    Ok(())
}
