//! `portolan completion` and `man`: the names in them, since the full texts repeat the help.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;

use super::{command, compare, render};
use crate::text;
use crate::toolkit::User;

const SHELLS: [(&str, &str); 5] = [
    ("completion/bash", "bash"),
    ("completion/elvish", "elvish"),
    ("completion/fish", "fish"),
    ("completion/powershell", "powershell"),
    ("completion/zsh", "zsh"),
];

fn run(person: &User, line: &str) -> Output {
    command(person, line).output().unwrap()
}

fn check(snapshot: &str, line: &str, output: &Output) {
    compare(snapshot, &render(line, output));
}

/// The options and the first lines of a script.
fn summary(script: &str) -> String {
    let words = script.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    let options: BTreeSet<_> = words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .collect();
    let head: Vec<_> = script.lines().take(5).collect();
    let options: Vec<_> = options.into_iter().collect();
    format!("{}\n…\noptions: {}\n", head.join("\n"), options.join(" "))
}

#[test]
fn completion() {
    let person = User::new();
    for (snapshot, shell) in SHELLS {
        let line = format!("completion {shell}");
        let output = run(&person, &line);
        let stdout = summary(&text(&output.stdout)).into_bytes();
        check(snapshot, &line, &Output { stdout, ..output });
    }
    let wrong = run(&person, "completion tcsh");
    check("completion/unknown-shell", "completion tcsh", &wrong);
    let nothing = run(&person, "completion");
    check("completion/no-shell", "completion", &nothing);
}

#[test]
fn man() {
    let person = User::new();
    let page = run(&person, "man");
    check("man/page", "man", &page);

    let line = "man --output pages";
    let mut output = run(&person, line);
    let files = fs::read_dir(person.path("pages")).unwrap();
    let names: BTreeSet<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in names {
        output.stdout.extend(format!("(file) {name}\n").bytes());
    }
    check("man/folder", line, &output);

    fs::write(person.path("file"), "").unwrap();
    let failed = run(&person, "man --output file");
    check("man/not-a-folder", "man --output file", &failed);
}
