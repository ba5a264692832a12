//! No command without its cases, and no snapshot without its case.

use std::fs;
use std::path::Path;

use super::{all_helps, folder, names};
use crate::toolkit::User;

#[test]
fn every_command_has_snapshots_of_success_and_of_failure() {
    for help in all_helps(&User::new()) {
        if !help.is_leaf() {
            continue;
        }
        let folder = folder().join(help.snapshot());
        let cases = names(&folder).into_iter().map(|case| {
            let text = fs::read_to_string(folder.join(format!("{case}.snap"))).unwrap();
            let line = text.lines().find(|line| line.starts_with("$ portolan "));
            let json = line.is_some_and(|line| line.contains("--json"));
            (text.contains("\nstatus: 0\n"), json)
        });
        let cases: Vec<_> = cases.collect();
        let name = &help.command;
        assert!(cases.iter().any(|(success, _)| *success), "{name}: success");
        assert!(cases.iter().any(|(success, _)| !success), "{name}: failure");
        if help.text.contains("--json") {
            assert!(cases.iter().any(|(_, json)| *json), "{name}: --json");
        }
    }
}

#[test]
fn every_snapshot_has_a_case() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let sources = |folder: &str| -> String {
        let files = fs::read_dir(tests.join(folder)).unwrap();
        files
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    };
    let (cases, contract) = (sources("snapshots"), sources("contract"));
    for group in fs::read_dir(folder()).unwrap() {
        let group = group.unwrap();
        let name = group.file_name().into_string().unwrap();
        for case in names(&group.path()) {
            let has_case = match name.as_str() {
                // The help test compares the list of files itself.
                "help" => true,
                "contract" => contract.contains(&format!("(\"{case}\", ")),
                _ => cases.contains(&format!("\"{name}/{case}\"")),
            };
            assert!(has_case, "no test has the case {name}/{case}");
        }
    }
}
