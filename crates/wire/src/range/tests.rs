//! Tests of ranges in the forms that clients send.

use proptest::prelude::*;

use super::*;

#[test]
fn parses_one_part_of_a_blob() {
    let closed = |first, last| RangeRequest::Part(ByteRange::Closed { first, last });
    assert_eq!(RangeRequest::parse("bytes=500-1499"), closed(500, 1499));
    assert_eq!(RangeRequest::parse("Bytes = 0 - 0 , "), closed(0, 0));
    assert_eq!(RangeRequest::parse("bytes=500-0"), closed(500, 0));
    assert_eq!(
        RangeRequest::parse("bytes=500-"),
        RangeRequest::Part(ByteRange::From(500))
    );
    assert_eq!(
        RangeRequest::parse("bytes=-500"),
        RangeRequest::Part(ByteRange::Last(500))
    );
    assert_eq!(
        RangeRequest::parse("bytes=0-99999999999999999999"),
        closed(0, u64::MAX)
    );
}

#[test]
fn parses_several_parts_and_ignores_malformed_values() {
    assert_eq!(RangeRequest::parse("bytes=0-1,5-6"), RangeRequest::Parts);
    assert_eq!(RangeRequest::parse("bytes=0-1, -6"), RangeRequest::Parts);
    for ignored in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-1,x",
        "items=0-1",
        "bytes=+1-2",
    ] {
        assert_eq!(
            RangeRequest::parse(ignored),
            RangeRequest::Full,
            "{ignored:?}"
        );
    }
}

#[test]
fn repeated_headers_are_ignored() {
    let mut headers = HeaderMap::new();
    assert_eq!(RangeRequest::from_headers(&headers), RangeRequest::Full);
    headers.append(header::RANGE, "bytes=0-1".parse().unwrap());
    assert_eq!(
        RangeRequest::from_headers(&headers),
        RangeRequest::parse("bytes=0-1")
    );
    headers.append(header::RANGE, "bytes=5-6".parse().unwrap());
    assert_eq!(RangeRequest::from_headers(&headers), RangeRequest::Full);
}

#[test]
fn parses_and_writes_content_ranges() {
    let part = ContentRange {
        part: Some(500..1500),
        size: Some(2048),
    };
    assert_eq!(part.to_string(), "bytes 500-1499/2048");
    assert_eq!(
        ContentRange {
            part: None,
            size: Some(10)
        }
        .to_string(),
        "bytes */10"
    );
    assert_eq!(
        ContentRange::parse("bytes 0-1/*"),
        Some(ContentRange {
            part: Some(0..2),
            size: None
        })
    );
    for bad in [
        "bytes 0-1",
        "0-1/2",
        "bytes a-b/c",
        "bytes 5-1/9",
        "bytes 0-1/-1",
    ] {
        assert_eq!(ContentRange::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn parses_chunk_ranges() {
    let expected = Ok(ChunkRange {
        first: 100,
        length: 50,
    });
    for text in [
        "100-149",
        " 100-149 ",
        "bytes 100-149/*",
        "bytes 100-149/1000",
        "bytes=100-149",
    ] {
        assert_eq!(ChunkRange::parse(text), expected, "{text:?}");
    }
    assert_eq!(
        ChunkRange::parse("5-4"),
        Ok(ChunkRange {
            first: 5,
            length: 0
        })
    );
    for bad in [
        "",
        "-",
        "5-",
        "-5",
        "5-3",
        "a-b",
        "0--1",
        "bytes */5",
        "0-18446744073709551615",
    ] {
        assert_eq!(
            ChunkRange::parse(bad).map_err(|error| error.code),
            Err(ErrorCode::BlobUploadInvalid),
            "{bad:?}"
        );
    }
}

#[test]
fn parses_and_writes_upload_ranges() {
    assert_eq!(upload_range(0), "0-0");
    assert_eq!(upload_range(1), "0-0");
    assert_eq!(upload_range(1024), "0-1023");
    assert_eq!(parse_upload_range("0-1023"), Some(1023));
    assert_eq!(parse_upload_range("bytes=0-1023"), Some(1023));
    assert_eq!(parse_upload_range("0--1"), None);
    assert_eq!(parse_upload_range("5-10"), None);
}

proptest! {
    #[test]
    fn parts_round_trip(first in any::<u64>(), last in any::<u64>()) {
        for range in [ByteRange::Closed { first, last }, ByteRange::From(first), ByteRange::Last(last)] {
            prop_assert_eq!(RangeRequest::parse(&write_range(range)), RangeRequest::Part(range));
        }
    }

    #[test]
    fn content_ranges_round_trip(first in 0..u64::MAX / 2, length in 1..u64::MAX / 2, size in any::<Option<u64>>()) {
        let range = ContentRange { part: Some(first..first + length), size };
        prop_assert_eq!(ContentRange::parse(&range.to_string()), Some(range));
        let piece = ChunkRange { first, length };
        prop_assert_eq!(ChunkRange::parse(&piece.to_string()), Ok(piece));
    }

    #[test]
    fn no_text_panics(text in "\\PC*|bytes[ =]?[0-9,*/ -]{0,50}") {
        let _ = RangeRequest::parse(&text);
        let _ = ContentRange::parse(&text);
        let _ = ChunkRange::parse(&text);
        let _ = parse_upload_range(&text);
    }
}
