//! Mutations of heads and documents.

use crate::load::Random;

/// Texts that replace a part of a head.
const HEAD_TEXTS: &[&[u8]] = &[
    b"",
    b" ",
    b"/",
    b"//",
    b"..",
    b"/../",
    b"%2F",
    b"%00",
    b"%",
    b"?",
    b"&",
    b"=",
    b"#",
    b"\"",
    b"*",
    b",",
    b";",
    b":",
    b"@",
    b"-1",
    b"0",
    b"18446744073709551615",
    b"18446744073709551616",
    b"\xff\xfe",
    b"\xc3\xa9",
    b"\t",
    b"\0",
    b"sha256:",
    b"sha512:0",
    b"bytes=0-",
    b"bytes=-1",
    b"9-0",
    b"W/\"a\"",
    b"_uploads",
    b"-",
    b"tags",
    b"blobs",
    b"application/json",
    b"A",
    b"HTTP/1.0",
];

/// Header lines that are added to a head.
const HEAD_LINES: &[&[u8]] = &[
    b"Host: other",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Range: bytes=5-2",
    b"Range: bytes=0-0,2-3",
    b"If-Match: *",
    b"If-None-Match: *",
    b"Accept: a/b;q=2",
    b"Accept-Encoding: gzip",
    b"Content-Range: 1-0",
    b"Content-Range: bytes 0-1/2",
    b"Content-Encoding: gzip",
    b"Transfer-Encoding: gzip",
    b"Authorization: Basic !",
    b"Forwarded: for=\"[::1\"",
    b"Upgrade: h2c",
    b"Origin: http://evil.example",
    b"X: ",
    b"Content-Type: a/b; c=\"",
    b"TE: trailers",
];

/// Tokens that are inserted into documents.
const TOKENS: &[&[u8]] = &[
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"0",
    b"-1",
    b"1e999",
    b"9223372036854775808",
    b"18446744073709551616",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"\"\xff\"",
    b"\"digest\":\"a:b\"",
    b",",
    b":",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\xe2\x80\xae",
    b"\"urls\":[\"http://a\"]",
    b"\"subject\":{\"digest\":\"sha256:0\"}",
    b"\"artifactType\":\"\"",
    b"\"mediaType\":5",
    b"\"annotations\":{\"a\":1}",
    b"\"platform\":{\"os\":{}}",
    b"\"config\":null",
];

/// Mutates a line or two of a head.
pub(super) fn mutate_head(random: &mut Random, lines: &mut Vec<Vec<u8>>) {
    for _ in 0..random.range(1, 4) {
        let at = position(random, lines.len());
        match random.range(0, 8) {
            0 => lines.push(random.pick(HEAD_LINES).to_vec()),
            1 if at > 0 => {
                lines.remove(at);
            }
            2 => {
                let line = lines[at].clone();
                lines.push(line);
            }
            3 => lines[at].extend(vec![b'a'; position(random, 5000)]),
            _ => replace_part(random, &mut lines[at], HEAD_TEXTS, 12),
        }
    }
}

/// Mutates a document. `other` returns another document to take a part from.
pub(super) fn mutate_document(
    random: &mut Random,
    document: &mut Vec<u8>,
    other: impl Fn(&mut Random) -> Vec<u8>,
) {
    for _ in 0..random.range(1, 6) {
        match random.range(0, 8) {
            0 => flip_bit(random, document),
            1 => repeat_part(random, document),
            2 => {
                let other = other(random);
                let part = range(random, other.len(), 200);
                insert(random, document, &other[part]);
            }
            3 => replace_value(random, document),
            4 => {
                let nesting = "[".repeat(position(random, 300));
                insert(random, document, nesting.as_bytes());
            }
            5 => document.truncate(position(random, document.len() + 1)),
            _ => replace_part(random, document, TOKENS, 40),
        }
    }
}

/// Replaces a value by another one, so that the document remains JSON in most cases.
fn replace_value(random: &mut Random, document: &mut Vec<u8>) {
    let colons: Vec<usize> = (0..document.len())
        .filter(|&at| document[at] == b':' && at > 0 && document[at - 1] == b'"')
        .collect();
    if colons.is_empty() {
        return;
    }
    let begin = random.pick(&colons) + 1;
    let length = document[begin..]
        .iter()
        .position(|byte| b",}]".contains(byte));
    let end = begin + length.unwrap_or(0);
    document.splice(begin..end, random.pick(TOKENS).iter().copied());
}

fn flip_bit(random: &mut Random, document: &mut [u8]) {
    let at = position(random, document.len());
    if let Some(byte) = document.get_mut(at) {
        *byte ^= 1 << random.range(0, 8);
    }
}

fn repeat_part(random: &mut Random, document: &mut Vec<u8>) {
    let part = document[range(random, document.len(), 300)].to_vec();
    let copies = part.repeat(position(random, 20));
    insert(random, document, &copies);
}

fn replace_part(random: &mut Random, bytes: &mut Vec<u8>, texts: &[&[u8]], longest: usize) {
    let part = range(random, bytes.len(), longest);
    bytes.splice(part, random.pick(texts).iter().copied());
}

fn insert(random: &mut Random, document: &mut Vec<u8>, part: &[u8]) {
    let at = position(random, document.len() + 1);
    document.splice(at..at, part.iter().copied());
}

/// Returns a random range of at most `longest` positions.
fn range(random: &mut Random, length: usize, longest: usize) -> std::ops::Range<usize> {
    let begin = position(random, length + 1);
    let most = (length - begin).min(longest);
    begin..begin + position(random, most + 1)
}

/// Returns a random position below `length`, or 0.
fn position(random: &mut Random, length: usize) -> usize {
    usize::try_from(random.range(0, length.max(1) as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_produce_equal_documents() {
        let mutated = |stream| {
            let mut document = br#"{"a":[1,2,3],"b":"c"}"#.to_vec();
            let mut random = Random::new(1, stream);
            mutate_document(&mut random, &mut document, |_| b"[4]".to_vec());
            document
        };
        assert!((0..500).all(|stream| mutated(stream) == mutated(stream)));
        assert_ne!(mutated(1), mutated(2));
    }

    #[test]
    fn heads_keep_a_first_line() {
        for stream in 0..500 {
            let mut lines = vec![b"GET / HTTP/1.1".to_vec(), b"Host: a".to_vec()];
            mutate_head(&mut Random::new(1, stream), &mut lines);
            assert!(!lines.is_empty());
        }
    }
}
