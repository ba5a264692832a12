//! What the files say about an image, file by file and entry by entry.

use std::fs;

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
        Environment::below(self.0.path())
    }

    fn load(&self) -> Registries {
        Registries::load(&self.environment()).unwrap()
    }

    fn refused(&self) -> String {
        format!("{:#}", Registries::load(&self.environment()).unwrap_err())
    }
}

fn saying(text: &str) -> Registries {
    Files::new().with(SYSTEM, text).load()
}

fn places(registries: &Registries, image: &str) -> Places {
    registries.places(&image.parse().unwrap()).unwrap()
}

/// Where an image is read, in order: insecure places end with `!`, those that are not asked about tags with `@`.
fn read(registries: &Registries, image: &str) -> Vec<String> {
    let Places {
        mirrors, primary, ..
    } = places(registries, image);
    let text = |place: &Place| {
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
            text(&mirror.place),
            if mirror.tags { "" } else { "@" }
        )
    });
    mirrors.chain([text(&primary)]).collect()
}

fn by_digest(name: &str) -> String {
    format!("{name}@{}", Digest::sha256(b""))
}

#[test]
fn without_files_names_are_taken_as_they_are() {
    let place = Place {
        host: "quay.io".into(),
        repository: repository("a/b"),
        insecure: false,
    };
    let expected = Places {
        mirrors: Vec::new(),
        primary: place.clone(),
        target: place,
    };
    assert_eq!(places(&Files::new().load(), "quay.io/a/b:v1"), expected);
}

#[test]
fn a_name_is_rewritten_for_reading_alone() {
    let registries = saying(
        "[[registry]]\nprefix = 'example.com/foo'\nlocation = 'internal:5000/bar/'\ninsecure = true\n",
    );
    let image = places(&registries, "example.com/foo/image:v1");
    let place = |host: &str, name: &str| Place {
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
fn mirrors_come_first_in_their_order() {
    let registries = saying(
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
fn mirrors_may_be_for_digests_alone() {
    let registries = saying(
        "[[registry]]\nlocation = 'a.io'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'b.io'\n",
    );
    assert_eq!(read(&registries, "a.io/x:v1"), ["a.io/x"]);
    assert_eq!(
        read(&registries, &by_digest("a.io/x")),
        ["b.io/x@", "a.io/x"]
    );
}

#[test]
fn the_longest_prefix_decides() {
    let registries = saying(
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
fn wildcards_stand_for_hosts_below() {
    let registries = saying(
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
fn what_is_blocked_is_refused() {
    let registries = saying(
        "[[registry]]\nprefix = 'a.io/bad'\nblocked = true\n[[registry]]\nlocation = 'b.io'\nblocked = true\n",
    );
    let error = registries
        .places(&"a.io/bad/app:v1".parse().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a.io/bad/app:v1 may not be used") && error.contains(SYSTEM),
        "{error}"
    );
    assert!(error.ends_with("blocks a.io/bad"), "{error}");
    assert_eq!(read(&registries, "a.io/good"), ["a.io/good"]);
    assert!(!registries.is_insecure("a.io").unwrap());
    assert!(registries.is_insecure("b.io").is_err());
}

#[test]
fn what_cannot_be_rewritten_is_an_error_of_that_image() {
    let registries = saying(
        "[[registry]]\nprefix = 'a.io/x'\nlocation = 'host-alone'\n\
         [[registry]]\nprefix = 'b.io/x:v1'\nlocation = 'c.io/x:v2'\n\
         [[registry]]\nprefix = 'd.io'\nlocation = 'e.io/UPPER'\n",
    );
    let refused = |image: &str| {
        format!(
            "{:#}",
            registries.places(&image.parse().unwrap()).unwrap_err()
        )
    };
    let error = refused("a.io/x");
    assert!(
        error.contains("rewrites a.io/x to host-alone: there is no repository behind the host"),
        "{error}"
    );
    assert!(error.contains(SYSTEM), "{error}");
    assert!(refused("b.io/x:v1").contains("only the repository can be rewritten"));
    assert!(refused("d.io/x").contains("e.io/UPPER/x: a repository name is made of"));
    assert_eq!(read(&registries, "a.io/x/y"), ["host-alone/y"]);
}

#[test]
fn later_files_replace_entries_of_the_same_prefix() {
    let entry =
        |location: &str| format!("[[registry]]\nprefix = 'a.io'\nlocation = '{location}'\n");
    let where_it_is = |files: &Files| read(&files.load(), "a.io/x").remove(0);
    let files = Files::new().with(
        SYSTEM,
        &(entry("main") + "[[registry]]\nprefix = 'b.io'\nlocation = 'kept'\n"),
    );
    assert_eq!(where_it_is(&files), "main/x");
    let files = files.with("etc/containers/registries.conf.d/1.conf", &entry("first"));
    let files = files.with("etc/containers/registries.conf.d/2.conf", &entry("second"));
    let files = files.with(
        "etc/containers/registries.conf.d/3.conf.off",
        &entry("third"),
    );
    assert_eq!(where_it_is(&files), "second/x");
    let files = files.with(
        "home/.config/containers/registries.conf.d/0.conf",
        &entry("user"),
    );
    assert_eq!(where_it_is(&files), "user/x");
    assert_eq!(read(&files.load(), "b.io/x"), ["kept/x"]);

    let files = files.with("home/.config/containers/registries.conf", "");
    assert_eq!(where_it_is(&files), "user/x");
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
    assert_eq!(
        read(&Registries::load(&environment).unwrap(), "a.io/x"),
        ["alone/x"]
    );
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    for (text, message) in [
        ("[[registry]\n", "line 1"),
        ("[[registry]]\nprefix = 1\n", "invalid type"),
        (
            "[[registry]]\ninsecure = true\n",
            "neither prefix nor location",
        ),
        (
            "[[registry]]\nlocation = 'https://a.io'\n",
            "location \"https://a.io\" is an URL",
        ),
        (
            "[[registry]]\nprefix = 'a.*.io'\n",
            "a * may only stand before",
        ),
        (
            "[[registry]]\nprefix = '*.a.io/x'\n",
            "a * may only stand before",
        ),
        (
            "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\ninsecure = true\n",
            "missing field `location`",
        ),
        (
            "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = ''\n",
            "a mirror has no location",
        ),
        (
            "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'never'\n",
            "unknown variant `never`",
        ),
        (
            "[[registry]]\nlocation = 'a.io'\nmirror-by-digest-only = true\n\
             [[registry.mirror]]\nlocation = 'b.io'\npull-from-mirror = 'tag-only'\n",
            "goes not with mirror-by-digest-only",
        ),
        (
            "[registries.block]\nregistries = ['a.io']\n",
            "is of version 1",
        ),
    ] {
        let said = Files::new().with(SYSTEM, text).refused();
        assert!(said.contains(message) && said.contains(SYSTEM), "{said}");
    }
    let missing = Environment {
        registries_conf: Some("/nowhere/r.conf".into()),
        ..Files::new().environment()
    };
    assert_eq!(
        Registries::load(&missing).unwrap_err().to_string(),
        "reading /nowhere/r.conf"
    );
}
