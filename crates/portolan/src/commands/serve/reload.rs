//! Reading the configuration again while the server runs.

use portolan_registry::wrap::PolicyRules;
use tokio::signal::unix::Signal;

use crate::config::{ConfigError, Configuration};

/// Reads the configuration each time that `signal` comes. Its policies count from then on; a configuration that is
/// wrong changes nothing. Never ends.
pub(super) async fn whenever(
    mut signal: Signal,
    started_with: &Configuration,
    policies: &PolicyRules,
    configure: impl Fn() -> Result<Configuration, ConfigError>,
) {
    while signal.recv().await.is_some() {
        match configure().and_then(|configuration| Ok((configuration.policies()?, configuration))) {
            Ok((rules, configuration)) => {
                let count = rules.len();
                policies.replace(rules);
                tracing::info!(
                    policies = count,
                    "the configuration was read again, and its policies count from now on"
                );
                tell_what_waits(started_with, &configuration);
            }
            Err(error) => {
                tracing::error!(%error, "the configuration was read again and is wrong; what counted before still counts");
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Names what differs from the start and counts at the next one.
fn tell_what_waits(started_with: &Configuration, configuration: &Configuration) {
    match started_with.changed_for_the_next_start(configuration) {
        Ok(keys) if keys.is_empty() => (),
        Ok(keys) => tracing::warn!(
            keys = keys.join(", "),
            "these keys have changed and count after a restart"
        ),
        Err(error) => tracing::error!(%error, "it is not known which keys have changed"),
    }
}
