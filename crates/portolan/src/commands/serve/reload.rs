//! Reload of the configuration while the server runs.

use portolan_registry::wrap::PolicyRules;
use tokio::signal::unix::Signal;

use crate::config::{ConfigError, Configuration};

/// Reloads the configuration with `configure` each time a `signal` arrives. Never returns.
///
/// Only policies take effect without a restart: the new policies replace the content of `policies`.
/// If other keys differ from `started_with`, a warning is logged. An invalid configuration changes
/// nothing.
pub(super) async fn reload_on_signal(
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
                    "reloaded the configuration; the new policies are in effect"
                );
                log_keys_requiring_restart(started_with, &configuration);
            }
            Err(error) => {
                tracing::error!(%error, help = error.help(), "failed to reload the configuration; the previous policies stay in effect");
            }
        }
    }
    // No more signals can arrive, but the server must continue. If this function returned, the
    // caller would stop the server.
    std::future::pending::<()>().await;
}

/// Logs the keys whose values differ from those at startup and take effect only after a restart.
fn log_keys_requiring_restart(started_with: &Configuration, configuration: &Configuration) {
    match started_with.keys_requiring_restart(configuration) {
        Ok(keys) if keys.is_empty() => (),
        Ok(keys) => tracing::warn!(
            keys = keys.join(", "),
            "these keys have changed and take effect after a restart"
        ),
        Err(error) => {
            tracing::error!(%error, "failed to compare the configuration with the one at startup");
        }
    }
}
