//! `portolan logout`: logs out of a registry.

use anyhow::anyhow;
use clap::Args;

use super::options::CommonOptions;
use crate::failure::{Failure, Outcome, Status};
use crate::host::Host;

/// Log out of a registry
///
/// The stored credentials are removed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan logout quay.io")]
pub(crate) struct Arguments {
    /// Host of the registry.
    #[arg(value_name = "HOST")]
    host: Host,
    #[command(flatten)]
    options: CommonOptions,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let host = &arguments.host;
    let resolver = arguments.options.resolver()?;
    let removal = resolver.remotes().credentials().erase(host.as_str()).await;
    for store in &removal.locations {
        resolver.console().print(format_args!(
            "removed the credentials for {host} from {store}"
        ));
    }
    if !removal.failures.is_empty() {
        let failures = removal.failures.join("; ");
        let message = format!("credentials for {host} may remain stored: {failures}");
        return Err(Failure::new(Status::Failed, anyhow!(message)));
    }
    if removal.locations.is_empty() {
        return Err(Failure::not_found(format!("not logged in to {host}")));
    }
    Ok(())
}
