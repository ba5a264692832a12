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
    assert!(
        message.contains("there is no key \"lisen\" here; did you mean \"listen\"?"),
        "{message}"
    );
    assert!(message.contains("portolan.toml"), "{message}");
    let message = refused("[storge]\n");
    assert!(message.contains("did you mean \"storage\"?"), "{message}");
}

#[test]
fn wrong_values_are_refused_with_their_key() {
    let message = refused("[server]\nlisten = \"everywhere\"\n");
    assert!(
        message.contains("server.listen") && message.contains("invalid socket address"),
        "{message}"
    );
    let message = refused("[[policy]]\nrepositories = \"a\"\npreset = \"sparce\"\n");
    assert!(
        message.contains("policy") && message.contains("`sparse`"),
        "{message}"
    );
    let message = refused("[[policy]]\nrepositories = \"a[\"\npreset = \"open\"\n");
    assert!(
        message.contains("entry 1 of [[policy]] (\"a[\"): repositories: "),
        "{message}"
    );
    for pattern in [
        "",
        "Mirror/**",
        "/mirror/**",
        "a/**, b/**",
        "host:5000/a/**",
    ] {
        let message = refused(&format!(
            "[[policy]]\nrepositories = \"**\"\n[[policy]]\nrepositories = \"{pattern}\"\n"
        ));
        let expected = format!(
            "entry 2 of [[policy]] (\"{pattern}\"): repositories: \"{pattern}\" matches no repository"
        );
        assert!(message.contains(&expected), "{message}");
    }
    let message = refused("[telemetry]\nlog = \"portolan=loud\"\n");
    assert!(message.contains("telemetry.log"), "{message}");
}

#[test]
fn an_address_that_others_reach_needs_a_word() {
    let message = refused("[server]\nlisten = \"0.0.0.0:5000\"\n");
    assert!(message.contains("--anonymous"), "{message}");
    assert!(
        from_toml("[server]\nlisten = \"0.0.0.0:5000\"\nanonymous = true\n")
            .unwrap()
            .check()
            .is_ok()
    );
    assert!(
        from_toml("[server]\nlisten = \"[::1]:5000\"\n")
            .unwrap()
            .check()
            .is_ok()
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load(Some(Path::new("/nowhere/portolan.toml"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no configuration file /nowhere/portolan.toml"
    );
}

fn policy(text: &str) -> portolan_registry::Policy {
    let configuration = from_toml(&format!("[[policy]]\nrepositories = \"**\"\n{text}")).unwrap();
    configuration.policies().unwrap()[0].policy().clone()
}

#[test]
fn policies_are_read() {
    use portolan_model::convert;
    use portolan_model::{MediaType, Rule};
    use portolan_registry::{Deletions, Policy, Preset, Verdict};

    assert_eq!(policy(""), Policy::default());
    assert_eq!(
        policy("preset = \"docker-only\"\n"),
        Preset::DockerOnly.into()
    );
    let all = "preset = \"sparse\"\nmanifest_types = [\"application/vnd.oci.image.index.v1+json\"]\n\
               normalise = \"oci\"\ndeletion = \"never\"\n[policy.rules]\nindex-nested = \"reject\"\nsize-mismatch = \"accept\"\n";
    let expected = Policy::from(Preset::Sparse)
        .with(Rule::IndexNested, Verdict::Reject)
        .with(Rule::SizeMismatch, Verdict::Accept)
        .for_manifest_types(vec![MediaType::OCI_INDEX.into()])
        .normalising(convert::Format::Oci)
        .with_deletions(Deletions::Never);
    assert_eq!(policy(all), expected);
}

#[test]
fn what_is_wrong_in_a_policy_is_told_with_its_key() {
    let refused = |text: &str| refused(&format!("[[policy]]\nrepositories = \"**\"\n{text}"));
    let message = refused("[policy.rules]\nindex-nestd = \"warn\"\n");
    assert!(
        message.contains(
            "entry 1 of [[policy]] (\"**\"): rules: there is no rule \"index-nestd\"; did you mean \"index-nested\"?"
        ),
        "{message}"
    );
    let message = refused("[policy.rules]\nindex-nested = \"warning\"\n");
    assert!(
        message.contains("entry 1 of [[policy]]: rules.index-nested: "),
        "{message}"
    );
    assert!(message.contains("`accept`, `warn`"), "{message}");
    let message = refused("manifest_types = []\n");
    assert!(
        message.contains("(\"**\"): manifest_types: an empty list"),
        "{message}"
    );
    let message = refused("manifest_types = [\"oci\"]\n");
    assert!(
        message.contains("(\"**\"): manifest_types: \"oci\" is no media type"),
        "{message}"
    );
    let message = refused("normalise = \"docker\"\n");
    assert!(
        message.contains("policy") && message.contains("`oci`"),
        "{message}"
    );
    let message = refused("rule = 1\n");
    assert!(message.contains("did you mean \"rules\"?"), "{message}");
}

#[test]
fn what_takes_oci_alone_has_nothing_to_normalise() {
    let message =
        refused("[[policy]]\nrepositories = \"**\"\npreset = \"oci-only\"\nnormalise = \"oci\"\n");
    assert!(
        message.contains("normalise: nothing would ever be converted"),
        "{message}"
    );
    let lenient =
        "preset = \"oci-only\"\nnormalise = \"oci\"\n[policy.rules]\ntype-not-allowed = \"warn\"\n";
    assert!(policy(lenient).normalises().is_some());
    assert!(
        policy("preset = \"docker-only\"\nnormalise = \"oci\"\n")
            .normalises()
            .is_some()
    );
}

#[test]
fn the_reference_shows_every_key_of_a_policy() {
    let reference = include_str!("../../../../docs/configuration.md");
    let (_, policies) = reference.split_once("\n## Policies\n").unwrap();
    let (_, block) = policies.split_once("```\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let configuration = from_toml(block).unwrap();
    configuration.check().unwrap();
    let entry = serde_json::to_value(&configuration.policy[0]).unwrap();
    let shown: Vec<_> = entry
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(shown, KEYS_OF_A_POLICY);
    for key in KEYS_OF_A_POLICY {
        let unknown = refused(&format!("[[policy]]\nrepositories = \"**\"\n{key}x = 1\n"));
        assert!(
            unknown.contains(&format!("did you mean \"{key}\"?")),
            "{unknown}"
        );
    }
}

const KEYS_OF_A_POLICY: [&str; 6] = [
    "deletion",
    "manifest_types",
    "normalise",
    "preset",
    "repositories",
    "rules",
];

#[test]
fn keys_that_count_after_a_restart_are_found() {
    let one = from_toml("[server]\nlisten = \"127.0.0.1:5001\"\n").unwrap();
    let two = from_toml(
        "[server]\nlisten = \"127.0.0.1:5002\"\n[server.tls]\ncertificate = \"c\"\nkey = \"k\"\n\
         [storage.uploads]\nexpire = \"90s\"\n[[policy]]\nrepositories = \"a\"\n",
    )
    .unwrap();
    let changed = [
        "server.listen",
        "server.tls.certificate",
        "server.tls.key",
        "storage.uploads.expire",
    ];
    assert_eq!(one.changed_for_the_next_start(&two).unwrap(), changed);
    assert_eq!(two.changed_for_the_next_start(&one).unwrap(), changed);
    assert_eq!(two.changed_for_the_next_start(&two).unwrap(), [""; 0]);
}
