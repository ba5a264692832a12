//! Content held against the digest and the size that were promised for it, while it goes by.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use portolan_model::{Digest, Hasher};

use crate::{Body, Error, Kind, Result};

/// The same bytes, but an error in the place of the last piece if all of them together have another
/// digest or another size. So whoever has seen the end has seen the right content, and nobody sees
/// the end of anything else (image-spec, descriptor.md, "Verification").
///
/// # Errors
/// The body ends with [`Kind::DigestInvalid`] or [`Kind::SizeInvalid`], and at once with
/// [`Kind::DigestInvalid`] for an algorithm that is known by name alone.
pub fn verified(digest: &Digest, size: Option<u64>, body: Body) -> Body {
    let Some(hasher) = digest.algorithm().hasher() else {
        return failed(Error::digest_unverifiable(digest));
    };
    let length = size.or(body.length());
    let check = Check {
        digest: digest.clone(),
        size,
        hasher,
        seen: 0,
        held: None,
        body: Some(body),
    };
    let pieces = stream::unfold(check, |mut check| async move {
        Some((check.next().await?, check))
    });
    match length {
        Some(length) => Body::sized(length, pieces),
        None => Body::stream(pieces),
    }
}

fn failed(error: Error) -> Body {
    Body::stream(stream::once(async { Err(error) }))
}

struct Check {
    digest: Digest,
    size: Option<u64>,
    hasher: Hasher,
    seen: u64,
    /// The piece that may be the last one, kept back until that is known.
    held: Option<Bytes>,
    body: Option<Body>,
}

impl Check {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            let Some(piece) = self.body.as_mut()?.next().await else {
                return self.end();
            };
            match piece.and_then(|piece| self.take(piece)) {
                Ok(None) => (),
                Ok(Some(piece)) => return Some(Ok(piece)),
                Err(error) => return Some(Err(self.fail(error))),
            }
        }
    }

    /// Takes a piece in, and answers the one before.
    fn take(&mut self, piece: Bytes) -> Result<Option<Bytes>> {
        if piece.is_empty() {
            return Ok(None);
        }
        self.seen += piece.len() as u64;
        if self.size.is_some_and(|size| self.seen > size) {
            return Err(self.wrong_size("at least "));
        }
        self.hasher.update(&piece);
        Ok(self.held.replace(piece))
    }

    fn end(&mut self) -> Option<Result<Bytes>> {
        self.body = None;
        let held = self.held.take();
        if self.size.is_some_and(|size| self.seen != size) {
            return Some(Err(self.wrong_size("")));
        }
        let computed = self.hasher.clone().finish();
        if computed != self.digest {
            return Some(Err(Error::digest_mismatch(&self.digest, &computed)));
        }
        held.map(Ok)
    }

    /// Nothing comes behind an error.
    fn fail(&mut self, error: Error) -> Error {
        self.body = None;
        self.held = None;
        error
    }

    fn wrong_size(&self, about: &str) -> Error {
        let size = self.size.unwrap_or_default();
        let message = format!(
            "{} should have {size} bytes, and has {about}{}",
            self.digest, self.seen
        );
        Error::new(Kind::SizeInvalid, message)
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Algorithm;

    use super::*;

    fn pieces(texts: &[&'static str]) -> Body {
        Body::stream(stream::iter(
            texts
                .iter()
                .map(|text| Ok(Bytes::from_static(text.as_bytes())))
                .collect::<Vec<_>>(),
        ))
    }

    /// What comes of a body that is said to be `promised`, and the error that it ends with.
    async fn outcome(promised: &str, size: Option<u64>, body: Body) -> (String, Option<Kind>) {
        let mut body = verified(&Digest::sha256(promised.as_bytes()), size, body);
        let mut seen = String::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => seen.push_str(std::str::from_utf8(&piece).unwrap()),
                Err(error) => return (seen, Some(error.kind().clone())),
            }
        }
        (seen, None)
    }

    #[tokio::test]
    async fn right_content_comes_through() {
        assert_eq!(
            outcome("abcd", None, pieces(&["ab", "", "cd"])).await,
            ("abcd".into(), None)
        );
        assert_eq!(
            outcome("abcd", Some(4), Bytes::from("abcd").into()).await,
            ("abcd".into(), None)
        );
        assert_eq!(
            outcome("", Some(0), Body::empty()).await,
            (String::new(), None)
        );
        let sha512 = Digest::of(&Algorithm::Sha512, b"ab").unwrap();
        assert_eq!(
            verified(&sha512, None, pieces(&["a", "b"]))
                .collect(9)
                .await
                .unwrap(),
            "ab"
        );
    }

    #[tokio::test]
    async fn the_last_piece_of_wrong_content_is_never_seen() {
        let wrong = (String::from("ab"), Some(Kind::DigestInvalid));
        assert_eq!(outcome("abcd", None, pieces(&["ab", "ce"])).await, wrong);
        assert_eq!(
            outcome("abcd", None, pieces(&["abcd", "ef"])).await,
            ("abcd".into(), Some(Kind::DigestInvalid))
        );
        let short = ("ab".into(), Some(Kind::SizeInvalid));
        assert_eq!(outcome("abcd", Some(4), pieces(&["ab", "c"])).await, short);
        assert_eq!(
            outcome("abcd", Some(4), pieces(&["ab", "cde"])).await,
            (String::new(), Some(Kind::SizeInvalid))
        );
    }

    #[tokio::test]
    async fn an_error_and_an_unknown_algorithm_end_it() {
        let broken = Body::stream(stream::iter([
            Ok("ab".into()),
            Err(Error::new(Kind::BodyIncomplete, "cut")),
        ]));
        assert_eq!(
            outcome("abcd", None, broken).await,
            (String::new(), Some(Kind::BodyIncomplete))
        );
        let unknown: Digest = "blake3:aa".parse().unwrap();
        let error = verified(&unknown, None, pieces(&["a"]))
            .collect(9)
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), Kind::DigestInvalid);
    }
}
