//! Tests for valid configurations, and for the errors of invalid configurations.

use std::fs;

use super::*;

fn from_toml(text: &str) -> Result<Configuration, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    fs::write(&file, text).unwrap();
    load(Some(&file))
}

fn rejection(text: &str) -> String {
    let checked = from_toml(text).and_then(|configuration| configuration.check());
    crate::failure::Failure::from(checked.unwrap_err()).to_string()
}

#[test]
fn reference_lists_every_key_with_its_default() {
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
fn reads_a_file() {
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
fn unknown_keys_are_rejected_with_a_suggestion() {
    let message = rejection("[server]\nlisen = \"127.0.0.1:1\"\n");
    assert!(
        message.contains("unknown key \"lisen\"")
            && message.ends_with("\nhelp: did you mean `listen`?"),
        "{message}"
    );
    assert!(message.contains("portolan.toml"), "{message}");
    let message = rejection("[storge]\n");
    assert!(message.contains("did you mean `storage`?"), "{message}");
    for (section, key, nearest) in [
        ("server.tls", "keys", "key"),
        ("server.limits", "manifest_byte", "manifest_bytes"),
        ("server.timeouts", "headers", "header"),
        ("storage", "folders", "folder"),
        ("storage.uploads", "expiry", "expire"),
    ] {
        let message = rejection(&format!("[{section}]\n{key} = \"1\"\n"));
        assert!(
            message.contains(&format!("{section}.{key}: unknown key"))
                && message.contains(&format!("did you mean `{nearest}`?")),
            "{message}"
        );
    }
}

#[test]
fn invalid_values_are_rejected_with_their_key() {
    let message = rejection("[server]\nlisten = \"everywhere\"\n");
    assert!(
        message.contains("server.listen") && message.contains("is not an address to listen on"),
        "{message}"
    );
    let message = rejection("[[policy]]\nrepositories = \"a\"\npreset = \"sparce\"\n");
    assert!(
        message.contains("policy") && message.contains("`sparse`"),
        "{message}"
    );
    let message = rejection("[[policy]]\nrepositories = \"a[\"\npreset = \"open\"\n");
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
        let message = rejection(&format!(
            "[[policy]]\nrepositories = \"**\"\n[[policy]]\nrepositories = \"{pattern}\"\n"
        ));
        let expected = format!(
            "entry 2 of [[policy]] (\"{pattern}\"): repositories: pattern \"{pattern}\" cannot match any repository"
        );
        assert!(message.contains(&expected), "{message}");
    }
    let message = rejection("[telemetry]\nlog = \"portolan=loud\"\n");
    assert!(message.contains("telemetry.log"), "{message}");
}

#[test]
fn a_public_address_requires_anonymous() {
    let message = rejection("[server]\nlisten = \"0.0.0.0:5000\"\n");
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
fn a_missing_file_is_named() {
    let error = load(Some(Path::new("/nowhere/portolan.toml"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "file /nowhere/portolan.toml does not exist"
    );
}

fn policy(text: &str) -> portolan_registry::Policy {
    let configuration = from_toml(&format!("[[policy]]\nrepositories = \"**\"\n{text}")).unwrap();
    configuration.policies().unwrap()[0].policy().clone()
}

#[test]
fn reads_policies() {
    use portolan_model::convert;
    use portolan_model::{MediaType, Rule};
    use portolan_registry::{Deletions, Policy, Preset, Verdict};

    assert_eq!(policy(""), Policy::default());
    assert_eq!(
        policy("preset = \"docker-only\"\n"),
        Preset::DockerOnly.into()
    );
    let all = "preset = \"sparse\"\nmanifest_types = [\"application/vnd.oci.image.index.v1+json\"]\n\
               normalize = \"oci\"\ndeletion = \"never\"\n[policy.rules]\nindex-nested = \"reject\"\nsize-mismatch = \"accept\"\n";
    let expected = Policy::from(Preset::Sparse)
        .with_verdict(Rule::IndexNested, Verdict::Reject)
        .with_verdict(Rule::SizeMismatch, Verdict::Accept)
        .with_manifest_types(vec![MediaType::OCI_INDEX.into()])
        .with_normalization(convert::ImageFormat::Oci)
        .with_deletions(Deletions::Never);
    assert_eq!(policy(all), expected);
}

#[test]
fn policy_errors_name_the_key() {
    let rejection = |text: &str| rejection(&format!("[[policy]]\nrepositories = \"**\"\n{text}"));
    let message = rejection("[policy.rules]\nindex-nestd = \"warn\"\n");
    assert!(
        message.ends_with(
            "entry 1 of [[policy]] (\"**\"): rules: unknown rule \"index-nestd\"\nhelp: did you mean `index-nested`?"
        ),
        "{message}"
    );
    let message = rejection("[policy.rules]\nindex-nested = \"warning\"\n");
    assert!(
        message.contains("entry 1 of [[policy]]: rules.index-nested: "),
        "{message}"
    );
    assert!(message.contains("`accept`, `warn`"), "{message}");
    let message = rejection("manifest_types = []\n");
    assert!(
        message.contains("(\"**\"): manifest_types: an empty list"),
        "{message}"
    );
    let message = rejection("manifest_types = [\"oci\"]\n");
    assert!(
        message.contains("(\"**\"): manifest_types: \"oci\" is not a media type"),
        "{message}"
    );
    let message = rejection("normalize = \"docker\"\n");
    assert!(
        message.contains("policy") && message.contains("`oci`"),
        "{message}"
    );
    let message = rejection("rule = 1\n");
    assert!(message.contains("did you mean `rules`?"), "{message}");
}

#[test]
fn oci_only_cannot_be_combined_with_normalize() {
    let message = rejection(
        "[[policy]]\nrepositories = \"**\"\npreset = \"oci-only\"\nnormalize = \"oci\"\n",
    );
    assert!(
        message.contains("normalize: no manifest would ever be converted"),
        "{message}"
    );
    let lenient =
        "preset = \"oci-only\"\nnormalize = \"oci\"\n[policy.rules]\ntype-not-allowed = \"warn\"\n";
    assert!(policy(lenient).normalization().is_some());
    assert!(
        policy("preset = \"docker-only\"\nnormalize = \"oci\"\n")
            .normalization()
            .is_some()
    );
}

#[test]
fn reference_lists_every_key_of_a_policy() {
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
        let unknown = rejection(&format!("[[policy]]\nrepositories = \"**\"\n{key}x = 1\n"));
        assert!(
            unknown.contains(&format!("did you mean `{key}`?")),
            "{unknown}"
        );
    }
}

const KEYS_OF_A_POLICY: [&str; 6] = [
    "deletion",
    "manifest_types",
    "normalize",
    "preset",
    "repositories",
    "rules",
];

#[test]
fn finds_keys_that_require_a_restart() {
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
    assert_eq!(one.keys_requiring_restart(&two).unwrap(), changed);
    assert_eq!(two.keys_requiring_restart(&one).unwrap(), changed);
    assert_eq!(two.keys_requiring_restart(&two).unwrap(), [""; 0]);
}
