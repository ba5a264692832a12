//! Whether a manifest may be stored: its own findings, and those about the content that it names.

use portolan_model::{Child, ChildKind, Digest, Finding, Manifest, Rule};

use crate::{Policy, Result};

/// What a repository holds under a digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Held {
    /// Its size in bytes.
    pub size: u64,
}

/// The findings to tell of, if the policy lets the manifest in.
///
/// `held` says what the repository holds under a digest, as manifest or as blob; it has to be asked
/// where a concurrent deletion cannot come between. Every child is looked at, so that one answer
/// names all that is missing.
///
/// # Errors
/// What [`Policy::judge`] says, and what `held` fails with.
pub fn admit(
    manifest: &Manifest,
    policy: &Policy,
    mut held: impl FnMut(&Digest) -> Result<Option<Held>>,
) -> Result<Vec<Finding>> {
    let mut findings = manifest.findings().to_vec();
    for child in manifest.children().iter().filter(|child| child.kind != ChildKind::Other) {
        match held(&child.descriptor.digest)? {
            None if child.required => findings.push(missing(child)),
            Some(Held { size }) if child.descriptor.size.is_some_and(|claimed| claimed != size) => {
                findings.push(size_mismatch(child, size));
            }
            _ => (),
        }
    }
    policy.judge(findings)
}

fn missing(child: &Child) -> Finding {
    let message = format!("this repository does not hold the {} {}", child.kind.as_str(), child.descriptor.digest);
    about(child, Rule::MissingChild, message)
}

fn size_mismatch(child: &Child, stored: u64) -> Finding {
    let claimed = child.descriptor.size.unwrap_or_default();
    let message =
        format!("the descriptor says {claimed} bytes, {} has {stored}; correct the size", child.descriptor.digest);
    Finding { stored_size: Some(stored), ..about(child, Rule::SizeMismatch, message) }
}

fn about(child: &Child, rule: Rule, message: String) -> Finding {
    Finding {
        digest: Some(child.descriptor.digest.clone()),
        media_type: child.descriptor.media_type.clone(),
        claimed_size: child.descriptor.size,
        ..Finding::new(rule, &child.pointer, message)
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{blob, image};
    use portolan_model::{Descriptor, MediaType};
    use serde_json::json;

    use super::*;
    use crate::{Error, Kind, Preset};

    /// A repository that holds nothing.
    #[expect(clippy::unnecessary_wraps, reason = "the signature that `admit` wants")]
    fn nothing(_: &Digest) -> Result<Option<Held>> {
        Ok(None)
    }

    fn layer() -> Child {
        let media_type = MediaType::new(MediaType::OCI_LAYER_GZIP);
        let descriptor = Descriptor::new(media_type, Digest::sha256(&blob("x")), 7);
        Child { pointer: "/layers/1".into(), kind: ChildKind::Layer, descriptor, required: true }
    }

    #[test]
    fn what_is_held_with_its_size_is_admitted() {
        let image = image("a").layers(["x", "y"]);
        let held = |digest: &Digest| {
            let blobs = image.blobs();
            let found = blobs.iter().find(|blob| Digest::sha256(blob) == *digest);
            Ok(found.map(|blob| Held { size: blob.len() as u64 }))
        };
        assert_eq!(admit(&image.manifest(), &Policy::default(), held).unwrap(), []);
    }

    #[test]
    fn one_answer_names_all_that_is_missing() {
        let manifest = image("a").layers(["x", "y"]).manifest();
        let error = admit(&manifest, &Policy::default(), nothing).unwrap_err();
        assert_eq!(error.kind(), &Kind::ContentMissing);
        let findings = error.detail()["findings"].as_array().unwrap();
        let pointers: Vec<_> = findings.iter().map(|finding| &finding["pointer"]).collect();
        assert_eq!(pointers, ["/config", "/layers/0", "/layers/1"]);
        assert_eq!(admit(&manifest, &Policy::from(Preset::Sparse), nothing).unwrap(), []);
    }

    #[test]
    fn wrong_sizes_are_no_better_where_content_may_be_absent() {
        let manifest = image("a").manifest();
        let held = |_: &Digest| Ok(Some(Held { size: 1 }));
        let error = admit(&manifest, &Policy::from(Preset::Sparse), held).unwrap_err();
        assert_eq!(error.kind(), &Kind::ManifestInvalid);
        assert_eq!(error.detail()["findings"][1]["rule"], "size-mismatch");
    }

    #[test]
    fn foreign_layers_and_unknown_fields_may_lead_nowhere() {
        let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
        let elsewhere = json!({"digest": Digest::sha256(&blob("z")), "size": 1});
        let image = image("a").layers([]).layer_of_type(foreign, "x").field("elsewhere", elsewhere);
        let error = admit(&image.manifest(), &Policy::default(), nothing).unwrap_err();
        let findings = error.detail()["findings"].as_array().unwrap();
        assert_eq!((findings.len(), &findings[0]["pointer"]), (1, &json!("/config")));
    }

    #[test]
    fn a_failing_look_is_passed_on() {
        let held = |_: &Digest| Err(Error::new(Kind::Internal, "looking failed"));
        let error = admit(&image("a").manifest(), &Policy::default(), held).unwrap_err();
        assert_eq!((error.kind(), error.message()), (&Kind::Internal, "looking failed"));
    }

    #[test]
    fn a_missing_child_is_described() {
        let child = layer();
        let Descriptor { digest, media_type, .. } = child.descriptor.clone();
        let expected = Finding {
            rule: Rule::MissingChild,
            pointer: "/layers/1".into(),
            message: format!("this repository does not hold the layer {digest}"),
            digest: Some(digest),
            media_type,
            claimed_size: Some(7),
            stored_size: None,
        };
        assert_eq!(missing(&child), expected);
    }

    #[test]
    fn a_wrong_size_is_described_with_both_sizes() {
        let child = layer();
        let Descriptor { digest, media_type, .. } = child.descriptor.clone();
        let expected = Finding {
            rule: Rule::SizeMismatch,
            pointer: "/layers/1".into(),
            message: format!("the descriptor says 7 bytes, {digest} has 9; correct the size"),
            digest: Some(digest),
            media_type,
            claimed_size: Some(7),
            stored_size: Some(9),
        };
        assert_eq!(size_mismatch(&child, 9), expected);
    }
}
