//! Configuration errors, with their position and a suggestion.

use std::path::PathBuf;

use figment::error::Kind;

use crate::failure::Failure;

/// Error in the configuration.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The configuration file does not exist.
    FileNotFound(PathBuf),
    /// A key or a value is invalid.
    Invalid {
        message: String,
        /// Suggestion for the user.
        help: Option<String>,
    },
}

impl ConfigError {
    /// Creates the error for an invalid key or value.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
            help: None,
        }
    }

    /// Returns the suggestion for the user, if there is one.
    pub(crate) fn help(&self) -> Option<&str> {
        match self {
            Self::FileNotFound(_) => None,
            Self::Invalid { help, .. } => help.as_deref(),
        }
    }

    /// Sets the suggestion for the user.
    #[must_use]
    pub(crate) fn with_help(self, suggestion: impl Into<String>) -> Self {
        match self {
            Self::Invalid { message, .. } => Self::Invalid {
                message,
                help: Some(suggestion.into()),
            },
            Self::FileNotFound(_) => self,
        }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FileNotFound(path) => write!(formatter, "file {} does not exist", path.display()),
            Self::Invalid { message, .. } => formatter.write_str(message),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::FileNotFound(path) => Self::missing_file(&path),
            ConfigError::Invalid { ref help, .. } => {
                let hint = help.clone();
                Self {
                    hint,
                    ..Self::usage(error)
                }
            }
        }
    }
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        let described: Vec<_> = error.into_iter().map(|error| describe(&error)).collect();
        let help = described.iter().find_map(|(_, help)| help.clone());
        let messages: Vec<_> = described.into_iter().map(|(message, _)| message).collect();
        Self::Invalid {
            message: messages.join("\n"),
            help,
        }
    }
}

/// Returns the message of an error, and a suggestion if there is one.
fn describe(error: &figment::Error) -> (String, Option<String>) {
    let (problem, help) = match &error.kind {
        Kind::UnknownField(found, known) => (
            format!("unknown key \"{found}\""),
            most_similar(found, known.iter().copied())
                .map(|nearest| format!("did you mean `{nearest}`?")),
        ),
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => (
            format!("expected {}, found {actual}", describe_type(expected)),
            None,
        ),
        // The text of the standard library for addresses.
        Kind::Message(text) if text.contains("socket address") => {
            ("expected IP:PORT, for example 127.0.0.1:5000".into(), None)
        }
        other => (format!("{other}"), None),
    };
    let key = match error.path.as_slice() {
        [] => String::new(),
        [list, position, rest @ ..] if list == "policy" => {
            let entry = describe_entry(position);
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
            None => format!(" (in {})", describe_variable(&error.path)),
        });
    (
        format!("invalid configuration: {key}{problem}{source}"),
        help,
    )
}

/// Returns an example of a valid value for a type of the deserializer.
fn describe_type(expected: &str) -> String {
    match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" | "NonZeroUsize" | "NonZeroU32" => {
            "a number, for example 1000".into()
        }
        "a boolean" => "true or false".into(),
        "a duration" => "a duration, for example \"30s\"".into(),
        other => other.into(),
    }
}

/// Returns the environment variable that sets a key.
fn describe_variable(path: &[String]) -> String {
    format!("PORTOLAN_{}", path.join("__").to_uppercase())
}

/// Formats a position in the list `[[policy]]`. Positions are printed starting at 1, as in
/// `config check`.
fn describe_entry(position: &str) -> String {
    let number = position.parse::<usize>().map_or_else(
        |_| position.to_owned(),
        |position| (position + 1).to_string(),
    );
    format!("entry {number} of [[policy]]")
}

/// Returns the known name that is most similar to `found`.
pub(super) fn most_similar<'a>(
    found: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    known.max_by(|a, b| similarity(found, a).total_cmp(&similarity(found, b)))
}

fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}
