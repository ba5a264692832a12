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
