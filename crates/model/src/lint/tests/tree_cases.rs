//! Cases for the rules that need the stored content or the full tree.

use serde_json::json;

use super::{Case, Scenario, case};
use crate::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image};
use crate::lint::{ContentResponse, LintLimits, Linter, Rule};
use crate::{Digest, MediaType, Severity};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = stored();
    cases.extend(platforms());
    cases.extend(ages());
    cases.extend(limits());
    cases
}

/// Creates an index of images that are all stored.
fn index<const N: usize>(images: [(&ImageFixture, &str); N]) -> Scenario {
    let index = images
        .iter()
        .fold(IndexFixture::oci(), |index, (image, platform)| {
            index.image(image, platform)
        });
    images
        .iter()
        .fold(Scenario::from(index), |world, (image, _)| {
            world.with_image(image)
        })
}

/// Creates an index whose child descriptor has one field set to `value`.
fn described(key: &str, value: serde_json::Value) -> Scenario {
    let image = image("a");
    let mut child = descriptor_json(MediaType::OCI_MANIFEST, &image.bytes());
    child[key] = value;
    Scenario::from(IndexFixture::oci().child(child)).with_image(&image)
}

fn stored() -> Vec<Case> {
    let (foreign, subject) = (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        image("subject"),
    );
    let referrer = || image("a").subject(&subject.descriptor());
    let unreadable = bytes::Bytes::from("{");
    let child = IndexFixture::oci().child_of_type(
        MediaType::OCI_MANIFEST,
        &unreadable,
        Some("linux/amd64"),
    );
    vec![
        case(
            Rule::MissingChild,
            "/layers/1",
            Scenario::new(
                image("a").layers(["a", "b"]).bytes(),
                MediaType::OCI_MANIFEST,
            )
            .with_image(&image("a")),
            Scenario::new(
                image("a").layer_of_type(foreign, "b").bytes(),
                MediaType::OCI_MANIFEST,
            )
            .with_image(&image("a")),
        ),
        case(
            Rule::MissingSubject,
            "/subject",
            referrer(),
            Scenario::from(referrer()).with_image(&subject),
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
            Scenario::from(child.clone()).with_manifest(&unreadable, MediaType::OCI_MANIFEST),
            Scenario::from(child.clone()),
        ),
        case(
            Rule::UnreadableChild,
            "/manifests/0",
            Scenario::from(child).with_blob(&unreadable),
            Scenario::from(IndexFixture::oci().child_of_type("x/y", &unreadable, None))
                .with_blob(&unreadable),
        ),
    ]
}

/// Creates an index whose child is stored and has no platform.
fn no_platform(child: &ImageFixture) -> Scenario {
    Scenario::from(IndexFixture::oci().without_platform(child)).with_image(child)
}

fn chart() -> ImageFixture {
    image("chart").field(
        "config",
        descriptor_json("application/vnd.cncf.helm.config.v1+json", b"{}"),
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
        Scenario::from(IndexFixture::oci().child(child)).with_image(&image)
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
            no_platform(&image("a")),
            no_platform(&chart()),
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
    let inner = IndexFixture::oci().image(&image("a"), "linux/amd64");
    let outer = IndexFixture::oci().nested_index(&inner, None);
    let nested = || {
        Scenario::from(outer.clone())
            .with_index(&inner)
            .with_image(&image("a"))
    };
    let wide = || index([(&image("a"), "linux/amd64"), (&image("b"), "linux/arm64")]);
    vec![
        case(
            Rule::TreeTooDeep,
            "/manifests/0",
            nested().with_limits(1, 10),
            nested().with_limits(2, 10),
        ),
        case(
            Rule::TreeTooLarge,
            "/manifests/1",
            wide().with_limits(16, 2),
            wide().with_limits(16, 3),
        ),
    ]
}

#[test]
fn reports_an_old_child_with_both_dates() {
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
        "the child for linux/arm/v7 was built on 2023-05-04, 567 days before most of its siblings (2024-11-21)"
    );
    assert_eq!(world.lint().max_severity(), Some(Severity::Warning));
}

#[test]
fn findings_below_the_root_contain_the_digest_of_their_document() {
    let broken = image("a").layers(["a", "missing"]);
    let inner = IndexFixture::oci().image(&broken, "linux/amd64");
    let outer = IndexFixture::oci().nested_index(&inner, None);
    let world = Scenario::from(outer)
        .with_index(&inner)
        .with_manifest(&broken.bytes(), broken.media_type());
    let missing = world.findings(Rule::MissingChild);
    let positions: Vec<_> = missing
        .iter()
        .map(|finding| (finding.document.clone(), finding.pointer.as_str()))
        .collect();
    let document = Some(broken.digest());
    assert_eq!(
        positions,
        ["/config", "/layers/0", "/layers/1"].map(|pointer| (document.clone(), pointer))
    );
    assert_eq!(world.findings(Rule::IndexNested)[0].document, None);
}

#[test]
fn fixes_for_a_nested_index_do_not_remove_from_the_outer_index() {
    let inner = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/amd64");
    let world = Scenario::from(
        IndexFixture::oci()
            .nested_index(&inner, None)
            .nested_index(&IndexFixture::oci(), None),
    );
    let world = world.with_index(&inner).with_index(&IndexFixture::oci());
    let fix = |rule| world.findings(rule)[0].fix.to_string();
    let flatten_and_remove =
        "portolan convert REF DST --flatten && portolan index remove DST DIGEST";
    assert_eq!(fix(Rule::DuplicatePlatform), flatten_and_remove);
    assert_eq!(fix(Rule::IndexEmpty), "portolan convert REF DST --flatten");
    assert_eq!(
        Scenario::from(inner).findings(Rule::DuplicatePlatform)[0].fix,
        Rule::DuplicatePlatform.fix()
    );
}

#[test]
fn content_that_was_not_looked_up_is_not_reported_as_missing() {
    let image = image("a").layers(["a", "b", "c"]);
    let mut lint = Linter::new(image.digest(), image.manifest(), LintLimits::default());
    while let Some(want) = lint.next_request() {
        let is_unknown = want.digest == Digest::sha256(&blob("b"));
        lint.supply(
            &want,
            if is_unknown {
                ContentResponse::Unknown
            } else {
                ContentResponse::Absent
            },
        );
    }
    let tree = lint.finish();
    let pointers: Vec<_> = tree
        .findings()
        .map(|finding| finding.pointer.as_str())
        .collect();
    assert_eq!(pointers, ["/config", "/layers/0", "/layers/2"]);
    assert_eq!(tree.stored_content(&Digest::sha256(&blob("b"))), None);
}

#[test]
fn does_not_read_configs_of_artifacts() {
    let artifact = image("a").field(
        "config",
        descriptor_json("application/vnd.example", b"config"),
    );
    let mut lint = Linter::new(
        artifact.digest(),
        artifact.manifest(),
        LintLimits::default(),
    );
    let seeks: Vec<_> = std::iter::from_fn(|| lint.next_request())
        .map(|want| want.kind)
        .collect();
    assert_eq!(seeks, [crate::lint::ContentKind::Presence; 2]);
}
