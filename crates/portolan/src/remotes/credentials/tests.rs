//! Tests for the lookup of credentials, and for the effects of login and logout on files.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use portolan_client::Secret;
use portolan_model::fixtures::repository;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::*;

const AUTH_JSON: &str = "run/containers/auth.json";
const CONFIG_JSON: &str = "home/.docker/config.json";

/// Temporary home folder that also contains all other locations of credentials.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(self, name: &str, text: &str) -> Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn with_json(self, name: &str, document: &Value) -> Self {
        self.with(name, &document.to_string())
    }

    /// Adds a helper named `test`. It stores credentials in `kept/`, and logs its verbs to `calls`.
    fn with_helper(self) -> Self {
        fs::create_dir_all(self.path("kept")).unwrap();
        let script = format!(
            r#"#!/bin/sh
cd {folder}
input=$(cat)
echo "$1" >> calls
case $1 in
store) server=$(echo "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/') ;;
*) server=$input ;;
esac
file=kept/$(echo "$server" | tr / _)
case $1 in
store) echo "$input" > "$file" ;;
get) cat "$file" 2> /dev/null || {{ echo "credentials not found in native keychain"; exit 1; }} ;;
erase) rm "$file" ;;
esac
"#,
            folder = self.0.path().display()
        );
        self.with_program("docker-credential-test", &script)
    }

    /// Installs a program. A separate process writes the file: if this process wrote it while
    /// another test forks, the child would inherit the open file, and starting the program would
    /// fail with "text file busy".
    fn with_program(self, name: &str, script: &str) -> Self {
        let home = self.with("script", script).with("bin/README", "");
        let copied = Command::new("install")
            .arg(home.path("script"))
            .arg(home.path("bin").join(name))
            .status();
        assert!(copied.unwrap().success());
        home
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls"))
            .unwrap_or_default()
            .replace('\n', " ")
            .trim()
            .to_owned()
    }

    fn environment(&self) -> Environment {
        Environment::rooted_at(self.0.path())
    }

    fn store(&self) -> CredentialStore {
        store(&self.environment())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }
}

fn store(environment: &Environment) -> CredentialStore {
    CredentialStore::new(environment, Arc::new(Warnings::new(|_| ())))
}

/// Returns the credential that is found. Panics if an item is skipped.
async fn find(store: &CredentialStore, host: &str) -> Option<Credential> {
    let Lookup {
        credential,
        skipped,
    } = store.find(host, None).await;
    assert_eq!(skipped, [""; 0]);
    credential
}

fn basic(username: &str, password: &str) -> Credential {
    Credential::Basic {
        username: username.into(),
        password: Secret::new(password),
    }
}

fn auths(entries: &[(&str, &str)]) -> Value {
    json!({"auths": bare(entries)})
}

fn bare(entries: &[(&str, &str)]) -> Value {
    entries
        .iter()
        .map(|(key, name)| {
            (
                (*key).to_owned(),
                json!({"username": name, "password": "x"}),
            )
        })
        .collect()
}

/// Returns the user name found for a host, or for `HOST/REPOSITORY`.
async fn name_for(store: &CredentialStore, place: &str) -> Option<String> {
    let (host, name) = place
        .split_once('/')
        .map_or((place, None), |(host, name)| (host, Some(repository(name))));
    match store.find(host, name.as_ref()).await.credential? {
        Credential::Basic { username, .. } => Some(username),
        other => panic!("{other:?}"),
    }
}

/// Returns the only item that is skipped. Checks that the credential of the next file is found.
async fn skipped(home: Home) -> String {
    let home = home.with_json("home/.dockercfg", &bare(&[("quay.io", "next")]));
    let Lookup {
        credential,
        mut skipped,
    } = home.store().find("quay.io", None).await;
    assert_eq!(credential, Some(basic("next", "x")));
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    skipped.remove(0)
}

#[tokio::test]
async fn files_are_read_in_order() {
    let home = Home::new();
    assert_eq!(name_for(&home.store(), "quay.io").await, None);
    let home = home.with_json(
        "home/.dockercfg",
        &bare(&[("https://quay.io/v1/", "oldest")]),
    );
    assert_eq!(name_for(&home.store(), "quay.io").await.unwrap(), "oldest");
    let home = home.with_json(CONFIG_JSON, &auths(&[("quay.io", "docker")]));
    assert_eq!(name_for(&home.store(), "quay.io").await.unwrap(), "docker");
    let home = home.with_json(
        "home/.config/containers/auth.json",
        &auths(&[("quay.io", "configured")]),
    );
    assert_eq!(
        name_for(&home.store(), "quay.io").await.unwrap(),
        "configured"
    );
    let home = home.with_json(AUTH_JSON, &auths(&[("quay.io", "session")]));
    assert_eq!(name_for(&home.store(), "quay.io").await.unwrap(), "session");

    let home = home.with_json("mine.json", &auths(&[("gcr.io", "mine")]));
    let environment = Environment {
        auth_file: Some(home.path("mine.json")),
        ..home.environment()
    };
    let store = store(&environment);
    assert_eq!(name_for(&store, "gcr.io").await.unwrap(), "mine");
    assert_eq!(
        name_for(&store, "quay.io").await.unwrap(),
        "configured",
        "REGISTRY_AUTH_FILE replaces the session's file"
    );
}

#[tokio::test]
async fn the_longest_key_wins() {
    let entries = [
        ("quay.io", "all"),
        ("quay.io/team", "team"),
        ("quay.io/team/app", "app"),
        ("gcr.io/x", "x"),
    ];
    let home = Home::new().with_json(AUTH_JSON, &auths(&entries));
    let store = home.store();
    for (place, name) in [
        ("quay.io", "all"),
        ("quay.io/other", "all"),
        ("quay.io/team/other", "team"),
        ("quay.io/team/app", "app"),
        ("quay.io/team/app/cache", "app"),
        ("gcr.io/x", "x"),
    ] {
        assert_eq!(
            name_for(&store, place).await.as_deref(),
            Some(name),
            "{place}"
        );
    }
    assert_eq!(name_for(&store, "gcr.io").await, None);
    assert_eq!(name_for(&store, "quay.io:5000").await, None);
}

#[tokio::test]
async fn an_entry_without_a_credential_is_skipped() {
    let home = Home::new()
        .with_json(AUTH_JSON, &json!({"auths": {"quay.io": {}}}))
        .with_json(CONFIG_JSON, &auths(&[("quay.io", "docker")]));
    assert_eq!(name_for(&home.store(), "quay.io").await.unwrap(), "docker");
    let home = Home::new()
        .with(AUTH_JSON, "\n")
        .with(CONFIG_JSON, "{\"auths\": null}");
    assert_eq!(name_for(&home.store(), "quay.io").await, None);
}

#[tokio::test]
async fn what_cannot_be_used_is_skipped_alone() {
    for (text, expected) in [
        ("{\"auths\":", "line 1 column 9"),
        ("[]", "is an array, not an object"),
        ("{\"auths\": []}", "auths is an array, not an object"),
        (
            "{\"credHelpers\": 1}",
            "credHelpers is a number, not an object",
        ),
        (
            "{\"credHelpers\": {\"quay.io\": 1}}",
            "credHelpers/quay.io is a number, not a string",
        ),
        (
            "{\"credsStore\": true}",
            "credsStore is a boolean, not a string",
        ),
        (
            "{\"auths\": {\"https://quay.io\": {\"auth\": \"?\"}}}",
            "auths/https://quay.io was not used: auth is not base64",
        ),
    ] {
        let item = skipped(Home::new().with(CONFIG_JSON, text)).await;
        assert!(
            item.contains(expected) && item.contains(CONFIG_JSON),
            "{item}"
        );
    }
    let item = skipped(Home::new().with(&format!("{CONFIG_JSON}/file"), "")).await;
    assert!(
        item.contains("config.json was not used: Is a directory"),
        "{item}"
    );
}

#[tokio::test]
async fn an_entry_that_cannot_be_used_leaves_shorter_keys() {
    let home = Home::new().with_json(
        AUTH_JSON,
        &json!({"auths": {
            "quay.io/team": {"auth": "?"},
            "quay.io": {"username": "all", "password": "x"},
        }}),
    );
    let lookup = home
        .store()
        .find("quay.io", Some(&repository("team/app")))
        .await;
    assert_eq!(lookup.credential, Some(basic("all", "x")));
    assert!(lookup.skipped[0].contains("auths/quay.io/team"));
}

#[tokio::test]
async fn a_missing_file_is_skipped_only_if_it_was_named() {
    let home = Home::new().with_json(CONFIG_JSON, &auths(&[("quay.io", "docker")]));
    assert_eq!(
        find(&home.store(), "quay.io").await,
        Some(basic("docker", "x"))
    );
    let environment = Environment {
        auth_file: Some(home.path("missing.json")),
        ..home.environment()
    };
    let named = store(&environment);
    let lookup = named.find("quay.io", None).await;
    assert_eq!(lookup.credential, Some(basic("docker", "x")));
    assert!(lookup.skipped[0].ends_with("missing.json was not used: it does not exist"));
    named.save("quay.io", &basic("me", "x")).await.unwrap();
    assert_eq!(find(&named, "quay.io").await, Some(basic("me", "x")));
}

#[tokio::test]
async fn the_variable_with_a_document_precedes_all_files() {
    let home = Home::new().with_json(
        AUTH_JSON,
        &auths(&[("quay.io", "file"), ("gcr.io", "file")]),
    );
    let with = |text: &str| Environment {
        docker_auth_config: Some(text.into()),
        ..home.environment()
    };
    let document = auths(&[("https://quay.io", "variable")]).to_string();
    let variable = store(&with(&document));
    assert_eq!(
        find(&variable, "quay.io").await,
        Some(basic("variable", "x"))
    );
    assert_eq!(find(&variable, "gcr.io").await, Some(basic("file", "x")));
    let lookup = store(&with("{")).find("quay.io", None).await;
    assert_eq!(lookup.credential, Some(basic("file", "x")));
    assert!(lookup.skipped[0].starts_with("$DOCKER_AUTH_CONFIG was not used: "));

    let printed = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&printed);
    let warnings = Warnings::new(move |text| sink.lock().unwrap().push(text.to_owned()));
    let store = CredentialStore::new(&with(&document), Arc::new(warnings));
    for host in ["gcr.io", "quay.io"] {
        store.save(host, &basic("me", "x")).await.unwrap();
    }
    assert_eq!(
        *printed.lock().unwrap(),
        ["$DOCKER_AUTH_CONFIG has credentials for quay.io, which take precedence"]
    );
}

#[tokio::test]
async fn host_helpers_precede_entries_and_the_default_helper() {
    let record = |name: &str| json!({"ServerURL": "x", "Username": name, "Secret": "s"});
    let config = json!({
        "credHelpers": {"quay.io": "test"},
        "credsStore": "test",
        "auths": {"quay.io": {"username": "file", "password": "x"}, "gcr.io": {"username": "file", "password": "x"}}
    });
    let home = Home::new()
        .with_helper()
        .with_json("kept/quay.io", &record("helper"))
        .with_json("kept/gcr.io", &record("helper"))
        .with_json("kept/docker.io", &record("podman"))
        .with_json("kept/ghcr.io", &record("<token>"))
        .with_json(CONFIG_JSON, &config);
    let store = home.store();
    assert_eq!(name_for(&store, "quay.io").await.unwrap(), "helper");
    assert_eq!(name_for(&store, "gcr.io").await.unwrap(), "file");
    assert_eq!(name_for(&store, "docker.io").await.unwrap(), "podman");
    assert_eq!(name_for(&store, "example.com").await, None);
    assert_eq!(
        find(&store, "ghcr.io").await,
        Some(Credential::RefreshToken(Secret::new("s")))
    );
    let home = home.with_json("kept/https:__index.docker.io_v1_", &record("docker"));
    assert_eq!(
        name_for(&home.store(), "docker.io").await.unwrap(),
        "docker"
    );
}

#[tokio::test]
async fn a_helper_runs_once() {
    let home = Home::new()
        .with_helper()
        .with_json(
            "kept/quay.io",
            &json!({"ServerURL": "", "Username": "me", "Secret": "s"}),
        )
        .with_json(CONFIG_JSON, &json!({"credsStore": "test"}));
    let store = Arc::new(home.store());
    let ask = |place: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { name_for(&store, place).await })
    };
    for lookup in [ask("quay.io"), ask("quay.io/a"), ask("quay.io/b")] {
        assert_eq!(lookup.await.unwrap().unwrap(), "me");
    }
    for lookup in [ask("gcr.io"), ask("gcr.io/a")] {
        assert_eq!(lookup.await.unwrap(), None);
    }
    assert_eq!(home.calls(), "get get");
}

#[tokio::test]
async fn a_helper_that_fails_is_skipped() {
    let configured =
        || Home::new().with_json(CONFIG_JSON, &json!({"credHelpers": {"quay.io": "test"}}));
    let item = skipped(configured()).await;
    assert!(
        item.contains("docker-credential-test was not found in PATH") && item.contains(CONFIG_JSON),
        "{item}"
    );
    for (script, reason) in [
        (
            "echo the key ring is locked\nexit 1",
            "docker-credential-test get: exit status: 1: the key ring is locked",
        ),
        (
            "echo '{\"Secret\":\"sesame\"}'",
            "the answer is not JSON with Username and Secret",
        ),
    ] {
        let script = format!("#!/bin/sh\n{script}\n");
        let home = configured().with_program("docker-credential-test", &script);
        let item = skipped(home).await;
        assert!(item.contains(reason) && !item.contains("sesame"), "{item}");
    }
    let home = Home::new().with_json(CONFIG_JSON, &json!({"credsStore": "../evil"}));
    assert!(skipped(home).await.contains("is not a credential helper"));
}

#[tokio::test]
async fn a_helper_that_fails_is_started_once_and_leaves_the_entries() {
    let home = Home::new()
        .with_program(
            "docker-credential-test",
            "#!/bin/sh\ncd $(dirname $0)/..\necho $1 >> calls\nexit 1\n",
        )
        .with_json(
            CONFIG_JSON,
            &json!({
                "credHelpers": {"quay.io": "test"},
                "credsStore": "test",
                "auths": bare(&[("quay.io", "file")]),
            }),
        );
    let store = home.store();
    for _ in 0..3 {
        let lookup = store.find("quay.io", None).await;
        assert_eq!(lookup.credential, Some(basic("file", "x")));
        assert_eq!(lookup.skipped.len(), 1);
        assert_eq!(store.find("gcr.io", None).await.credential, None);
    }
    assert_eq!(home.calls(), "get get");
}

#[tokio::test]
async fn a_hanging_helper_times_out() {
    let home = Home::new().with_program("docker-credential-test", "#!/bin/sh\nexec sleep 1000\n");
    let helpers = Helpers::new(home.environment().search_path, Duration::ZERO);
    let error = helpers
        .get("test", "quay.io")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("docker-credential-test get timed out after"),
        "{error}"
    );
}

#[tokio::test]
async fn login_writes_to_the_file_of_docker() {
    let home = Home::new();
    let store = home.store();
    let keeper = store.save("quay.io", &basic("me", "pa:ss")).await.unwrap();
    assert_eq!(keeper, CredentialLocation::File(home.path(CONFIG_JSON)));
    assert!(keeper.is_unencrypted() && keeper.to_string().ends_with(CONFIG_JSON));
    assert_eq!(
        home.json(CONFIG_JSON),
        json!({"auths": {"quay.io": {"auth": "bWU6cGE6c3M="}}})
    );
    assert_eq!(find(&store, "quay.io").await, Some(basic("me", "pa:ss")));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.path(CONFIG_JSON)), 0o600);
    assert_eq!(mode(&home.path("home/.docker")), 0o700);

    store
        .save("docker.io", &Credential::RefreshToken(Secret::new("t")))
        .await
        .unwrap();
    let hub = &home.json(CONFIG_JSON)["auths"]["https://index.docker.io/v1/"];
    assert_eq!(*hub, json!({"identitytoken": "t"}));

    let environment = Environment {
        auth_file: Some(home.path("mine.json")),
        ..home.environment()
    };
    let keeper = self::store(&environment)
        .save("quay.io", &basic("me", "x"))
        .await
        .unwrap();
    assert_eq!(keeper, CredentialLocation::File(home.path("mine.json")));

    let nowhere = Environment {
        docker_config: None,
        ..home.environment()
    };
    let error = self::store(&nowhere)
        .save("quay.io", &basic("me", "x"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("set DOCKER_CONFIG"), "{error}");
}

#[tokio::test]
async fn login_preserves_the_rest_of_the_file() {
    let before = r#"{"psFormat":"x","auths":{"b.io":{"auth":"bWU6eA==","email":"a@b"},"docker.io":{"auth":"bWU6eA=="}},"a":[1,{"z":null,"y":1.5}]}"#;
    let home = Home::new().with("elsewhere/real.json", before);
    fs::create_dir_all(home.path("home/.docker")).unwrap();
    symlink(home.path("elsewhere/real.json"), home.path(CONFIG_JSON)).unwrap();
    let store = home.store();
    store.save("quay.io", &basic("me", "x")).await.unwrap();
    store.save("docker.io", &basic("me", "y")).await.unwrap();
    let compact = |name: &str| {
        fs::read_to_string(home.path(name))
            .unwrap()
            .replace(['\t', '\n', ' '], "")
    };
    let expected = before.replace(
        r#""docker.io":{"auth":"bWU6eA=="}"#,
        r#""docker.io":{"auth":"bWU6eQ=="},"quay.io":{"auth":"bWU6eA=="}"#,
    );
    assert_eq!(compact("elsewhere/real.json"), expected);
    assert!(
        fs::symlink_metadata(home.path(CONFIG_JSON))
            .unwrap()
            .is_symlink()
    );
    store.erase("quay.io").await;
    store.save("docker.io", &basic("me", "x")).await.unwrap();
    assert_eq!(compact(CONFIG_JSON), before);
}

#[tokio::test]
async fn a_dangling_link_is_followed() {
    let home = Home::new().with("home/.docker/README", "");
    symlink("real.json", home.path(CONFIG_JSON)).unwrap();
    home.store()
        .save("quay.io", &basic("me", "x"))
        .await
        .unwrap();
    assert!(
        fs::symlink_metadata(home.path("home/.docker/real.json"))
            .unwrap()
            .is_file()
    );
}

#[tokio::test]
async fn login_updates_the_entry_that_is_found_first() {
    let home = Home::new().with_json(
        AUTH_JSON,
        &auths(&[("quay.io", "podman"), ("quay.io/team", "team")]),
    );
    let store = home.store();
    assert_eq!(
        store.save("quay.io", &basic("me", "x")).await.unwrap(),
        CredentialLocation::File(home.path(AUTH_JSON))
    );
    assert_eq!(name_for(&store, "quay.io").await.unwrap(), "me");
    assert_eq!(name_for(&store, "quay.io/team/app").await.unwrap(), "team");
    assert_eq!(
        store.save("gcr.io", &basic("me", "x")).await.unwrap(),
        CredentialLocation::File(home.path(CONFIG_JSON))
    );
}

#[tokio::test]
async fn login_with_a_helper_leaves_no_secret_in_the_file() {
    let config =
        json!({"credsStore": "test", "auths": bare(&[("quay.io", "old"), ("gcr.io", "other")])});
    let home = Home::new().with_helper().with_json(CONFIG_JSON, &config);
    let store = home.store();
    let keeper = store.save("quay.io", &basic("me", "x")).await.unwrap();
    assert_eq!(keeper, CredentialLocation::Helper("test".into()));
    assert!(!keeper.is_unencrypted() && keeper.to_string() == "docker-credential-test");
    assert_eq!(name_for(&store, "quay.io").await.unwrap(), "me");
    assert_eq!(
        home.json("kept/quay.io"),
        json!({"ServerURL": "quay.io", "Username": "me", "Secret": "x"})
    );
    assert_eq!(
        home.json(CONFIG_JSON),
        json!({"credsStore": "test", "auths": bare(&[("gcr.io", "other")])})
    );
    store.save("quay.io", &basic("you", "x")).await.unwrap();
    assert_eq!(
        name_for(&store, "quay.io").await.unwrap(),
        "you",
        "the cached answer is dropped"
    );
}

#[tokio::test]
async fn a_failing_store_is_an_error_and_leaves_the_file_unchanged() {
    let config = json!({"credsStore": "test", "auths": bare(&[("quay.io", "old")])});
    let home = Home::new().with_json(CONFIG_JSON, &config).with_program(
        "docker-credential-test",
        "#!/bin/sh\necho no room >&2\nexit 3\n",
    );
    let error = format!(
        "{:#}",
        home.store()
            .save("quay.io", &basic("me", "x"))
            .await
            .unwrap_err()
    );
    assert!(error.contains("store: exit status: 3: no room"), "{error}");
    assert_eq!(home.json(CONFIG_JSON), config);
}

#[tokio::test]
async fn logout_removes_the_host_everywhere() {
    let config = json!({"credsStore": "test", "auths": bare(&[("https://quay.io/v2/", "docker"), ("gcr.io", "other")])});
    let home = Home::new()
        .with_helper()
        .with_json(
            "kept/quay.io",
            &json!({"ServerURL": "", "Username": "helper", "Secret": "s"}),
        )
        .with_json(
            AUTH_JSON,
            &auths(&[("quay.io", "podman"), ("quay.io/team", "team")]),
        )
        .with_json(CONFIG_JSON, &config)
        .with_json(
            "home/.dockercfg",
            &bare(&[("quay.io", "oldest"), ("gcr.io", "other")]),
        );
    let store = home.store();
    let file = |name: &str| CredentialLocation::File(home.path(name));
    let everywhere = [
        file(AUTH_JSON),
        file(CONFIG_JSON),
        CredentialLocation::Helper("test".into()),
        file("home/.dockercfg"),
    ];
    let removal = store.erase("quay.io").await;
    assert_eq!(
        (removal.locations.as_slice(), removal.failures.len()),
        (&everywhere[..], 0)
    );
    assert_eq!(name_for(&store, "quay.io").await, None);
    assert_eq!(name_for(&store, "quay.io/team").await.unwrap(), "team");
    assert_eq!(name_for(&store, "gcr.io").await.unwrap(), "other");
    assert_eq!(home.json("home/.dockercfg"), bare(&[("gcr.io", "other")]));
    assert_eq!(store.erase("quay.io").await.locations, []);
}

#[tokio::test]
async fn logout_removes_the_rest_if_a_helper_or_file_fails() {
    let config = json!({"credsStore": "missing", "auths": bare(&[("quay.io", "docker")])});
    let home = Home::new()
        .with(AUTH_JSON, "{")
        .with_json(CONFIG_JSON, &config)
        .with_json("home/.dockercfg", &bare(&[("quay.io", "oldest")]));
    let removal = home.store().erase("quay.io").await;
    let file = |name: &str| CredentialLocation::File(home.path(name));
    assert_eq!(
        removal.locations,
        [file(CONFIG_JSON), file("home/.dockercfg")]
    );
    assert!(removal.failures[0].contains(AUTH_JSON), "{removal:?}");
    assert!(
        removal.failures[1].contains("docker-credential-missing"),
        "{removal:?}"
    );
}

#[tokio::test]
async fn concurrent_logins_lose_nothing() {
    let home = Home::new();
    let threads = 8;
    let start = Barrier::new(threads);
    let host = |thread: usize, number: usize| format!("r{thread}-{number}.io");
    thread::scope(|scope| {
        for thread in 0..threads {
            let (home, start) = (&home, &start);
            scope.spawn(move || {
                let runtime = Builder::new_current_thread().build().unwrap();
                start.wait();
                for number in 0..10 {
                    runtime
                        .block_on(home.store().save(&host(thread, number), &basic("me", "x")))
                        .unwrap();
                }
                runtime.block_on(home.store().erase(&host(thread, 0)));
            });
        }
    });
    let expected: Vec<_> = (0..threads)
        .flat_map(|thread| (1..10).map(move |number| host(thread, number)))
        .collect();
    let stored = home.json(CONFIG_JSON)["auths"].as_object().unwrap().clone();
    assert_eq!(
        stored.keys().cloned().collect::<BTreeSet<_>>(),
        expected.into_iter().collect()
    );
}

#[tokio::test]
async fn login_replaces_all_entries_of_the_host() {
    let home = Home::new().with(
        CONFIG_JSON,
        r#"{"auths":{"a.io":{"auth":"bWU6eA=="},"quay.io":{"auth":"?"},"https://quay.io/v2/":{"auth":"bWU6eA=="},"quay.io":{"auth":"bWU6eA=="}}}"#,
    );
    home.store()
        .save("quay.io", &basic("me", "y"))
        .await
        .unwrap();
    let text = fs::read_to_string(home.path(CONFIG_JSON)).unwrap();
    assert_eq!(text.matches("quay.io").count(), 1, "{text}");
    assert_eq!(find(&home.store(), "quay.io").await, Some(basic("me", "y")));
}
