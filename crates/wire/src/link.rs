//! The `Link` header, which says where the next page of a list is (RFC 8288, "Listing Tags").

use http::{HeaderMap, header};

use crate::list::split_outside_quotes;

/// The value of a `Link` header whose target is the next page.
///
/// `target` is a path with its query, both encoded as they go into a request.
pub fn write_next(target: &str) -> String {
    format!("<{target}>; rel=\"next\"")
}

/// The target of the first link in the headers of an answer that leads to the next page.
///
/// It may be absolute or relative to the request's. Other links and other parameters are passed
/// over, and so is whatever breaks the grammar.
pub fn next(headers: &HeaderMap) -> Option<String> {
    let values = headers
        .get_all(header::LINK)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(links)
        .find(|(_, parameters)| leads_on(parameters))
        .map(|(target, _)| target.to_owned())
}

/// The links of a value, each cut into its target and its parameters.
fn links(value: &str) -> Vec<(&str, &str)> {
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

fn leads_on(parameters: &str) -> bool {
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
        next(&headers)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let target = "/v2/a/tags/list?n=10&last=v1%2C";
        assert_eq!(next_of(&[&write_next(target)]).as_deref(), Some(target));
    }

    #[test]
    fn links_of_other_registries() {
        for value in [
            "</page>;rel=next",
            "</first>; rel=\"first\", </page>; title=\"a, <b>; rel=next\"; rel=\"next\"",
            "</page>; REL=\"last Next\"",
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
    fn nothing_leads_on() {
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
