//! Fuzz target for challenges. An input consists of the lines of the header `WWW-Authenticate`.

use http::{HeaderMap, HeaderValue, header};
use portolan_wire::Challenge;

/// Parses an input as the challenges of a response.
///
/// # Panics
/// Panics if a challenge is different after it is written and parsed.
pub fn challenge(data: &[u8]) {
    let lines = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| HeaderValue::from_bytes(line).ok());
    for challenge in parse(lines) {
        let _ = ["realm", "service", "scope", "error"].map(|name| challenge.parse_parameter(name));
        let written = HeaderValue::from_str(&challenge.to_string())
            .unwrap_or_else(|_| panic!("{challenge} has to be a header"));
        let again = parse([written]);
        assert!(
            again.iter().any(|again| again.to_string().split(' ').next()
                == challenge.to_string().split(' ').next()),
            "{challenge} has to be parsed again"
        );
    }
}

fn parse(lines: impl IntoIterator<Item = HeaderValue>) -> Vec<Challenge> {
    let headers: HeaderMap = lines
        .into_iter()
        .map(|line| (header::WWW_AUTHENTICATE, line))
        .collect();
    Challenge::parse_all(&headers)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
        "Basic realm=\"a, b\", Bearer realm=c,service = \"d\\\"e\"\nNegotiate YWJj==",
        "Basic realm=\"never closed",
        ", ,realm=\"a\"",
    ]
    .map(|line| line.as_bytes().to_vec())
    .into()
}
