//! Trees that mean harm, and trees that are merely large.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::World;
use crate::fixtures::{Image, Index, describe, image};
use crate::lint::{Answer, Finding, Held, Limits, Lint, Rule, Seek, Tree};
use crate::{Digest, Manifest, MediaType};

/// Far above what any of it takes, and far below what it would take if it were quadratic.
const BOUND: Duration = Duration::from_secs(20);

/// As many images as nobody has, each with a config of its own.
fn many(count: usize) -> (Index, Vec<Image>) {
    let images: Vec<_> = (0..count)
        .map(|number| {
            image(&format!("image {number}"))
                .built_at("2024-06-30T12:00:00Z")
                .config_field("variant", json!(number.to_string()))
        })
        .collect();
    let mut index = Index::oci();
    for (number, image) in images.iter().enumerate() {
        let platform =
            json!({"os": "linux", "architecture": "amd64", "variant": number.to_string()});
        let mut child = json!(image.descriptor());
        child["platform"] = platform;
        index = index.child(child);
    }
    (index, images)
}

#[test]
fn ten_thousand_children_are_judged_at_once() {
    let (index, images) = many(10_000);
    let world = images.iter().fold(World::from(index), World::with_image);
    let began = Instant::now();
    let tree = world.lint();
    let elapsed = began.elapsed();
    assert_eq!(
        (tree.documents().len(), tree.findings().next()),
        (10_001, None)
    );
    assert!(elapsed < BOUND, "{elapsed:?}");
}

/// Parsing is the caller's, and is not counted here. The bound holds where the code is optimised:
/// `cargo test --release -p portolan-model -- --ignored --nocapture ten_thousand`.
#[test]
#[ignore = "a measurement, which needs the optimised build"]
fn ten_thousand_children_within_200_ms() {
    let (index, images) = many(10_000);
    let held = |bytes: &Bytes| Held {
        size: bytes.len() as u64,
        media_type: None,
    };
    let manifests: Vec<_> = images
        .iter()
        .map(|image| Answer::Manifest(image.manifest()))
        .collect();
    let blobs: Vec<_> = images
        .iter()
        .flat_map(Image::blobs)
        .map(|blob| Answer::Content(held(&blob), Some(blob)))
        .collect();
    let answers = [manifests, blobs].concat();
    let run = || {
        let (root, answers) = (index.manifest(), answers.clone());
        let began = Instant::now();
        let mut lint = Lint::new(index.digest(), root, Limits::default());
        for answer in answers {
            let want = lint.next_want().unwrap();
            lint.supply(&want, answer);
        }
        let tree = lint.finish();
        let elapsed = began.elapsed();
        assert_eq!(
            (tree.documents().len(), tree.findings().next()),
            (10_001, None)
        );
        elapsed
    };
    // As often as it takes, since a machine may be busy with something else.
    let runs: Vec<_> = (0..20).map(|_| run()).collect();
    println!("10,000 children: {runs:?}");
    assert!(
        runs.iter()
            .any(|elapsed| *elapsed < Duration::from_millis(200)),
        "{runs:?}"
    );
}

fn named_often(child: &str, times: usize) -> Bytes {
    let mut text = String::from(r#"{"schemaVersion":2,"manifests":["#);
    for number in 0..times {
        let _ = write!(text, "{}{child}", if number > 0 { "," } else { "" });
    }
    text.push_str("]}");
    text.into()
}

#[test]
fn one_child_named_often_is_read_once() {
    let image = image("a").layers([]).field(
        "layers",
        json!(vec![describe(MediaType::OCI_LAYER_GZIP, b"x"); 20_000]),
    );
    let mut child = json!(image.descriptor());
    child["platform"] = json!({"os": "linux", "architecture": "arm64"});
    let world = World::of(
        named_often(&child.to_string(), 20_000),
        MediaType::OCI_INDEX,
    )
    .with_image(&image);
    let began = Instant::now();
    let tree = world.lint();
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(tree.documents().len(), 2);
    let findings = &tree.documents()[0].findings;
    let unplaced = findings
        .iter()
        .filter(|finding| finding.rule == Rule::DuplicatePlatform)
        .map(Finding::count);
    assert_eq!(
        (unplaced.sum::<usize>(), findings.len() < 1100),
        (19_999, true)
    );
    for rule in [
        Rule::MissingMediaType,
        Rule::DuplicatePlatform,
        Rule::PlatformMismatch,
    ] {
        assert!(
            tree.findings().any(|finding| finding.rule == rule),
            "{rule}"
        );
    }
}

#[test]
fn many_ways_to_the_same_documents_are_gone_once() {
    let mut below = Index::oci();
    let mut world = World::from(below.clone()).with_index(&below);
    for _ in 0..16 {
        below = (0..100).fold(Index::oci(), |index, _| index.nested(&below, None));
        world = world.with_index(&below);
    }
    let root = World::from(below);
    let began = Instant::now();
    let tree = root.with_all(&world).lint();
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(tree.documents().len(), 17);
    assert_eq!(tree.documents().last().unwrap().depth, 16);
    assert!(
        tree.findings()
            .all(|finding| finding.rule != Rule::TreeTooDeep)
    );
}

#[test]
fn a_long_chain_ends_at_the_limit() {
    let mut chain = vec![Index::oci()];
    for _ in 0..3000 {
        chain.push(Index::oci().nested(chain.last().unwrap(), None));
    }
    let world = World::from(chain.last().unwrap().clone()).within(usize::MAX, usize::MAX);
    let world = chain.iter().fold(world, World::with_index);
    assert_eq!(world.lint().documents().len(), 3001);
    let tree = world.within(16, 100).lint();
    let found: Vec<_> = tree
        .findings()
        .filter(|finding| finding.rule == Rule::TreeTooDeep)
        .collect();
    assert_eq!((tree.documents().len(), found.len()), (17, 1));
    assert_eq!(
        found[0].document.as_ref(),
        Some(&tree.documents()[16].digest)
    );
}

#[test]
fn findings_beyond_all_bounds_are_counted() {
    let (mut index, mut contents) = (Index::oci(), Vec::new());
    for number in 0..120 {
        let twice = r#","a":1"#.repeat(901);
        let content = Bytes::from(format!(
            r#"{{"schemaVersion":2,"layers":[{number}]{twice}}}"#
        ));
        index = index.child_of_type(MediaType::OCI_MANIFEST, &content, None);
        contents.push(content);
    }
    let with = |world: World, content| world.with(content, MediaType::OCI_MANIFEST);
    let tree = contents.iter().fold(World::from(index), with).lint();
    let twice = |findings: &mut dyn Iterator<Item = &Finding>| {
        findings
            .filter(|finding| finding.rule == Rule::DuplicateKey)
            .map(Finding::count)
            .sum::<usize>()
    };
    assert_eq!(twice(&mut tree.findings()), 120 * 900);
    assert!(
        tree.findings().count() < 100_000 + 120 * 10,
        "{}",
        tree.findings().count()
    );
}

/// An index of manifests that are short to write and take much memory, and those.
fn heavy(count: usize) -> (Index, Vec<Bytes>) {
    let zeros = "0,".repeat(490_000);
    let (mut index, mut contents) = (Index::oci(), Vec::new());
    for number in 0..count {
        let content = Bytes::from(format!("{{\"layers\":[],\"x\":[{zeros}{number}]}}"));
        index = index.child_of_type(MediaType::OCI_MANIFEST, &content, None);
        contents.push(content);
    }
    (index, contents)
}

#[test]
fn documents_beyond_all_bounds_are_not_kept_and_then_none_is_asked_for() {
    let (index, contents) = heavy(12);
    let mut lint = Lint::new(index.digest(), index.manifest(), Limits::default());
    let mut asked = 0;
    while let Some(want) = lint.next_want() {
        let manifest = Manifest::parse(contents[asked].clone(), want.media_type.as_ref()).unwrap();
        lint.supply(&want, Answer::Manifest(manifest));
        asked += 1;
    }
    let tree = lint.finish();
    assert!((6..12).contains(&asked), "{asked}");
    assert_eq!(
        tree.documents().len(),
        1 + asked - 1,
        "the last one that was had is not kept"
    );
    assert_eq!(
        tree.findings()
            .filter(|finding| finding.rule == Rule::TreeTooLarge)
            .count(),
        12 - asked + 1
    );
    assert!(
        tree.findings()
            .all(|finding| finding.rule != Rule::MissingChild)
    );
}

#[test]
fn configs_beyond_all_bounds_are_not_read_and_that_is_told() {
    let (index, images) = many(100);
    let mut lint = Lint::new(index.digest(), index.manifest(), Limits::default());
    let config = Bytes::from(vec![b' '; 4 << 20]);
    let mut read = 0;
    while let Some(want) = lint.next_want() {
        let held = Held {
            size: config.len() as u64,
            media_type: None,
        };
        let image = images.iter().find(|image| image.digest() == want.digest);
        lint.supply(
            &want,
            match want.seek {
                Seek::Manifest => {
                    image.map_or(Answer::Absent, |image| Answer::Manifest(image.manifest()))
                }
                Seek::Presence => Answer::Content(held, None),
                Seek::Config => {
                    read += 1;
                    Answer::Content(held, Some(config.clone()))
                }
            },
        );
    }
    assert_eq!(read, 64);
    let tree = lint.finish();
    let told: Vec<_> = tree
        .findings()
        .filter(|finding| finding.rule == Rule::TreeTooLarge)
        .collect();
    assert_eq!((told.len(), told[0].pointer.as_str()), (36, "/config"));
    assert_eq!(
        told[0].message,
        "the config was not read: at most 256 MiB of configs are"
    );
}

/// A value like those of manifests, right and wrong.
fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![
        Just("mediaType"),
        Just("digest"),
        Just("size"),
        Just("platform"),
        Just("data"),
        Just("annotations"),
        Just("config"),
        Just("layers"),
        Just("manifests"),
        Just("subject"),
        Just("os"),
        Just("created"),
        Just("x/~"),
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(MediaType::OCI_INDEX)),
        Just(json!(MediaType::DOCKER_MANIFEST)),
        Just(json!(MediaType::OCI_CONFIG)),
        (0_u8..8).prop_map(|content| json!(Digest::sha256(&[content]))),
        ".{0,12}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| json!(items)),
            proptest::collection::vec((key.clone(), inner), 0..8).prop_map(|members| {
                serde_json::Value::Object(
                    members
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

/// Answers the wants one after the other as `choose` says, whatever they were, and comes to an end.
fn answered(root: Manifest, others: &[Manifest], mut choose: impl FnMut() -> u8) -> Tree {
    let held = || Held {
        size: 3,
        media_type: None,
    };
    let mut lint = Lint::new(
        Digest::sha256(b"root"),
        root,
        Limits {
            depth: 3,
            documents: 6,
        },
    );
    for _ in 0..100_000 {
        let Some(want) = lint.next_want() else {
            return lint.finish();
        };
        let chosen = choose();
        lint.supply(
            &want,
            match chosen % 6 {
                0 => Answer::Absent,
                1 => Answer::Unknown,
                2 => Answer::Unreadable(held(), "for a reason".into()),
                3 => Answer::Content(held(), Some(want.digest.as_str().to_owned().into())),
                4 => Answer::Content(held(), None),
                _ => others
                    .get(usize::from(chosen) % others.len().max(1))
                    .map_or(Answer::Absent, |manifest| {
                        Answer::Manifest(manifest.clone())
                    }),
            },
        );
    }
    panic!("it does not come to an end");
}

proptest! {
    #[test]
    fn any_documents_and_answers_come_to_an_end(
        documents in proptest::collection::vec((json_value(), any::<bool>()), 1..6),
        answers in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let parse = |(document, index): &(serde_json::Value, bool)| {
            let media_type = MediaType::new(if *index { MediaType::OCI_INDEX } else { MediaType::DOCKER_MANIFEST });
            Manifest::parse(document.to_string().into(), Some(&media_type)).ok()
        };
        let manifests: Vec<_> = documents.iter().filter_map(parse).collect();
        let mut answers = answers.iter().cycle();
        if let Some(root) = manifests.first() {
            let tree = answered(root.clone(), &manifests, || *answers.next().unwrap_or(&0));
            prop_assert!(tree.documents().len() <= 6);
            prop_assert!(tree.findings().all(|finding| !finding.message.is_empty()));
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200), config in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(manifest) = Manifest::parse(bytes.into(), Some(&"application/vnd.example".into())) {
            answered(manifest, &[], || 3);
        }
        let _ = crate::lint::ImageConfig::read(&config);
    }
}
