//! Tests for the locations of an image, by file and by entry.

use std::fs;

use portolan_hosts::{ImageLocations, RepositoryLocation};
use portolan_model::Digest;
use portolan_model::fixtures::repository;
use tempfile::TempDir;

use super::*;

const SYSTEM: &str = "etc/containers/registries.conf";

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, text: &str) -> Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn environment(&self) -> Environment {
        Environment::rooted_at(self.0.path())
    }

    fn load(&self) -> Registries {
        let (registries, skipped) = load(&self.environment());
        assert_eq!(skipped, [""; 0]);
        registries
    }

    /// Loads the files. At least one item in them must be skipped.
    fn load_rest(&self) -> (Registries, String) {
        let (registries, mut skipped) = load(&self.environment());
        assert_eq!(skipped.len(), 1, "{skipped:?}");
        (registries, skipped.remove(0))
    }
}

fn from_config(text: &str) -> Registries {
    Files::new().with(SYSTEM, text).load()
}

fn places(registries: &Registries, image: &str) -> ImageLocations {
    registries.locate(&image.parse().unwrap()).unwrap()
}

/// Returns the locations for reading an image, in order. An insecure location ends with `!`, and a
/// mirror that is used only for references by digest ends with `@`.
fn read(registries: &Registries, image: &str) -> Vec<String> {
    let ImageLocations {
        mirrors, primary, ..
    } = places(registries, image);
    let text = |place: &RepositoryLocation| {
        format!(
            "{}/{}{}",
            place.host,
            place.repository,
            if place.insecure { "!" } else { "" }
        )
    };
    let mirrors = mirrors.iter().map(|mirror| {
        format!(
            "{}{}",
            text(&mirror.location),
            if mirror.tags { "" } else { "@" }
        )
    });
    mirrors.chain([text(&primary)]).collect()
}

fn by_digest(name: &str) -> String {
    format!("{name}@{}", Digest::sha256(b""))
}

#[test]
fn without_files_names_are_unchanged() {
    let place = RepositoryLocation {
        host: "quay.io".into(),
        repository: repository("a/b"),
        insecure: false,
    };
    let expected = ImageLocations {
        mirrors: Vec::new(),
        primary: place.clone(),
        target: place,
        skipped: Vec::new(),
    };
    assert_eq!(places(&Files::new().load(), "quay.io/a/b:v1"), expected);
}

#[test]
fn names_are_rewritten_only_for_reading() {
    let registries = from_config(
        "[[registry]]\nprefix = 'example.com/foo'\nlocation = 'internal:5000/bar/'\ninsecure = true\n",
    );
    let image = places(&registries, "example.com/foo/image:v1");
    let place = |host: &str, name: &str| RepositoryLocation {
        host: host.into(),
        repository: repository(name),
        insecure: true,
    };
    assert_eq!(image.primary, place("internal:5000", "bar/image"));
    assert_eq!(image.target, place("example.com", "foo/image"));
    assert_eq!(read(&registries, "example.com/foo"), ["internal:5000/bar!"]);
    assert_eq!(
        read(&registries, &by_digest("example.com/foo/a")),
        ["internal:5000/bar/a!"]
    );
    for other in ["example.com/food", "example.com/other", "other.com/foo"] {
        assert_eq!(read(&registries, other), [other]);
    }
}

#[test]
fn mirrors_come_first_in_order() {
    let registries = from_config(
        "unqualified-search-registries = ['other']\nshort-name-mode = 'enforcing'\n\
         [[registry]]\nlocation = 'docker.io'\nunknown = 1\n\
         [[registry.mirror]]\nlocation = 'one/hub'\n\
         [[registry.mirror]]\nlocation = 'two:80'\ninsecure = true\npull-from-mirror = ''\n\
         [[registry.mirror]]\nlocation = 'three'\npull-from-mirror = 'digest-only'\n\
         [[registry.mirror]]\nlocation = 'four'\npull-from-mirror = 'tag-only'\n\
         [aliases]\nalpine = 'elsewhere.io/alpine'\n",
    );
    let name = |host: &str| format!("{host}/library/alpine");
    let by_tag = [
        name("one/hub"),
        name("two:80") + "!",
        name("four"),
        name("docker.io"),
    ];
    assert_eq!(read(&registries, "alpine:3"), by_tag);
    assert_eq!(read(&registries, "alpine"), by_tag);
    let by_digest_read = [
        name("one/hub"),
        name("two:80") + "!",
        name("three") + "@",
        name("docker.io"),
    ];
    assert_eq!(read(&registries, &by_digest("alpine")), by_digest_read);
    assert_eq!(read(&registries, &by_digest("alpine:3")), by_digest_read);
}

#[test]
fn mirrors_can_be_limited_to_digests() {
    let registries = from_config(
        "[[registry]]\nlocation = 'a.io'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'b.io'\n",
    );
    assert_eq!(read(&registries, "a.io/x:v1"), ["a.io/x"]);
    assert_eq!(
        read(&registries, &by_digest("a.io/x")),
        ["b.io/x@", "a.io/x"]
    );
}

#[test]
fn the_longest_prefix_wins() {
    let registries = from_config(
        "[[registry]]\nprefix = 'a.io/x/y'\nlocation = 'longest/l'\n\
         [[registry]]\nprefix = 'a.io'\nlocation = 'host'\n\
         [[registry]]\nprefix = 'a.io/x'\nlocation = 'middle/m'\n\
         [[registry]]\nprefix = 'a.io/x/y:v2'\nlocation = 'tagged/t:v2'\n",
    );
    for (image, place) in [
        ("a.io/z:v1", "host/z"),
        ("a.io/x:v1", "middle/m"),
        ("a.io/x/z:v1", "middle/m/z"),
        ("a.io/x/y:v1", "longest/l"),
        ("a.io/x/y/z", "longest/l/z"),
        ("a.io/x/y:v2", "tagged/t"),
        ("a.io:5000/x", "a.io:5000/x"),
    ] {
        assert_eq!(read(&registries, image), [place], "{image}");
    }
}

#[test]
fn wildcards_match_subdomains() {
    let registries = from_config(
        "[[registry]]\nprefix = '*.example.com'\ninsecure = true\n\
         [[registry]]\nprefix = '*.eu.example.com'\nlocation = 'europe/all'\n\
         [[registry]]\nprefix = 'x.example.com'\n",
    );
    for (image, place) in [
        ("a.example.com/x", "a.example.com/x!"),
        ("a.b.example.com/x", "a.b.example.com/x!"),
        ("a.example.com:5000/x", "a.example.com:5000/x!"),
        ("x.example.com/x", "x.example.com/x"),
        ("a.eu.example.com/x/y:v1", "europe/all/x/y"),
        ("example.com/x", "example.com/x"),
        ("aexample.com/x", "aexample.com/x"),
        ("a.io/a.example.com", "a.io/a.example.com"),
    ] {
        assert_eq!(read(&registries, image), [place], "{image}");
    }
    assert!(registries.is_insecure("a.example.com:5000").unwrap());
    assert!(!registries.is_insecure("a.io").unwrap());
}

#[test]
fn blocked_images_are_rejected() {
    let registries = from_config(
        "[[registry]]\nprefix = 'a.io/bad'\nblocked = true\n[[registry]]\nlocation = 'b.io'\nblocked = true\n",
    );
    let error = registries
        .locate(&"a.io/bad/app:v1".parse().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a.io/bad/app:v1 is blocked") && error.contains(SYSTEM),
        "{error}"
    );
    assert!(error.ends_with("blocks a.io/bad"), "{error}");
    assert_eq!(read(&registries, "a.io/good"), ["a.io/good"]);
    assert!(!registries.is_insecure("a.io").unwrap());
    assert!(registries.is_insecure("b.io").is_err());
}

#[test]
fn an_invalid_rewrite_fails_only_for_that_image() {
    let registries = from_config(
        "[[registry]]\nprefix = 'a.io/x'\nlocation = 'host-alone'\n\
         [[registry]]\nprefix = 'b.io/x:v1'\nlocation = 'c.io/x:v2'\n\
         [[registry]]\nprefix = 'd.io'\nlocation = 'e.io/UPPER'\n",
    );
    let rejection = |image: &str| {
        format!(
            "{:#}",
            registries.locate(&image.parse().unwrap()).unwrap_err()
        )
    };
    let error = rejection("a.io/x");
    assert!(
        error.contains(
            "rewrites a.io/x to host-alone: the location has no repository after the host"
        ),
        "{error}"
    );
    assert!(error.contains(SYSTEM), "{error}");
    assert!(rejection("b.io/x:v1").contains("only the repository can be rewritten"));
    assert!(rejection("d.io/x").contains("e.io/UPPER/x: a repository name must consist of"));
    assert_eq!(read(&registries, "a.io/x/y"), ["host-alone/y"]);
}

#[test]
fn later_files_replace_entries_with_the_same_prefix() {
    let entry =
        |location: &str| format!("[[registry]]\nprefix = 'a.io'\nlocation = '{location}'\n");
    let location_in = |files: &Files| read(&files.load(), "a.io/x").remove(0);
    let files = Files::new().with(
        SYSTEM,
        &(entry("main") + "[[registry]]\nprefix = 'b.io'\nlocation = 'kept'\n"),
    );
    assert_eq!(location_in(&files), "main/x");
    let files = files.with("etc/containers/registries.conf.d/1.conf", &entry("first"));
    let files = files.with("etc/containers/registries.conf.d/2.conf", &entry("second"));
    let files = files.with(
        "etc/containers/registries.conf.d/3.conf.off",
        &entry("third"),
    );
    assert_eq!(location_in(&files), "second/x");
    let files = files.with(
        "home/.config/containers/registries.conf.d/0.conf",
        &entry("user"),
    );
    assert_eq!(location_in(&files), "user/x");
    assert_eq!(read(&files.load(), "b.io/x"), ["kept/x"]);

    let files = files.with("home/.config/containers/registries.conf", "");
    assert_eq!(location_in(&files), "user/x");
    assert_eq!(
        read(&files.load(), "b.io/x"),
        ["b.io/x"],
        "the user's file replaces the system's"
    );

    let files = files.with("alone.conf", &entry("alone"));
    let environment = Environment {
        registries_conf: Some(files.0.path().join("alone.conf")),
        ..files.environment()
    };
    assert_eq!(read(&load(&environment).0, "a.io/x"), ["alone/x"]);
}

#[test]
fn what_cannot_be_used_is_skipped_alone() {
    const USABLE: &str = "[[registry]]\nlocation = 'b.io'\ninsecure = true\n";
    for (text, reason) in [
        ("[[registry]]\nprefix = 1\n", "invalid type"),
        (
            "[[registry]]\ninsecure = true\n",
            "[[registry]] table 1 was not used: it has neither prefix nor location",
        ),
        (
            "[[registry]]\nlocation = 'https://a.io'\n",
            "location \"https://a.io\" is a URL",
        ),
        (
            "[[registry]]\nprefix = 'a.io'\nlocation = '/x'\n",
            "location \"/x\" has no host",
        ),
        (
            "[[registry]]\nprefix = 'a.*.io'\n",
            "* is only allowed at the start",
        ),
        (
            "[[registry]]\nprefix = '*.a.io/x'\n",
            "* is only allowed at the start",
        ),
        (
            "[[registry]]\nlocation = 'a.io'\nblocked = 'yes'\n",
            "the [[registry]] table of a.io was not used: invalid type",
        ),
        (
            "[registries.block]\nregistries = [7]\n",
            "7 in registries.block was not used",
        ),
        (
            "[registries]\nblock = { registries = 'a.io' }\n",
            "registries.block.registries was not used: it is a string",
        ),
    ] {
        let files = Files::new().with(SYSTEM, &format!("{text}{USABLE}"));
        let (registries, skipped) = files.load_rest();
        assert!(
            skipped.contains(reason) && skipped.contains(SYSTEM),
            "{skipped}"
        );
        assert_eq!(read(&registries, "b.io/x"), ["b.io/x!"]);
    }
}

#[test]
fn a_mirror_that_cannot_be_used_is_skipped_alone() {
    let entry = "[[registry]]\nlocation = 'a.io'\nmirror-by-digest-only = true\n\
                 [[registry.mirror]]\nlocation = 'b.io'\n[[registry.mirror]]\n";
    for (mirror, reason) in [
        ("insecure = true\n", "missing field `location`"),
        ("location = ''\n", "it has no location"),
        (
            "location = 'c'\npull-from-mirror = 'never'\n",
            "unknown variant `never`",
        ),
        (
            "location = 'c.io'\npull-from-mirror = 'tag-only'\n",
            "cannot be combined with mirror-by-digest-only",
        ),
    ] {
        let files = Files::new().with(SYSTEM, &format!("{entry}{mirror}"));
        let (registries, skipped) = files.load_rest();
        assert!(
            skipped.contains("a mirror of a.io was not used") && skipped.contains(reason),
            "{skipped}"
        );
        assert_eq!(
            read(&registries, &by_digest("a.io/x")),
            ["b.io/x@", "a.io/x"]
        );
    }
    let registries = from_config(
        "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'b.io/UPPER'\n",
    );
    let locations = places(&registries, "a.io/x");
    assert_eq!(read(&registries, "a.io/x"), ["a.io/x"]);
    assert!(locations.skipped[0].contains("b.io/UPPER"));
}

#[test]
fn a_file_that_cannot_be_used_is_skipped_alone() {
    let usable = "[[registry]]\nlocation = 'a.io'\ninsecure = true\n";
    for (name, text, reason) in [
        ("1.conf", "[[registry]\n", "was not used: line 1: "),
        ("2.conf", "\n\n= 1", "was not used: line 3: "),
    ] {
        let files = Files::new()
            .with(SYSTEM, usable)
            .with(&format!("etc/containers/registries.conf.d/{name}"), text);
        let (registries, skipped) = files.load_rest();
        assert!(
            skipped.contains(name) && skipped.contains(reason),
            "{skipped}"
        );
        assert_eq!(read(&registries, "a.io/x"), ["a.io/x!"]);
    }
    let files = Files::new().with("etc/containers/registries.conf.d", "a file");
    assert!(files.load_rest().1.contains("failed to list the files"));
    let missing = Environment {
        registries_conf: Some("/nowhere/r.conf".into()),
        ..Files::new().environment()
    };
    assert!(load(&missing).1[0].starts_with("/nowhere/r.conf was not used"));
}

#[test]
fn format_version_1_is_read() {
    let registries = from_config(
        "[registries.search]\nregistries = ['docker.io', 'quay.io']\n\
         [registries.insecure]\nregistries = ['localhost:5000', 'c.io']\n\
         [registries.block]\nregistries = ['b.io', 'c.io']\n",
    );
    assert_eq!(read(&registries, "localhost:5000/x"), ["localhost:5000/x!"]);
    assert_eq!(read(&registries, "x"), ["docker.io/library/x"]);
    for host in ["b.io", "c.io"] {
        assert!(registries.is_insecure(host).is_err(), "{host}");
    }
}

#[test]
fn search_lists_and_short_names_are_ignored() {
    let registries = from_config(
        "unqualified-search-registries = ['quay.io']\nshort-name-mode = 'enforcing'\n\
         credential-helpers = ['secret']\n[aliases]\nx = 'quay.io/team/x'\n\
         [registries.search]\nregistries = ['gcr.io']\n",
    );
    assert_eq!(read(&registries, "x"), ["docker.io/library/x"]);
}
