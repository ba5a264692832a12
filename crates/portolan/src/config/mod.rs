//! The configuration: defaults, then a TOML file, then the environment, then the command line.

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
pub(crate) use policy::{Normalise, PolicyEntry};

/// Reads the configuration.
///
/// # Errors
/// [`ConfigError`] with the place and the nearest key or what was expected there.
pub(crate) fn load(file: Option<&Path>) -> Result<Configuration, ConfigError> {
    let mut figment = Figment::from(Serialized::defaults(Configuration::default()));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError::NoFile(file.to_owned()));
        }
        figment = figment.merge(Toml::file_exact(file));
    }
    figment
        .merge(Env::prefixed("PORTOLAN_").split("__"))
        .extract()
        .map_err(ConfigError::from)
}
