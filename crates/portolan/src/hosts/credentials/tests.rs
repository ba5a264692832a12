//! Which credential is found, and what login and logout leave in the files.

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

/// A home folder, and all else that credentials may be in.
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

    /// A helper called `test`: it keeps what it is given in `kept/`, and writes its verbs to `calls`.
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

    /// The program is put in its place by another process: one that this process has open for
    /// writing while a test beside it forks could not be started.
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
        Environment::below(self.0.path())
    }

    fn store(&self) -> CredentialStore {
        CredentialStore::new(&self.environment())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }
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

/// The name that is found for a host, or for `HOST/REPOSITORY`.
async fn name_for(store: &CredentialStore, place: &str) -> Option<String> {
    let (host, name) = place
        .split_once('/')
        .map_or((place, None), |(host, name)| (host, Some(repository(name))));
    match store.find(host, name.as_ref()).await.unwrap()? {
        Credential::Basic { username, .. } => Some(username),
        other => panic!("{other:?}"),
    }
}

async fn refused(home: &Home) -> String {
    format!(
        "{:#}",
        home.store().find("quay.io", None).await.unwrap_err()
    )
}

#[tokio::test]
async fn files_are_read_in_their_order() {
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
    let store = CredentialStore::new(&environment);
    assert_eq!(name_for(&store, "gcr.io").await.unwrap(), "mine");
    assert_eq!(
        name_for(&store, "quay.io").await.unwrap(),
        "configured",
        "the session's file is replaced by it"
    );
}

#[tokio::test]
async fn the_longest_key_decides() {
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
async fn an_entry_without_credential_says_nothing() {
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
async fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let wrong = |text: &str| Home::new().with(CONFIG_JSON, text);
    for (text, message) in [
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
            "auths/https://quay.io: auth is not base64",
        ),
    ] {
        let said = refused(&wrong(text)).await;
        assert!(
            said.contains(message) && said.contains(CONFIG_JSON),
            "{said}"
        );
    }
    let home = Home::new().with(&format!("{CONFIG_JSON}/file"), "");
    let said = refused(&home).await;
    assert!(
        said.starts_with("reading credentials from") && said.contains(CONFIG_JSON),
        "{said}"
    );
}

#[tokio::test]
async fn helpers_come_where_the_file_says() {
    let kept = |name: &str| json!({"ServerURL": "x", "Username": name, "Secret": "s"});
    let config = json!({
        "credHelpers": {"quay.io": "test"},
        "credsStore": "test",
        "auths": {"quay.io": {"username": "file", "password": "x"}, "gcr.io": {"username": "file", "password": "x"}}
    });
    let home = Home::new()
        .with_helper()
        .with_json("kept/quay.io", &kept("helper"))
        .with_json("kept/gcr.io", &kept("helper"))
        .with_json("kept/docker.io", &kept("podman"))
        .with_json("kept/ghcr.io", &kept("<token>"))
        .with_json(CONFIG_JSON, &config);
    let store = home.store();
    assert_eq!(name_for(&store, "quay.io").await.unwrap(), "helper");
    assert_eq!(name_for(&store, "gcr.io").await.unwrap(), "file");
    assert_eq!(name_for(&store, "docker.io").await.unwrap(), "podman");
    assert_eq!(name_for(&store, "example.com").await, None);
    assert_eq!(
        store.find("ghcr.io", None).await.unwrap(),
        Some(Credential::RefreshToken(Secret::new("s")))
    );
    let home = home.with_json("kept/https:__index.docker.io_v1_", &kept("docker"));
    assert_eq!(
        name_for(&home.store(), "docker.io").await.unwrap(),
        "docker"
    );
}

#[tokio::test]
async fn a_helper_is_asked_once() {
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
    for asked in [ask("quay.io"), ask("quay.io/a"), ask("quay.io/b")] {
        assert_eq!(asked.await.unwrap().unwrap(), "me");
    }
    for asked in [ask("gcr.io"), ask("gcr.io/a")] {
        assert_eq!(asked.await.unwrap(), None);
    }
    assert_eq!(home.calls(), "get get");
}

#[tokio::test]
async fn a_helper_that_fails_is_an_error() {
    let home = Home::new().with_json(CONFIG_JSON, &json!({"credHelpers": {"quay.io": "test"}}));
    let said = refused(&home).await;
    assert!(
        said.contains("there is no program docker-credential-test on the path"),
        "{said}"
    );
    assert!(said.contains(CONFIG_JSON), "{said}");

    let home = home.with_program(
        "docker-credential-test",
        "#!/bin/sh\necho the key ring is locked\nexit 1\n",
    );
    let said = refused(&home).await;
    assert!(
        said.contains("docker-credential-test get: exit status: 1: the key ring is locked"),
        "{said}"
    );

    let home = home.with_program(
        "docker-credential-test",
        "#!/bin/sh\necho '{\"Secret\":\"sesame\"}'\n",
    );
    let said = refused(&home).await;
    assert!(
        said.contains("it is no JSON with Username and Secret") && !said.contains("sesame"),
        "{said}"
    );

    let home = home.with_json(CONFIG_JSON, &json!({"credsStore": "../evil"}));
    assert!(
        refused(&home)
            .await
            .contains("is no name of a credential helper")
    );
}

#[tokio::test]
async fn a_helper_that_does_not_answer_is_ended() {
    let home = Home::new().with_program("docker-credential-test", "#!/bin/sh\nexec sleep 1000\n");
    let helpers = Helpers::new(home.environment().search_path, Duration::ZERO);
    let error = helpers
        .get("test", "quay.io")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("docker-credential-test get has not answered within"),
        "{error}"
    );
}

#[tokio::test]
async fn login_goes_to_the_file_of_docker() {
    let home = Home::new();
    let store = home.store();
    let keeper = store.save("quay.io", &basic("me", "pa:ss")).await.unwrap();
    assert_eq!(keeper, Keeper::File(home.path(CONFIG_JSON)));
    assert!(keeper.is_unencrypted() && keeper.to_string().ends_with(CONFIG_JSON));
    assert_eq!(
        home.json(CONFIG_JSON),
        json!({"auths": {"quay.io": {"auth": "bWU6cGE6c3M="}}})
    );
    assert_eq!(
        store.find("quay.io", None).await.unwrap(),
        Some(basic("me", "pa:ss"))
    );
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
    let keeper = CredentialStore::new(&environment)
        .save("quay.io", &basic("me", "x"))
        .await
        .unwrap();
    assert_eq!(keeper, Keeper::File(home.path("mine.json")));

    let nowhere = Environment {
        docker_config: None,
        ..home.environment()
    };
    let error = CredentialStore::new(&nowhere)
        .save("quay.io", &basic("me", "x"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("set DOCKER_CONFIG"), "{error}");
}

#[tokio::test]
async fn the_rest_of_the_file_stays() {
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
    store.erase("quay.io").await.unwrap();
    store.save("docker.io", &basic("me", "x")).await.unwrap();
    assert_eq!(compact(CONFIG_JSON), before);
}

#[tokio::test]
async fn a_link_to_nothing_yet_is_followed() {
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
async fn login_replaces_what_would_be_found_before_it() {
    let home = Home::new().with_json(
        AUTH_JSON,
        &auths(&[("quay.io", "podman"), ("quay.io/team", "team")]),
    );
    let store = home.store();
    assert_eq!(
        store.save("quay.io", &basic("me", "x")).await.unwrap(),
        Keeper::File(home.path(AUTH_JSON))
    );
    assert_eq!(name_for(&store, "quay.io").await.unwrap(), "me");
    assert_eq!(name_for(&store, "quay.io/team/app").await.unwrap(), "team");
    assert_eq!(
        store.save("gcr.io", &basic("me", "x")).await.unwrap(),
        Keeper::File(home.path(CONFIG_JSON))
    );
}

#[tokio::test]
async fn login_uses_the_helper_and_leaves_no_secret_in_the_file() {
    let config =
        json!({"credsStore": "test", "auths": bare(&[("quay.io", "old"), ("gcr.io", "other")])});
    let home = Home::new().with_helper().with_json(CONFIG_JSON, &config);
    let store = home.store();
    let keeper = store.save("quay.io", &basic("me", "x")).await.unwrap();
    assert_eq!(keeper, Keeper::Helper("test".into()));
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
        "the older answer is forgotten"
    );
}

#[tokio::test]
async fn a_helper_that_keeps_nothing_is_an_error_and_the_file_stays() {
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
async fn logout_forgets_the_host_everywhere() {
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
    let file = |name: &str| Keeper::File(home.path(name));
    let everywhere = [
        file(AUTH_JSON),
        Keeper::Helper("test".into()),
        file(CONFIG_JSON),
        file("home/.dockercfg"),
    ];
    assert_eq!(store.erase("quay.io").await.unwrap(), everywhere);
    assert_eq!(name_for(&store, "quay.io").await, None);
    assert_eq!(name_for(&store, "quay.io/team").await.unwrap(), "team");
    assert_eq!(name_for(&store, "gcr.io").await.unwrap(), "other");
    assert_eq!(home.json("home/.dockercfg"), bare(&[("gcr.io", "other")]));
    assert_eq!(store.erase("quay.io").await.unwrap(), []);
}

#[tokio::test]
async fn logins_at_the_same_time_lose_nothing() {
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
                runtime
                    .block_on(home.store().erase(&host(thread, 0)))
                    .unwrap();
            });
        }
    });
    let left: Vec<_> = (0..threads)
        .flat_map(|thread| (1..10).map(move |number| host(thread, number)))
        .collect();
    let kept = home.json(CONFIG_JSON)["auths"].as_object().unwrap().clone();
    assert_eq!(
        kept.keys().cloned().collect::<BTreeSet<_>>(),
        left.into_iter().collect()
    );
}
