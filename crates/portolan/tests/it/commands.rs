//! What the commands print and how they end.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{binary, portolan, text};

#[test]
fn wrong_usage_ends_with_2() {
    assert_eq!(portolan(&["serv"]).status.code(), Some(2));
    assert_eq!(
        portolan(&["serve", "--listen", "everywhere"]).status.code(),
        Some(2)
    );
    let output = portolan(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("--anonymous"),
        "{}",
        text(&output.stderr)
    );
}

/// As docs/configuration.md says it.
#[test]
fn policies_of_the_environment_replace_those_of_the_file() {
    let page = include_str!("../../../../docs/configuration.md");
    let (_, entries) = page.split_once("\nPORTOLAN_POLICY='").unwrap();
    let (entries, _) = entries.split_once('\'').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    fs::write(&file, "[[policy]]\nrepositories = \"of-the-file\"\n").unwrap();
    let arguments = [
        "config",
        "show",
        "--json",
        "--config",
        file.to_str().unwrap(),
    ];
    let output = Command::new(binary())
        .args(arguments)
        .env("PORTOLAN_POLICY", entries)
        .output()
        .unwrap();
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let patterns = [
        &shown["policy"][0]["repositories"],
        &shown["policy"][1]["repositories"],
    ];
    assert_eq!(
        (patterns, shown["policy"].as_array().unwrap().len()),
        ([&json!("mirror/**"), &json!("release/**")], 2)
    );
}

#[test]
fn a_configuration_is_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "[server]\nlisten = \"127.0.0.1:5001\"\n").unwrap();
    let output = portolan(&["config", "check", "--config", path]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "The configuration is right.\n".into())
    );
    let shown = text(&portolan(&["config", "show", "--config", path]).stdout);
    assert!(
        shown.contains("listen = \"127.0.0.1:5001\"") && shown.contains("expire = \"1day\""),
        "{shown}"
    );
    let json = text(&portolan(&["config", "show", "--json", "--config", path]).stdout);
    assert!(json.contains("\"listen\": \"127.0.0.1:5001\""), "{json}");

    fs::write(&file, "[server]\nlisen = \"127.0.0.1:5001\"\n").unwrap();
    let output = portolan(&["config", "check", "--config", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("did you mean \"listen\"?"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn policies_are_listed_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    let path = file.to_str().unwrap();
    let policies = "[[policy]]\nrepositories = \"**\"\n[policy.rules]\nindex-nested = \"warn\"\n\
                    [[policy]]\nrepositories = \"mirror/**\"\npreset = \"sparse\"\nnormalise = \"oci\"\n\
                    [policy.rules]\nchild-much-older = \"reject\"\n";
    fs::write(&file, policies).unwrap();
    let check = |arguments: &[&str]| {
        let output = portolan(&[&["config", "check", "--config", path][..], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(
        check(&[]),
        "The configuration is right.\n\n\
         ENTRY  REPOSITORIES  PRESET  BESIDES\n\
         1      **            open    index-nested = warn\n\
         2      mirror/**     sparse  normalise = oci, child-much-older = reject\n\n\
         The last entry that matches a repository counts, as a whole. A repository that none matches is open.\n"
    );
    assert_eq!(
        check(&["--repository", "mirror/alpine"]),
        "Repository:      mirror/alpine\n\
         Policy:          entry 2 of [[policy]], the last one that matches it\n\
         Matching:        1 (\"**\"), 2 (\"mirror/**\")\n\
         Preset:          sparse\n\
         Manifest types:  all\n\
         Tags:            set to what was pushed, converted to OCI's types\n\
         Deletion:        unreferenced\n\
         A push reads:    the whole tree below it\n\n\
         RULE              VERDICT  IN OPEN\n\
         child-much-older  reject   accept\n\
         missing-child     accept   reject\n\n\
         Every other rule has its verdict of the preset open.\n"
    );
    let json = check(&["--repository", "mirror/alpine", "--json"]);
    for part in [
        "\"entry\": 2",
        "\"normalise\": \"oci\"",
        "\"readsTree\": true",
        "\"verdict\": \"reject\"",
    ] {
        assert!(json.contains(part), "{json}");
    }
    assert!(check(&["--json"]).contains("\"repositories\": \"mirror/**\""));
    assert!(
        text(&portolan(&["config", "show", "--config", path]).stdout)
            .contains("normalise = \"oci\"")
    );
    fs::write(&file, "").unwrap();
    assert_eq!(
        check(&["--repository", "team/app"]),
        "Repository:      team/app\n\
         Policy:          open, since no entry of [[policy]] matches it\n\
         A push reads:    what it names itself\n\n\
         Every rule has its verdict of the preset open.\n"
    );
}

#[test]
fn each_command_shows_an_example() {
    for command in [
        &["serve", "--help"][..],
        &["config", "check", "--help"],
        &["config", "show", "--help"],
    ] {
        let help = text(&portolan(command).stdout);
        assert!(help.contains("Examples:\n"), "{command:?}: {help}");
    }
}
