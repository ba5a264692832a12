//! What mends a finding, with the names that whoever reads it can type.

use http::uri::Authority;
use http::{HeaderMap, header};
use portolan_model::lint::mend_with_names;
use portolan_model::{Digest, Finding, Reference, RepositoryName};
use portolan_registry::Error;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::call::Call;

/// Puts names into the commands that mend findings.
#[derive(Debug, Default)]
pub(crate) struct Mender {
    /// The manifest that the findings are about; the default is one that is not stored, and has no name that could be typed.
    reference: Option<String>,
}

impl Mender {
    /// For findings about what is stored under `reference`, as the client calls it.
    pub(crate) fn new(call: &Call, repository: &RepositoryName, reference: &Reference) -> Self {
        let separator = if matches!(reference, Reference::Tag(_)) {
            ':'
        } else {
            '@'
        };
        let host = host(&call.headers, call.authority());
        Self {
            reference: host.map(|host| format!("{host}/{repository}{separator}{reference}")),
        }
    }

    /// What mends a finding.
    pub(crate) fn command(&self, finding: &Finding) -> String {
        self.named(finding.mend, finding.digest.as_ref().map(Digest::as_str))
    }

    /// Puts the names into a finding as JSON.
    pub(crate) fn mend(&self, finding: &mut Value) {
        let Some(template) = finding.get("mend").and_then(Value::as_str) else {
            return;
        };
        let command = self.named(template, finding.get("digest").and_then(Value::as_str));
        finding["mend"] = command.into();
    }

    /// The error with the names in its findings.
    pub(crate) fn mended(&self, error: Error) -> Error {
        let mut detail = error.detail().clone();
        let Some(findings) = detail.get_mut("findings").and_then(Value::as_array_mut) else {
            return error;
        };
        for finding in findings {
            self.mend(finding);
        }
        error.with_detail(detail)
    }

    fn named(&self, template: &str, digest: Option<&str>) -> String {
        mend_with_names(template, self.reference.as_deref(), digest)
    }
}

/// A finding that is written with the names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mended<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) mender: &'a Mender,
}

impl Mended<'_> {
    /// The bytes that it is written in.
    pub(crate) fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |text| text.len())
    }
}

impl Serialize for Mended<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut finding = serde_json::to_value(self.finding).map_err(S::Error::custom)?;
        self.mender.mend(&mut finding);
        finding.serialize(serializer)
    }
}

/// The server as the client calls it, if a reference that begins so is read as one with a host.
fn host(headers: &HeaderMap, authority: Option<&Authority>) -> Option<Authority> {
    let sent = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.parse().ok());
    sent.or_else(|| authority.cloned())
        .filter(|host: &Authority| {
            let host = host.as_str();
            (host.contains(['.', ':']) || host == "localhost") && !host.contains('@')
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_host_is_named_where_a_reference_can_begin_with_it() {
        let host = |host: &'static str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            super::host(&headers, None).map(|host| host.to_string())
        };
        for named in [
            "127.0.0.1:5000",
            "[::1]:5000",
            "registry.example",
            "registry:5000",
            "localhost",
        ] {
            assert_eq!(host(named).as_deref(), Some(named));
        }
        for other in [
            "registry",
            "",
            "user@registry.example",
            "two words.example",
            "a.example/b",
        ] {
            assert_eq!(host(other), None, "{other}");
        }
    }

    #[test]
    fn over_http_2_it_stands_in_the_target() {
        let authority = Authority::from_static("registry.example");
        assert_eq!(host(&HeaderMap::new(), Some(&authority)), Some(authority));
        assert_eq!(host(&HeaderMap::new(), None), None);
    }
}
