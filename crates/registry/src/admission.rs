//! Whether a manifest may be stored: its own findings, and those about the content that it names.

use portolan_model::lint::{self, Held};
use portolan_model::{Digest, Finding, Manifest};

use crate::{Judged, Policy, Result};

/// What was found, if the policy lets the manifest in.
///
/// `held` says what the repository holds under a digest, as manifest or as blob; it has to be asked
/// where a concurrent deletion cannot come between. Every child is looked at, so that one answer
/// names all that is missing. What was found before, `known`, is judged with the rest.
///
/// # Errors
/// What [`Policy::judge`] says, and what `held` fails with.
pub fn admit(
    manifest: &Manifest,
    policy: &Policy,
    known: &[Finding],
    held: impl FnMut(&Digest) -> Result<Option<Held>>,
) -> Result<Vec<Judged>> {
    let mut findings = known.to_vec();
    findings.extend(policy.types(manifest));
    findings.extend(lint::document(manifest));
    findings.extend(lint::stored(manifest, held)?);
    policy.judge(findings)
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{blob, image};
    use serde_json::json;

    use super::*;
    use crate::{Error, Kind, Preset};

    /// A repository that holds nothing.
    #[expect(clippy::unnecessary_wraps, reason = "the signature that `admit` wants")]
    fn nothing(_: &Digest) -> Result<Option<Held>> {
        Ok(None)
    }

    fn refused(manifest: &Manifest, policy: &Policy, held: impl FnMut(&Digest) -> Result<Option<Held>>) -> Error {
        admit(manifest, policy, &[], held).unwrap_err()
    }

    #[test]
    fn what_is_held_with_its_size_is_admitted() {
        let image = image("a").layers(["x", "y"]);
        let held = |digest: &Digest| {
            let blobs = image.blobs();
            let found = blobs.iter().find(|blob| Digest::sha256(blob) == *digest);
            Ok(found.map(|blob| Held { size: blob.len() as u64, media_type: None }))
        };
        assert_eq!(admit(&image.manifest(), &Policy::default(), &[], held).unwrap(), []);
    }

    #[test]
    fn one_answer_names_all_that_is_missing() {
        let manifest = image("a").layers(["x", "y"]).manifest();
        let error = refused(&manifest, &Policy::default(), nothing);
        assert_eq!(error.kind(), &Kind::ContentMissing);
        let findings = error.detail()["findings"].as_array().unwrap();
        let pointers: Vec<_> = findings.iter().map(|finding| &finding["pointer"]).collect();
        assert_eq!(pointers, ["/config", "/layers/0", "/layers/1"]);
        admit(&manifest, &Policy::from(Preset::Sparse), &[], nothing).unwrap();
    }

    #[test]
    fn wrong_sizes_are_no_better_where_content_may_be_absent() {
        let manifest = image("a").manifest();
        let held = |_: &Digest| Ok(Some(Held { size: 1, media_type: None }));
        let error = refused(&manifest, &Policy::from(Preset::Sparse), held);
        assert_eq!(error.kind(), &Kind::ManifestInvalid);
        assert_eq!(error.detail()["findings"][1]["rule"], "size-mismatch");
    }

    #[test]
    fn foreign_layers_and_unknown_fields_may_lead_nowhere() {
        let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
        let elsewhere = json!({"digest": Digest::sha256(&blob("z")), "size": 1});
        let image = image("a").layers([]).layer_of_type(foreign, "x").field("elsewhere", elsewhere);
        let error = refused(&image.manifest(), &Policy::default(), nothing);
        assert_eq!(error.detail()["findings"][0]["pointer"], "/config");
        assert_eq!(error.kind(), &Kind::ContentMissing);
    }

    #[test]
    fn a_failing_look_is_passed_on() {
        let held = |_: &Digest| Err(Error::new(Kind::Internal, "looking failed"));
        let error = refused(&image("a").manifest(), &Policy::default(), held);
        assert_eq!((error.kind(), error.message()), (&Kind::Internal, "looking failed"));
    }
}
