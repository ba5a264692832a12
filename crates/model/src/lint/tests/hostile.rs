//! Hostile trees, and trees that are only large.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::Scenario;
use crate::fixtures::{ImageFixture, IndexFixture, descriptor_json, image};
use crate::lint::{
    ContentKind, ContentResponse, Finding, LintLimits, LintTree, Linter, Rule, Stored,
};
use crate::{Digest, Manifest, MediaType};

/// Time limit: far above the actual times, and far below the times of a quadratic algorithm.
const BOUND: Duration = Duration::from_secs(20);

/// Creates an index of `count` images with different configs.
fn many(count: usize) -> (IndexFixture, Vec<ImageFixture>) {
    let images: Vec<_> = (0..count)
        .map(|number| {
            image(&format!("image {number}"))
                .built_at("2024-06-30T12:00:00Z")
                .config_field("variant", json!(number.to_string()))
        })
        .collect();
    let mut index = IndexFixture::oci();
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
fn checks_ten_thousand_children_in_linear_time() {
    let (index, images) = many(10_000);
    let world = images
        .iter()
        .fold(Scenario::from(index), Scenario::with_image);
    let began = Instant::now();
    let tree = world.lint();
    let elapsed = began.elapsed();
    assert_eq!(
        (tree.documents().len(), tree.findings().next()),
        (10_001, None)
    );
    assert!(elapsed < BOUND, "{elapsed:?}");
}

/// Allocator of the program, so that the measurement below holds for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the check without parsing, because the caller of the check parses the documents. The
/// limit applies to optimized code: `cargo test --release -p portolan-model -- --ignored
/// --nocapture ten_thousand`.
#[test]
#[ignore = "a measurement that needs an optimized build"]
fn ten_thousand_children_within_100_ms() {
    let (index, images) = many(10_000);
    let stored = |bytes: &Bytes| Stored {
        size: bytes.len() as u64,
        media_type: None,
    };
    let manifests: Vec<_> = images
        .iter()
        .map(|image| ContentResponse::Manifest(image.manifest()))
        .collect();
    let blobs: Vec<_> = images
        .iter()
        .flat_map(ImageFixture::blobs)
        .map(|blob| ContentResponse::Content(stored(&blob), Some(blob)))
        .collect();
    let answers = [manifests, blobs].concat();
    let run = || {
        let (root, answers) = (index.manifest(), answers.clone());
        let began = Instant::now();
        // The server has less memory for a tree than the default.
        let limits = LintLimits {
            memory: 64 << 20,
            ..LintLimits::default()
        };
        let mut lint = Linter::new(index.digest(), root, limits);
        for answer in answers {
            let want = lint.next_request().unwrap();
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
    // One fast run of a hundred is enough, because the machine may be busy with other work.
    let is_fast = |elapsed: Duration| {
        println!("10,000 children: {elapsed:?}");
        elapsed < Duration::from_millis(100)
    };
    assert!((0..100).any(|_| is_fast(run())));
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
fn reads_a_child_once_that_is_referenced_often() {
    let image = image("a").layers([]).field(
        "layers",
        json!(vec![
            descriptor_json(MediaType::OCI_LAYER_GZIP, b"x");
            20_000
        ]),
    );
    let mut child = json!(image.descriptor());
    child["platform"] = json!({"os": "linux", "architecture": "arm64"});
    let world = Scenario::new(
        named_often(&child.to_string(), 20_000),
        MediaType::OCI_INDEX,
    )
    .with_image(&image);
    let began = Instant::now();
    let tree = world.lint();
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert_eq!(tree.documents().len(), 2);
    let findings = &tree.documents()[0].findings;
    let duplicates = findings
        .iter()
        .filter(|finding| finding.rule == Rule::DuplicatePlatform)
        .map(Finding::count);
    assert_eq!(
        (duplicates.sum::<usize>(), findings.len() < 1100),
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
fn visits_documents_once_that_are_reachable_on_many_paths() {
    let mut below = IndexFixture::oci();
    let mut world = Scenario::from(below.clone()).with_index(&below);
    for _ in 0..16 {
        below = (0..100).fold(IndexFixture::oci(), |index, _| {
            index.nested_index(&below, None)
        });
        world = world.with_index(&below);
    }
    let root = Scenario::from(below);
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
fn stops_at_the_depth_limit() {
    let mut chain = vec![IndexFixture::oci()];
    for _ in 0..3000 {
        chain.push(IndexFixture::oci().nested_index(chain.last().unwrap(), None));
    }
    let world = Scenario::from(chain.last().unwrap().clone()).with_limits(usize::MAX, usize::MAX);
    let world = chain.iter().fold(world, Scenario::with_index);
    assert_eq!(world.lint().documents().len(), 3001);
    let tree = world.with_limits(16, 100).lint();
    let findings: Vec<_> = tree
        .findings()
        .filter(|finding| finding.rule == Rule::TreeTooDeep)
        .collect();
    assert_eq!((tree.documents().len(), findings.len()), (17, 1));
    assert_eq!(
        findings[0].document.as_ref(),
        Some(&tree.documents()[16].digest)
    );
}

#[test]
fn counts_findings_beyond_the_limit() {
    let (mut index, mut contents) = (IndexFixture::oci(), Vec::new());
    for number in 0..120 {
        let twice = r#","a":1"#.repeat(901);
        let content = Bytes::from(format!(
            r#"{{"schemaVersion":2,"layers":[{number}]{twice}}}"#
        ));
        index = index.child_of_type(MediaType::OCI_MANIFEST, &content, None);
        contents.push(content);
    }
    let with = |world: Scenario, content| world.with_manifest(content, MediaType::OCI_MANIFEST);
    let tree = contents.iter().fold(Scenario::from(index), with).lint();
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

/// Creates an index of short manifests that take much memory, and returns both.
fn heavy(count: usize) -> (IndexFixture, Vec<Bytes>) {
    let zeros = "0,".repeat(490_000);
    let (mut index, mut contents) = (IndexFixture::oci(), Vec::new());
    for number in 0..count {
        let content = Bytes::from(format!("{{\"layers\":[],\"x\":[{zeros}{number}]}}"));
        index = index.child_of_type(MediaType::OCI_MANIFEST, &content, None);
        contents.push(content);
    }
    (index, contents)
}

#[test]
fn requests_no_documents_after_the_memory_limit() {
    let (index, contents) = heavy(12);
    let mut lint = Linter::new(index.digest(), index.manifest(), LintLimits::default());
    let mut requested = 0;
    while let Some(want) = lint.next_request() {
        let manifest =
            Manifest::parse(contents[requested].clone(), want.media_type.as_ref()).unwrap();
        lint.supply(&want, ContentResponse::Manifest(manifest));
        requested += 1;
    }
    let tree = lint.finish();
    assert!((6..12).contains(&requested), "{requested}");
    assert_eq!(
        tree.documents().len(),
        1 + requested - 1,
        "the last supplied document is dropped"
    );
    assert_eq!(
        tree.findings()
            .filter(|finding| finding.rule == Rule::TreeTooLarge)
            .count(),
        12 - requested + 1
    );
    assert!(
        tree.findings()
            .all(|finding| finding.rule != Rule::MissingChild)
    );
}

#[test]
fn reports_configs_beyond_the_size_limit() {
    let (index, images) = many(100);
    let mut lint = Linter::new(index.digest(), index.manifest(), LintLimits::default());
    let config = Bytes::from(vec![b' '; 4 << 20]);
    let mut read = 0;
    while let Some(want) = lint.next_request() {
        let stored = Stored {
            size: config.len() as u64,
            media_type: None,
        };
        let image = images.iter().find(|image| image.digest() == want.digest);
        lint.supply(
            &want,
            match want.kind {
                ContentKind::Manifest => image.map_or(ContentResponse::Absent, |image| {
                    ContentResponse::Manifest(image.manifest())
                }),
                ContentKind::Presence => ContentResponse::Content(stored, None),
                ContentKind::Config => {
                    read += 1;
                    ContentResponse::Content(stored, Some(config.clone()))
                }
            },
        );
    }
    assert_eq!(read, 64);
    let tree = lint.finish();
    let findings: Vec<_> = tree
        .findings()
        .filter(|finding| finding.rule == Rule::TreeTooLarge)
        .collect();
    assert_eq!(
        (findings.len(), findings[0].pointer.as_str()),
        (36, "/config")
    );
    assert_eq!(
        findings[0].message,
        "the config was not read: the limit is 256 MiB of configs"
    );
}

/// Generates JSON values as in manifests, both valid and invalid.
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

/// Runs a check to its end, with responses that `choose` selects regardless of the request.
fn answered(root: Manifest, others: &[Manifest], mut choose: impl FnMut() -> u8) -> LintTree {
    let stored = || Stored {
        size: 3,
        media_type: None,
    };
    let mut lint = Linter::new(
        Digest::sha256(b"root"),
        root,
        LintLimits {
            depth: 3,
            documents: 6,
            ..LintLimits::default()
        },
    );
    for _ in 0..100_000 {
        let Some(want) = lint.next_request() else {
            return lint.finish();
        };
        let chosen = choose();
        lint.supply(
            &want,
            match chosen % 6 {
                0 => ContentResponse::Absent,
                1 => ContentResponse::Unknown,
                2 => ContentResponse::Unreadable(stored(), "for a reason".into()),
                3 => {
                    ContentResponse::Content(stored(), Some(want.digest.as_str().to_owned().into()))
                }
                4 => ContentResponse::Content(stored(), None),
                _ => others
                    .get(usize::from(chosen) % others.len().max(1))
                    .map_or(ContentResponse::Absent, |manifest| {
                        ContentResponse::Manifest(manifest.clone())
                    }),
            },
        );
    }
    panic!("the check does not end");
}

proptest! {
    #[test]
    fn ends_for_any_documents_and_responses(
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
    fn checks_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), config in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(manifest) = Manifest::parse(bytes.into(), Some(&"application/vnd.example".into())) {
            answered(manifest, &[], || 3);
        }
        let _ = crate::lint::ImageConfig::read(&config);
    }
}
