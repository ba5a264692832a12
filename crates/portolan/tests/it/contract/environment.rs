//! The environment variables, apart from those of configuration keys: a command that shows the effect of each.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use portolan_model::fixtures::image;

use super::assert_lines;
use crate::login::start_registry;
use crate::snapshots::{command, render, run_with_input};
use crate::toolkit::{Server, User};

/// Number of bytes that are sent in an upload session.
const LARGE: usize = 12 << 20;
const LOGIN: &str = "login REGISTRY -u me --password-stdin";
const HELPER: &str =
    "#!/bin/sh\necho '{\"ServerURL\":\"x\",\"Username\":\"me\",\"Secret\":\"secret\"}'\n";

struct Case {
    variable: &'static str,
    value: &'static str,
    line: &'static str,
}

const CASES: [Case; 9] = [
    case("HOME", "HOME/elsewhere", LOGIN),
    case("DOCKER_CONFIG", "HOME/docker", LOGIN),
    case("REGISTRY_AUTH_FILE", "HOME/auth.json", LOGIN),
    case("XDG_RUNTIME_DIR", "HOME/runtime", "repos REGISTRY"),
    case("XDG_CONFIG_HOME", "HOME/config", "repos REGISTRY"),
    case(
        "CONTAINERS_REGISTRIES_CONF",
        "HOME/wrong.conf",
        "repos REGISTRY",
    ),
    case("PATH", "HOME/bin", "repos REGISTRY"),
    case(
        "HTTP_PROXY",
        "http://REGISTRY",
        "repos --plain-http registry.invalid",
    ),
    case(
        "ALL_PROXY",
        "http://REGISTRY",
        "repos --plain-http registry.invalid",
    ),
];

const fn case(variable: &'static str, value: &'static str, line: &'static str) -> Case {
    Case {
        variable,
        value,
        line,
    }
}

/// Writes the files that the variables lead to.
fn prepare(person: &User, host: &str) {
    let write = |name: &str, content: &str| {
        let path = person.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("runtime/containers/auth.json", "{");
    write("config/containers/registries.conf", "= wrong");
    write("wrong.conf", "= wrong");
    write("bin/docker-credential-test", HELPER);
    let helper = person.path("bin/docker-credential-test");
    fs::set_permissions(helper, fs::Permissions::from_mode(0o755)).unwrap();
    let helpers = format!("{{\"credHelpers\":{{\"{host}\":\"test\"}}}}");
    write("helper/config.json", &helpers);
}

#[test]
fn variables_of_the_toolkit() {
    let mut lines = Vec::new();
    for Case {
        variable,
        value,
        line,
    } in CASES
    {
        let (person, host) = (User::new(), start_registry().to_string());
        prepare(&person, &host);
        let home = person.home().to_str().unwrap();
        let mut command = command(&person, &line.replace("REGISTRY", &host));
        if variable == "XDG_CONFIG_HOME" {
            command.env_remove("CONTAINERS_REGISTRIES_CONF");
        }
        if variable == "PATH" {
            command.env("DOCKER_CONFIG", person.path("helper"));
        }
        command.env(
            variable,
            value.replace("HOME", home).replace("REGISTRY", &host),
        );
        let output = run_with_input(command, "secret\n");
        let rendered = render(line, &output)
            .replace(&host, "REGISTRY")
            .replace(home, "HOME");
        lines.push(format!("{variable}={value}\n{rendered}"));
    }
    assert_lines("environment", lines);
}

/// Uploads of large blobs are recorded below `XDG_STATE_HOME`.
#[tokio::test]
async fn the_state_folder() {
    let (source, target, person) = (Server::start(), Server::start(), User::new());
    let name = "large ".repeat(LARGE / 6);
    let large = image("large").layers([name.as_str()]);
    source.repository("large").push_image(&large, &["v1"]).await;
    let [from, to] = [&source, &target].map(|server| server.reference("large:v1"));
    let mut copy = person.command(&["copy", "--quiet", &from, &to]);
    copy.env("XDG_STATE_HOME", person.path("state"));
    assert!(copy.output().unwrap().status.success());
    let mut files = Vec::new();
    list(&person.path("state"), "XDG_STATE_HOME", &mut files);
    files.sort();
    assert_lines("state-folder", files);
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        files.push(prefix.into());
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        list(&entry.path(), &format!("{prefix}/{name}"), files);
    }
}
