//! Tests of policies: the verdicts on the findings of each rule, and the reported findings.

use std::sync::Arc;

use portolan_model::fixtures::{ImageFixture, IndexFixture, image};
use portolan_model::{Digest, Finding, MediaType, Rule};
use serde_json::json;

use super::examples::{Example, example};
use super::{TestRepository, expect_error, rejected_documents, rejected_findings};
use crate::{
    Admission, JudgedFinding, Kind, LocalRegistry, Policy, Preset, PushFacts, Result, Verdict,
};

/// Index with a duplicate key. It is accepted unless a policy rejects duplicate keys.
const DUPLICATE_KEY: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"a":"x","a":"y"}}"#;

/// Returns a handle to the repository that checks pushes with `policy`.
fn repository_with_policy(
    registry: &Arc<dyn LocalRegistry>,
    policy: impl Into<Policy>,
) -> TestRepository {
    repository_with_admission(registry, Arc::new(policy.into()))
}

fn repository_with_admission(
    registry: &Arc<dyn LocalRegistry>,
    admission: Arc<dyn Admission>,
) -> TestRepository {
    TestRepository::new(&registry.handle(admission), "team/app")
}

async fn test_repository(
    registry: &Arc<dyn LocalRegistry>,
    policy: impl Into<Policy>,
) -> TestRepository {
    let repository = repository_with_policy(registry, policy);
    for image in [image("a"), image("b").docker()] {
        push_blobs(&repository, &image).await;
    }
    repository
}

async fn push_blobs(repository: &TestRepository, image: &ImageFixture) {
    for content in image.blobs() {
        repository.push_blob(content).await;
    }
}

/// Checks that the detail of a rejection contains all findings with all their fields, rejected
/// findings first.
pub async fn rejection_reports_every_finding(registry: Arc<dyn LocalRegistry>) {
    let repository = test_repository(&registry, Preset::Open).await;
    let text = DUPLICATE_KEY.replacen(r#""manifests":[]"#, r#""manifests":[],"layers":[]"#, 1);
    let rejected = repository
        .put_manifest(text.into(), &IndexFixture::oci().media_type(), &["v1"])
        .await;
    let error = expect_error(rejected, &Kind::MANIFEST_INVALID);
    let detail = error.detail();
    let reported = detail["findings"]
        .as_array()
        .expect("the detail contains the findings");
    let verdict_of = |rule: Rule| {
        reported
            .iter()
            .find(|finding| finding["rule"] == rule.id())
            .map(|finding| &finding["verdict"])
    };
    assert_eq!(verdict_of(Rule::TwoShapes), Some(&json!("reject")));
    assert_eq!(verdict_of(Rule::DuplicateKey), Some(&json!("warn")));
    assert_eq!(reported[0]["verdict"], "reject");
    for finding in reported {
        let rule: Rule = finding["rule"]
            .as_str()
            .unwrap_or_default()
            .parse()
            .expect("the rule is known");
        for (key, value) in [
            ("severity", json!(rule.severity())),
            ("section", rule.section().into()),
            ("fix", json!(rule.fix())),
        ] {
            assert_eq!(finding[key], value, "{finding}");
        }
        assert!(
            finding["pointer"].is_string() && finding["message"].is_string(),
            "{finding}"
        );
    }
}

/// Checks that a policy can reject, warn about or accept each rule, regardless of the preset.
pub async fn applies_the_verdict_of_each_rule(registry: Arc<dyn LocalRegistry>) {
    let repository = repository_with_policy(&registry, Preset::Open);
    for rule in Rule::ALL {
        let Some(Example {
            bytes,
            media_type,
            blobs,
            manifests,
            policy,
        }) = example(rule)
        else {
            continue;
        };
        for content in blobs {
            repository.push_blob(content).await;
        }
        for (bytes, media_type) in manifests {
            repository.push_manifest(bytes, &media_type, &[]).await;
        }
        let alone = Rule::ALL.into_iter().fold(policy, |policy, rule| {
            policy.with_verdict(rule, Verdict::Accept)
        });
        let put = async |verdict: Verdict| {
            let policy = alone.clone().with_verdict(rule, verdict);
            let judging = repository_with_policy(&registry, policy);
            judging
                .put_manifest(bytes.clone(), &media_type, &[rule.id()])
                .await
        };
        let kind = if rule == Rule::MissingChild {
            Kind::CONTENT_MISSING
        } else {
            Kind::MANIFEST_INVALID
        };
        let error = expect_error(put(Verdict::Reject).await, &kind);
        assert!(
            rejected_findings(&error)
                .iter()
                .all(|(id, _)| id == rule.id()),
            "{rule}: {}",
            error.detail()
        );
        expect_error(
            repository.get_manifest(rule.id()).await,
            &Kind::ManifestUnknown,
        );
        let outcome = put(Verdict::Warn).await.expect("the manifest is accepted");
        let warned: Vec<_> = outcome.warnings().map(|finding| finding.rule).collect();
        assert!(
            !warned.is_empty() && warned.iter().all(|warned| *warned == rule),
            "{rule}: {outcome:?}"
        );
        let outcome = put(Verdict::Accept)
            .await
            .expect("the manifest is accepted");
        assert_eq!(outcome.warnings().next(), None, "{rule}");
        repository
            .assert_serves(rule.id(), &Digest::sha256(&bytes), &media_type, &bytes)
            .await;
    }
}

/// Checks that a repository for OCI types rejects Docker manifests and indexes that reference them,
/// and that a repository for Docker types rejects OCI manifests in the same way.
pub async fn rejects_manifests_of_the_other_family(registry: Arc<dyn LocalRegistry>) {
    let (oci, docker) = (image("a"), image("b").docker());
    let open = test_repository(&registry, Preset::Open).await;
    open.push_image(&oci, &["oci"]).await;
    open.push_image(&docker, &["docker"]).await;
    let mixed = IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm64");
    for (preset, accepted, other, pointer) in [
        (Preset::OciOnly, &oci, &docker, "/manifests/1"),
        (Preset::DockerOnly, &docker, &oci, "/manifests/0"),
    ] {
        let repository = repository_with_policy(&registry, preset);
        repository
            .push_manifest(accepted.bytes(), &accepted.media_type(), &["v1"])
            .await;
        let error = expect_error(
            repository
                .put_manifest(other.bytes(), &other.media_type(), &["v1"])
                .await,
            &Kind::MANIFEST_INVALID,
        );
        assert!(
            rejected_findings(&error).contains(&("type-not-allowed".into(), String::new())),
            "{}",
            error.detail()
        );
        let error = expect_error(
            repository
                .put_manifest(mixed.bytes(), &mixed.media_type(), &["v1"])
                .await,
            &Kind::MANIFEST_INVALID,
        );
        assert!(
            rejected_findings(&error).contains(&("type-not-allowed".into(), pointer.into())),
            "{}",
            error.detail()
        );
        assert_eq!(repository.resolve_tag("v1").await, Some(accepted.digest()));
    }
}

/// Checks that a list of types applies to pushed manifests, and that it may contain unknown types.
pub async fn accepts_only_listed_types(registry: Arc<dyn LocalRegistry>) {
    let custom = MediaType::new("application/vnd.example.custom+json");
    let listed =
        Policy::default().with_manifest_types(vec![custom.clone(), MediaType::OCI_INDEX.into()]);
    let repository = test_repository(&registry, listed).await;
    repository
        .push_manifest("{}".into(), &custom, &["custom"])
        .await;
    repository
        .push_index(&IndexFixture::oci(), &["index"])
        .await;
    let image = image("a");
    let error = expect_error(
        repository
            .put_manifest(image.bytes(), &image.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    assert!(
        rejected_findings(&error).contains(&("type-not-allowed".into(), String::new())),
        "{}",
        error.detail()
    );
    assert!(error.message().contains(MediaType::OCI_MANIFEST), "{error}");
}

/// Checks that a warning reports a descriptor whose media type differs from the type of the stored
/// manifest.
pub async fn reports_a_mismatch_with_the_stored_type(registry: Arc<dyn LocalRegistry>) {
    let repository = test_repository(&registry, Preset::Open).await;
    let silent = r#"{"schemaVersion":2,"manifests":[]}"#;
    let stored = repository
        .push_manifest(
            silent.into(),
            &MediaType::new(MediaType::OCI_INDEX),
            &["silent"],
        )
        .await;
    let child =
        |media_type: &str| json!({"mediaType": media_type, "digest": stored, "size": silent.len()});
    let index = IndexFixture::oci()
        .child(child(MediaType::OCI_INDEX))
        .child(child(MediaType::DOCKER_LIST));
    let outcome = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("the manifest is accepted");
    let mismatches = outcome
        .warnings()
        .filter(|finding| finding.rule == Rule::StoredTypeMismatch);
    let pointers: Vec<_> = mismatches.map(|finding| finding.pointer.as_str()).collect();
    assert_eq!(pointers, ["/manifests/1"]);
}

/// Admission that reports one finding, with a verdict.
#[derive(Debug)]
struct OneFinding(Verdict);

impl Admission for OneFinding {
    fn admit(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>> {
        let message = format!("found in {}", push.repository);
        let finding = Finding::new(Rule::ChildMuchOlder, "/manifests/0", message);
        let policy = Policy::default().with_verdict(finding.rule, self.0);
        policy.judge(vec![finding])
    }
}

/// Checks that only the admission of the handle decides about puts and checks, and that the outcome
/// contains the findings of this admission.
pub async fn calls_the_admission_of_the_handle(registry: Arc<dyn LocalRegistry>) {
    let repository = repository_with_admission(&registry, Arc::new(OneFinding(Verdict::Warn)));
    // The default policy would reject this image, because its content is missing.
    let image = image("nowhere");
    let checked = repository
        .check_manifest(image.bytes(), &image.media_type(), &["v1"])
        .await
        .expect("the admission accepts everything");
    let outcome = repository
        .put_manifest(image.bytes(), &image.media_type(), &["v1"])
        .await
        .expect("the admission accepts everything");
    assert_eq!(outcome, checked);
    let messages: Vec<_> = outcome
        .findings
        .iter()
        .map(|judged| judged.finding.message.as_str())
        .collect();
    assert_eq!(messages, ["found in team/app"]);
    let open = repository_with_policy(&registry, Preset::Open);
    let again = open
        .put_manifest(image.bytes(), &image.media_type(), &["v1"])
        .await;
    expect_error(again, &Kind::CONTENT_MISSING);
    assert_eq!(open.resolve_tag("v1").await, Some(image.digest()));
}

/// Checks that an error of the admission fails the put and the check, and stores nothing.
pub async fn errors_of_the_admission_reject_the_push(registry: Arc<dyn LocalRegistry>) {
    let repository = repository_with_admission(&registry, Arc::new(OneFinding(Verdict::Reject)));
    let index = IndexFixture::oci();
    let checked = repository
        .check_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await;
    let put = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await;
    for result in [checked, put] {
        let error = expect_error(result, &Kind::MANIFEST_INVALID);
        assert_eq!(
            rejected_findings(&error),
            [("child-much-older".to_owned(), "/manifests/0".to_owned())]
        );
    }
    expect_error(
        repository.get_manifest(index.digest()).await,
        &Kind::ManifestUnknown,
    );
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
}

/// Checks that the policy also applies to the blobs that a push promotes to manifests.
///
/// The rejection contains the findings of all these children and of the parent.
pub async fn judges_promoted_children(registry: Arc<dyn LocalRegistry>) {
    let policy = Policy::default().with_verdict(Rule::DuplicateKey, Verdict::Reject);
    let repository = test_repository(&registry, policy).await;
    let twice = repository.push_blob(DUPLICATE_KEY).await;
    let (two_shapes, hollow) = (
        IndexFixture::oci().field("layers", json!([])),
        image("hollow").layers(["nowhere"]),
    );
    repository.push_blob(two_shapes.bytes()).await;
    for content in [hollow.blobs()[0].clone(), hollow.bytes()] {
        repository.push_blob(content).await;
    }
    let index = IndexFixture::oci()
        .child_of_type(MediaType::OCI_INDEX, DUPLICATE_KEY.as_bytes(), None)
        .nested_index(&two_shapes, None)
        .image(&hollow, "linux/amd64")
        .image(&image("absent"), "linux/arm64");
    let error = expect_error(
        repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    let expected_documents = [
        json!(null),
        json!(twice),
        json!(two_shapes.digest()),
        json!(hollow.digest()),
    ];
    assert_eq!(
        rejected_documents(&error),
        expected_documents,
        "{}",
        error.detail()
    );
    let expected = [
        ("duplicate-key", "/annotations/a"),
        ("missing-child", "/layers/0"),
        ("missing-child", "/manifests/3"),
    ];
    let rejected = rejected_findings(&error);
    for (rule, pointer) in expected {
        assert!(
            rejected.contains(&(rule.into(), pointer.into())),
            "{rejected:?}"
        );
    }
    for digest in [&twice, &two_shapes.digest(), &hollow.digest()] {
        expect_error(
            repository.get_manifest(digest).await,
            &Kind::ManifestUnknown,
        );
    }
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
}

/// Checks that findings about a promoted child name the child as their document.
pub async fn reports_findings_of_promoted_children(registry: Arc<dyn LocalRegistry>) {
    let repository = test_repository(&registry, Preset::Open).await;
    let twice = repository.push_blob(DUPLICATE_KEY).await;
    let index =
        IndexFixture::oci().child_of_type(MediaType::OCI_INDEX, DUPLICATE_KEY.as_bytes(), None);
    let predicted = repository
        .check_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("the manifest would be accepted");
    let outcome = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("the manifest is accepted");
    let reported = outcome
        .warnings()
        .find(|finding| finding.rule == Rule::DuplicateKey)
        .expect("the outcome reports the duplicate key");
    assert_eq!(
        (reported.document.as_ref(), reported.pointer.as_str()),
        (Some(&twice), "/annotations/a")
    );
    assert_eq!(outcome, predicted);
    let again = repository
        .put_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("the manifest is accepted");
    assert!(
        again.warnings().all(|finding| finding.document.is_none()),
        "the child is a manifest by now: {again:?}"
    );
}
