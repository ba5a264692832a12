//! Logging to standard error: text on a terminal, JSON elsewhere.
//!
//! Logging never blocks its caller: a separate thread writes the lines. Lines are dropped if too
//! many lines wait, and write errors are ignored.

mod writer;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::ConfigError;
pub(crate) use writer::LogWriter;

/// Parses a log filter.
pub(crate) fn parse_filter(text: &str) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(text).map_err(|_| {
        ConfigError::invalid(format!(
            "invalid configuration: telemetry.log: \"{text}\" is not a log filter"
        ))
        .with_help(
            "write a level such as info, or levels by module as in info,portolan_store=debug",
        )
    })
}

/// Installs the logger for the process. Dropping the returned value writes the waiting lines.
pub(crate) fn start(filter: EnvFilter) -> LogWriter {
    let writer = LogWriter::start(stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer.queue())
        // The logger would print a write error to standard error, to which the write has just
        // failed.
        .log_internal_errors(false);
    if stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).init();
    }
    writer
}
