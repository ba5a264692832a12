//! Tests of policies.

use portolan_model::fixtures::{IndexFixture, descriptor_json, image};
use portolan_model::{Digest, Manifest};

use serde_json::json;

use super::*;
use crate::contract::bare_kind;
use crate::{Error, Kind};

fn missing(pointer: &str) -> Finding {
    Finding::new(
        Rule::MissingChild,
        pointer,
        "the content is not in this repository",
    )
}

fn two_shapes() -> Finding {
    Finding::new(Rule::TwoShapes, "/layers", "can also be read as an image")
}

fn duplicate() -> Finding {
    Finding::new(Rule::DuplicateKey, "/layers", "the key occurs twice")
}

fn rejection_of(findings: &[Finding]) -> Error {
    Policy::default().judge(findings.to_vec()).unwrap_err()
}

fn verdicts(policy: &Policy, findings: &[Finding]) -> Vec<Verdict> {
    policy
        .judge(findings.to_vec())
        .unwrap()
        .iter()
        .map(|judged| judged.verdict)
        .collect()
}

#[test]
fn open_rejects_unusable_content_and_warns_about_the_rest() {
    let open = Policy::default();
    for rule in Rule::ALL {
        let expected = match (
            REJECTED_BY_DEFAULT.contains(&rule),
            rule.severity(),
            rule.scope(),
        ) {
            (true, ..) => Verdict::Reject,
            (_, Severity::Info, _) | (.., RuleScope::Tree | RuleScope::Layers) => Verdict::Accept,
            _ => Verdict::Warn,
        };
        assert_eq!(open.verdict(rule), expected, "{rule}");
    }
    assert!(!open.needs_tree());
    assert!(
        open.with_verdict(Rule::ChildMuchOlder, Verdict::Warn)
            .needs_tree()
    );
}

#[test]
fn documentation_lists_rejected_rules_tree_rules_and_presets() {
    let page = include_str!("../../../../docs/policies.md");
    let section = |from: &str, to: &str| {
        let (_, rest) = page.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.to_owned()
    };
    let (rejected, tree) = (
        section("In all four", "Other findings"),
        section("Rules about the tree\n", "need what"),
    );
    let rules_in = |text: &str| -> Vec<_> {
        Rule::ALL
            .into_iter()
            .filter(|rule| text.contains(&format!("`{rule}`")))
            .collect()
    };
    assert_eq!(
        rules_in(&rejected),
        Rule::ALL
            .into_iter()
            .filter(|rule| REJECTED_BY_DEFAULT.contains(rule))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        rules_in(&tree),
        Rule::ALL
            .into_iter()
            .filter(|rule| rule.scope() == RuleScope::Tree)
            .collect::<Vec<_>>()
    );
    for preset in [
        Preset::Open,
        Preset::Sparse,
        Preset::OciOnly,
        Preset::DockerOnly,
    ] {
        assert!(
            page.contains(&format!("\n| `{}` | ", json!(preset).as_str().unwrap())),
            "{preset:?}"
        );
    }
}

#[test]
fn explicit_verdicts_override_the_defaults() {
    let policy = Policy::default()
        .with_verdict(Rule::DuplicateKey, Verdict::Reject)
        .with_verdict(Rule::TwoShapes, Verdict::Warn);
    assert_eq!(policy.verdict(Rule::DuplicateKey), Verdict::Reject);
    assert_eq!(verdicts(&policy, &[two_shapes()]), [Verdict::Warn]);
}

#[test]
fn sparse_differs_from_open_only_in_missing_content() {
    let (open, sparse) = (Policy::from(Preset::Open), Policy::from(Preset::Sparse));
    for rule in Rule::ALL {
        let expected = if rule == Rule::MissingChild {
            Verdict::Accept
        } else {
            open.verdict(rule)
        };
        assert_eq!(sparse.verdict(rule), expected, "{rule}");
    }
    assert_eq!(
        verdicts(&sparse, &[missing("/config"), duplicate()]),
        [Verdict::Accept, Verdict::Warn]
    );
}

#[test]
fn presets_separate_oci_and_docker_types() {
    let pointers = |preset: Preset, manifest: &Manifest| {
        let findings = Policy::from(preset).check_types(manifest);
        findings
            .into_iter()
            .map(|finding| finding.pointer)
            .collect::<Vec<_>>()
    };
    let mixed = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b").docker(), "linux/arm64")
        .child_of_type("application/vnd.example", b"x", None)
        .manifest();
    assert_eq!(
        pointers(Preset::OciOnly, &mixed),
        ["/manifests/1", "/manifests/2"]
    );
    assert_eq!(
        pointers(Preset::DockerOnly, &mixed),
        ["", "/manifests/0", "/manifests/2"]
    );
    assert_eq!(pointers(Preset::Open, &mixed), [""; 0]);
    let cache = IndexFixture::oci()
        .child_of_type(MediaType::OCI_LAYER_GZIP, b"layer", None)
        .child_of_type("application/vnd.buildkit.cacheconfig.v0", b"{}", None);
    assert_eq!(pointers(Preset::OciOnly, &cache.manifest()), [""; 0]);
    let layers = image("a")
        .layer_of_type(MediaType::DOCKER_LAYER_GZIP, "x")
        .layer_of_type("text/plain", "y");
    assert_eq!(pointers(Preset::OciOnly, &layers.manifest()), ["/layers/1"]);
}

#[test]
fn suggests_converting_to_an_allowed_type() {
    let fixes = |preset: Preset, manifest: &Manifest| {
        let mut fixes: Vec<_> = Policy::from(preset)
            .check_types(manifest)
            .iter()
            .map(|finding| finding.fix.to_string())
            .collect();
        fixes.dedup();
        fixes
    };
    let (to_oci, to_docker) = (
        "portolan convert REF DST --to oci",
        "portolan convert REF DST --to docker",
    );
    let drop = " --drop-unknown";
    let attested = IndexFixture::oci()
        .image(&image("a").docker(), "linux/amd64")
        .image(&image("b"), "unknown/unknown")
        .manifest();
    assert_eq!(fixes(Preset::OciOnly, &attested), [to_oci]);
    assert_eq!(
        fixes(Preset::DockerOnly, &attested),
        [to_docker.to_owned() + drop]
    );
    let unknown = IndexFixture::docker()
        .image(&image("a").docker(), "linux/amd64")
        .child_of_type("application/vnd.example.unknown", b"x", None)
        .manifest();
    assert_eq!(fixes(Preset::OciOnly, &unknown), [to_oci.to_owned() + drop]);
    assert_eq!(
        fixes(Preset::DockerOnly, &image("a").manifest()),
        [to_docker]
    );
    let chart = image("a").field(
        "config",
        descriptor_json("application/vnd.cncf.helm.config.v1+json", b"{}"),
    );
    assert_eq!(
        fixes(Preset::DockerOnly, &chart.manifest()),
        [Rule::TypeNotAllowed.fix().to_string()]
    );
    let narrow =
        Policy::from(Preset::DockerOnly).with_manifest_types(vec![MediaType::DOCKER_LIST.into()]);
    assert_eq!(
        narrow.check_types(&image("a").manifest())[0].fix,
        Rule::TypeNotAllowed.fix()
    );
}

#[test]
fn a_child_of_an_index_needs_a_type_of_the_required_format() {
    let mut untyped = json!(image("a").docker().descriptor());
    untyped.as_object_mut().unwrap().remove("mediaType");
    let index = IndexFixture::oci().child(untyped).manifest();
    for preset in [Preset::OciOnly, Preset::DockerOnly] {
        let findings = Policy::from(preset).check_types(&index);
        let finding = findings.last().unwrap();
        assert_eq!(finding.pointer, "/manifests/0", "{preset:?}");
        assert!(
            finding.message.contains("without a media type"),
            "{finding:?}"
        );
        assert_eq!(finding.fix, Rule::TypeNotAllowed.fix());
    }
    assert_eq!(Policy::from(Preset::Open).check_types(&index), []);
    let config = json!({"digest": Digest::sha256(b"{}"), "size": 2});
    let artifact = image("a").field("config", config).manifest();
    assert_eq!(Policy::from(Preset::OciOnly).check_types(&artifact), []);
}

#[test]
fn docker_ai_models_are_oci_artifacts() {
    let config = descriptor_json("application/vnd.docker.ai.model.config.v0.1+json", b"{}");
    let model = image("a")
        .field("config", config)
        .layers([])
        .layer_of_type("application/vnd.docker.ai.gguf.v3", "x");
    assert_eq!(
        Policy::from(Preset::OciOnly).check_types(&model.manifest()),
        []
    );
}

#[test]
fn manifest_types_restrict_pushes() {
    let policy = Policy::default().with_manifest_types(vec![MediaType::OCI_INDEX.into()]);
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    assert_eq!(policy.check_types(&index.manifest()), []);
    let findings = policy.check_types(&image("a").manifest());
    assert_eq!(
        (findings.len(), policy.verdict(findings[0].rule)),
        (1, Verdict::Reject)
    );
}

#[test]
fn counts_missing_content() {
    let one = rejection_of(&[missing("/config")]);
    assert_eq!(bare_kind(&one), Kind::CONTENT_MISSING);
    assert_eq!(
        one.message(),
        "1 descriptor references content that is not in this repository; push or mount it \
         first, or set the repository policy to \"sparse\""
    );
    let several = rejection_of(&[
        missing("/config"),
        missing("/layers/0"),
        missing("/layers/1"),
    ]);
    assert_eq!(bare_kind(&several), Kind::CONTENT_MISSING);
    assert_eq!(
        several.message(),
        "3 descriptors reference content that is not in this repository; push or mount them \
         first, or set the repository policy to \"sparse\""
    );
    let many = rejection_of(&[
        missing("/config"),
        Finding {
            omitted: 4998,
            ..missing("/layers/0")
        },
    ]);
    assert!(
        many.message()
            .starts_with("5000 descriptors reference content "),
        "{many}"
    );
}

#[test]
fn message_reports_the_first_finding_and_counts_the_others() {
    let one = rejection_of(&[two_shapes()]);
    assert_eq!(
        (bare_kind(&one), one.message()),
        (
            Kind::MANIFEST_INVALID,
            "/layers: can also be read as an image"
        )
    );
    let two = rejection_of(&[two_shapes(), missing("/config")]);
    assert_eq!(bare_kind(&two), Kind::MANIFEST_INVALID);
    assert_eq!(
        two.message(),
        "/layers: can also be read as an image (and 1 more finding)"
    );
    let three = rejection_of(&[two_shapes(), missing("/config"), missing("/layers/0")]);
    assert_eq!(
        three.message(),
        "/layers: can also be read as an image (and 2 more findings)"
    );
    let many = rejection_of(&[
        two_shapes(),
        Finding {
            omitted: 40,
            ..missing("/config")
        },
    ]);
    assert_eq!(
        many.message(),
        "/layers: can also be read as an image (and 41 more findings)"
    );
}

#[test]
fn message_starts_with_the_location_of_the_first_finding() {
    let document = Some(image("a").digest());
    for (document, pointer, expected) in [
        (None, "", "can also be read as an image".to_owned()),
        (
            None,
            "/layers",
            "/layers: can also be read as an image".to_owned(),
        ),
        (
            document.clone(),
            "",
            format!("{}: can also be read as an image", image("a").digest()),
        ),
        (
            document,
            "/layers",
            format!(
                "/layers of {}: can also be read as an image",
                image("a").digest()
            ),
        ),
    ] {
        let finding = Finding {
            document,
            pointer: pointer.to_owned(),
            ..two_shapes()
        };
        assert_eq!(rejection_of(&[finding]).message(), expected);
    }
}

#[test]
fn missing_content_hides_findings_about_normalization() {
    let strict = Policy::default().with_verdict(Rule::NotNormalized, Verdict::Reject);
    let not_normalized = || {
        Finding::new(
            Rule::NotNormalized,
            "/manifests/0",
            "it cannot be converted",
        )
    };
    let error = strict
        .judge(vec![not_normalized(), missing("/manifests/0")])
        .unwrap_err();
    assert_eq!(
        (
            bare_kind(&error),
            error.detail()["findings"].as_array().unwrap().len()
        ),
        (Kind::CONTENT_MISSING, 1)
    );
    let error = strict.judge(vec![not_normalized()]).unwrap_err();
    assert_eq!(bare_kind(&error), Kind::MANIFEST_INVALID);
}

#[test]
fn detail_lists_every_finding_with_its_verdict() {
    let error = rejection_of(&[duplicate(), missing("/config"), two_shapes()]);
    let detail = error.detail();
    let findings = detail["findings"].as_array().unwrap();
    let listed: Vec<_> = findings
        .iter()
        .map(|finding| (&finding["rule"], &finding["verdict"]))
        .collect();
    let expected = [
        ("missing-child", "reject"),
        ("two-shapes", "reject"),
        ("duplicate-key", "warn"),
    ]
    .map(|(rule, verdict)| (json!(rule), json!(verdict)));
    assert_eq!(
        listed,
        expected
            .iter()
            .map(|(rule, verdict)| (rule, verdict))
            .collect::<Vec<_>>()
    );
}
