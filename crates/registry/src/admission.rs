//! Whether a manifest may be stored: its own findings, those about the content that it names, and those of the
//! children that become manifests with it.

use std::collections::HashSet;

use portolan_model::lint::{self, Held};
use portolan_model::{Digest, Finding, Manifest, Rule};

use crate::policy::settle;
use crate::take_in::{Children, take_in};
use crate::{Holdings, Judged, Policy, Result, TakenIn, Verdict};

/// What may be stored, and what was found in it.
#[derive(Debug, Default)]
pub struct Admitted {
    /// The children that have to be stored as manifests together with it, each behind what it names.
    pub taken_in: Vec<TakenIn>,
    /// What was found in the manifest, and behind that in those children, which the findings name as their document.
    pub findings: Vec<Judged>,
}

/// What is stored with a manifest and what was found, if the policy lets it in.
///
/// Every child is looked at, so that one answer names all that is wrong, in the document and in the children that were
/// pushed as blobs. What was found before, `known`, is judged with the rest. Where `holdings` has not at hand what has to be
/// read, the answer is empty.
///
/// # Errors
/// What [`Policy::judge`] says, and what `holdings` fails with.
pub fn admit(
    manifest: &Manifest,
    policy: &Policy,
    known: &[Finding],
    holdings: &impl Holdings,
) -> Result<Admitted> {
    let Some(Children {
        taken_in,
        findings: below,
    }) = take_in(manifest, policy, holdings)?
    else {
        return Ok(Admitted::default());
    };
    let told: HashSet<_> = below.iter().map(|judged| place(&judged.finding)).collect();
    let mut own: Vec<_> = known
        .iter()
        .filter(|finding| !told.contains(&place(finding)))
        .cloned()
        .collect();
    own.extend(found(manifest, policy, |digest| holdings.held(digest))?);
    let mut judged: Vec<_> = own
        .into_iter()
        .map(|finding| policy.judged(finding))
        .collect();
    judged.extend(below);
    Ok(Admitted {
        taken_in,
        findings: settle(judged)?,
    })
}

/// What is found in one document, and about what it names.
pub(crate) fn found(
    manifest: &Manifest,
    policy: &Policy,
    mut held: impl FnMut(&Digest) -> Result<Option<Held>>,
) -> Result<Vec<Finding>> {
    let mut findings = policy.types(manifest);
    findings.extend(lint::document(manifest));
    findings.extend(lint::stored(manifest, &mut held)?);
    if policy.verdict(Rule::MissingSubject) != Verdict::Accept {
        findings.extend(lint::missing_subject(manifest, held)?);
    }
    Ok(findings)
}

fn place(finding: &Finding) -> (Rule, Option<&Digest>, &str) {
    (finding.rule, finding.document.as_ref(), &finding.pointer)
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{blob, image};
    use serde_json::json;

    use bytes::Bytes;
    use portolan_model::MediaType;
    use portolan_model::fixtures::Index;

    use super::*;
    use crate::{Error, Kind, Preset};

    /// A repository that holds blobs alone, of which this is said.
    struct Blobs<F>(F);

    impl<F: Fn(&Digest) -> Result<Option<Held>>> Holdings for Blobs<F> {
        fn held(&self, digest: &Digest) -> Result<Option<Held>> {
            self.0(digest)
        }

        fn holds_manifest(&self, _: &Digest) -> Result<bool> {
            Ok(false)
        }

        fn read_blob(&self, _: &Digest) -> Result<Option<Bytes>> {
            Ok(None)
        }
    }

    /// A repository that holds these blobs, and can read them.
    struct Readable(Vec<Bytes>);

    impl Holdings for Readable {
        fn held(&self, digest: &Digest) -> Result<Option<Held>> {
            Ok(self.read_blob(digest)?.map(|blob| Held {
                size: blob.len() as u64,
                media_type: None,
            }))
        }

        fn holds_manifest(&self, _: &Digest) -> Result<bool> {
            Ok(false)
        }

        fn read_blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
            Ok(self
                .0
                .iter()
                .find(|blob| Digest::sha256(blob) == *digest)
                .cloned())
        }
    }

    fn nothing() -> Readable {
        Readable(Vec::new())
    }

    fn refused(manifest: &Manifest, policy: &Policy, holdings: &impl Holdings) -> Error {
        admit(manifest, policy, &[], holdings).unwrap_err()
    }

    #[test]
    fn what_is_held_with_its_size_is_admitted() {
        let image = image("a").layers(["x", "y"]);
        let admitted = admit(
            &image.manifest(),
            &Policy::default(),
            &[],
            &Readable(image.blobs()),
        )
        .unwrap();
        assert_eq!(admitted.findings, []);
    }

    #[test]
    fn one_answer_names_all_that_is_missing() {
        let manifest = image("a").layers(["x", "y"]).manifest();
        let error = refused(&manifest, &Policy::default(), &nothing());
        assert_eq!(error.kind(), &Kind::ContentMissing);
        let findings = error.detail()["findings"].as_array().unwrap();
        let pointers: Vec<_> = findings.iter().map(|finding| &finding["pointer"]).collect();
        assert_eq!(pointers, ["/config", "/layers/0", "/layers/1"]);
        admit(&manifest, &Policy::from(Preset::Sparse), &[], &nothing()).unwrap();
    }

    #[test]
    fn wrong_sizes_are_no_better_where_content_may_be_absent() {
        let manifest = image("a").manifest();
        let held = Blobs(|_: &Digest| {
            Ok(Some(Held {
                size: 1,
                media_type: None,
            }))
        });
        let error = refused(&manifest, &Policy::from(Preset::Sparse), &held);
        assert_eq!(error.kind(), &Kind::ManifestInvalid);
        assert_eq!(error.detail()["findings"][1]["rule"], "size-mismatch");
    }

    #[test]
    fn foreign_layers_and_unknown_fields_may_lead_nowhere() {
        let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
        let elsewhere = json!({"digest": Digest::sha256(&blob("z")), "size": 1});
        let image = image("a")
            .layers([])
            .layer_of_type(foreign, "x")
            .field("elsewhere", elsewhere);
        let error = refused(&image.manifest(), &Policy::default(), &nothing());
        assert_eq!(error.detail()["findings"][0]["pointer"], "/config");
        assert_eq!(error.kind(), &Kind::ContentMissing);
    }

    #[test]
    fn a_failing_look_is_passed_on() {
        let held = Blobs(|_: &Digest| Err(Error::new(Kind::Internal, "looking failed")));
        let error = refused(&image("a").manifest(), &Policy::default(), &held);
        assert_eq!(
            (error.kind(), error.message()),
            (&Kind::Internal, "looking failed")
        );
    }

    #[test]
    fn a_subject_is_asked_for_where_somebody_wants_to_know() {
        let subject = image("subject");
        let image = image("a").subject(&subject.descriptor());
        let asked = |policy: &Policy| {
            let holdings = Readable(image.blobs());
            let count = std::cell::Cell::new(0);
            let counting = Blobs(|digest: &Digest| {
                count.set(count.get() + usize::from(*digest == subject.digest()));
                holdings.held(digest)
            });
            (
                admit(&image.manifest(), policy, &[], &counting)
                    .map(|admitted| admitted.findings.len()),
                count.get(),
            )
        };
        assert_eq!(asked(&Policy::default()).1, 0);
        let (told, count) = asked(&Policy::default().with(Rule::MissingSubject, Verdict::Warn));
        assert_eq!((told.unwrap(), count), (1, 1));
        let (rejected, _) = asked(&Policy::default().with(Rule::MissingSubject, Verdict::Reject));
        assert_eq!(rejected.unwrap_err().kind(), &Kind::ManifestInvalid);
    }

    #[test]
    fn of_many_children_the_findings_are_counted() {
        let children: Vec<_> = (0..40)
            .map(|number| {
                let fields = (0..100).map(|field| format!(r#""x{field}":{number},"x{field}":0"#));
                let fields = fields.collect::<Vec<_>>().join(",");
                Bytes::from(format!(r#"{{"schemaVersion":2,"manifests":[],{fields}}}"#))
            })
            .collect();
        let index = children.iter().fold(Index::oci(), |index, child| {
            index.child_of_type(MediaType::OCI_INDEX, child, Some("linux/amd64"))
        });
        let admitted = admit(
            &index.manifest(),
            &Policy::default(),
            &[],
            &Readable(children),
        )
        .unwrap();
        let twice = admitted
            .findings
            .iter()
            .filter(|judged| judged.finding.rule == Rule::DuplicateKey);
        assert_eq!(
            twice
                .clone()
                .map(|judged| judged.finding.count())
                .sum::<usize>(),
            4000
        );
        assert!(
            twice
                .clone()
                .all(|judged| judged.finding.document.is_some())
        );
        assert!(
            admitted.findings.len() < 1100,
            "{}",
            admitted.findings.len()
        );
        assert_eq!(admitted.taken_in.len(), 40);
    }

    #[test]
    fn a_child_that_is_no_manifest_is_told_once() {
        let index = Index::oci().child_of_type(MediaType::OCI_INDEX, b"[]", Some("linux/amd64"));
        let known = [Finding::new(
            Rule::UnreadableChild,
            "/manifests/0",
            "as somebody has seen",
        )];
        let holdings = Readable(vec![Bytes::from_static(b"[]")]);
        let error = admit(&index.manifest(), &Policy::default(), &known, &holdings).unwrap_err();
        let told = error.detail()["findings"].as_array().unwrap();
        assert_eq!(
            told.iter()
                .filter(|finding| finding["rule"] == "unreadable-child")
                .count(),
            1
        );
        assert_eq!(
            (error.kind(), &told[0]["verdict"]),
            (&Kind::ManifestInvalid, &json!("reject"))
        );
        assert!(
            error
                .message()
                .starts_with("/manifests/0: it was pushed as a blob"),
            "{error}"
        );
    }
}
