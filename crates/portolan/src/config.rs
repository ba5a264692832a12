//! Configuration from defaults, a TOML file, the environment and the command line. Later sources
//! take precedence.

mod error;
mod model;
mod policy;
#[cfg(test)]
mod tests;

use std::path::Path;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};

pub(crate) use error::ConfigError;
pub(crate) use model::Configuration;
pub(crate) use policy::{Normalize, PolicyEntry};

/// Loads the configuration from the defaults, `file` and the environment. The caller applies the
/// command line.
///
/// # Errors
/// Returns [`ConfigError`] with the position, and the most similar known key or the expected value.
pub(crate) fn load(file: Option<&Path>) -> Result<Configuration, ConfigError> {
    let mut figment = Figment::from(Serialized::defaults(Configuration::default()));
    if let Some(file) = file {
        if !file.exists() {
            return Err(ConfigError::FileNotFound(file.to_owned()));
        }
        if !file.is_file() {
            let message = format!("invalid configuration: {} is not a file", file.display());
            return Err(ConfigError::invalid(message));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    figment
        .merge(Env::prefixed("PORTOLAN_").split("__"))
        .extract()
        .map_err(ConfigError::from)
}
