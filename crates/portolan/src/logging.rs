//! Logs on standard error: lines for a person on a terminal, JSON anywhere else.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::ConfigError;

/// Reads what is to be logged.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(text)
        .map_err(|error| ConfigError::Invalid(format!("configuration: telemetry.log: {error}")))
}

/// Starts logging.
pub(crate) fn start(filter: EnvFilter) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    if stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).init();
    }
}
