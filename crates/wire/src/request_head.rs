//! Rules of HTTP about the head of a request that apply before its path is parsed.

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, Version, header};
use portolan_model::ErrorCode;

use crate::{HostPort, RequestError};

/// Returns the host that a request is sent to, or `None` for a request of HTTP/1.0 without a host.
/// The host is in the `Host` header, in an absolute request target, or in both (RFC 9112,
/// section 3.2). In HTTP/2, the target contains the pseudo-header `:authority` (RFC 9113,
/// section 8.3.1).
///
/// # Errors
/// Returns an error with the code `UNSUPPORTED` if there are several `Host` headers or a required
/// one is missing, if a host is malformed, or if the header and the target have different hosts.
pub fn host<'a>(
    version: Version,
    target: &'a Uri,
    headers: &'a HeaderMap,
) -> Result<Option<HostPort<'a>>, RequestError> {
    let mut lines = headers.get_all(header::HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(RequestError::too_many("Host headers", 1));
    }
    let sent = line.map(parse_header).transpose()?;
    let authority = target.authority().map(Authority::as_str);
    let authority = authority
        .map(|text| parse("authority of the request target", text))
        .transpose()?;
    match (authority, sent) {
        (None, None) if version < Version::HTTP_11 => Ok(None),
        (None, None) => Err(missing_host()),
        (Some(_), None) if version == Version::HTTP_11 => Err(missing_host()),
        (Some(authority), Some(sent)) if !authority.is_same(&sent, default_port(target)) => {
            let expected = format!("the request target has the host {authority}");
            Err(invalid("Host header", &sent.to_string(), &expected))
        }
        (authority, sent) => Ok(authority.or(sent)),
    }
}

/// Checks that the body of a request has no other transfer coding than a single `chunked`. Others
/// could not be decoded, and a proxy may disagree with the server about the end of such a body
/// (RFC 9112, section 6.3).
///
/// # Errors
/// Returns an error with the code `UNSUPPORTED`.
pub fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), RequestError> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(line) = lines.next() else {
        return Ok(());
    };
    if lines.next().is_some() {
        return Err(RequestError::too_many("Transfer-Encoding headers", 1));
    }
    if line.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let found = String::from_utf8_lossy(line.as_bytes());
    Err(invalid(
        "Transfer-Encoding header",
        &found,
        "only \"chunked\" is supported",
    ))
}

/// Maximum length of a `Content-Type` header, in bytes. A type and a subtype have at most 127 bytes
/// each (RFC 6838, section 4.2).
const MAX_CONTENT_TYPE: usize = 255;

/// Returns the text of the `Content-Type` header of a manifest.
///
/// # Errors
/// Returns an error with the code `MANIFEST_INVALID` if the header is longer than 255 bytes, or
/// contains other characters than visible ASCII and spaces. Such a type could not be sent with the
/// manifest.
pub fn content_type(headers: &HeaderMap) -> Result<Option<&str>, RequestError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let invalid = |expected: String| {
        let found = String::from_utf8_lossy(value.as_bytes());
        let code = ErrorCode::ManifestInvalid;
        RequestError::new(code, "Content-Type header", &found, &expected)
    };
    if value.len() > MAX_CONTENT_TYPE {
        return Err(invalid(format!(
            "expected at most {MAX_CONTENT_TYPE} bytes"
        )));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(invalid("expected visible ASCII characters".into())),
    }
}

fn parse_header(value: &HeaderValue) -> Result<HostPort<'_>, RequestError> {
    // A text that is not UTF-8 cannot be parsed, but the error shows it.
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => parse("Host header", text),
        Err(error) => {
            let found = String::from_utf8_lossy(value.as_bytes());
            Err(invalid("Host header", &found, &error.to_string()))
        }
    }
}

fn parse<'a>(part: &str, text: &'a str) -> Result<HostPort<'a>, RequestError> {
    HostPort::parse(text).map_err(|error| invalid(part, text, &error.to_string()))
}

fn default_port(target: &Uri) -> u16 {
    if target.scheme_str() == Some("https") {
        443
    } else {
        80
    }
}

fn missing_host() -> RequestError {
    let expected = "HTTP requires it";
    RequestError::missing_part(ErrorCode::Unsupported, "Host header", &expected)
}

fn invalid(part: &str, text: &str, expected: &str) -> RequestError {
    RequestError::new(ErrorCode::Unsupported, part, text, &expected)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, Version as V};

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let value = |value: &&str| HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let lines = values.iter().map(|text| (name.clone(), value(text)));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        headers
    }

    /// Returns the host, an empty string if there is none, or the message of the error.
    fn host(version: Version, target: &str, values: &[&str]) -> Result<String, String> {
        let (target, headers) = (target.parse().unwrap(), headers(&header::HOST, values));
        match super::host(version, &target, &headers) {
            Ok(host) => Ok(host.map(|host| host.to_string()).unwrap_or_default()),
            Err(error) => {
                assert_eq!(error.code, ErrorCode::Unsupported);
                Err(error.message)
            }
        }
    }

    #[test]
    fn the_host_is_in_the_header_or_in_the_target() {
        for (version, target, values, expected) in [
            (V::HTTP_11, "/v2/", &["a:5000"][..], "a:5000"),
            (V::HTTP_11, "*", &["a:5000"], "a:5000"),
            (V::HTTP_11, "http://a:5000/v2/", &["A:5000"], "a:5000"),
            (V::HTTP_11, "http://a/v2/", &["a:80"], "a"),
            (V::HTTP_10, "/v2/", &[], ""),
            (V::HTTP_10, "http://a/v2/", &[], "a"),
            (V::HTTP_10, "/v2/", &["a"], "a"),
            (V::HTTP_2, "https://a/v2/", &[], "a"),
            (V::HTTP_2, "https://a/v2/", &["a:443"], "a"),
            (V::HTTP_2, "/v2/", &["a"], "a"),
        ] {
            let found = host(version, target, values);
            assert_eq!(found.as_deref(), Ok(expected), "{target} {values:?}");
        }
    }

    #[test]
    fn invalid_hosts_are_rejected() {
        let malformed = "expected a host name or an IP address, with an optional port";
        for (version, target, values, expected) in [
            (
                V::HTTP_11,
                "/",
                &[][..],
                "the Host header is missing: HTTP requires it",
            ),
            (
                V::HTTP_11,
                "http://a/",
                &[],
                "the Host header is missing: HTTP requires it",
            ),
            (
                V::HTTP_2,
                "/",
                &[],
                "the Host header is missing: HTTP requires it",
            ),
            (
                V::HTTP_11,
                "/",
                &["a", "a"],
                "too many Host headers: a request may have at most 1",
            ),
            (
                V::HTTP_11,
                "/",
                &[""],
                &format!("invalid Host header \"\": {malformed}"),
            ),
            (
                V::HTTP_10,
                "/",
                &["a/x"],
                &format!("invalid Host header \"a/x\": {malformed}"),
            ),
            (
                V::HTTP_11,
                "/",
                &["me@a"],
                "invalid Host header \"me@a\": user information is not allowed here",
            ),
            (
                V::HTTP_2,
                "https://me@a/",
                &[],
                "invalid authority of the request target \"me@a\": user information is not allowed here",
            ),
            (
                V::HTTP_11,
                "http://a/",
                &["b"],
                "invalid Host header \"b\": the request target has the host a",
            ),
            (
                V::HTTP_2,
                "https://a/",
                &["a:80"],
                "invalid Host header \"a:80\": the request target has the host a",
            ),
        ] {
            assert_eq!(host(version, target, values), Err(expected.into()));
        }
    }

    #[test]
    fn a_host_must_be_utf_8() {
        let value = HeaderValue::from_bytes(b"a\xff").unwrap();
        let headers = HeaderMap::from_iter([(header::HOST, value)]);
        let target = Uri::from_static("/");
        assert!(super::host(V::HTTP_11, &target, &headers).is_err());
    }

    #[test]
    fn only_one_chunked_coding_is_accepted() {
        let check =
            |values: &[&str]| check_transfer_encoding(&headers(&header::TRANSFER_ENCODING, values));
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["Chunked"]), Ok(()));
        for values in [
            &["identity"][..],
            &["gzip, chunked"],
            &["chunked, chunked"],
            &["chunked;q=1"],
            &["chunked,"],
            &[""],
            &["identity", "chunked"],
            &["chunked", "chunked"],
        ] {
            let error = check(values).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unsupported, "{values:?}");
        }
    }

    #[test]
    fn content_types_are_short_visible_ascii() {
        let check = |value: &str| {
            let headers = headers(&header::CONTENT_TYPE, &[value]);
            let found = content_type(&headers).map(|text| text.map(str::to_owned));
            found.map_err(|error| error.code)
        };
        assert_eq!(content_type(&HeaderMap::new()), Ok(None));
        for value in ["a/b; charset=utf-8", "", &"x".repeat(255)] {
            assert_eq!(check(value), Ok(Some(value.into())));
        }
        for value in ["a/ä", &"x".repeat(256)] {
            assert_eq!(check(value), Err(ErrorCode::ManifestInvalid));
        }
    }
}
