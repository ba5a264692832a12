//! What the configuration takes, and how it says what it does not.

use std::fs;

use super::*;

fn from_toml(text: &str) -> Result<Configuration, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    fs::write(&file, text).unwrap();
    load(Some(&file))
}

fn refused(text: &str) -> String {
    let checked = from_toml(text).and_then(|configuration| configuration.check());
    checked.unwrap_err().to_string()
}

#[test]
fn the_reference_shows_every_key_with_its_default() {
    let reference = include_str!("../../../../docs/configuration.md");
    let (_, block) = reference.split_once("```toml\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let configured = from_toml(block).unwrap().to_toml().unwrap();
    assert_eq!(configured, Configuration::default().to_toml().unwrap());
    let mut shown: Vec<&str> = keys(block);
    let defaults = Configuration::default().to_toml().unwrap();
    let mut known = keys(&defaults);
    shown.sort_unstable();
    known.sort_unstable();
    assert_eq!(shown, known);
}

fn keys(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && *line != "policy = []")
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect()
}

#[test]
fn a_file_is_read() {
    let configuration = from_toml(
        "[server]\nlisten = \"127.0.0.1:5001\"\n[storage.uploads]\nexpire = \"90s\"\n\
         [[policy]]\nrepositories = \"mirror/**\"\npreset = \"sparse\"\n",
    )
    .unwrap();
    assert_eq!(configuration.server.listen.port(), 5001);
    assert_eq!(configuration.storage.uploads.expire.as_secs(), 90);
    assert_eq!(configuration.policies().unwrap().len(), 1);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    let message = refused("[server]\nlisen = \"127.0.0.1:1\"\n");
    assert!(message.contains("there is no key \"lisen\" here; did you mean \"listen\"?"), "{message}");
    assert!(message.contains("portolan.toml"), "{message}");
    let message = refused("[storge]\n");
    assert!(message.contains("did you mean \"storage\"?"), "{message}");
}

#[test]
fn wrong_values_are_refused_with_their_key() {
    let message = refused("[server]\nlisten = \"everywhere\"\n");
    assert!(message.contains("server.listen") && message.contains("invalid socket address"), "{message}");
    let message = refused("[[policy]]\nrepositories = \"a\"\npreset = \"sparce\"\n");
    assert!(message.contains("policy") && message.contains("`open` or `sparse`"), "{message}");
    let message = refused("[[policy]]\nrepositories = \"a[\"\npreset = \"open\"\n");
    assert!(message.contains("policy.0.repositories"), "{message}");
    let message = refused("[telemetry]\nlog = \"portolan=loud\"\n");
    assert!(message.contains("telemetry.log"), "{message}");
}

#[test]
fn an_address_that_others_reach_needs_a_word() {
    let message = refused("[server]\nlisten = \"0.0.0.0:5000\"\n");
    assert!(message.contains("--anonymous"), "{message}");
    assert!(from_toml("[server]\nlisten = \"0.0.0.0:5000\"\nanonymous = true\n").unwrap().check().is_ok());
    assert!(from_toml("[server]\nlisten = \"[::1]:5000\"\n").unwrap().check().is_ok());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load(Some(Path::new("/nowhere/portolan.toml"))).unwrap_err();
    assert_eq!(error.to_string(), "there is no configuration file /nowhere/portolan.toml");
}
