//! What is wrong with a configuration, where, and what was probably meant.

use std::path::PathBuf;

use figment::error::Kind;

/// Why the configuration cannot be used.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The file that was named is not there.
    NoFile(PathBuf),
    /// A key or a value is wrong.
    Invalid(String),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoFile(path) => write!(
                formatter,
                "there is no configuration file {}",
                path.display()
            ),
            Self::Invalid(message) => formatter.write_str(message),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Invalid(
            error
                .into_iter()
                .map(|error| explain(&error))
                .collect::<Vec<_>>()
                .join("\n"),
        )
    }
}

fn explain(error: &figment::Error) -> String {
    let what = match &error.kind {
        Kind::UnknownField(found, known) => unknown_key(found, known),
        other => format!("{other}"),
    };
    let key = match error.path.as_slice() {
        [] => String::new(),
        [list, position, rest @ ..] if list == "policy" => {
            let entry = entry(position);
            if rest.is_empty() {
                format!("{entry}: ")
            } else {
                format!("{entry}: {}: ", rest.join("."))
            }
        }
        path => format!("{}: ", path.join(".")),
    };
    let source = error
        .metadata
        .as_ref()
        .map_or_else(String::new, |metadata| match &metadata.source {
            Some(source) => format!(" (in {source})"),
            None => format!(" (in {})", metadata.name),
        });
    format!("configuration: {key}{what}{source}")
}

/// An entry of `[[policy]]`, as `config check` counts them: from 1.
fn entry(position: &str) -> String {
    let number = position.parse::<usize>().map_or_else(
        |_| position.to_owned(),
        |position| (position + 1).to_string(),
    );
    format!("entry {number} of [[policy]]")
}

fn unknown_key(found: &str, known: &[&str]) -> String {
    match nearest(found, known.iter().copied()) {
        Some(nearest) => format!("there is no key \"{found}\" here; did you mean \"{nearest}\"?"),
        None => format!("there is no key \"{found}\" here"),
    }
}

/// What was probably meant.
pub(super) fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.max_by(|a, b| similarity(found, a).total_cmp(&similarity(found, b)))
}

fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}
