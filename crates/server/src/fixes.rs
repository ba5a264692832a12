//! Rendering of the fixes of findings as commands. They contain the name of the manifest, so they
//! can be run unchanged.

use portolan_model::{Finding, Reference, RepositoryName};
use portolan_registry::{Error, JudgedFinding};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::request_context::RequestContext;

/// Renderer that inserts the name of a manifest into the commands that fix its findings.
#[derive(Debug, Default)]
pub(crate) struct FixRenderer {
    /// Full reference of the manifest that the findings are about. `None` (the default) for a
    /// manifest that is not stored, because it has no reference.
    reference: Option<String>,
}

impl FixRenderer {
    /// Creates a renderer for findings about the manifest at `reference`. The commands in the fixes
    /// contain the host that clients use for the registry.
    pub(crate) fn new(
        call: &RequestContext,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Self {
        let separator = if matches!(reference, Reference::Tag(_)) {
            ':'
        } else {
            '@'
        };
        let host = call.public_host().map(|host| host.to_string());
        let host = host.filter(|host| can_begin_reference(host));
        Self {
            reference: host.map(|host| format!("{host}/{repository}{separator}{reference}")),
        }
    }

    /// Returns the text of the fix of a finding.
    pub(crate) fn fix(&self, finding: &Finding) -> String {
        let digests: Vec<_> = finding.digest.iter().collect();
        finding.fix.render(self.reference.as_deref(), &digests)
    }

    /// Returns the JSON form of a finding with its [`Verdict`](portolan_registry::Verdict).
    pub(crate) fn to_json(&self, judged: &JudgedFinding) -> Value {
        let mut value = json!(judged);
        value["fix"] = self.fix(&judged.finding).into();
        value
    }

    /// Renders the fixes of the findings in an error of this registry. Does not change an error
    /// that another registry returned.
    pub(crate) fn render_error(&self, error: Error) -> Error {
        let findings = error.kind().findings().iter();
        let findings: Vec<_> = findings.map(|judged| self.to_json(judged)).collect();
        if findings.is_empty() || error.origin().is_some() {
            return error;
        }
        error.with_detail(json!({"findings": findings}))
    }
}

/// Finding that is serialized with a rendered fix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RenderedFinding<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) renderer: &'a FixRenderer,
}

impl RenderedFinding<'_> {
    /// Returns the size of the serialized finding in bytes.
    pub(crate) fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |text| text.len())
    }
}

impl Serialize for RenderedFinding<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut finding = serde_json::to_value(self.finding).map_err(S::Error::custom)?;
        finding["fix"] = self.renderer.fix(self.finding).into();
        finding.serialize(serializer)
    }
}

/// Returns whether an image reference can begin with a host. For example, `app` in `app/image` is
/// not parsed as a host.
fn can_begin_reference(host: &str) -> bool {
    host.contains(['.', ':']) || host == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_can_begin_with_some_hosts() {
        for host in [
            "127.0.0.1:5000",
            "[::1]:5000",
            "registry.example",
            "registry:5000",
            "localhost",
        ] {
            assert!(can_begin_reference(host), "{host}");
        }
        assert!(!can_begin_reference("registry"));
    }
}
