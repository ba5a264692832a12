//! docs/cli.md, made of the definition of the command line and of what stands in `head.md`.

use std::fmt::Write;
use std::{env, fs};

use clap::{Arg, ArgAction, Command};

/// What no definition says: references, output, exit statuses, JSON.
const HEAD: &str = include_str!("head.md");

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");

/// Set to anything, the file is written instead of compared.
const WRITE: &str = "WRITE_CLI_REFERENCE";

#[test]
fn the_reference_is_current() {
    let mut reference = String::from(HEAD);
    commands(&super::definition(), "", &mut reference);
    if env::var_os(WRITE).is_some() {
        fs::write(FILE, &reference).unwrap();
    }
    let written = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == reference,
        "docs/cli.md is not current; write it with: {WRITE}=1 cargo test -p portolan reference"
    );
}

#[test]
fn each_command_shows_examples() {
    fn check(command: &Command) {
        command.get_subcommands().for_each(check);
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            command.has_subcommands() || help.starts_with("Examples:\n  "),
            "{}",
            command.get_name()
        );
    }
    check(&super::definition());
}

/// Every command below `command` that does something.
fn commands(command: &Command, parents: &str, text: &mut String) {
    let name = format!("{parents}{}", command.get_name());
    if command.has_subcommands() {
        let parents = format!("{name} ");
        for command in command.get_subcommands() {
            commands(command, &parents, text);
        }
        return;
    }
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    let usage = command.clone().bin_name(&name).render_usage().to_string();
    let usage = usage
        .trim_start_matches("Usage: ")
        .replace("\n       ", "\n");
    let _ = write!(
        text,
        "\n## `{name}`\n{}\n\n```\n{usage}\n```\n",
        sentence(&about)
    );
    arguments(command, text);
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        let examples = examples
            .trim_start_matches("Examples:\n")
            .replace("\n  ", "\n");
        let _ = write!(text, "\nExamples:\n```\n{}\n```\n", examples.trim());
    }
}

fn arguments(command: &Command, text: &mut String) {
    let connects = command.get_arguments().any(is_of_connection);
    let own: Vec<_> = command
        .get_arguments()
        .filter(|argument| !is_of_connection(argument) && !is_help(argument))
        .collect();
    if !own.is_empty() {
        text.push_str("\n| argument | what it says |\n| --- | --- |\n");
    }
    for argument in own {
        let help = argument
            .get_long_help()
            .or(argument.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        let default = default(argument)
            .map_or_else(String::new, |default| format!(" By default `{default}`."));
        let _ = writeln!(
            text,
            "| `{}` | {}{default} |",
            called(argument),
            sentence(&help).replace('|', "\\|").replace('\n', " ")
        );
    }
    if connects {
        text.push_str("\nAnd the options of the [connection](#connection).\n");
    }
}

fn is_of_connection(argument: &Arg) -> bool {
    argument.get_help_heading() == Some("Connection")
}

fn is_help(argument: &Arg) -> bool {
    ["help", "version"].contains(&argument.get_id().as_str())
}

fn called(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default().join(" ");
    let value = if argument.get_action().takes_values() {
        values
    } else {
        String::new()
    };
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let many = if matches!(argument.get_action(), ArgAction::Append) {
        "…"
    } else {
        ""
    };
    let value = value.replace('|', "\\|");
    match names.join(", ") {
        names if names.is_empty() => format!("{value}{many}"),
        names if value.is_empty() => names,
        names => format!("{names} {value}{many}"),
    }
}

fn default(argument: &Arg) -> Option<String> {
    let values = argument.get_default_values();
    (argument.get_action().takes_values() && !values.is_empty()).then(|| {
        values
            .iter()
            .map(|value| value.to_string_lossy())
            .collect::<Vec<_>>()
            .join(",")
    })
}

/// The help of the command line leaves out the full stop.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', ']']) {
        text.into()
    } else {
        format!("{text}.")
    }
}
