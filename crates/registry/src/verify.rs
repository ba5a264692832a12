//! Verification of streamed content against its expected digest and size.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use portolan_model::{Digest, Hasher};

use crate::{Body, Error, Kind, Result};

/// Returns a body with the same bytes that ends with an error if they do not match `digest` or
/// `size`.
///
/// The last chunk is withheld until everything is verified. A reader that receives the end of the
/// body has therefore received the correct content, and no reader receives the end of incorrect
/// content (image-spec, descriptor.md, "Verification").
///
/// # Errors
/// The returned body ends with [`Kind::DigestInvalid`] or [`Kind::SizeInvalid`] if the content does
/// not match. It fails immediately with [`Kind::DigestInvalid`] if the algorithm of `digest` is not
/// supported.
pub fn verify(digest: &Digest, size: Option<u64>, body: Body) -> Body {
    let Some(hasher) = digest.algorithm().hasher() else {
        return failing_body(Error::digest_unverifiable(digest));
    };
    let length = size.or(body.length());
    let check = Verifier {
        digest: digest.clone(),
        size,
        hasher,
        seen: 0,
        pending: None,
        body: Some(body),
    };
    let pieces = stream::unfold(check, |mut check| async move {
        Some((check.next().await?, check))
    });
    match length {
        Some(length) => Body::with_length(length, pieces),
        None => Body::from_stream(pieces),
    }
}

fn failing_body(error: Error) -> Body {
    Body::from_stream(stream::once(async { Err(error) }))
}

struct Verifier {
    digest: Digest,
    size: Option<u64>,
    hasher: Hasher,
    seen: u64,
    /// Last received chunk. It may be the end of the content, so it is withheld until the content
    /// is verified.
    pending: Option<Bytes>,
    body: Option<Body>,
}

impl Verifier {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            let Some(piece) = self.body.as_mut()?.next().await else {
                return self.finish();
            };
            match piece.and_then(|piece| self.push(piece)) {
                Ok(None) => (),
                Ok(Some(piece)) => return Some(Ok(piece)),
                Err(error) => return Some(Err(self.fail(error))),
            }
        }
    }

    /// Hashes a chunk and withholds it. Returns the previous chunk: it was not the end of the
    /// content, so it can be released.
    fn push(&mut self, piece: Bytes) -> Result<Option<Bytes>> {
        if piece.is_empty() {
            return Ok(None);
        }
        self.seen += piece.len() as u64;
        if self.size.is_some_and(|size| self.seen > size) {
            return Err(self.wrong_size("at least "));
        }
        self.hasher.update(&piece);
        Ok(self.pending.replace(piece))
    }

    fn finish(&mut self) -> Option<Result<Bytes>> {
        self.body = None;
        let last = self.pending.take();
        if self.size.is_some_and(|size| self.seen != size) {
            return Some(Err(self.wrong_size("")));
        }
        let computed = self.hasher.clone().finish();
        if computed != self.digest {
            return Some(Err(Error::digest_mismatch(&self.digest, &computed)));
        }
        last.map(Ok)
    }

    /// Drops the remaining content, so that the body ends after the error.
    fn fail(&mut self, error: Error) -> Error {
        self.body = None;
        self.pending = None;
        error
    }

    fn wrong_size(&self, qualifier: &str) -> Error {
        let size = self.size.unwrap_or_default();
        let message = format!(
            "{} should have {size} bytes, but has {qualifier}{}",
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
        Body::from_stream(stream::iter(
            texts
                .iter()
                .map(|text| Ok(Bytes::from_static(text.as_bytes())))
                .collect::<Vec<_>>(),
        ))
    }

    /// Verifies `body` against the digest of `promised`, and returns the received text and the
    /// error at its end.
    async fn verify_pieces(
        promised: &str,
        size: Option<u64>,
        body: Body,
    ) -> (String, Option<Kind>) {
        let mut body = verify(&Digest::sha256(promised.as_bytes()), size, body);
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
    async fn passes_correct_content_through() {
        assert_eq!(
            verify_pieces("abcd", None, pieces(&["ab", "", "cd"])).await,
            ("abcd".into(), None)
        );
        assert_eq!(
            verify_pieces("abcd", Some(4), Bytes::from("abcd").into()).await,
            ("abcd".into(), None)
        );
        assert_eq!(
            verify_pieces("", Some(0), Body::empty()).await,
            (String::new(), None)
        );
        let sha512 = Digest::compute(&Algorithm::Sha512, b"ab").unwrap();
        assert_eq!(
            verify(&sha512, None, pieces(&["a", "b"]))
                .collect(9)
                .await
                .unwrap(),
            "ab"
        );
    }

    #[tokio::test]
    async fn withholds_the_last_chunk_of_incorrect_content() {
        let wrong = (String::from("ab"), Some(Kind::DigestInvalid));
        assert_eq!(
            verify_pieces("abcd", None, pieces(&["ab", "ce"])).await,
            wrong
        );
        assert_eq!(
            verify_pieces("abcd", None, pieces(&["abcd", "ef"])).await,
            ("abcd".into(), Some(Kind::DigestInvalid))
        );
        let short = ("ab".into(), Some(Kind::SizeInvalid));
        assert_eq!(
            verify_pieces("abcd", Some(4), pieces(&["ab", "c"])).await,
            short
        );
        assert_eq!(
            verify_pieces("abcd", Some(4), pieces(&["ab", "cde"])).await,
            (String::new(), Some(Kind::SizeInvalid))
        );
    }

    #[tokio::test]
    async fn fails_on_body_errors_and_unknown_algorithms() {
        let broken = Body::from_stream(stream::iter([
            Ok("ab".into()),
            Err(Error::new(Kind::BodyIncomplete, "cut")),
        ]));
        assert_eq!(
            verify_pieces("abcd", None, broken).await,
            (String::new(), Some(Kind::BodyIncomplete))
        );
        let unknown: Digest = "blake3:aa".parse().unwrap();
        let error = verify(&unknown, None, pieces(&["a"]))
            .collect(9)
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), Kind::DigestInvalid);
    }
}
