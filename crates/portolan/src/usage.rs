//! Errors of the command line in the form of all other errors: `error:`, `usage:` and `help:`.

use std::error::Error as _;
use std::ffi::OsString;
use std::fmt;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Command, FromArgMatches};
use portolan_model::escape_line;

use crate::commands::{self, Arguments};

/// Error for the value of an argument. The message contains the value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ValueError {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

impl From<String> for ValueError {
    fn from(message: String) -> Self {
        Self {
            message,
            help: None,
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}

/// Error of the command line: its lines, without `error:`.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Parses the command line.
///
/// If the command line asks for help or the version, prints it and exits.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString> + Clone,
) -> Result<Arguments, UsageError> {
    let matches = commands::definition().try_get_matches_from(arguments.clone());
    let parsed = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let is_help = matches!(
            error.kind(),
            ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        if is_help {
            error.exit();
        }
        UsageError(render(&error, &command_name(arguments)))
    })
}

/// Returns the name of the command that the arguments select, such as `portolan tags list`.
fn command_name(arguments: impl IntoIterator<Item = OsString>) -> String {
    let definition = commands::definition();
    let mut command: &Command = &definition;
    let mut name = command.get_name().to_owned();
    for argument in arguments.into_iter().skip(1) {
        let Some(selected) = command.find_subcommand(&argument) else {
            break;
        };
        name = format!("{name} {}", selected.get_name());
        command = selected;
    }
    name
}

fn render(error: &Error, command: &str) -> String {
    let (message, help) = describe(error, command);
    let mut lines = vec![escape_line(&message).into_owned()];
    // The usage of a command with several forms has one line for each, aligned below the first.
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        lines.push(usage.to_string().trim_end().replacen("Usage", "usage", 1));
    }
    let help = help.unwrap_or_else(|| format!("run `{command} --help`"));
    lines.push(format!("help: {}", escape_line(&help)));
    lines.join("\n")
}

/// Returns the message, and a suggestion if there is a specific one.
fn describe(error: &Error, command: &str) -> (String, Option<String>) {
    let values = |kind| error.get(kind).map(list_values).unwrap_or_default();
    let argument = values(ContextKind::InvalidArg).join(", ");
    let value = values(ContextKind::InvalidValue).join(", ");
    match error.kind() {
        ErrorKind::ValueValidation => match error.source() {
            Some(source) => match source.downcast_ref::<ValueError>() {
                Some(ValueError { message, help }) => (message.clone(), help.clone()),
                None => (
                    format!("invalid value \"{value}\" for {argument}: {source}"),
                    None,
                ),
            },
            None => (format!("invalid value \"{value}\" for {argument}"), None),
        },
        ErrorKind::InvalidValue if value.is_empty() => {
            (format!("a value is required for {argument}"), None)
        }
        ErrorKind::InvalidValue => (
            format!("invalid value \"{value}\" for {argument}"),
            Some(format!(
                "the values are {}",
                values(ContextKind::ValidValue).join(", ")
            )),
        ),
        ErrorKind::UnknownArgument => {
            let similar = values(ContextKind::SuggestedArg);
            let other = values(ContextKind::Suggested);
            let help = match (similar.first(), other.first()) {
                (Some(similar), _) => Some(format!("did you mean `{similar}`?")),
                (None, Some(other)) => Some(other.replace('\'', "`")),
                (None, None) => None,
            };
            (format!("unexpected argument \"{argument}\""), help)
        }
        ErrorKind::InvalidSubcommand => {
            let similar = values(ContextKind::SuggestedSubcommand);
            let unknown = values(ContextKind::InvalidSubcommand).join(" ");
            (
                format!("unknown command \"{unknown}\""),
                similar
                    .first()
                    .map(|similar| format!("did you mean `{command} {similar}`?")),
            )
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = values(ContextKind::InvalidArg);
            let noun = if missing.len() == 1 {
                "argument"
            } else {
                "arguments"
            };
            // A group of alternatives is in angle brackets: `<--to <FORMAT>|--flatten>`.
            let argument = match argument.strip_prefix("<--") {
                Some(group) => format!(
                    "--{}",
                    group
                        .strip_suffix('>')
                        .unwrap_or(group)
                        .replace('|', " or ")
                ),
                None => argument,
            };
            (format!("missing {noun}: {argument}"), None)
        }
        ErrorKind::ArgumentConflict => {
            let prior = values(ContextKind::PriorArg).join(", ");
            if prior.is_empty() || prior == argument {
                (format!("{argument} cannot be given more than once"), None)
            } else {
                (format!("{argument} cannot be used with {prior}"), None)
            }
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            (first.replace('\'', "\""), None)
        }
    }
}

/// Returns the texts of a value in the context of an error.
fn list_values(value: &ContextValue) -> Vec<String> {
    match value {
        ContextValue::String(text) => vec![text.clone()],
        ContextValue::Strings(texts) => texts.clone(),
        ContextValue::StyledStr(text) => vec![text.to_string()],
        ContextValue::StyledStrs(texts) => texts.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        let words = line.split_whitespace().map(OsString::from);
        parse(words.collect::<Vec<_>>()).map_or_else(|error| error.0, |_| panic!("{line} is valid"))
    }

    #[test]
    fn errors_have_the_form_of_all_errors() {
        for (line, expected) in [
            (
                "portolan inspect",
                "missing argument: <REF>\nusage: portolan inspect <REF>\nhelp: run `portolan inspect --help`",
            ),
            (
                "portolan serv",
                "unknown command \"serv\"\nusage: portolan <COMMAND>\nhelp: did you mean `portolan serve`?",
            ),
            (
                "portolan inspect --tre x",
                "unexpected argument \"--tre\"\nusage: portolan inspect --tree <REF>\nhelp: did you mean `--tree`?",
            ),
            (
                "portolan inspect --raw --json x",
                "--raw cannot be used with --json\nusage: portolan inspect --raw <REF>\nhelp: run `portolan inspect --help`",
            ),
            (
                "portolan copy --to squashfs a b",
                "invalid value \"squashfs\" for --to <FORMAT>\nhelp: the values are oci, docker",
            ),
            (
                "portolan inspect x --platform",
                "a value is required for --platform <P>\nhelp: run `portolan inspect --help`",
            ),
            (
                "portolan index remove oci:a:b",
                "missing argument: <DIGEST|PLATFORM>...\nusage: portolan index remove <DST> <DIGEST|PLATFORM>...\nhelp: run `portolan index remove --help`",
            ),
        ] {
            assert_eq!(error(line), expected, "{line}");
        }
    }

    #[test]
    fn errors_of_values_contain_an_example() {
        for (line, expected) in [
            ("portolan copy --jobs 0 a b", "for example `--jobs 8`"),
            ("portolan copy --jobs x a b", "for example `--jobs 8`"),
            ("portolan serve --listen here", "`--listen 127.0.0.1:5000`"),
            ("portolan inspect --platform linux x", "linux/arm/v7"),
            ("portolan index remove oci:a:b linux", "linux/arm/v7"),
            ("portolan tags set oci:a:b -- -v1", "such as v1.2"),
            (
                "portolan attach oci:a:b f --artifact-type a/b --annotation x",
                "KEY=VALUE",
            ),
            ("portolan config check --repository Team/App", "`team/app`"),
        ] {
            let text = error(line);
            let (_, help) = text.split_once("\nhelp: ").unwrap();
            assert!(help.contains(expected), "{line}: {text}");
            for word in ["digit found", "socket address", "non-zero type"] {
                assert!(!text.contains(word), "{line}: {text}");
            }
        }
    }
}
