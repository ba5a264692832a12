//! `Link` header with the location of the next page of a list (RFC 8288; "Listing Tags").

use http::{HeaderMap, header};

use crate::list::split_outside_quotes;

/// Returns the value of a `Link` header that refers to the next page.
///
/// `target` is the path of the next page with its query, both percent-encoded.
pub fn write_next_link(target: &str) -> String {
    format!("<{target}>; rel=\"next\"")
}

/// Returns the target of the first link to the next page in the headers of a response.
///
/// The target can be an absolute URL, or relative to the URL of the request. Other links, other
/// parameters and malformed parts are ignored.
pub fn parse_next_link(headers: &HeaderMap) -> Option<String> {
    let values = headers
        .get_all(header::LINK)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| {
            let links = split_links(value);
            if links.is_empty() {
                bare_link(value).into_iter().collect()
            } else {
                links
            }
        })
        .find(|(_, parameters)| is_next(parameters))
        .map(|(target, _)| target.to_owned())
}

/// Splits the value of a `Link` header into links. A link is its target and its parameters.
fn split_links(value: &str) -> Vec<(&str, &str)> {
    let (mut rest, mut found) = (value, Vec::new());
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((target, parameters)) = behind.split_once('>') else {
            break;
        };
        let parameters = split_outside_quotes(parameters, ',')
            .next()
            .unwrap_or_default();
        found.push((target, parameters));
        rest = &behind[target.len() + 1 + parameters.len()..];
    }
    found
}

/// Splits a link without angle brackets, which some registries send.
fn bare_link(value: &str) -> Option<(&str, &str)> {
    let (target, _) = value.split_once(';').filter(|_| !value.contains('<'))?;
    let target_end = target.len();
    let is_location = target.trim().starts_with('/') || target.contains("://");
    is_location.then(|| (target.trim(), &value[target_end..]))
}

/// Returns whether the parameters of a link contain the relation `next`.
fn is_next(parameters: &str) -> bool {
    split_outside_quotes(parameters, ';')
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_whitespace()
                    .any(|relation| relation.eq_ignore_ascii_case("next"))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next_of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::LINK, value.parse().unwrap());
        }
        parse_next_link(&headers)
    }

    #[test]
    fn next_link_round_trips() {
        let target = "/v2/a/tags/list?n=10&last=v1%2C";
        assert_eq!(
            next_of(&[&write_next_link(target)]).as_deref(),
            Some(target)
        );
    }

    #[test]
    fn parses_links_of_other_registries() {
        for value in [
            "</page>;rel=next",
            "</first>; rel=\"first\", </page>; title=\"a, <b>; rel=next\"; rel=\"next\"",
            "</page>; REL=\"last Next\"",
            "/page; rel=\"next\"",
            "</other?a=b,c>; rel=prev,</page>; rel=\"next\"; type=\"x\"",
        ] {
            assert_eq!(next_of(&[value]).as_deref(), Some("/page"), "{value}");
        }
        assert_eq!(
            next_of(&["</a>; rel=prev", "</b>; rel=next"]).as_deref(),
            Some("/b")
        );
    }

    #[test]
    fn ignores_links_without_next() {
        for value in [
            "",
            "</a>",
            "</a>; rel=prev",
            "</a; rel=next",
            "</a>; title=\"rel=next\"",
            "rel=next",
        ] {
            assert_eq!(next_of(&[value]), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "[ -~]*|[<>;,=\"a\\\\ relnxt]*") {
            let _ = next_of(&[&value]);
        }
    }
}
