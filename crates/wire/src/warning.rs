//! `Warning` headers: what a registry has to say about something that it took ("Warnings").

use http::HeaderValue;

/// Most bytes of warning data in all headers of one answer.
pub const LIMIT: usize = 4096;

/// Bytes of `Warning: ` and the line's end, which are counted too to be on the safe side.
const AROUND: usize = 11;
/// Room that is kept for the sentence that says how many warnings were left out.
const RESERVE: usize = 80;
/// Most characters of one warning's text.
const LONGEST: usize = 1000;

const START: &str = "299 - \"";

/// The values of `Warning` headers for these sentences, within [`LIMIT`] together.
///
/// Characters that a header cannot hold become `?`, a long sentence is cut, and when there are too
/// many the last value says how many are missing. `further` are missing already.
pub fn values<'a>(
    sentences: impl IntoIterator<Item = &'a str>,
    further: usize,
) -> Vec<HeaderValue> {
    let (mut values, mut room, mut left_out) = (Vec::new(), LIMIT - RESERVE, 0_usize);
    for sentence in sentences {
        let Some(value) = value(sentence) else {
            continue;
        };
        match room.checked_sub(value.len() + AROUND) {
            Some(rest) if left_out == 0 => {
                room = rest;
                values.push(value);
            }
            _ => left_out += 1,
        }
    }
    match left_out.saturating_add(further) {
        0 => (),
        1 => values.extend(value("and 1 more warning")),
        more => values.extend(value(&format!("and {more} more warnings"))),
    }
    values
}

/// The text of a `Warning` header's value, or `None` if it is none that the specification allows.
pub fn parse(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix(START)?.strip_suffix('"')?;
    let (mut text, mut escaped) = (String::new(), false);
    for character in quoted.chars() {
        if character == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(character);
            escaped = false;
        }
    }
    Some(text)
}

fn value(sentence: &str) -> Option<HeaderValue> {
    let mut text = String::from(START);
    for character in sentence.chars().take(LONGEST) {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => text.push('?'),
        }
    }
    text.push('"');
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(sentences: &[&str]) -> Vec<String> {
        values(sentences.iter().copied(), 0)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn quotes_are_escaped_and_odd_characters_replaced() {
        assert_eq!(
            texts(&["key \"a\\b\" twice\nä"]),
            ["299 - \"key \\\"a\\\\b\\\" twice??\""]
        );
        assert_eq!(
            parse("299 - \"key \\\"a\\\\b\\\" twice\"").as_deref(),
            Some("key \"a\\b\" twice")
        );
        assert_eq!(parse("199 - \"other\""), None);
    }

    #[test]
    fn all_of_them_stay_within_the_limit() {
        let sentence = "x".repeat(300);
        let written = texts(&[sentence.as_str(); 50]);
        let bytes: usize = written.iter().map(|text| text.len() + AROUND).sum();
        assert!(bytes <= LIMIT && bytes > LIMIT / 2, "{bytes}");
        assert_eq!(
            written.last().unwrap(),
            &format!("299 - \"and {} more warnings\"", 50 - (written.len() - 1))
        );
    }

    #[test]
    fn what_was_left_out_before_is_counted() {
        let last = |further| {
            values(["one"], further)
                .last()
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap()
        };
        assert_eq!(last(0), "299 - \"one\"");
        assert_eq!(last(1), "299 - \"and 1 more warning\"");
        assert_eq!(last(4977), "299 - \"and 4977 more warnings\"");
    }

    proptest! {
        #[test]
        fn within_the_limit_and_readable(
            sentences in proptest::collection::vec("\\PC{0,2000}", 0..12),
            further: usize,
        ) {
            let values = values(sentences.iter().map(String::as_str), further);
            prop_assert!(values.iter().map(|value| value.len() + AROUND).sum::<usize>() <= LIMIT);
            prop_assert!(values.iter().all(|value| parse(value.to_str().unwrap()).is_some()));
        }

        #[test]
        fn no_text_panics(text in "\\PC*|299 - \"[\\\\\"a]*") {
            let _ = parse(&text);
        }
    }
}
