//! Credentials in references and hosts, which are rejected and not repeated.

use portolan_model::Digest;

use super::is_like_digest;
use crate::host::split_scheme;
use crate::usage::ValueError;

/// Returns the rest of a reference or host that begins with credentials, as in
/// `USER:PASSWORD@HOST/NAME`, or `None` if the text contains none. The rest has no scheme.
pub(crate) fn strip_credentials(text: &str) -> Option<&str> {
    let text = split_scheme(text).1;
    let without_digest = match text.rsplit_once('@') {
        Some((image, digest)) if is_like_digest(digest) || is_long_digest(digest) => image,
        _ => text,
    };
    // The password may contain `@` and `/`.
    let (before, after) = without_digest.rsplit_once('@')?;
    (after.contains('/') || !is_image(before)).then(|| &text[before.len() + 1..])
}

/// Returns whether the text before an `@` is an image without a password: it has no colon, or only
/// behind a slash, or behind a host with a port.
fn is_image(text: &str) -> bool {
    match text.split_once('/') {
        Some((host, _)) => host
            .split_once(':')
            .is_none_or(|(_, port)| port.parse::<u16>().is_ok()),
        None => !text.contains(':'),
    }
}

/// Returns the error for a reference with credentials before `image`. It does not repeat them.
pub(crate) fn credentials_error(image: &str) -> ValueError {
    let host = image.split('/').next().unwrap_or(image);
    ValueError::new(
        format!("the reference to \"{image}\" contains credentials"),
        format!("run `portolan login {host}`, and remove the part up to `@`"),
    )
}

/// Returns whether a text is a digest of any algorithm, and too long to be a host with a port.
fn is_long_digest(text: &str) -> bool {
    text.parse::<Digest>()
        .is_ok_and(|digest| digest.encoded_part().len() >= 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_ref::Location;

    #[test]
    fn credentials_are_not_repeated() {
        let digest = Digest::sha256(b"");
        for image in ["h/x", "h:5000/x:v1", "quay.io", "quay.io:443"] {
            for text in [
                format!("user:secret@{image}"),
                format!("user:secret/a@b@{image}"),
                format!("https://user:secret@{image}"),
                format!("docker://user:secret@{image}"),
                format!("user:secret@{image}@{digest}"),
            ] {
                let error = text.parse::<Location>().unwrap_err();
                let message = format!("{error}; {:?}", error.help);
                assert!(!message.contains("secret"), "{text}: {message}");
                assert!(message.contains(image), "{text}: {message}");
            }
        }
        let other = format!("blake3:{}", digest.encoded_part());
        for digest in [&digest.to_string(), &other, "sha256:12", "md5:12", "v1"] {
            let text = format!("quay.io/team/app:v1@{digest}");
            assert_eq!(strip_credentials(&text), None, "{text}");
            let text = format!("h:5000/app@{digest}");
            assert_eq!(strip_credentials(&text), None, "{text}");
        }
    }
}
