//! Entries of `auths` in credential files, in the format of docker and podman.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use portolan_client::{Credential, Secret};
use portolan_model::Json;

/// Characters that are ignored after a password, as in docker and podman.
const IGNORED_AT_END: [char; 3] = ['\0', '\r', '\n'];

/// Parses the credential in an entry, or returns `None` for an empty entry. Docker writes an empty
/// entry if a helper stores the credential.
pub(super) fn read(entry: &Json) -> Result<Option<Credential>> {
    if let Some(token) = text(entry, "registrytoken")? {
        return Ok(Some(Credential::BearerToken(Secret::new(token))));
    }
    if let Some(token) = text(entry, "identitytoken")? {
        return Ok(Some(Credential::RefreshToken(Secret::new(token))));
    }
    if let Some(encoded) = text(entry, "auth")? {
        return decode(encoded);
    }
    let (username, password) = (text(entry, "username")?, text(entry, "password")?);
    Ok(username
        .zip(password)
        .map(|(username, password)| basic(username, password)))
}

/// Creates the entry for a credential.
///
/// # Errors
/// Returns an error if the user name contains a colon, or the password ends with a character that
/// [`read`] ignores.
pub(super) fn write(credential: &Credential) -> Result<Json> {
    let (key, value) = match credential {
        Credential::Basic { username, .. } if username.contains(':') => {
            bail!(
                "the username {username:?} contains a colon, which HTTP and docker's files use to separate the password"
            )
        }
        Credential::Basic { password, .. } if password.reveal().ends_with(IGNORED_AT_END) => {
            bail!(
                "the password ends with a line break or NUL, which docker's files do not preserve"
            )
        }
        Credential::Basic { username, password } => (
            "auth",
            STANDARD.encode(format!("{username}:{}", password.reveal())),
        ),
        Credential::RefreshToken(token) => ("identitytoken", token.reveal().to_owned()),
        Credential::BearerToken(token) => ("registrytoken", token.reveal().to_owned()),
    };
    Ok(Json::Object(vec![(key.into(), Json::String(value))]))
}

/// Decodes base64 text, which may contain line breaks. NUL characters and line breaks after the
/// password are ignored, as in docker and podman.
fn decode(encoded: &str) -> Result<Option<Credential>> {
    let encoded: String = encoded
        .chars()
        .filter(|character| !character.is_ascii_whitespace() && *character != '\0')
        .collect();
    let decoded = STANDARD_PAD_INDIFFERENT
        .decode(encoded)
        .context("auth is not base64")?;
    let decoded = String::from_utf8(decoded)
        .ok()
        .context("decoded auth is not UTF-8")?;
    let decoded = decoded.trim_end_matches(IGNORED_AT_END);
    if decoded.is_empty() || decoded == ":" {
        return Ok(None);
    }
    let (username, password) = decoded
        .split_once(':')
        .context("decoded auth has no colon")?;
    Ok(Some(basic(username, password)))
}

fn basic(username: &str, password: &str) -> Credential {
    Credential::Basic {
        username: username.into(),
        password: Secret::new(password),
    }
}

/// Returns the text in a field, or `None` if it is absent, null or empty.
fn text<'a>(entry: &'a Json, field: &str) -> Result<Option<&'a str>> {
    match entry.get(field) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => bail!("{field} is {}, not a string", other.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Result<Option<Credential>> {
        read(&Json::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn reads_all_kinds_of_entries() {
        let secret = |text: &str| Secret::new(text);
        for (text, credential) in [
            (r#"{"auth":"bWU6cGE6c3M="}"#, basic("me", "pa:ss")),
            (r#"{"auth":"bWU6cGE6c3M"}"#, basic("me", "pa:ss")),
            (r#"{"auth":"bWU6\ncGE6\r\nc3M=\n"}"#, basic("me", "pa:ss")),
            (r#"{"auth":"bWU6cGE6c3M=\u0000"}"#, basic("me", "pa:ss")),
            (r#"{"auth":"bWU6cGE6c3MA"}"#, basic("me", "pa:ss")),
            (r#"{"auth":"bWU6cGE6c3MK"}"#, basic("me", "pa:ss")),
            (r#"{"auth":"bWU6cGE6c3MNCg=="}"#, basic("me", "pa:ss")),
            (
                r#"{"auth":"","username":"me","password":"x"}"#,
                basic("me", "x"),
            ),
            (r#"{"username":"me","password":"x"}"#, basic("me", "x")),
            (
                r#"{"auth":"bWU6eA==","identitytoken":"t"}"#,
                Credential::RefreshToken(secret("t")),
            ),
            (
                r#"{"auth":"bWU6eA==","identitytoken":"t","registrytoken":"r"}"#,
                Credential::BearerToken(secret("r")),
            ),
        ] {
            assert_eq!(entry(text).unwrap(), Some(credential), "{text}");
        }
        for text in [
            "{}",
            r#"{"auth":""}"#,
            r#"{"auth":"Og=="}"#,
            r#"{"auth":null,"email":"a@b"}"#,
            r#"{"username":"me"}"#,
        ] {
            assert_eq!(entry(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn errors_name_the_problem() {
        for (text, message) in [
            (r#"{"auth":"%"}"#, "auth is not base64"),
            (r#"{"auth":"bWU="}"#, "decoded auth has no colon"),
            (r#"{"auth":"/w=="}"#, "decoded auth is not UTF-8"),
            (
                r#"{"identitytoken":7}"#,
                "identitytoken is a number, not a string",
            ),
        ] {
            assert_eq!(entry(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let secret = Secret::new("s:1");
        for credential in [
            basic("me", "pa:ss"),
            Credential::RefreshToken(secret.clone()),
            Credential::BearerToken(secret),
        ] {
            assert_eq!(
                read(&write(&credential).unwrap()).unwrap(),
                Some(credential)
            );
        }
        assert!(write(&basic("a:b", "c")).is_err());
    }
}
