//! Generator of docs/cli.md, and the test that the document is up to date. The document consists of
//! `head.md` and the definition of the command line.

use std::fmt::Write;
use std::{env, fs};

use clap::{Arg, ArgAction, Command};

use crate::failure::Status;

/// Hand-written part of the document: references, output, exit statuses, JSON.
const HEAD: &str = include_str!("reference/head.md");

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");

/// Environment variable. If it is set, the test writes the document before it compares it.
const WRITE: &str = "WRITE_CLI_REFERENCE";

#[test]
fn the_cli_reference_is_current() {
    let mut reference = HEAD.replace("STATUSES\n", &statuses());
    write_commands(&super::definition(), "", &mut reference);
    if env::var_os(WRITE).is_some() {
        fs::write(FILE, &reference).unwrap();
    }
    let written = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == reference,
        "docs/cli.md is out of date; to update it, run: {WRITE}=1 cargo test -p portolan reference"
    );
}

/// Returns the rows of the table of exit statuses.
fn statuses() -> String {
    let row = |status: Status| format!("| {} | {} |\n", status as u8, status.description());
    Status::ALL.map(row).concat()
}

#[test]
fn each_command_has_examples() {
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

/// Writes a section for `command`, or for its subcommands if it has any.
fn write_commands(command: &Command, parents: &str, text: &mut String) {
    let name = format!("{parents}{}", command.get_name());
    if command.has_subcommands() {
        let parents = format!("{name} ");
        for command in command.get_subcommands() {
            write_commands(command, &parents, text);
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
        end_paragraphs(&about)
    );
    write_arguments(command, text);
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        let examples = examples
            .trim_start_matches("Examples:\n")
            .replace("\n  ", "\n");
        let _ = write!(text, "\nExamples:\n```\n{}\n```\n", examples.trim());
    }
}

/// Writes the table of the arguments of a command.
fn write_arguments(command: &Command, text: &mut String) {
    let connects = command.get_arguments().any(is_connection_option);
    let own: Vec<_> = command
        .get_arguments()
        .filter(|argument| !is_connection_option(argument) && !is_help(argument))
        .collect();
    if !own.is_empty() {
        text.push_str("\n| argument | description |\n| --- | --- |\n");
    }
    for argument in own {
        let help = argument
            .get_long_help()
            .or(argument.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        let default = default_value(argument).map_or_else(String::new, |default| {
            format!(" The default is `{default}`.")
        });
        let _ = writeln!(
            text,
            "| `{}` | {}{default} |",
            argument_name(argument),
            end_paragraphs(&help)
                .replace('|', "\\|")
                .replace("\n\n", " ")
                .replace('\n', " ")
        );
    }
    if connects {
        text.push_str("\nThe options of the [connection](#connection) also apply.\n");
    }
}

fn is_connection_option(argument: &Arg) -> bool {
    argument.get_help_heading() == Some("Connection")
}

fn is_help(argument: &Arg) -> bool {
    ["help", "version"].contains(&argument.get_id().as_str())
}

/// Returns an argument as written on the command line.
fn argument_name(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default().join(" ");
    let value = if argument.get_action().takes_values() {
        values
    } else {
        String::new()
    };
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let repeated = if matches!(argument.get_action(), ArgAction::Append) {
        "…"
    } else {
        ""
    };
    let value = value.replace('|', "\\|");
    match names.join(", ") {
        names if names.is_empty() => format!("{value}{repeated}"),
        names if value.is_empty() => names,
        names => format!("{names} {value}{repeated}"),
    }
}

/// Returns the default value of an argument, if it has one.
fn default_value(argument: &Arg) -> Option<String> {
    let values = argument.get_default_values();
    (argument.get_action().takes_values() && !values.is_empty()).then(|| {
        values
            .iter()
            .map(|value| value.to_string_lossy())
            .collect::<Vec<_>>()
            .join(",")
    })
}

/// Ends each paragraph with a full stop, because help texts omit it.
fn end_paragraphs(text: &str) -> String {
    let paragraphs: Vec<_> = text.split("\n\n").map(end_sentence).collect();
    paragraphs.join("\n\n")
}

/// Ends a paragraph with a full stop, and makes a default at its end a sentence.
fn end_sentence(text: &str) -> String {
    let default = || text.strip_suffix(']')?.rsplit_once("[default: ");
    if let Some((text, default)) = default() {
        format!("{}. Default: {default}.", text.trim_end())
    } else if text.ends_with(['.', ']']) {
        text.into()
    } else {
        format!("{text}.")
    }
}
