//! `portolan serve`: its start, its end, and what it rejects.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use portolan_testkit::Process;

use super::{command, compare, render};
use crate::binary;
use crate::toolkit::User;

#[test]
fn serve() {
    let person = User::new();
    let line = "serve --listen 127.0.0.1:0 --data data";
    let (output, address) = from_start_to_end(serve_command(&person, line));
    compare(
        "serve/start",
        &render(line, &output).replace(&address, "HOST"),
    );

    fs::write(person.path("wrong.toml"), "[server]\nlisen = 1\n").unwrap();
    check(&person, "serve/wrong-address", "serve --listen everywhere");
    check(
        &person,
        "serve/address-for-everybody",
        "serve --listen 0.0.0.0:0",
    );
    check(
        &person,
        "serve/missing-configuration",
        "serve --config missing.toml",
    );
    check(
        &person,
        "serve/wrong-configuration",
        "serve --config wrong.toml",
    );
}

#[test]
fn serve_where_another_does() {
    let person = User::new();
    let first = Process::serve(binary(), &person.path("data"), &[]).unwrap();
    let address = first.address().to_string();
    for (snapshot, line) in [
        (
            "serve/folder-in-use",
            "serve --listen 127.0.0.1:0 --data data".to_owned(),
        ),
        (
            "serve/address-in-use",
            format!("serve --listen {address} --data other"),
        ),
    ] {
        let output = serve_command(&person, &line).output().unwrap();
        let rendered = render(&line, &output).replace(&address, "HOST");
        let process = format!("process {}", first.id());
        compare(snapshot, &rendered.replace(&process, "process PID"));
    }
}

/// Returns a command whose connections fit into any limit on open files, so that none is logged.
fn serve_command(person: &User, line: &str) -> Command {
    let mut command = command(person, line);
    command.env("PORTOLAN_SERVER__LIMITS__CONNECTIONS", "10");
    command
}

fn check(person: &User, snapshot: &str, line: &str) {
    let output = command(person, line).output().unwrap();
    compare(snapshot, &render(line, &output));
}

/// Runs a server until it listens, stops it with SIGTERM, and returns the address as well.
fn from_start_to_end(mut command: Command) -> (Output, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut printed = String::new();
    // The last line is printed when everything is ready.
    while stdout.read_line(&mut printed).unwrap() > 0 && !printed.contains("Ctrl-C") {}
    let mut kill = Command::new("kill");
    kill.args(["-TERM", &child.id().to_string()]);
    assert!(kill.status().unwrap().success());
    stdout.read_to_string(&mut printed).unwrap();
    let (_, rest) = printed.split_once("http://").unwrap();
    let address = rest.lines().next().unwrap().to_owned();
    let output = child.wait_with_output().unwrap();
    let stdout = printed.into_bytes();
    (Output { stdout, ..output }, address)
}
