//! What a policy decides, rule by rule, and what is said about it.

use std::sync::Arc;

use portolan_model::fixtures::{Image, Index, image};
use portolan_model::{Digest, Finding, MediaType, Rule};
use serde_json::json;

use super::examples::{Example, example};
use super::{Repository, documents, findings, refused};
use crate::{Kind, Policy, Preset, PutManifest, PutOutcome, Registry, Verdict};

/// An index that is stored, with a key that it has twice.
const TWICE: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"a":"x","a":"y"}}"#;

async fn place(registry: &Arc<dyn Registry>, policy: impl Into<Policy>) -> Repository {
    let repository = Repository::of(registry, "team/app").with_policy(policy);
    for image in [image("a"), image("b").docker()] {
        push_blobs(&repository, &image).await;
    }
    repository
}

async fn push_blobs(repository: &Repository, image: &Image) {
    for content in image.blobs() {
        repository.blob(content).await;
    }
}

fn verdicts(outcome: &PutOutcome, rule: Rule) -> Vec<Verdict> {
    let judged = outcome
        .findings
        .iter()
        .filter(|judged| judged.finding.rule == rule);
    judged.map(|judged| judged.verdict).collect()
}

/// A rejection has every finding in its detail, those that are rejected first, with all that is known of each.
pub async fn a_rejection_tells_everything(registry: Arc<dyn Registry>) {
    let repository = place(&registry, Preset::Open).await;
    let text = TWICE.replacen(r#""manifests":[]"#, r#""manifests":[],"layers":[]"#, 1);
    let rejected = repository
        .put(text.into(), &Index::oci().media_type(), &["v1"])
        .await;
    let error = refused(rejected, &Kind::ManifestInvalid);
    let told = error.detail()["findings"].as_array().expect("the findings");
    let verdict_of = |rule: Rule| {
        told.iter()
            .find(|finding| finding["rule"] == rule.id())
            .map(|found| &found["verdict"])
    };
    assert_eq!(verdict_of(Rule::TwoShapes), Some(&json!("reject")));
    assert_eq!(verdict_of(Rule::DuplicateKey), Some(&json!("warn")));
    assert_eq!(told[0]["verdict"], "reject");
    for finding in told {
        let rule: Rule = finding["rule"]
            .as_str()
            .unwrap_or_default()
            .parse()
            .expect("a rule");
        for (key, value) in [
            ("severity", json!(rule.severity())),
            ("section", rule.section().into()),
            ("mend", rule.mend().into()),
        ] {
            assert_eq!(finding[key], value, "{finding}");
        }
        assert!(
            finding["pointer"].is_string() && finding["message"].is_string(),
            "{finding}"
        );
    }
}

/// Each rule may be rejected, told or accepted, whatever the preset says of it.
pub async fn each_rule_has_its_verdict(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
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
            repository.blob(content).await;
        }
        for (bytes, media_type) in manifests {
            repository.manifest(bytes, &media_type, &[]).await;
        }
        let alone = Rule::ALL
            .into_iter()
            .fold(policy, |policy, rule| policy.with(rule, Verdict::Accept));
        let put = async |verdict: Verdict| {
            let judging = repository
                .clone()
                .with_policy(alone.clone().with(rule, verdict));
            judging.put(bytes.clone(), &media_type, &[rule.id()]).await
        };
        let kind = if rule == Rule::MissingChild {
            Kind::ContentMissing
        } else {
            Kind::ManifestInvalid
        };
        let error = refused(put(Verdict::Reject).await, &kind);
        assert!(
            findings(&error).iter().all(|(id, _)| id == rule.id()),
            "{rule}: {}",
            error.detail()
        );
        refused(repository.get(rule.id()).await, &Kind::ManifestUnknown);
        let outcome = put(Verdict::Warn).await.expect("it is taken");
        let warned: Vec<_> = outcome.warnings().map(|finding| finding.rule).collect();
        assert!(
            !warned.is_empty() && warned.iter().all(|warned| *warned == rule),
            "{rule}: {outcome:?}"
        );
        let outcome = put(Verdict::Accept).await.expect("it is taken");
        assert_eq!(outcome.warnings().next(), None, "{rule}");
        repository
            .serves(rule.id(), &Digest::sha256(&bytes), &media_type, &bytes)
            .await;
    }
}

/// A repository for one family takes nothing of the other, nor what names such a thing.
pub async fn families_are_kept_apart(registry: Arc<dyn Registry>) {
    let (oci, docker) = (image("a"), image("b").docker());
    let open = place(&registry, Preset::Open).await;
    open.image(&oci, &["oci"]).await;
    open.image(&docker, &["docker"]).await;
    let mixed = Index::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm64");
    for (preset, taken, other, pointer) in [
        (Preset::OciOnly, &oci, &docker, "/manifests/1"),
        (Preset::DockerOnly, &docker, &oci, "/manifests/0"),
    ] {
        let repository = open.clone().with_policy(preset);
        repository
            .manifest(taken.bytes(), &taken.media_type(), &["v1"])
            .await;
        let error = refused(
            repository
                .put(other.bytes(), &other.media_type(), &["v1"])
                .await,
            &Kind::ManifestInvalid,
        );
        assert!(
            findings(&error).contains(&("type-not-allowed".into(), String::new())),
            "{}",
            error.detail()
        );
        let error = refused(
            repository
                .put(mixed.bytes(), &mixed.media_type(), &["v1"])
                .await,
            &Kind::ManifestInvalid,
        );
        assert!(
            findings(&error).contains(&("type-not-allowed".into(), pointer.into())),
            "{}",
            error.detail()
        );
        assert_eq!(repository.tagged("v1").await, Some(taken.digest()));
    }
}

/// A list of types holds for what is pushed, and a type that is unknown here can stand on it.
pub async fn types_are_listed(registry: Arc<dyn Registry>) {
    let custom = MediaType::new("application/vnd.example.custom+json");
    let listed =
        Policy::default().for_manifest_types(vec![custom.clone(), MediaType::OCI_INDEX.into()]);
    let repository = place(&registry, listed).await;
    repository.manifest("{}".into(), &custom, &["custom"]).await;
    repository.index(&Index::oci(), &["index"]).await;
    let image = image("a");
    let error = refused(
        repository
            .put(image.bytes(), &image.media_type(), &["v1"])
            .await,
        &Kind::ManifestInvalid,
    );
    assert!(
        findings(&error).contains(&("type-not-allowed".into(), String::new())),
        "{}",
        error.detail()
    );
    assert!(error.message().contains(MediaType::OCI_MANIFEST), "{error}");
}

/// A descriptor's type that is not the one its manifest is stored with is told.
pub async fn another_type_than_the_stored_one_is_told(registry: Arc<dyn Registry>) {
    let repository = place(&registry, Preset::Open).await;
    let silent = r#"{"schemaVersion":2,"manifests":[]}"#;
    let stored = repository
        .manifest(
            silent.into(),
            &MediaType::new(MediaType::OCI_INDEX),
            &["silent"],
        )
        .await;
    let child =
        |media_type: &str| json!({"mediaType": media_type, "digest": stored, "size": silent.len()});
    let index = Index::oci()
        .child(child(MediaType::OCI_INDEX))
        .child(child(MediaType::DOCKER_LIST));
    let outcome = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("it is taken");
    let told = outcome
        .warnings()
        .filter(|finding| finding.rule == Rule::StoredTypeMismatch);
    let pointers: Vec<_> = told.map(|finding| finding.pointer.as_str()).collect();
    assert_eq!(pointers, ["/manifests/1"]);
}

/// What the caller has found before is judged with the rest.
pub async fn what_was_known_before_is_judged(registry: Arc<dyn Registry>) {
    let policy = Policy::default()
        .with(Rule::ChildMuchOlder, Verdict::Reject)
        .with(Rule::PlatformMismatch, Verdict::Warn);
    let repository = place(&registry, policy).await;
    let put = async |rule: Rule| {
        let known = vec![Finding::new(rule, "/manifests/0", "as somebody has seen")];
        let media_type = Some(Index::oci().media_type());
        repository
            .put_with(
                Index::oci().bytes(),
                PutManifest {
                    media_type,
                    known,
                    ..repository.options()
                },
            )
            .await
    };
    let error = refused(put(Rule::ChildMuchOlder).await, &Kind::ManifestInvalid);
    assert_eq!(
        findings(&error),
        [("child-much-older".to_owned(), "/manifests/0".to_owned())]
    );
    refused(
        repository.get(Index::oci().digest()).await,
        &Kind::ManifestUnknown,
    );
    let outcome = put(Rule::PlatformMismatch).await.expect("it is taken");
    assert_eq!(verdicts(&outcome, Rule::PlatformMismatch), [Verdict::Warn]);
}

/// Children that were pushed as blobs are held against the policy too; the refusal tells of all of them, and of the parent.
pub async fn what_is_taken_in_is_judged(registry: Arc<dyn Registry>) {
    let policy = Policy::default().with(Rule::DuplicateKey, Verdict::Reject);
    let repository = place(&registry, policy).await;
    let twice = repository.blob(TWICE).await;
    let (two_shapes, hollow) = (
        Index::oci().field("layers", json!([])),
        image("hollow").layers(["nowhere"]),
    );
    repository.blob(two_shapes.bytes()).await;
    for content in [hollow.blobs()[0].clone(), hollow.bytes()] {
        repository.blob(content).await;
    }
    let index = Index::oci()
        .child_of_type(MediaType::OCI_INDEX, TWICE.as_bytes(), None)
        .nested(&two_shapes, None)
        .image(&hollow, "linux/amd64")
        .image(&image("absent"), "linux/arm64");
    let error = refused(
        repository
            .put(index.bytes(), &index.media_type(), &["v1"])
            .await,
        &Kind::ManifestInvalid,
    );
    let told = [
        json!(null),
        json!(twice),
        json!(two_shapes.digest()),
        json!(hollow.digest()),
    ];
    assert_eq!(
        documents(&error),
        told.iter().collect::<Vec<_>>(),
        "{}",
        error.detail()
    );
    let expected = [
        ("duplicate-key", "/annotations/a"),
        ("missing-child", "/layers/0"),
        ("missing-child", "/manifests/3"),
    ];
    let found = findings(&error);
    for (rule, pointer) in expected {
        assert!(found.contains(&(rule.into(), pointer.into())), "{found:?}");
    }
    for digest in [&twice, &two_shapes.digest(), &hollow.digest()] {
        refused(repository.get(digest).await, &Kind::ManifestUnknown);
    }
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
}

/// What is told of children that were pushed as blobs names them as its document.
pub async fn what_is_taken_in_is_told(registry: Arc<dyn Registry>) {
    let repository = place(&registry, Preset::Open).await;
    let twice = repository.blob(TWICE).await;
    let index = Index::oci().child_of_type(MediaType::OCI_INDEX, TWICE.as_bytes(), None);
    let tried = repository
        .rehearse(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("it would be taken");
    let outcome = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("it is taken");
    let told = outcome
        .warnings()
        .find(|finding| finding.rule == Rule::DuplicateKey)
        .expect("it is told");
    assert_eq!(
        (told.document.as_ref(), told.pointer.as_str()),
        (Some(&twice), "/annotations/a")
    );
    assert_eq!(outcome, tried);
    let again = repository
        .put(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("it is taken");
    assert!(
        again.warnings().all(|finding| finding.document.is_none()),
        "it is a manifest by now: {again:?}"
    );
}
