//! Rules about what is stored, and about what the documents below a document say.

use serde_json::json;

use super::{Case, World, case};
use crate::fixtures::{Image, Index, blob, describe, image};
use crate::lint::{Answer, Limits, Lint, Rule};
use crate::{Digest, MediaType, Severity};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = held();
    cases.extend(platforms());
    cases.extend(ages());
    cases.extend(limits());
    cases
}

/// An index of images that are all there.
fn index<const N: usize>(images: [(&Image, &str); N]) -> World {
    let index = images
        .iter()
        .fold(Index::oci(), |index, (image, platform)| {
            index.image(image, platform)
        });
    images.iter().fold(World::from(index), |world, (image, _)| {
        world.with_image(image)
    })
}

/// An index of one child that has another size, type or content than it should.
fn described(key: &str, value: serde_json::Value) -> World {
    let image = image("a");
    let mut child = describe(MediaType::OCI_MANIFEST, &image.bytes());
    child[key] = value;
    World::from(Index::oci().child(child)).with_image(&image)
}

fn held() -> Vec<Case> {
    let (foreign, there) = (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        image("subject"),
    );
    let referrer = || image("a").subject(&there.descriptor());
    let unreadable = bytes::Bytes::from("{");
    let child =
        Index::oci().child_of_type(MediaType::OCI_MANIFEST, &unreadable, Some("linux/amd64"));
    vec![
        case(
            Rule::MissingChild,
            "/layers/1",
            World::of(
                image("a").layers(["a", "b"]).bytes(),
                MediaType::OCI_MANIFEST,
            )
            .with_image(&image("a")),
            World::of(
                image("a").layer_of_type(foreign, "b").bytes(),
                MediaType::OCI_MANIFEST,
            )
            .with_image(&image("a")),
        ),
        case(
            Rule::MissingSubject,
            "/subject",
            referrer(),
            World::from(referrer()).with_image(&there),
        ),
        case(
            Rule::SizeMismatch,
            "/manifests/0",
            described("size", json!(1)),
            described("x", json!(1)),
        ),
        case(
            Rule::StoredTypeMismatch,
            "/manifests/0",
            described("mediaType", json!(MediaType::DOCKER_MANIFEST)),
            described("mediaType", json!(MediaType::OCI_MANIFEST)),
        ),
        case(
            Rule::UnreadableChild,
            "/manifests/0",
            World::from(child.clone()).with(&unreadable, MediaType::OCI_MANIFEST),
            World::from(child.clone()),
        ),
        case(
            Rule::UnreadableChild,
            "/manifests/0",
            World::from(child).with_blob(&unreadable),
            World::from(Index::oci().child_of_type("x/y", &unreadable, None))
                .with_blob(&unreadable),
        ),
    ]
}

/// An index that says no platform of its child, which is there.
fn silent(child: &Image) -> World {
    World::from(Index::oci().without_platform(child)).with_image(child)
}

fn chart() -> Image {
    image("chart").field(
        "config",
        describe("application/vnd.cncf.helm.config.v1+json", b"{}"),
    )
}

fn platforms() -> Vec<Case> {
    let is = |config: &str, described: &str| index([(&image("a").built_for(config), described)]);
    let windows = |built: &str, described: &str| {
        let image = image("a")
            .built_for("windows/amd64")
            .config_field("os.version", json!(built));
        let mut child = json!(image.descriptor());
        child["platform"] =
            json!({"os": "windows", "architecture": "amd64", "os.version": described});
        World::from(Index::oci().child(child)).with_image(&image)
    };
    let mismatch = |fires, passes| case(Rule::PlatformMismatch, "/manifests/0", fires, passes);
    vec![
        mismatch(
            is("linux/arm64", "linux/amd64"),
            is("linux/x86_64", "linux/amd64"),
        ),
        mismatch(
            is("linux/amd64", "windows/amd64"),
            is("linux/amd64", "unknown/unknown"),
        ),
        mismatch(
            is("linux/arm/v6", "linux/arm/v7"),
            is("linux/arm/v6", "linux/arm"),
        ),
        mismatch(
            windows("10.0.17763.1", "10.0.20348"),
            windows("10.0.20348.1", "10.0.20348"),
        ),
        case(
            Rule::PlatformMissing,
            "/manifests/0",
            silent(&image("a")),
            silent(&chart()),
        ),
    ]
}

fn ages() -> Vec<Case> {
    let built = |dates: [(&str, &str); 3]| {
        let images =
            dates.map(|(platform, date)| (image("a").built_for(platform).built_at(date), platform));
        index(
            images
                .each_ref()
                .map(|(image, platform)| (image, *platform)),
        )
    };
    let older = |date| {
        let (recent, later) = ("2024-06-30T12:00:00Z", "2024-06-30T21:00:00+09:00");
        built([
            ("linux/amd64", recent),
            ("linux/arm/v7", date),
            ("linux/arm64", later),
        ])
    };
    let much_older = |fires, passes| case(Rule::ChildMuchOlder, "/manifests/1", fires, passes);
    let attestation = |platform: &str| {
        let recent = image("a").built_at("2024-06-30T12:00:00Z");
        index([
            (&recent, "linux/amd64"),
            (&image("b").built_at("2020-01-01T00:00:00Z"), platform),
        ])
    };
    vec![
        much_older(older("2024-03-31T11:59:59Z"), older("2024-04-01T11:59:59Z")),
        much_older(older("1990-01-01T00:00:00Z"), older("1989-12-31T23:59:59Z")),
        much_older(attestation("linux/arm64"), attestation("unknown/unknown")),
    ]
}

fn limits() -> Vec<Case> {
    let inner = Index::oci().image(&image("a"), "linux/amd64");
    let outer = Index::oci().nested(&inner, None);
    let nested = || {
        World::from(outer.clone())
            .with_index(&inner)
            .with_image(&image("a"))
    };
    let wide = || index([(&image("a"), "linux/amd64"), (&image("b"), "linux/arm64")]);
    vec![
        case(
            Rule::TreeTooDeep,
            "/manifests/0",
            nested().within(1, 10),
            nested().within(2, 10),
        ),
        case(
            Rule::TreeTooLarge,
            "/manifests/1",
            wide().within(16, 2),
            wide().within(16, 3),
        ),
    ]
}

#[test]
fn a_child_that_was_kept_is_told_with_both_dates() {
    let dates = [
        ("linux/amd64", "2024-11-20"),
        ("linux/arm/v7", "2023-05-04"),
        ("linux/arm64", "2024-11-21"),
    ];
    let images = dates.map(|(platform, day)| {
        (
            image("a")
                .built_for(platform)
                .built_at(&format!("{day}T10:00:00Z")),
            platform,
        )
    });
    let world = index(
        images
            .each_ref()
            .map(|(image, platform)| (image, *platform)),
    );
    assert_eq!(
        world.message(Rule::ChildMuchOlder),
        "the child for linux/arm/v7 was built on 2023-05-04, 567 days before its siblings, which are of 2024-11-21"
    );
    assert_eq!(world.lint().worst(), Some(Severity::Warning));
}

#[test]
fn findings_below_the_root_name_their_document() {
    let broken = image("a").layers(["a", "missing"]);
    let inner = Index::oci().image(&broken, "linux/amd64");
    let outer = Index::oci().nested(&inner, None);
    let world = World::from(outer)
        .with_index(&inner)
        .with(&broken.bytes(), broken.media_type());
    let missing = world.findings(Rule::MissingChild);
    let places: Vec<_> = missing
        .iter()
        .map(|finding| (finding.document.clone(), finding.pointer.as_str()))
        .collect();
    let document = Some(broken.digest());
    assert_eq!(
        places,
        ["/config", "/layers/0", "/layers/1"].map(|pointer| (document.clone(), pointer))
    );
    assert_eq!(world.findings(Rule::IndexNested)[0].document, None);
}

#[test]
fn what_stands_in_an_inner_index_is_not_taken_out_of_the_outer_one() {
    let inner = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/amd64");
    let world = World::from(
        Index::oci()
            .nested(&inner, None)
            .nested(&Index::oci(), None),
    );
    let world = world.with_index(&inner).with_index(&Index::oci());
    let mend = |rule| world.findings(rule)[0].mend;
    let removed = "portolan convert REF DST --flatten && portolan index remove DST DIGEST";
    assert_eq!(mend(Rule::DuplicatePlatform), removed);
    assert_eq!(mend(Rule::IndexEmpty), "portolan convert REF DST --flatten");
    assert_eq!(
        World::from(inner).findings(Rule::DuplicatePlatform)[0].mend,
        Rule::DuplicatePlatform.mend()
    );
}

#[test]
fn what_nobody_looked_at_is_not_missing_and_the_rest_is_judged() {
    let image = image("a").layers(["a", "b", "c"]);
    let mut lint = Lint::new(image.digest(), image.manifest(), Limits::default());
    while let Some(want) = lint.next_want() {
        let unknown = want.digest == Digest::sha256(&blob("b"));
        lint.supply(
            &want,
            if unknown {
                Answer::Unknown
            } else {
                Answer::Absent
            },
        );
    }
    let tree = lint.finish();
    let pointers: Vec<_> = tree
        .findings()
        .map(|finding| finding.pointer.as_str())
        .collect();
    assert_eq!(pointers, ["/config", "/layers/0", "/layers/2"]);
    assert_eq!(tree.held(&Digest::sha256(&blob("b"))), None);
}

#[test]
fn other_configs_than_images_have_are_not_read() {
    let artifact = image("a").field("config", describe("application/vnd.example", b"config"));
    let mut lint = Lint::new(artifact.digest(), artifact.manifest(), Limits::default());
    let seeks: Vec<_> = std::iter::from_fn(|| lint.next_want())
        .map(|want| want.seek)
        .collect();
    assert_eq!(seeks, [crate::lint::Seek::Presence; 2]);
}
