//! Admission of manifests: the decision whether a registry stores a pushed manifest.
//!
//! The documents are parsed before the transaction that stores them. In the transaction,
//! [`PushedManifest::admit`] collects the remaining facts, namely the stored content that the
//! documents reference, and an [`Admission`] decides.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use portolan_model::lint::{self, FindingSink, RuleScope};
use portolan_model::{Digest, Finding, RepositoryName, Rule};

use crate::policy::enforce;
use crate::promote::{OTHER_DOCUMENTS, Promotion, promote};
use crate::{
    ContentLookup, JudgedFinding, ParsedManifest, Policy, PushedManifest, Registry, Result,
    UnparsedChild, Verdict,
};

/// Decision whether a registry stores a pushed manifest.
///
/// A registry calls [`Admission::admit`] inside the transaction that stores the manifest.
/// Therefore, implementations must be fast and must not parse anything.
pub trait Admission: fmt::Debug + Send + Sync {
    /// Decides whether the registry may store a push. If it may, returns the findings about the
    /// push with their verdicts.
    ///
    /// # Errors
    /// Returns [`Kind::ManifestInvalid`](crate::Kind::ManifestInvalid) or
    /// [`Kind::ContentMissing`](crate::Kind::ContentMissing) with all findings if the registry must
    /// not store the manifest, and the errors of lookups.
    fn admit(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>>;
}

/// Registry whose pushed manifests are checked in this process, by an [`Admission`].
///
/// A remote registry does not implement this trait, because its server checks the pushes.
pub trait LocalRegistry: Send + Sync {
    /// Returns a handle to the same registry. The handle checks pushed manifests with `admission`,
    /// so that different callers can use different policies. Handles are cheap to create.
    fn handle(&self, admission: Arc<dyn Admission>) -> Arc<dyn Registry>;
}

/// Facts about a push, the input of an [`Admission`].
pub struct PushFacts<'a> {
    /// Repository that receives the manifest.
    pub repository: &'a RepositoryName,
    /// Facts about the pushed manifest.
    pub document: DocumentFacts<'a>,
    /// Facts about the children that were pushed as blobs and become manifests together with
    /// `document`.
    pub promoted: Vec<DocumentFacts<'a>>,
    /// Findings about children that were pushed as blobs and cannot become manifests, although a
    /// document declares them to be manifests. If there are such findings, a registry must not
    /// store the push.
    pub unpromotable: FindingSink,
    lookup: &'a dyn ContentLookup,
}

/// Facts about one document of a push.
pub struct DocumentFacts<'a> {
    /// Parsed document, and the findings about the document itself.
    pub document: &'a ParsedManifest,
    /// Findings that compare the document with the stored content that it references.
    pub stored: Vec<Finding>,
}

impl<'a> DocumentFacts<'a> {
    fn collect(document: &'a ParsedManifest, lookup: &dyn ContentLookup) -> Result<Self> {
        let stored = lint::check_stored(&document.manifest, |digest| lookup.find(digest))?;
        Ok(Self { document, stored })
    }
}

impl PushFacts<'_> {
    /// Looks up the subject of a document. Returns a finding if the repository does not have it.
    ///
    /// # Errors
    /// Returns the errors of the lookup.
    pub fn find_missing_subject(&self, facts: &DocumentFacts<'_>) -> Result<Option<Finding>> {
        lint::check_subject(&facts.document.manifest, |digest| self.lookup.find(digest))
    }
}

/// Result of [`PushedManifest::admit`]: the documents to store together with the pushed manifest,
/// and the findings about all documents.
#[derive(Debug, Default)]
pub struct AdmittedManifest {
    /// Children to store as manifests before the pushed manifest, in storage order: children first.
    pub promoted: Vec<Arc<ParsedManifest>>,
    /// Findings about the pushed manifest, followed by findings about the promoted children. The
    /// latter have [`Finding::document`] set.
    pub findings: Vec<JudgedFinding>,
}

/// Result of an operation that may need children of the pushed manifest that were not parsed yet.
#[derive(Debug)]
pub enum Attempt<T> {
    /// The operation is complete.
    Done(T),
    /// These children must be parsed first. Nothing was changed. The registry has to end its
    /// transaction, read the blobs, parse them with [`PushedManifest::parse_child`], and repeat the
    /// operation in a new transaction.
    NeedsChildren(Vec<UnparsedChild>),
}

impl<T> Attempt<T> {
    /// Passes the value of [`Attempt::Done`] to `next`. Returns [`Attempt::NeedsChildren`]
    /// unchanged.
    ///
    /// # Errors
    /// Returns the error of `next`.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Result<U>) -> Result<Attempt<U>> {
        Ok(match self {
            Self::Done(value) => Attempt::Done(next(value)?),
            Self::NeedsChildren(children) => Attempt::NeedsChildren(children),
        })
    }
}

impl PushedManifest {
    /// Returns the children that have to be parsed before the push can be admitted. A registry may
    /// call this before its transaction, so that the transaction does not have to be repeated.
    ///
    /// # Errors
    /// Returns the errors of `lookup`.
    pub fn find_unparsed(&self, lookup: &impl ContentLookup) -> Result<Vec<UnparsedChild>> {
        promote(self, lookup).map(|promotion| promotion.unparsed)
    }

    /// Collects the facts about the push, checks them with `admission`, and returns the content to
    /// store.
    ///
    /// Checks every child, so that a single error lists all problems in the document and in the
    /// children that were pushed as blobs.
    ///
    /// # Errors
    /// Returns the errors of `admission` and of `lookup`.
    pub fn admit(
        &self,
        admission: &dyn Admission,
        lookup: &impl ContentLookup,
    ) -> Result<Attempt<AdmittedManifest>> {
        let Promotion {
            promoted,
            unpromotable,
            unparsed,
        } = promote(self, lookup)?;
        if !unparsed.is_empty() {
            return Ok(Attempt::NeedsChildren(unparsed));
        }
        let children = promoted
            .iter()
            .map(|child| DocumentFacts::collect(child, lookup));
        let facts = PushFacts {
            repository: self.repository(),
            document: DocumentFacts::collect(self.document(), lookup)?,
            promoted: children.collect::<Result<_>>()?,
            unpromotable,
            lookup,
        };
        let findings = admission.admit(&facts)?;
        Ok(Attempt::Done(AdmittedManifest { promoted, findings }))
    }
}

impl Admission for Policy {
    fn admit(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>> {
        self.admit_with_findings(push, &[])
    }
}

impl Policy {
    /// Checks a push. Takes into account `known`, the findings of checks before the transaction.
    pub(crate) fn admit_with_findings(
        &self,
        push: &PushFacts<'_>,
        known: &[Finding],
    ) -> Result<Vec<JudgedFinding>> {
        let below = self.judge_children(push)?;
        let reported: HashSet<_> = below
            .iter()
            .map(|judged| location(&judged.finding))
            .collect();
        // Skip known findings that `judge_children` has reported again: its verdict takes
        // precedence.
        let known = known
            .iter()
            .filter(|finding| !reported.contains(&location(finding)))
            .cloned();
        let own = known.chain(self.collect_findings(push, &push.document)?);
        let mut judged: Vec<_> = own.map(|finding| self.assign_verdict(finding)).collect();
        judged.extend(below);
        enforce(judged)
    }

    /// Checks the children that were pushed as blobs. The number of findings is bounded.
    ///
    /// Here, findings with the scope [`RuleScope::Tree`] are about children that cannot be
    /// promoted. They are always rejected, regardless of the policy.
    fn judge_children(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>> {
        let mut sink = push.unpromotable.clone();
        for child in &push.promoted {
            for finding in self.collect_findings(push, child)? {
                sink.push(Finding {
                    document: Some(child.document.digest.clone()),
                    ..finding
                });
            }
        }
        let findings = sink.finish_with_scope(OTHER_DOCUMENTS).into_iter();
        let judged = findings.map(|finding| match finding.rule.scope() {
            RuleScope::Tree => JudgedFinding {
                verdict: Verdict::Reject,
                finding,
            },
            _ => self.assign_verdict(finding),
        });
        Ok(judged.collect())
    }

    /// Collects the findings about one document and about the content that it references.
    fn collect_findings(
        &self,
        push: &PushFacts<'_>,
        facts: &DocumentFacts<'_>,
    ) -> Result<Vec<Finding>> {
        let mut findings = self.check_types(&facts.document.manifest);
        findings.extend_from_slice(&facts.document.findings);
        findings.extend_from_slice(&facts.stored);
        // A missing subject is accepted by default, so look up the subject only if the policy does
        // not accept that.
        if self.verdict(Rule::MissingSubject) != Verdict::Accept {
            findings.extend(push.find_missing_subject(facts)?);
        }
        Ok(findings)
    }
}

fn location(finding: &Finding) -> (Rule, Option<&Digest>, &str) {
    (finding.rule, finding.document.as_ref(), &finding.pointer)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use portolan_model::fixtures::{IndexFixture, blob, image, repository};
    use portolan_model::lint::Stored;
    use portolan_model::{Manifest, MediaType};
    use serde_json::json;

    use super::*;
    use crate::contract::bare_kind;
    use crate::{Error, Kind, Preset, PutManifest};

    /// A repository that has only blobs, as reported by a function.
    struct Blobs<F>(F);

    impl<F: Fn(&Digest) -> Result<Option<Stored>>> ContentLookup for Blobs<F> {
        fn find(&self, digest: &Digest) -> Result<Option<Stored>> {
            self.0(digest)
        }

        fn has_manifest(&self, _: &Digest) -> Result<bool> {
            Ok(false)
        }
    }

    /// A repository that has these blobs and can read them.
    struct Readable(Vec<Bytes>);

    impl ContentLookup for Readable {
        fn find(&self, digest: &Digest) -> Result<Option<Stored>> {
            Ok(self.blob(digest).map(|blob| Stored {
                size: blob.len() as u64,
                media_type: None,
            }))
        }

        fn has_manifest(&self, _: &Digest) -> Result<bool> {
            Ok(false)
        }
    }

    impl Readable {
        fn blob(&self, digest: &Digest) -> Option<&Bytes> {
            self.0.iter().find(|blob| Digest::sha256(blob) == *digest)
        }
    }

    fn empty() -> Readable {
        Readable(Vec::new())
    }

    fn push(manifest: &Manifest) -> PushedManifest {
        let options = PutManifest {
            media_type: Some(manifest.media_type().clone()),
            ..PutManifest::default()
        };
        PushedManifest::parse(&repository("team/app"), manifest.bytes().clone(), &options).unwrap()
    }

    /// Admits a manifest whose children need not be parsed.
    fn admit(
        manifest: &Manifest,
        admission: &dyn Admission,
        lookup: &impl ContentLookup,
    ) -> Result<AdmittedManifest> {
        match push(manifest).admit(admission, lookup)? {
            Attempt::Done(admitted) => Ok(admitted),
            Attempt::NeedsChildren(children) => panic!("{children:?}"),
        }
    }

    /// Admits a manifest, and parses its children when the admission needs them.
    fn admit_with_children(
        manifest: &Manifest,
        admission: &dyn Admission,
        blobs: &Readable,
    ) -> Result<AdmittedManifest> {
        let mut push = push(manifest);
        loop {
            let children = match push.admit(admission, blobs)? {
                Attempt::Done(admitted) => return Ok(admitted),
                Attempt::NeedsChildren(children) => children,
            };
            push.reserve(&children)?;
            for child in children {
                let bytes = blobs.blob(&child.digest).unwrap().clone();
                push.parse_child(child, bytes)?;
            }
        }
    }

    /// Policy with the findings of earlier checks.
    #[derive(Debug)]
    struct WithFindings(Policy, Vec<Finding>);

    impl Admission for WithFindings {
        fn admit(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>> {
            self.0.admit_with_findings(push, &self.1)
        }
    }

    fn rejection(manifest: &Manifest, policy: &Policy, lookup: &impl ContentLookup) -> Error {
        admit(manifest, policy, lookup).unwrap_err()
    }

    #[test]
    fn admits_a_manifest_with_complete_content() {
        let image = image("a").layers(["x", "y"]);
        let admitted = admit(
            &image.manifest(),
            &Policy::default(),
            &Readable(image.blobs()),
        )
        .unwrap();
        assert_eq!(admitted.findings, []);
    }

    #[test]
    fn one_error_lists_all_missing_content() {
        let manifest = image("a").layers(["x", "y"]).manifest();
        let error = rejection(&manifest, &Policy::default(), &empty());
        assert_eq!(bare_kind(&error), Kind::CONTENT_MISSING);
        let detail = error.detail();
        let findings = detail["findings"].as_array().unwrap();
        let pointers: Vec<_> = findings.iter().map(|finding| &finding["pointer"]).collect();
        assert_eq!(pointers, ["/config", "/layers/0", "/layers/1"]);
        admit(&manifest, &Policy::from(Preset::Sparse), &empty()).unwrap();
    }

    #[test]
    fn sparse_policy_still_rejects_wrong_sizes() {
        let manifest = image("a").manifest();
        let blobs = Blobs(|_: &Digest| {
            Ok(Some(Stored {
                size: 1,
                media_type: None,
            }))
        });
        let error = rejection(&manifest, &Policy::from(Preset::Sparse), &blobs);
        assert_eq!(bare_kind(&error), Kind::MANIFEST_INVALID);
        assert_eq!(error.detail()["findings"][1]["rule"], "size-mismatch");
    }

    #[test]
    fn foreign_layers_and_unknown_fields_need_no_content() {
        let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
        let elsewhere = json!({"digest": Digest::sha256(&blob("z")), "size": 1});
        let image = image("a")
            .layers([])
            .layer_of_type(foreign, "x")
            .field("elsewhere", elsewhere);
        let error = rejection(&image.manifest(), &Policy::default(), &empty());
        assert_eq!(error.detail()["findings"][0]["pointer"], "/config");
        assert_eq!(bare_kind(&error), Kind::CONTENT_MISSING);
    }

    #[test]
    fn returns_lookup_errors() {
        let blobs = Blobs(|_: &Digest| Err(Error::new(Kind::Internal, "lookup failed")));
        let error = rejection(&image("a").manifest(), &Policy::default(), &blobs);
        assert_eq!(
            (error.kind(), error.message()),
            (&Kind::Internal, "lookup failed")
        );
    }

    #[test]
    fn looks_up_the_subject_only_if_the_policy_needs_it() {
        let subject = image("subject");
        let image = image("a").subject(&subject.descriptor());
        let admit_and_count = |policy: &Policy| {
            let holdings = Readable(image.blobs());
            let count = std::cell::Cell::new(0);
            let counting = Blobs(|digest: &Digest| {
                count.set(count.get() + usize::from(*digest == subject.digest()));
                holdings.find(digest)
            });
            (
                admit(&image.manifest(), policy, &counting).map(|admitted| admitted.findings.len()),
                count.get(),
            )
        };
        assert_eq!(admit_and_count(&Policy::default()).1, 0);
        let warn = Policy::default().with_verdict(Rule::MissingSubject, Verdict::Warn);
        let (findings, count) = admit_and_count(&warn);
        assert_eq!((findings.unwrap(), count), (1, 1));
        let reject = Policy::default().with_verdict(Rule::MissingSubject, Verdict::Reject);
        let (rejected, _) = admit_and_count(&reject);
        assert_eq!(bare_kind(&rejected.unwrap_err()), Kind::MANIFEST_INVALID);
    }

    #[test]
    fn counts_the_findings_of_many_children() {
        let children: Vec<_> = (0..40)
            .map(|number| {
                let fields = (0..100).map(|field| format!(r#""x{field}":{number},"x{field}":0"#));
                let fields = fields.collect::<Vec<_>>().join(",");
                Bytes::from(format!(r#"{{"schemaVersion":2,"manifests":[],{fields}}}"#))
            })
            .collect();
        let index = children.iter().fold(IndexFixture::oci(), |index, child| {
            index.child_of_type(MediaType::OCI_INDEX, child, Some("linux/amd64"))
        });
        let admitted =
            admit_with_children(&index.manifest(), &Policy::default(), &Readable(children))
                .unwrap();
        let duplicates = admitted
            .findings
            .iter()
            .filter(|judged| judged.finding.rule == Rule::DuplicateKey);
        assert_eq!(
            duplicates
                .clone()
                .map(|judged| judged.finding.count())
                .sum::<usize>(),
            4000
        );
        assert!(
            duplicates
                .clone()
                .all(|judged| judged.finding.document.is_some())
        );
        assert!(
            admitted.findings.len() < 1100,
            "{}",
            admitted.findings.len()
        );
        assert_eq!(admitted.promoted.len(), 40);
    }

    #[test]
    fn reports_an_invalid_child_once() {
        let index =
            IndexFixture::oci().child_of_type(MediaType::OCI_INDEX, b"[]", Some("linux/amd64"));
        let known = [Finding::new(
            Rule::UnreadableChild,
            "/manifests/0",
            "found earlier",
        )];
        let holdings = Readable(vec![Bytes::from_static(b"[]")]);
        let admission = WithFindings(Policy::default(), known.to_vec());
        let error = admit_with_children(&index.manifest(), &admission, &holdings).unwrap_err();
        let detail = error.detail();
        let findings = detail["findings"].as_array().unwrap();
        assert_eq!(
            findings
                .iter()
                .filter(|finding| finding["rule"] == "unreadable-child")
                .count(),
            1
        );
        assert_eq!(
            (bare_kind(&error), &findings[0]["verdict"]),
            (Kind::MANIFEST_INVALID, &json!("reject"))
        );
        assert!(
            error
                .message()
                .starts_with("/manifests/0: pushed as a blob"),
            "{error}"
        );
    }

    #[test]
    fn judges_known_findings_together_with_new_ones() {
        let known = vec![Finding::new(Rule::ChildMuchOlder, "/manifests/0", "old")];
        let strict = Policy::default().with_verdict(Rule::ChildMuchOlder, Verdict::Reject);
        let missing = IndexFixture::oci().image(&image("a"), "linux/amd64");
        let admission = WithFindings(strict, known.clone());
        let error = admit(&missing.manifest(), &admission, &empty()).unwrap_err();
        let detail = error.detail();
        let rules: Vec<_> = detail["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["rule"].as_str().unwrap())
            .collect();
        assert_eq!(rules, ["child-much-older", "missing-child"]);
        let warn = Policy::default().with_verdict(Rule::ChildMuchOlder, Verdict::Warn);
        let admission = WithFindings(warn, known);
        let admitted = admit(&IndexFixture::oci().manifest(), &admission, &empty()).unwrap();
        assert!(
            admitted
                .findings
                .iter()
                .any(|judged| judged.finding.rule == Rule::ChildMuchOlder
                    && judged.verdict == Verdict::Warn)
        );
    }

    #[test]
    fn copies_require_content_unless_sparse_and_accept_what_others_accepted() {
        let missing = image("a").manifest();
        let error = rejection(&missing, &Policy::for_copies(false), &empty());
        assert_eq!(bare_kind(&error), Kind::CONTENT_MISSING);
        admit(&missing, &Policy::for_copies(true), &empty()).unwrap();
        let two_shapes = IndexFixture::oci().field("layers", json!([])).manifest();
        for sparse in [false, true] {
            let admitted = admit(&two_shapes, &Policy::for_copies(sparse), &empty()).unwrap();
            assert_eq!(admitted.findings[0].verdict, Verdict::Warn);
        }
    }
}
