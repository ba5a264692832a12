//! The fields of every `--json` output.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::assert_lines;
use super::fields::Fields;
use crate::snapshots::content::push_oddities;
use crate::snapshots::{Session, all_helps};
use crate::text;

const POLICIES: &str = r#"
[[policy]]
repositories = "**"
preset = "sparse"
manifest_types = ["application/vnd.oci.image.index.v1+json"]
normalize = "oci"
deletion = "always"
rules = { index-nested = "warn" }

[[policy]]
repositories = "team/**"
normalize = "oci"
"#;

const LINES: [(&str, &str); 45] = [
    ("attach", "HOST/plain:v1 file.txt --artifact-type a/b"),
    ("config check", ""),
    ("config check", "--config portolan.toml"),
    ("config check", "--config portolan.toml --repository a/b"),
    ("config check", "--repository a/b"),
    ("config show", "--config portolan.toml"),
    ("copy", "HOST/team/app:v1 oci:folder:v1"),
    ("copy", "HOST/team/app:v1 HOST/new/app:v1 --referrers"),
    ("copy", "HOST/team/app:v1 oci:new:v1 --dry-run --to oci"),
    ("copy", "HOST/team/app:v1 HOST/mount:v1 --dry-run"),
    ("copy", "HOST/team/app:v1 oci:folder:v2 --dry-run --recheck"),
    ("copy", "HOST/plain:v1 HOST/plain:v9 HOST/several"),
    ("copy", "HOST/team/app:arm HOST/oci/app:arm"),
    ("copy", "HOST/sparse/app:v1 oci:sparse:v1 --sparse"),
    ("copy", "HOST/sparse/odd:empty oci:empty:v1 --sparse"),
    (
        "copy",
        "HOST/sparse/odd:empty oci:plan:v1 --sparse --dry-run",
    ),
    ("convert", "HOST/team/app:v1 oci:oci:v1 --to oci"),
    ("convert", "HOST/team/app:nested oci:docker:v1 --to docker"),
    ("convert", "HOST/team/app:v1 oci:dry:v1 --to oci --dry-run"),
    (
        "convert",
        "HOST/team/app:artifact oci:a:v1 --to docker --drop-unknown",
    ),
    ("delete", "HOST/new/app:v1 --dry-run"),
    ("delete", "HOST/new/app:v1 --manifest"),
    ("delete", "--untagged HOST/new/app --dry-run"),
    ("index add", "HOST/team/app:add HOST/team/app:arm64"),
    ("index add", "HOST/team/app:add HOST/team/app:amd64"),
    ("index annotate", "HOST/team/app:add a=b"),
    ("index create", "HOST/team/app:new HOST/team/app:arm64"),
    ("index remove", "HOST/team/app:add linux/amd64"),
    ("inspect", "HOST/team/app:v1"),
    ("inspect", "HOST/team/app:amd64"),
    ("inspect", "HOST/sparse/app:v1"),
    ("inspect", "HOST/team/app:signature"),
    ("inspect", "--tree HOST/team/app:nested"),
    ("inspect", "--tree HOST/sparse/app:v1"),
    ("inspect", "--tree HOST/team/app:twice"),
    ("inspect", "--tree HOST/team/app:deep"),
    ("lint", "HOST/sparse/app:v1 --for all"),
    ("lint", "HOST/team/app:v1 --for all"),
    ("lint", "HOST/sparse/odd:size"),
    ("lint", "HOST/team/app:v1 --policy oci-only"),
    ("lint", "HOST/team/app:v1 --policy portolan.toml"),
    ("lint", "--rules"),
    ("referrers", "HOST/team/app:v1"),
    ("repos", "HOST"),
    ("tags list", "HOST/team/app"),
];

#[tokio::test]
async fn fields_of_json_output() {
    let session = Session::start().await;
    push_oddities(&session.server).await;
    fs::write(session.person.path("portolan.toml"), POLICIES).unwrap();
    fs::write(session.person.path("file.txt"), "text").unwrap();
    let (mut fields, mut seen) = (Fields::default(), BTreeSet::new());
    for (command, arguments) in LINES {
        let output = session.run(&format!("{command} --json {arguments}"));
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{command} {arguments}: {}", text(&output.stderr)));
        fields.collect(command, &document);
        seen.insert(command.to_owned());
    }
    let helps = all_helps(&session.person).into_iter();
    let commands: BTreeSet<_> = helps
        .filter(|help| help.is_leaf() && help.text.contains("--json"))
        .map(|help| help.command)
        .collect();
    assert_eq!(seen, commands, "each command with --json has a line");
    assert_lines("json-output", fields.lines());
}

#[tokio::test]
async fn rules_with_their_severities() {
    let session = Session::start().await;
    let output = session.run("lint --rules --json");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = document["rules"].as_array().unwrap().iter();
    let line = |rule: &Value| {
        let [rule, severity] = ["rule", "severity"].map(|key| rule[key].as_str().unwrap());
        format!("{rule}: {severity}")
    };
    assert_lines("rules", rules.map(line));
}
