//! One entry of `auths`: a credential as docker and podman write it.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use portolan_client::{Credential, Secret};
use portolan_model::Json;

/// The credential of an entry. Docker leaves entries without one where a helper keeps it.
pub(super) fn read(entry: &Json) -> Result<Option<Credential>> {
    if let Some(token) = text(entry, "registrytoken")? {
        return Ok(Some(Credential::BearerToken(Secret::new(token))));
    }
    if let Some(token) = text(entry, "identitytoken")? {
        return Ok(Some(Credential::RefreshToken(Secret::new(token))));
    }
    if let Some(encoded) = text(entry, "auth")? {
        return decode(encoded).map(Some);
    }
    let (username, password) = (text(entry, "username")?, text(entry, "password")?);
    Ok(username
        .zip(password)
        .map(|(username, password)| basic(username, password)))
}

/// The entry of a credential.
pub(super) fn write(credential: &Credential) -> Result<Json> {
    let (key, value) = match credential {
        Credential::Basic { username, .. } if username.contains(':') => {
            bail!(
                "the name {username:?} has a colon, which neither HTTP nor docker's files can tell from the password"
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

fn decode(encoded: &str) -> Result<Credential> {
    let decoded = STANDARD_PAD_INDIFFERENT
        .decode(encoded)
        .context("auth is not base64")?;
    let decoded = String::from_utf8(decoded)
        .ok()
        .context("auth is not UTF-8 once it is decoded")?;
    let (username, password) = decoded
        .split_once(':')
        .context("auth has no colon once it is decoded")?;
    Ok(basic(username, password))
}

fn basic(username: &str, password: &str) -> Credential {
    Credential::Basic {
        username: username.into(),
        password: Secret::new(password),
    }
}

/// The text of a field; an empty one says nothing.
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
    fn all_that_an_entry_may_hold() {
        let secret = |text: &str| Secret::new(text);
        for (text, credential) in [
            (r#"{"auth":"bWU6cGE6c3M="}"#, basic("me", "pa:ss")),
            (r#"{"auth":"bWU6cGE6c3M"}"#, basic("me", "pa:ss")),
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
            r#"{"auth":null,"email":"a@b"}"#,
            r#"{"username":"me"}"#,
        ] {
            assert_eq!(entry(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (text, message) in [
            (r#"{"auth":"%"}"#, "auth is not base64"),
            (r#"{"auth":"bWU="}"#, "auth has no colon once it is decoded"),
            (r#"{"auth":"/w=="}"#, "auth is not UTF-8 once it is decoded"),
            (
                r#"{"identitytoken":7}"#,
                "identitytoken is a number, not a string",
            ),
        ] {
            assert_eq!(entry(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn what_is_written_is_read() {
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
