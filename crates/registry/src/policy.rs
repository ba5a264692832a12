//! What is done about findings when a manifest is stored, which types are taken at all, and what may be deleted.

use std::collections::BTreeMap;

use portolan_model::convert::Format;
use portolan_model::lint::Reach;
use portolan_model::{
    Child, ChildKind, Family, Finding, Manifest, MediaType, Role, Rule, Severity,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Error, Kind, Result};

/// A verdict per rule, the types that are taken, and what may be deleted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    verdicts: BTreeMap<Rule, Verdict>,
    /// The family that everything has to be of.
    only: Option<Format>,
    /// The types that a manifest may be of, if not all.
    manifest_types: Option<Vec<MediaType>>,
    normalise: Option<Format>,
    deletions: Deletions,
}

/// What may be deleted from a repository.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Deletions {
    /// What no stored manifest names, and the rest by force.
    #[default]
    Unreferenced,
    /// Everything, as if by force.
    Always,
    /// Nothing, tags neither. They can still be set to something else.
    Never,
}

/// What is done about a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing.
    Accept,
    /// It is stored, and the answer says so.
    Warn,
    /// It is not stored.
    Reject,
}

/// A finding, and what is done about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// What is done about it.
    pub verdict: Verdict,
}

/// Policies with a name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Everything that the specification allows, and all that a manifest names is there.
    #[default]
    Open,
    /// The same, but what a manifest names may be absent.
    Sparse,
    /// As open, for OCI types alone.
    OciOnly,
    /// As open, for Docker types alone.
    DockerOnly,
}

/// What nobody could use, or would be read in two ways; the rest of what is wrong is told and taken.
const REFUSED: [Rule; 8] = [
    Rule::TwoShapes,
    Rule::MalformedField,
    Rule::MalformedDigest,
    Rule::SizeOutOfRange,
    Rule::MediaTypeMismatch,
    Rule::MissingChild,
    Rule::SizeMismatch,
    Rule::TypeNotAllowed,
];

impl Policy {
    /// What a copy asks of a target that has no policy of its own: to take what another registry has
    /// taken. What a manifest names must be there, unless the copy is sparse.
    pub(crate) fn for_copies(sparse: bool) -> Self {
        let missing = if sparse {
            Verdict::Accept
        } else {
            Verdict::Reject
        };
        let lenient = REFUSED.into_iter().fold(Self::default(), |policy, rule| {
            policy.with(rule, Verdict::Warn)
        });
        lenient.with(Rule::MissingChild, missing)
    }

    /// The same with another verdict about a rule.
    #[must_use]
    pub fn with(mut self, rule: Rule, verdict: Verdict) -> Self {
        self.verdicts.insert(rule, verdict);
        self
    }

    /// The same for manifests of these types alone, whatever those name.
    #[must_use]
    pub fn for_manifest_types(mut self, types: Vec<MediaType>) -> Self {
        self.manifest_types = Some(types);
        self
    }

    /// The same, with tags set to what was pushed converted to a format.
    #[must_use]
    pub fn normalising(mut self, format: Format) -> Self {
        self.normalise = Some(format);
        self
    }

    /// The same with other things that may be deleted.
    #[must_use]
    pub fn with_deletions(mut self, deletions: Deletions) -> Self {
        self.deletions = deletions;
        self
    }

    /// What may be deleted.
    pub fn deletions(&self) -> Deletions {
        self.deletions
    }

    /// The format that what is pushed by a tag is converted to.
    pub fn normalises(&self) -> Option<Format> {
        self.normalise
    }

    /// Whether whatever is not of a format is refused.
    pub fn takes_only(&self, format: Format) -> bool {
        self.only == Some(format) && self.verdict(Rule::TypeNotAllowed) == Verdict::Reject
    }

    /// What is done about findings of `rule`. Unless it is set, what nobody could use is rejected, and
    /// other warnings and errors are told. Rules about the whole tree count only where they are set,
    /// since a push does not read the tree otherwise.
    pub fn verdict(&self, rule: Rule) -> Verdict {
        self.verdicts
            .get(&rule)
            .copied()
            .unwrap_or_else(|| default_verdict(rule))
    }

    /// Whether a push has to be held against the whole tree below it.
    pub fn asks_for_the_tree(&self) -> bool {
        self.verdicts
            .iter()
            .any(|(rule, verdict)| rule.reach() == Reach::Tree && *verdict != Verdict::Accept)
    }

    /// The types of a manifest, and of what it names, that the policy does not take.
    pub fn types(&self, manifest: &Manifest) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.own_type(manifest.media_type()));
        let children = manifest
            .children()
            .iter()
            .filter(|child| child.kind != ChildKind::Other);
        findings.extend(children.filter_map(|child| self.child_type(child)));
        if let Some(mend) = self.conversion(manifest) {
            for finding in &mut findings {
                finding.mend = mend;
            }
        }
        findings
    }

    /// The command that makes of a manifest what the policy takes, if there is one.
    fn conversion(&self, manifest: &Manifest) -> Option<&'static str> {
        let format = self.only?;
        let command = match format {
            Format::Oci => "portolan convert REF DST --to oci --drop-unknown",
            Format::Docker => "portolan convert REF DST --to docker --drop-unknown",
        };
        let own = format.counterpart(manifest.media_type())?;
        let fits = own.role() == Role::Index || parts_fit(manifest, format);
        (fits && self.lists(&own)).then_some(command)
    }

    fn lists(&self, media_type: &MediaType) -> bool {
        self.manifest_types
            .as_ref()
            .is_none_or(|types| types.contains(media_type))
    }

    fn own_type(&self, media_type: &MediaType) -> Option<Finding> {
        if self.lists(media_type)
            && self
                .only
                .is_none_or(|format| media_type.family() == format.family())
        {
            return None;
        }
        let message =
            format!("this repository's policy does not take manifests of type {media_type}");
        Some(Finding {
            media_type: Some(media_type.clone()),
            ..Finding::new(Rule::TypeNotAllowed, "", message)
        })
    }

    /// Children of an index have to be of the family; configs and layers, which stand in an index too where
    /// BuildKit caches, may be of any type that is not the other family's, since artifacts bring their own.
    fn child_type(&self, child: &Child) -> Option<Finding> {
        let (format, media_type) = (self.only?, child.descriptor.media_type.as_ref()?);
        let fits = match media_type.family() {
            Family::Other => child.kind != ChildKind::Manifest || media_type.is_part(),
            own => own == format.family(),
        };
        let message = || {
            format!(
                "this repository's policy does not take a {} of type {media_type}",
                child.kind.as_str()
            )
        };
        (!fits).then(|| Finding {
            digest: Some(child.descriptor.digest.clone()),
            media_type: Some(media_type.clone()),
            ..Finding::new(Rule::TypeNotAllowed, &child.pointer, message())
        })
    }

    /// A finding with its verdict.
    pub fn judged(&self, finding: Finding) -> Judged {
        Judged {
            verdict: self.verdict(finding.rule),
            finding,
        }
    }

    /// The findings with their verdicts, if none is to be rejected.
    ///
    /// # Errors
    /// [`Kind::ContentMissing`] if all that is rejected is missing content, else
    /// [`Kind::ManifestInvalid`]; the detail holds every finding with its verdict, those that are
    /// rejected first. Whether it could be normalised is not said of what is not complete.
    pub fn judge(&self, findings: Vec<Finding>) -> Result<Vec<Judged>> {
        settle(
            findings
                .into_iter()
                .map(|finding| self.judged(finding))
                .collect(),
        )
    }
}

/// Whether the config and layers of a manifest can be of a format: OCI's takes what is nobody's too, Docker's images alone.
fn parts_fit(manifest: &Manifest, format: Format) -> bool {
    let parts = manifest
        .children()
        .iter()
        .map(|child| (child.kind, child.descriptor.media_type.as_ref()));
    let fits = |media_type: Option<&MediaType>| {
        let stays = media_type.is_none_or(|media_type| media_type.family() == Family::Other);
        (stays && format == Format::Oci)
            || media_type.is_some_and(|own| format.counterpart(own).is_some())
    };
    let parts = parts.filter(|(kind, _)| matches!(kind, ChildKind::Config | ChildKind::Layer));
    parts.clone().all(|(_, media_type)| fits(media_type))
        && (format == Format::Oci || parts.clone().any(|(kind, _)| kind == ChildKind::Config))
}

/// What was judged, if nothing of it is rejected; as [`Policy::judge`] says.
pub(crate) fn settle(judged: Vec<Judged>) -> Result<Vec<Judged>> {
    let (rejected, others): (Vec<_>, Vec<_>) = judged
        .into_iter()
        .partition(|judged| judged.verdict == Verdict::Reject);
    if rejected.is_empty() {
        Ok(others)
    } else {
        Err(rejection(rejected, others))
    }
}

fn default_verdict(rule: Rule) -> Verdict {
    match rule.severity() {
        _ if REFUSED.contains(&rule) => Verdict::Reject,
        _ if rule.reach() == Reach::Tree => Verdict::Accept,
        Severity::Info => Verdict::Accept,
        Severity::Warning | Severity::Error => Verdict::Warn,
    }
}

impl From<Preset> for Policy {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Open => Self::default(),
            Preset::Sparse => Self::default().with(Rule::MissingChild, Verdict::Accept),
            Preset::OciOnly => Self {
                only: Some(Format::Oci),
                ..Self::default()
            },
            Preset::DockerOnly => Self {
                only: Some(Format::Docker),
                ..Self::default()
            },
        }
    }
}

fn rejection(mut rejected: Vec<Judged>, mut others: Vec<Judged>) -> Error {
    let is_missing = |judged: &Judged| judged.finding.rule == Rule::MissingChild;
    if rejected.iter().any(is_missing) {
        for judged in [&mut rejected, &mut others] {
            judged.retain(|judged| judged.finding.rule != Rule::NotNormalised);
        }
    }
    let (kind, message) = if rejected.iter().all(is_missing) {
        (Kind::ContentMissing, missing_message(count(&rejected)))
    } else {
        (Kind::ManifestInvalid, invalid_message(&rejected))
    };
    let findings: Vec<_> = rejected.iter().chain(&others).collect();
    Error::new(kind, message).with_detail(json!({"findings": findings}))
}

/// How many findings there are, those that are not told one by one too.
fn count(judged: &[Judged]) -> usize {
    judged.iter().map(|judged| judged.finding.count()).sum()
}

fn missing_message(count: usize) -> String {
    let (what, it) = if count == 1 {
        ("descriptor names", "it")
    } else {
        ("descriptors name", "them")
    };
    format!(
        "{count} {what} content that this repository does not hold; push or mount {it} first, or have the repository's policy set to \"sparse\""
    )
}

fn invalid_message(rejected: &[Judged]) -> String {
    let first = rejected
        .first()
        .map_or_else(String::new, |judged| placed(&judged.finding));
    match count(rejected) {
        0 | 1 => first,
        2 => format!("{first} (and 1 more finding)"),
        count => format!("{first} (and {} more findings)", count - 1),
    }
}

/// What a finding says, with its place in front.
fn placed(
    Finding {
        document,
        pointer,
        message,
        ..
    }: &Finding,
) -> String {
    match (document, pointer.as_str()) {
        (None, "") => message.clone(),
        (None, pointer) => format!("{pointer}: {message}"),
        (Some(document), "") => format!("{document}: {message}"),
        (Some(document), pointer) => format!("{pointer} of {document}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{Index, describe, image};

    use super::*;

    fn missing(pointer: &str) -> Finding {
        Finding::new(
            Rule::MissingChild,
            pointer,
            "this repository does not hold it",
        )
    }

    fn two_shapes() -> Finding {
        Finding::new(Rule::TwoShapes, "/layers", "reads as an image too")
    }

    fn twice() -> Finding {
        Finding::new(Rule::DuplicateKey, "/layers", "stands here twice")
    }

    fn refused(findings: &[Finding]) -> Error {
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
    fn open_refuses_what_nobody_could_use_and_tells_the_rest() {
        let open = Policy::default();
        for rule in Rule::ALL {
            let expected = match (REFUSED.contains(&rule), rule.severity(), rule.reach()) {
                (true, ..) => Verdict::Reject,
                (_, Severity::Info, _) | (.., Reach::Tree) => Verdict::Accept,
                _ => Verdict::Warn,
            };
            assert_eq!(open.verdict(rule), expected, "{rule}");
        }
        assert!(!open.asks_for_the_tree());
        assert!(
            open.with(Rule::ChildMuchOlder, Verdict::Warn)
                .asks_for_the_tree()
        );
    }

    #[test]
    fn the_page_about_policies_names_what_is_refused_and_what_reads_the_tree() {
        let page = include_str!("../../../docs/policies.md");
        let section = |from: &str, to: &str| {
            let (_, behind) = page.split_once(from).unwrap();
            behind.split_once(to).unwrap().0.to_owned()
        };
        let (refused, tree) = (
            section("In all four", "Other findings"),
            section("Rules about the tree\n", "need what"),
        );
        let named = |text: &str| -> Vec<_> {
            Rule::ALL
                .into_iter()
                .filter(|rule| text.contains(&format!("`{rule}`")))
                .collect()
        };
        assert_eq!(
            named(&refused),
            Rule::ALL
                .into_iter()
                .filter(|rule| REFUSED.contains(rule))
                .collect::<Vec<_>>()
        );
        assert_eq!(
            named(&tree),
            Rule::ALL
                .into_iter()
                .filter(|rule| rule.reach() == Reach::Tree)
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
    fn a_verdict_that_is_set_comes_first() {
        let policy = Policy::default()
            .with(Rule::DuplicateKey, Verdict::Reject)
            .with(Rule::TwoShapes, Verdict::Warn);
        assert_eq!(policy.verdict(Rule::DuplicateKey), Verdict::Reject);
        assert_eq!(verdicts(&policy, &[two_shapes()]), [Verdict::Warn]);
    }

    #[test]
    fn sparse_differs_from_open_in_missing_content_alone() {
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
            verdicts(&sparse, &[missing("/config"), twice()]),
            [Verdict::Accept, Verdict::Warn]
        );
    }

    #[test]
    fn families_are_kept_apart() {
        let pointers = |preset: Preset, manifest: &Manifest| {
            let findings = Policy::from(preset).types(manifest);
            findings
                .into_iter()
                .map(|finding| finding.pointer)
                .collect::<Vec<_>>()
        };
        let mixed = Index::oci()
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
        let cache = Index::oci()
            .child_of_type(MediaType::OCI_LAYER_GZIP, b"layer", None)
            .child_of_type("application/vnd.buildkit.cacheconfig.v0", b"{}", None);
        assert_eq!(pointers(Preset::OciOnly, &cache.manifest()), [""; 0]);
        let layers = image("a")
            .layer_of_type(MediaType::DOCKER_LAYER_GZIP, "x")
            .layer_of_type("text/plain", "y");
        assert_eq!(pointers(Preset::OciOnly, &layers.manifest()), ["/layers/1"]);
    }

    #[test]
    fn what_is_not_allowed_is_mended_by_converting_it_to_what_is() {
        let mends = |preset: Preset, manifest: &Manifest| {
            let mut mends: Vec<_> = Policy::from(preset)
                .types(manifest)
                .iter()
                .map(|finding| finding.mend)
                .collect();
            mends.dedup();
            mends
        };
        let (to_oci, to_docker) = (
            "portolan convert REF DST --to oci --drop-unknown",
            "portolan convert REF DST --to docker --drop-unknown",
        );
        let attested = Index::oci()
            .image(&image("a").docker(), "linux/amd64")
            .image(&image("b"), "unknown/unknown")
            .manifest();
        assert_eq!(mends(Preset::OciOnly, &attested), [to_oci]);
        assert_eq!(mends(Preset::DockerOnly, &attested), [to_docker]);
        assert_eq!(
            mends(Preset::DockerOnly, &image("a").manifest()),
            [to_docker]
        );
        let chart = image("a").field(
            "config",
            describe("application/vnd.cncf.helm.config.v1+json", b"{}"),
        );
        assert_eq!(
            mends(Preset::DockerOnly, &chart.manifest()),
            [Rule::TypeNotAllowed.mend()]
        );
        let narrow = Policy::from(Preset::DockerOnly)
            .for_manifest_types(vec![MediaType::DOCKER_LIST.into()]);
        assert_eq!(
            narrow.types(&image("a").manifest())[0].mend,
            Rule::TypeNotAllowed.mend()
        );
    }

    #[test]
    fn a_docker_ai_model_is_an_artifact_of_oci_s() {
        let config = describe("application/vnd.docker.ai.model.config.v0.1+json", b"{}");
        let model = image("a")
            .field("config", config)
            .layers([])
            .layer_of_type("application/vnd.docker.ai.gguf.v3", "x");
        assert_eq!(Policy::from(Preset::OciOnly).types(&model.manifest()), []);
    }

    #[test]
    fn manifest_types_narrow_what_is_pushed() {
        let policy = Policy::default().for_manifest_types(vec![MediaType::OCI_INDEX.into()]);
        let index = Index::oci().image(&image("a"), "linux/amd64");
        assert_eq!(policy.types(&index.manifest()), []);
        let findings = policy.types(&image("a").manifest());
        assert_eq!(
            (findings.len(), policy.verdict(findings[0].rule)),
            (1, Verdict::Reject)
        );
    }

    #[test]
    fn missing_content_is_counted() {
        let one = refused(&[missing("/config")]);
        assert_eq!(one.kind(), &Kind::ContentMissing);
        assert_eq!(
            one.message(),
            "1 descriptor names content that this repository does not hold; push or mount it first, or have the \
             repository's policy set to \"sparse\""
        );
        let several = refused(&[
            missing("/config"),
            missing("/layers/0"),
            missing("/layers/1"),
        ]);
        assert_eq!(several.kind(), &Kind::ContentMissing);
        assert_eq!(
            several.message(),
            "3 descriptors name content that this repository does not hold; push or mount them first, or have the \
             repository's policy set to \"sparse\""
        );
        let many = refused(&[
            missing("/config"),
            Finding {
                further: 4998,
                ..missing("/layers/0")
            },
        ]);
        assert!(
            many.message().starts_with("5000 descriptors name content "),
            "{many}"
        );
    }

    #[test]
    fn the_first_of_mixed_findings_is_told_and_the_others_are_counted() {
        let one = refused(&[two_shapes()]);
        assert_eq!(
            (one.kind(), one.message()),
            (&Kind::ManifestInvalid, "/layers: reads as an image too")
        );
        let two = refused(&[two_shapes(), missing("/config")]);
        assert_eq!(two.kind(), &Kind::ManifestInvalid);
        assert_eq!(
            two.message(),
            "/layers: reads as an image too (and 1 more finding)"
        );
        let three = refused(&[two_shapes(), missing("/config"), missing("/layers/0")]);
        assert_eq!(
            three.message(),
            "/layers: reads as an image too (and 2 more findings)"
        );
        let many = refused(&[
            two_shapes(),
            Finding {
                further: 40,
                ..missing("/config")
            },
        ]);
        assert_eq!(
            many.message(),
            "/layers: reads as an image too (and 41 more findings)"
        );
    }

    #[test]
    fn the_place_of_the_first_is_told_if_it_has_one() {
        let document = Some(image("a").digest());
        for (document, pointer, expected) in [
            (None, "", "reads as an image too".to_owned()),
            (None, "/layers", "/layers: reads as an image too".to_owned()),
            (
                document.clone(),
                "",
                format!("{}: reads as an image too", image("a").digest()),
            ),
            (
                document,
                "/layers",
                format!("/layers of {}: reads as an image too", image("a").digest()),
            ),
        ] {
            let finding = Finding {
                document,
                pointer: pointer.to_owned(),
                ..two_shapes()
            };
            assert_eq!(refused(&[finding]).message(), expected);
        }
    }

    #[test]
    fn what_is_missing_is_told_before_what_cannot_be_normalised() {
        let strict = Policy::default().with(Rule::NotNormalised, Verdict::Reject);
        let unnormalised = || {
            Finding::new(
                Rule::NotNormalised,
                "/manifests/0",
                "it cannot be converted",
            )
        };
        let error = strict
            .judge(vec![unnormalised(), missing("/manifests/0")])
            .unwrap_err();
        assert_eq!(
            (
                error.kind(),
                error.detail()["findings"].as_array().unwrap().len()
            ),
            (&Kind::ContentMissing, 1)
        );
        let error = strict.judge(vec![unnormalised()]).unwrap_err();
        assert_eq!(error.kind(), &Kind::ManifestInvalid);
    }

    #[test]
    fn the_detail_holds_every_finding_with_its_verdict() {
        let error = refused(&[twice(), missing("/config"), two_shapes()]);
        let findings = error.detail()["findings"].as_array().unwrap();
        let told: Vec<_> = findings
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
            told,
            expected
                .iter()
                .map(|(rule, verdict)| (rule, verdict))
                .collect::<Vec<_>>()
        );
    }
}
