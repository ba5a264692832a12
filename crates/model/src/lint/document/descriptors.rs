//! Rules about every descriptor, wherever it stands.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::lint::{Finding, Notes, Rule};
use crate::{Algorithm, ChildKind, Descriptor, Digest, Manifest};

pub(super) fn note(manifest: &Manifest, notes: &mut Notes) {
    for child in manifest
        .children()
        .iter()
        .filter(|child| child.kind != ChildKind::Other)
    {
        note_descriptor(&child.pointer, &child.descriptor, notes);
    }
    if let Some(subject) = manifest.subject() {
        note_descriptor("/subject", subject, notes);
    }
}

fn note_descriptor(pointer: &str, descriptor: &Descriptor, notes: &mut Notes) {
    let algorithm = descriptor.digest.algorithm();
    if *algorithm != Algorithm::Sha256 {
        notes.add(Rule::DigestNotSha256, |rule| {
            Finding::describing(
                rule,
                pointer,
                descriptor,
                format!("the digest is of the algorithm {algorithm}"),
            )
        });
    }
    if let Some(message) = descriptor
        .data
        .as_deref()
        .and_then(|data| differing(descriptor, data))
    {
        notes.add(Rule::EmbeddedDataMismatch, |rule| {
            Finding::describing(rule, format!("{pointer}/data"), descriptor, message)
        });
    }
}

/// In what the embedded content differs from the one that is described.
fn differing(descriptor: &Descriptor, data: &str) -> Option<String> {
    let Ok(content) = STANDARD.decode(data) else {
        return Some("data must be the content in base64, and it is no base64".into());
    };
    let found = content.len() as u64;
    if let Some(claimed) = descriptor.size.filter(|claimed| *claimed != found) {
        return Some(format!(
            "data holds {found} bytes, the descriptor says {claimed}"
        ));
    }
    let digest = Digest::of(descriptor.digest.algorithm(), &content)?;
    (digest != descriptor.digest).then(|| {
        format!(
            "data has the digest {digest}, the descriptor says {}",
            descriptor.digest
        )
    })
}
