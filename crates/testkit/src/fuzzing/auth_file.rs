//! Fuzz target for files with credentials.
//!
//! An input consists of up to three pieces: the document, a host, and the name of a repository.

use portolan_hosts::{AuthDocument, AuthFormat};
use portolan_model::RepositoryName;

use super::pieces;

/// Decodes an input to a document with credentials, and looks up and changes the credential for a
/// host.
///
/// # Panics
/// Panics if a changed document does not contain the change, or if the document is different after
/// it is written and parsed.
pub fn auth_file(data: &[u8]) {
    let mut pieces = pieces::split(data).map(String::from_utf8_lossy);
    let mut next = || pieces.next().unwrap_or_default();
    let (document, host, repository) = (next(), next(), next());
    let repository: Option<RepositoryName> = repository.parse().ok();
    for format in [AuthFormat::Current, AuthFormat::Legacy] {
        let Ok(document) = AuthDocument::parse(document.as_bytes(), format) else {
            continue;
        };
        let _ = (document.host_helper(&host), document.default_helper());
        let found = document.credential(&host, repository.as_ref());
        check_changes(document.clone(), &host);
        if let Some(credential) = found.credential {
            check_stored(document, &host, &credential, format);
        }
    }
}

/// Checks that removed credentials are no longer found.
fn check_changes(mut document: AuthDocument, host: &str) {
    if document.remove(host).is_ok() {
        assert_eq!(
            document.credential(host, None).credential,
            None,
            "a removed credential has to be gone"
        );
    }
}

/// Checks that a stored credential is found, also after the document is written and parsed.
fn check_stored(
    mut document: AuthDocument,
    host: &str,
    credential: &portolan_client::Credential,
    format: AuthFormat,
) {
    if document.set(host, credential).is_err() {
        return;
    }
    let written = document
        .to_bytes()
        .unwrap_or_else(|error| panic!("a document has to be written: {error}"));
    let parsed = AuthDocument::parse(&written, format)
        .unwrap_or_else(|error| panic!("a written document has to be parsed: {error}"));
    for document in [document, parsed] {
        assert_eq!(
            document.credential(host, None).credential.as_ref(),
            Some(credential),
            "a stored credential has to be found"
        );
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let document = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6\ncGE6c3M=\r\n"},
        "quay.io/team":{"username":"me","password":"x"},"quay.io:443":{"identitytoken":"t"},
        "http://localhost:5000/v2/":{"registrytoken":"r"},"a.io":{},"b.io":{"auth":null}},
        "credsStore":"pass","credHelpers":{"gcr.io":"gcloud"},"HttpHeaders":{"X":"1"}}"#;
    let legacy = r#"{"https://quay.io/v1/":{"auth":"bWU6eAA=","email":"a@b"}}"#;
    let broken = r#"{"auths":{"quay.io":{"auth":"?"},"quay.io":{"auth":7}},"credsStore":[]}"#;
    let hosts = ["docker.io", "quay.io", "localhost:5000", "gcr.io"];
    [document, legacy, broken]
        .into_iter()
        .flat_map(|document| hosts.map(|host| pieces::join(&text([document, host, "team/app"]))))
        .collect()
}

fn text<const COUNT: usize>(texts: [&str; COUNT]) -> [Vec<u8>; COUNT] {
    texts.map(|text| text.as_bytes().to_vec())
}
