//! Output and exit statuses of the commands.

use std::fs;
use std::path::Path;
use std::process::Command;

use portolan_model::Digest;
use portolan_testkit::Process;
use serde_json::{Value, json};

use super::toolkit::User;
use super::{binary, portolan, text};

#[test]
fn wrong_usage_exits_with_2() {
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

#[test]
fn a_path_is_not_a_registry() {
    let person = User::new();
    for (line, help) in [
        ("inspect ./images:v1", "oci:./images:v1"),
        ("copy 127.0.0.1:1/app:v1 ./dir", "oci:./dir"),
        ("copy 127.0.0.1:1/app:v1 ../dir/", "oci:../dir/"),
        ("copy 127.0.0.1:1/a 127.0.0.1:1/b /srv/dir", "oci:/srv/dir"),
        ("tags list ./images", "oci:./images"),
    ] {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let stderr = person.run_failing(&arguments, 2);
        let path = help.strip_prefix("oci:").unwrap();
        assert_eq!(
            stderr,
            format!("error: \"{path}\" is a path, which needs a transport\nhelp: use `{help}`\n")
        );
    }
    let stderr = person.run_failing(&["inspect", "oci:a@sha256:12"], 2);
    assert!(stderr.starts_with("error: invalid digest \"sha256:12\""));
}

#[test]
fn a_missing_file_has_the_same_status_and_message_in_all_commands() {
    let person = User::new();
    let digest = Digest::sha256(b"");
    let blob = format!("127.0.0.1:1/app@{digest}");
    for (line, message) in [
        ("inspect oci:none:v1", "folder none does not exist"),
        ("tags list oci:none", "folder none does not exist"),
        ("copy oci:none oci:other", "folder none does not exist"),
        (
            "inspect oci-archive:none.tar",
            "file none.tar does not exist",
        ),
        (
            "tags list docker-archive:none.tar",
            "file none.tar does not exist",
        ),
        (
            "attach 127.0.0.1:1/app:v1 none --artifact-type a/b",
            "file none does not exist",
        ),
        ("copy --from none 127.0.0.1:1", "file none does not exist"),
        (
            "inspect --ca none.pem 127.0.0.1:1/app",
            "file none.pem does not exist",
        ),
        ("config check --config none", "file none does not exist"),
        ("serve --config none", "file none does not exist"),
        (
            &format!("blob get {blob} --output none/blob"),
            "folder none does not exist",
        ),
    ] {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let stderr = person.run_failing(&arguments, 2);
        assert_eq!(stderr, format!("error: {message}\n"), "{line}");
    }
}

#[test]
fn outputs_without_a_reader_change_no_status() {
    let closed_pipe = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    for (arguments, status) in [
        (&["config", "check", "--config", "missing.toml"][..], 2),
        (&["inspect", "oci:missing:v1"], 2),
        (&["serv"], 2),
        (&["config", "show"], 0),
        (&["completion", "bash"], 0),
        (&["man"], 0),
        (&["--help"], 0),
        (&["--version"], 0),
    ] {
        let mut command = Command::new(binary());
        command.args(arguments);
        let output = command.stdout(closed_pipe()).output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {stderr}"
        );
        assert_eq!(stderr.is_empty(), status == 0, "{arguments:?}: {stderr}");
        let quiet = command.stderr(closed_pipe()).status().unwrap();
        assert_eq!(quiet.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn usual_spellings_of_an_address_are_accepted() {
    for address in [":0", "0", "localhost:0"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary());
        command
            .args(["serve", "--listen", address, "--data"])
            .arg(folder.path());
        let process = Process::start(&mut command).unwrap();
        assert!(process.address().ip().is_loopback());
    }
}

#[test]
fn config_check_checks_what_serve_opens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    let data = folder.path().join("data");
    let check = |folder: &Path, rest: &str| {
        let configuration = format!("[storage]\nfolder = {folder:?}\n{rest}");
        fs::write(&file, configuration).unwrap();
        let output = portolan(&["config", "check", "--config", file.to_str().unwrap()]);
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(check(&data, ""), (Some(0), String::new()));
    assert!(!data.exists());
    let tls = "[server.tls]\ncertificate = \"missing.crt\"\nkey = \"missing.key\"\n";
    let (status, stderr) = check(&data, tls);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("server.tls: failed to read missing.crt: "),
        "{stderr}"
    );
    let _running = Process::serve(binary(), &data, &[]).unwrap();
    assert_eq!(
        check(&data, "").0,
        Some(0),
        "the running server uses the folder"
    );
    let (status, stderr) = check(&file, "");
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("storage.folder: ") && stderr.contains("is not a folder"),
        "{stderr}"
    );
}

/// Runs the example of docs/configuration.md.
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
fn checks_and_shows_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "[server]\nlisten = \"127.0.0.1:5001\"\n").unwrap();
    let output = portolan(&["config", "check", "--config", path]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "The configuration is valid.\n".into())
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
        text(&output.stderr).contains("did you mean `listen`?"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn lists_and_explains_policies() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portolan.toml");
    let path = file.to_str().unwrap();
    let policies = "[[policy]]\nrepositories = \"**\"\n[policy.rules]\nindex-nested = \"warn\"\n\
                    [[policy]]\nrepositories = \"mirror/**\"\npreset = \"sparse\"\nnormalize = \"oci\"\n\
                    [policy.rules]\nchild-much-older = \"reject\"\n";
    fs::write(&file, policies).unwrap();
    let check = |arguments: &[&str]| {
        let output = portolan(&[&["config", "check", "--config", path][..], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(
        check(&[]),
        "The configuration is valid.\n\n\
         ENTRY  REPOSITORIES  PRESET  OTHER SETTINGS\n\
         1      **            open    index-nested = warn\n\
         2      mirror/**     sparse  normalize = oci, child-much-older = reject\n\n\
         The last entry that matches a repository applies; entries are not merged. \
         Repositories that no entry matches have the preset open.\n"
    );
    assert_eq!(
        check(&["--repository", "mirror/alpine"]),
        "Repository:      mirror/alpine\n\
         Policy:          entry 2 of [[policy]], the last one that matches\n\
         Matching:        1 (\"**\"), 2 (\"mirror/**\")\n\
         Preset:          sparse\n\
         Manifest types:  all\n\
         Tags:            point to the pushed manifest, converted to OCI types\n\
         Deletion:        unreferenced\n\
         A push reads:    the full tree below the manifest\n\n\
         RULE              VERDICT  IN PRESET OPEN\n\
         child-much-older  reject   accept\n\
         missing-child     accept   reject\n\n\
         All other rules have the verdicts of the preset open.\n"
    );
    let json = check(&["--repository", "mirror/alpine", "--json"]);
    for part in [
        "\"entry\": 2",
        "\"normalize\": \"oci\"",
        "\"readsTree\": true",
        "\"verdict\": \"reject\"",
    ] {
        assert!(json.contains(part), "{json}");
    }
    assert!(check(&["--json"]).contains("\"repositories\": \"mirror/**\""));
    assert!(
        text(&portolan(&["config", "show", "--config", path]).stdout)
            .contains("normalize = \"oci\"")
    );
    fs::write(&file, "").unwrap();
    assert_eq!(
        check(&["--repository", "team/app"]),
        "Repository:      team/app\n\
         Policy:          open, because no entry of [[policy]] matches\n\
         A push reads:    only the content that the manifest references directly\n\n\
         All rules have the verdicts of the preset open.\n"
    );
}

#[test]
fn each_command_has_an_example() {
    for command in [
        &["serve", "--help"][..],
        &["config", "check", "--help"],
        &["config", "show", "--help"],
    ] {
        let help = text(&portolan(command).stdout);
        assert!(help.contains("Examples:\n"), "{command:?}: {help}");
    }
}
