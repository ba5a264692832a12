//! End-to-end tests of the binary: the server through start, stop, kill and a full disk, and the
//! toolkit between registries, folders and archives.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod commands;
mod connections;
mod contract;
mod convert;
mod copy;
mod damage;
mod escapes;
mod faults;
mod index;
mod inspect;
mod lint;
mod login;
mod reload;
mod repository;
mod serve;
mod snapshots;
mod stop;
mod toolkit;

use std::path::Path;
use std::process::{Command, Output};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_portolan"))
}

fn portolan(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
