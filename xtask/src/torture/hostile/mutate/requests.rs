//! Requests to mutate: every endpoint with its usual headers, and documents of the corpus.

use super::documents::Documents;
use super::mutator;
use crate::load::Random;
use crate::load::image::digest;

/// Part of a target that stands for an open upload session.
pub(super) const SESSION: &str = "/SESSION";

const OCTETS: &str = "Content-Type: application/octet-stream";

/// Digest of the blob `{}`.
const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Requests with their headers and bodies. `@` stands for the digest of the empty object.
const REQUESTS: &[(&str, &str, &[&str], &[u8])] = &[
    ("GET", "/v2/", &[], b""),
    ("GET", "/v2/_catalog?n=5&last=a", &[], b""),
    ("GET", "/v2/mutated/tags/list?n=3&last=a", &[], b""),
    (
        "GET",
        "/v2/mutated/referrers/@?artifactType=a/b&n=2",
        &[],
        b"",
    ),
    ("GET", "/v2/mutated/manifests/latest", &["Accept: */*"], b""),
    (
        "HEAD",
        "/v2/mutated/manifests/@",
        &["If-None-Match: \"@\""],
        b"",
    ),
    (
        "DELETE",
        "/v2/mutated/manifests/t1",
        &["If-Match: \"@\""],
        b"",
    ),
    ("GET", "/v2/mutated/blobs/@", &["Range: bytes=0-1"], b""),
    ("HEAD", "/v2/mutated/blobs/@", &[], b""),
    ("DELETE", "/v2/mutated/blobs/@", &[], b""),
    ("POST", "/v2/mutated/blobs/uploads/", &[], b""),
    (
        "POST",
        "/v2/mutated/blobs/uploads/?digest=@",
        &[OCTETS],
        b"{}",
    ),
    (
        "POST",
        "/v2/mutated/blobs/uploads/?mount=@&from=other",
        &[],
        b"",
    ),
    ("GET", SESSION, &[], b""),
    ("PATCH", SESSION, &[OCTETS, "Content-Range: 0-1"], b"{}"),
    ("PATCH", SESSION, &[OCTETS, "Content-Range: 2-5"], b"abcd"),
    ("PUT", "/SESSION?digest=@", &[OCTETS], b""),
    ("DELETE", SESSION, &[], b""),
    ("GET", "/api/v1/openapi.json", &[], b""),
    ("DELETE", "/api/v1/repositories/mutated", &[], b""),
    (
        "GET",
        "/api/v1/repositories/mutated/-/manifests?n=2",
        &[],
        b"",
    ),
    (
        "GET",
        "/api/v1/repositories/mutated/-/tree/latest",
        &[],
        b"",
    ),
    (
        "POST",
        "/api/v1/repositories/mutated/-/check?reference=latest",
        &[],
        b"",
    ),
    ("GET", "/readyz", &["X-Forwarded-For: 10.0.0.1"], b""),
    ("OPTIONS", "/v2/", &["Origin: http://a"], b""),
];

/// Seeds of the mutations.
pub(super) struct Seeds {
    documents: Documents,
}

impl Seeds {
    pub(super) fn new() -> Self {
        Self {
            documents: Documents::of_corpus(),
        }
    }

    /// Returns a random request with mutations, as its bytes on the connection.
    pub(super) fn request(&self, random: &mut Random) -> Vec<u8> {
        let (mut head, body) = if random.one_in(2) {
            self.document_request(random)
        } else {
            let (method, target, headers, body) = *random.pick(REQUESTS);
            (compose(method, target, headers), body.to_vec())
        };
        // Otherwise, only the document is mutated.
        if !random.one_in(4) {
            mutator::mutate_head(random, &mut head);
        }
        let mut bytes = Vec::new();
        for line in &head {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        if !body.is_empty() || random.one_in(2) {
            bytes.extend_from_slice(&length_line(random, body.len()));
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&body);
        bytes
    }

    fn document_request(&self, random: &mut Random) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (media_type, mut document) = self.documents.pick(random);
        if !random.one_in(8) {
            mutator::mutate_document(random, &mut document, |random| {
                self.documents.pick(random).1
            });
        }
        let header = format!("Content-Type: {media_type}");
        let digest = digest(&document);
        let (method, target) = match random.range(0, 6) {
            0 => ("POST", "/api/v1/repositories/mutated/-/check".to_owned()),
            1 => ("PUT", format!("/v2/hostile/mutated/manifests/{digest}")),
            2 => (
                "POST",
                format!("/v2/mutated/blobs/uploads/?digest={digest}"),
            ),
            3 => (
                "PUT",
                "/v2/mutated/manifests/latest?tag=t1&tag=t2".to_owned(),
            ),
            _ => (
                "PUT",
                format!("/v2/mutated/manifests/t{}", random.range(0, 5)),
            ),
        };
        (compose(method, &target, &[&header]), document)
    }
}

/// Returns the lines of a head.
fn compose(method: &str, target: &str, headers: &[&str]) -> Vec<Vec<u8>> {
    let mut lines = vec![
        format!("{method} {target} HTTP/1.1").replace('@', EMPTY),
        "Host: 127.0.0.1".to_owned(),
    ];
    lines.extend(headers.iter().map(|line| line.replace('@', EMPTY)));
    lines.into_iter().map(String::into_bytes).collect()
}

/// Returns the line of the body's length, which is sometimes wrong.
fn length_line(random: &mut Random, length: usize) -> Vec<u8> {
    let line = match random.range(0, 200) {
        0 => format!("Content-Length: {}", length + 1),
        1 => format!("Content-Length: {}", length / 2),
        2 => "Content-Length: 18446744073709551616".to_owned(),
        3 => "Transfer-Encoding: chunked".to_owned(),
        _ => format!("Content-Length: {length}"),
    };
    format!("{line}\r\n").into_bytes()
}
