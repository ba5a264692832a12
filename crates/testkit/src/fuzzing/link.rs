//! Fuzz target for links and warnings. An input is the lines of the headers `Link` and `Warning`.

use http::{HeaderMap, HeaderValue, header};
use portolan_wire::{link, warning};

/// Parses an input as the links and the warnings of a response.
///
/// # Panics
/// Panics if a link is not found again after it is written.
pub fn link(data: &[u8]) {
    let lines: Vec<_> = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    for line in lines.iter().filter_map(|line| line.to_str().ok()) {
        let _ = warning::parse(line);
    }
    let Some(target) = parse(lines) else {
        return;
    };
    // A target in angle brackets may contain any other character.
    if let Ok(written) = HeaderValue::from_str(&link::write_next_link(&target))
        && !target.contains('<')
        && !target.contains('>')
    {
        assert_eq!(parse([written]), Some(target));
    }
}

fn parse(lines: impl IntoIterator<Item = HeaderValue>) -> Option<String> {
    let headers: HeaderMap = lines.into_iter().map(|line| (header::LINK, line)).collect();
    link::parse_next_link(&headers)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        "</v2/team/app/tags/list?last=a&n=2>; rel=\"next\"",
        "</first>; rel=\"first\", </page>; title=\"a, <b>; rel=next\"; rel=\"next\"",
        "/page; rel=\"next\"\n</a>; rel=prev",
        "299 - \"index-mixed-families at '/manifests/2': the child is a Docker manifest\"",
        "</a; rel=next",
    ]
    .map(|lines| lines.as_bytes().to_vec())
    .into()
}
