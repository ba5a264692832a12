//! `Warning` headers: reports of a registry about problems with content that it accepted
//! ("Warnings").

use http::HeaderValue;

/// Number of bytes of `Warning: ` and of the end of the line. They count toward the limit.
const LINE_OVERHEAD: usize = 11;
/// Number of bytes that are reserved for a last header with the number of omitted warnings.
const COUNT_BYTES: usize = 80;
/// Maximum number of characters of one warning.
const MAX_CHARACTERS: usize = 1000;

const PREFIX: &str = "299 - \"";

/// Returns the values of `Warning` headers for these sentences. The headers, with their names and
/// line ends, have at most `max_bytes` in total.
///
/// Double quotes become single quotes. Backslashes, and characters that a header cannot contain,
/// become `?`. No character is escaped, because some clients print a warning only up to its first
/// escaped character. Long sentences are truncated. If some sentences are omitted, the last value
/// contains their number. `further` is the number of warnings that the caller has already omitted.
/// If the header with this number does not fit either, the result is empty.
pub fn header_values<'a>(
    sentences: impl IntoIterator<Item = &'a str>,
    further: usize,
    max_bytes: usize,
) -> Vec<HeaderValue> {
    let Some(mut room) = max_bytes.checked_sub(COUNT_BYTES) else {
        return Vec::new();
    };
    let (mut values, mut omitted) = (Vec::new(), 0_usize);
    for sentence in sentences {
        let Some(value) = header_value(sentence) else {
            continue;
        };
        match room.checked_sub(value.len() + LINE_OVERHEAD) {
            // After the first omitted sentence, all later sentences are omitted too, so that the
            // result is a prefix of the list.
            Some(rest) if omitted == 0 => {
                room = rest;
                values.push(value);
            }
            _ => omitted += 1,
        }
    }
    match omitted.saturating_add(further) {
        0 => (),
        1 => values.extend(header_value("and 1 more warning")),
        more => values.extend(header_value(&format!("and {more} more warnings"))),
    }
    values
}

/// Parses the value of a `Warning` header, or returns `None` if it does not have the form in the
/// specification.
pub fn parse(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix(PREFIX)?.strip_suffix('"')?;
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

fn header_value(sentence: &str) -> Option<HeaderValue> {
    let mut text = String::from(PREFIX);
    for character in sentence.chars().take(MAX_CHARACTERS) {
        match character {
            '"' => text.push('\''),
            '\\' => text.push('?'),
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

    const MAX_BYTES: usize = 4096;

    fn texts(sentences: &[&str]) -> Vec<String> {
        header_values(sentences.iter().copied(), 0, MAX_BYTES)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn replaces_quotes_backslashes_and_invalid_characters() {
        assert_eq!(
            texts(&["key \"a\\b\" twice\nä"]),
            ["299 - \"key 'a?b' twice??\""]
        );
    }

    #[test]
    fn reads_escaped_characters() {
        assert_eq!(
            parse("299 - \"key \\\"a\\\\b\\\" twice\"").as_deref(),
            Some("key \"a\\b\" twice")
        );
        assert_eq!(parse("199 - \"other\""), None);
    }

    #[test]
    fn total_size_is_within_the_limit() {
        let sentence = "x".repeat(300);
        let written = texts(&[sentence.as_str(); 50]);
        let bytes: usize = written.iter().map(|text| text.len() + LINE_OVERHEAD).sum();
        assert!(bytes <= MAX_BYTES && bytes > MAX_BYTES / 2, "{bytes}");
        assert_eq!(
            written.last().unwrap(),
            &format!("299 - \"and {} more warnings\"", 50 - (written.len() - 1))
        );
    }

    #[test]
    fn counts_warnings_that_the_caller_omitted() {
        let last = |further| {
            header_values(["one"], further, MAX_BYTES)
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
        fn values_are_within_the_limit_and_parse(
            sentences in proptest::collection::vec("\\PC{0,2000}", 0..12),
            further: usize,
            max_bytes in 0_usize..6000,
        ) {
            let values = header_values(sentences.iter().map(String::as_str), further, max_bytes);
            prop_assert!(values.iter().map(|value| value.len() + LINE_OVERHEAD).sum::<usize>() <= max_bytes);
            for value in &values {
                let text = parse(value.to_str().unwrap()).unwrap();
                prop_assert!(!text.contains(['"', '\\']), "{text}");
                prop_assert_eq!(value, &format!("{PREFIX}{text}\""));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC*|299 - \"[\\\\\"a]*") {
            let _ = parse(&text);
        }
    }
}
