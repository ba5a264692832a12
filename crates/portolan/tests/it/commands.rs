//! What the commands print and how they end.

use std::fs;

use super::{portolan, text};

#[test]
fn wrong_usage_ends_with_2() {
    assert_eq!(portolan(&["serv"]).status.code(), Some(2));
    assert_eq!(portolan(&["serve", "--listen", "everywhere"]).status.code(), Some(2));
    let output = portolan(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--anonymous"), "{}", text(&output.stderr));
}

#[test]
fn a_configuration_is_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "[server]\nlisten = \"127.0.0.1:5001\"\n").unwrap();
    let output = portolan(&["config", "check", "--config", path]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "The configuration is right.\n".into()));
    let shown = text(&portolan(&["config", "show", "--config", path]).stdout);
    assert!(shown.contains("listen = \"127.0.0.1:5001\"") && shown.contains("expire = \"1day\""), "{shown}");
    let json = text(&portolan(&["config", "show", "--json", "--config", path]).stdout);
    assert!(json.contains("\"listen\": \"127.0.0.1:5001\""), "{json}");

    fs::write(&file, "[server]\nlisen = \"127.0.0.1:5001\"\n").unwrap();
    let output = portolan(&["config", "check", "--config", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean \"listen\"?"), "{}", text(&output.stderr));
}

#[test]
fn each_command_shows_an_example() {
    for command in [&["serve", "--help"][..], &["config", "check", "--help"], &["config", "show", "--help"]] {
        let help = text(&portolan(command).stdout);
        assert!(help.contains("Examples:\n"), "{command:?}: {help}");
    }
}
