//! Rules about descriptors in any field.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::lint::{Finding, FindingSink, Rule};
use crate::{Algorithm, ChildKind, Descriptor, Digest, Manifest};

pub(super) fn check(manifest: &Manifest, sink: &mut FindingSink) {
    for child in manifest
        .children()
        .iter()
        .filter(|child| child.kind != ChildKind::Other)
    {
        check_descriptor(&child.pointer, &child.descriptor, sink);
    }
    if let Some(subject) = manifest.subject() {
        check_descriptor("/subject", subject, sink);
    }
}

fn check_descriptor(pointer: &str, descriptor: &Descriptor, sink: &mut FindingSink) {
    let algorithm = descriptor.digest.algorithm();
    if *algorithm != Algorithm::Sha256 {
        sink.add(Rule::DigestNotSha256, |rule| {
            Finding::for_descriptor(
                rule,
                pointer,
                descriptor,
                format!("the digest uses the algorithm {algorithm} instead of sha256"),
            )
        });
    }
    if let Some(message) = descriptor
        .data
        .as_deref()
        .and_then(|data| data_mismatch(descriptor, data))
    {
        sink.add(Rule::EmbeddedDataMismatch, |rule| {
            Finding::for_descriptor(rule, format!("{pointer}/data"), descriptor, message)
        });
    }
}

/// Returns the difference between the embedded content and its descriptor, or `None` if they match.
fn data_mismatch(descriptor: &Descriptor, data: &str) -> Option<String> {
    let Ok(content) = STANDARD.decode(data) else {
        return Some("data is not valid base64".into());
    };
    let found = content.len() as u64;
    if let Some(claimed) = descriptor.size.filter(|claimed| *claimed != found) {
        return Some(format!(
            "data contains {found} bytes, but the descriptor's size is {claimed}"
        ));
    }
    let digest = Digest::compute(descriptor.digest.algorithm(), &content)?;
    (digest != descriptor.digest).then(|| {
        format!(
            "data has the digest {digest}, but the descriptor's digest is {}",
            descriptor.digest
        )
    })
}
