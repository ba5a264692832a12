//! Snapshots of every command. Accept changes: `INSTA_UPDATE=always cargo test -p portolan --test it snapshots`.
//!
//! A snapshot that differs fails the test, and so does a new one. Each case records the command line, the exit status,
//! standard output and standard error. Only what varies between runs is replaced, see [`Session::redact`].

mod blob;
mod config;
pub(crate) mod content;
mod convert;
mod copy;
mod coverage;
mod delete;
mod help;
mod index;
mod inspect;
mod lint;
mod login;
mod repository;
mod serve;
mod shell;
mod tags;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::text;
use super::toolkit::{Server, User};

pub(crate) use help::{Help, all as all_helps};

/// A person in an empty home folder, and a registry with the content of [`content::push`].
pub(crate) struct Session {
    pub(crate) server: Server,
    pub(crate) person: User,
}

impl Session {
    pub(crate) async fn start() -> Self {
        let (server, person) = (Server::start(), User::new());
        content::push(&server).await;
        Self { server, person }
    }

    /// Runs `portolan LINE` and compares the result with the snapshot `COMMAND/CASE`. `HOST` and `HOME` in the line
    /// are placeholders.
    pub(crate) fn check(&self, snapshot: &str, line: &str) {
        let output = self.run(line);
        self.compare(snapshot, &render(line, &output));
    }

    /// Does the same as [`Session::check`], for a command that writes to standard error from parallel tasks: its lines
    /// are sorted.
    pub(crate) fn check_sorted(&self, snapshot: &str, line: &str) {
        let mut output = self.run(line);
        let stderr = text(&output.stderr);
        let mut lines: Vec<_> = stderr.lines().collect();
        lines.sort_unstable();
        output.stderr = lines
            .iter()
            .flat_map(|line| [line.as_bytes(), b"\n"].concat())
            .collect();
        self.compare(snapshot, &render(line, &output));
    }

    /// Runs `portolan LINE` without a snapshot.
    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs `portolan LINE` as a step that prepares a case, and has to succeed.
    pub(crate) fn prepare(&self, line: &str) {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        command(&self.person, &self.expand(line))
    }

    fn compare(&self, snapshot: &str, rendered: &str) {
        compare(snapshot, &self.redact(rendered));
    }

    /// Replaces the addresses of the registries and the temporary folder.
    pub(crate) fn redact(&self, text: &str) -> String {
        let home = self.person.home().to_str().unwrap();
        text.replace(&self.server.host(), "HOST")
            .replace(home, "HOME")
    }

    fn expand(&self, line: &str) -> String {
        line.replace("HOST", &self.server.host())
            .replace("HOME", self.person.home().to_str().unwrap())
    }
}

/// The command of a line whose words are separated by spaces.
pub(crate) fn command(person: &User, line: &str) -> Command {
    person.command(&line.split_whitespace().collect::<Vec<_>>())
}

/// Runs a command that reads `input` from standard input.
pub(crate) fn run_with_input(mut command: Command, input: &str) -> Output {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that fails early does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The text of a snapshot.
pub(crate) fn render(line: &str, output: &Output) -> String {
    let status = output
        .status
        .code()
        .map_or_else(|| "none, ended by a signal".into(), |code| code.to_string());
    format!(
        "$ portolan {line}\nstatus: {status}\n--- stdout\n{}--- stderr\n{}",
        complete(&output.stdout),
        complete(&output.stderr)
    )
}

/// Marks a missing newline at the end, as `diff` does.
fn complete(output: &[u8]) -> String {
    match text(output) {
        output if output.is_empty() || output.ends_with('\n') => output,
        output => format!("{output}\n\\ No newline at end\n"),
    }
}

/// Compares a text with the snapshot `FOLDER/CASE`.
pub(crate) fn compare(snapshot: &str, text: &str) {
    let (folder, case) = snapshot.split_once('/').unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let version = env!("CARGO_PKG_VERSION").replace('.', "\\.");
    settings.add_filter(&format!(r"\b{version}\b"), "VERSION");
    settings.add_filter(r"\bin [0-9]+\.[0-9] s\b", "in TIME");
    settings.add_filter(r#""timestamp":"[^"]*""#, r#""timestamp":"TIME""#);
    settings.bind(|| insta::assert_snapshot!(case, text));
}

/// An address of this host where nothing listens.
pub(crate) fn closed_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The folder with all snapshots.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// The names of the snapshots in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".snap").map(str::to_owned))
        .collect()
}
