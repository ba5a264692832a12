//! `portolan … --help` for every command and subcommand.

use std::collections::BTreeSet;

use super::{command, compare, folder, names, render};
use crate::text;
use crate::toolkit::User;

/// The help text of a command.
pub(crate) struct Help {
    /// The words of the command, without `portolan`: `tags list`.
    pub(crate) command: String,
    pub(crate) text: String,
    /// Names of the subcommands, without `help`.
    subcommands: Vec<String>,
}

impl Help {
    fn read(person: &User, name: &str) -> Self {
        let output = command(person, &format!("{name} --help")).output().unwrap();
        let text = text(&output.stdout);
        let section = text.lines().skip_while(|line| *line != "Commands:").skip(1);
        let subcommands = section
            .take_while(|line| !line.is_empty())
            // Continuation lines of a description are indented further.
            .filter_map(|line| {
                line.strip_prefix("  ")
                    .filter(|line| !line.starts_with(' '))
            })
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect();
        Self {
            command: name.into(),
            subcommands,
            text,
        }
    }

    /// Returns whether it is a command that does something, and not a group of commands.
    pub(crate) fn is_leaf(&self) -> bool {
        self.subcommands.is_empty()
    }

    /// The folder or file of its snapshots.
    pub(crate) fn snapshot(&self) -> String {
        match self.command.as_str() {
            "" => "portolan".into(),
            command => command.replace(' ', "-"),
        }
    }
}

/// The help texts of `portolan` and of all commands below it.
pub(crate) fn all(person: &User) -> Vec<Help> {
    let (mut found, mut open) = (Vec::new(), vec![String::new()]);
    while let Some(name) = open.pop() {
        let help = Help::read(person, &name);
        let below = help.subcommands.iter().rev();
        open.extend(below.map(|subcommand| format!("{name} {subcommand}").trim().to_owned()));
        found.push(help);
    }
    found
}

#[test]
fn every_command_has_its_help() {
    let person = User::new();
    let helps = all(&person);
    for help in &helps {
        let line = format!("{} --help", help.command);
        let output = command(&person, &line).output().unwrap();
        compare(
            &format!("help/{}", help.snapshot()),
            &render(line.trim(), &output),
        );
    }
    let expected: BTreeSet<_> = helps.iter().map(Help::snapshot).collect();
    let stored: BTreeSet<_> = names(&folder().join("help")).into_iter().collect();
    assert_eq!(stored, expected, "a snapshot of a command that is gone");
}

#[test]
fn wrong_commands_and_the_version() {
    let person = User::new();
    for (snapshot, line) in [
        ("portolan/no-command", ""),
        ("portolan/unknown-command", "serv"),
        ("portolan/unknown-option", "inspect --tre x"),
        ("portolan/group-alone", "tags"),
        ("portolan/version", "--version"),
    ] {
        let output = command(&person, line).output().unwrap();
        compare(snapshot, &render(line, &output));
    }
}
