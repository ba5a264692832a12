//! Escapes for text of unknown origin that people read in a terminal, an error or a log.

use std::borrow::Cow;
use std::fmt::Write;

/// Replaces all characters that control a terminal or that change how a line is read by `\u{…}`:
/// control characters (C0, C1 and DEL), line breaks, and invisible and bidirectional formatting
/// characters. The result is one line. Text without such characters is unchanged.
///
/// The result of an escaped text is the same text, because the escapes contain only ASCII.
#[must_use]
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escape_where(text, is_unsafe)
}

/// Replaces the same characters as [`escape_line`], except for line feeds. Use it for text whose
/// line breaks are intended.
#[must_use]
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_where(text, |character| character != '\n' && is_unsafe(character))
}

fn escape_where(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            // Writing to a string does not fail.
            let _ = write!(escaped, "{}", character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Returns whether a character is a control character, or has no visible form of its own: the
/// general categories Cc, Zl, Zp and Cf of Unicode, except for the visible signs in Cf, and the
/// fillers of Hangul.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_control_and_formatting_characters() {
        for (text, expected) in [
            ("plain größe 漢字 🎉", "plain größe 漢字 🎉"),
            ("\x1b[31mred\x07", r"\u{1b}[31mred\u{7}"),
            ("a\r\nb\tc\x7f", r"a\u{d}\u{a}b\u{9}c\u{7f}"),
            ("\u{9b}2J\u{85}", r"\u{9b}2J\u{85}"),
            ("\u{202e}gpj\u{2066}", r"\u{202e}gpj\u{2066}"),
            ("a\u{200b}b\u{feff}\u{ad}", r"a\u{200b}b\u{feff}\u{ad}"),
            ("a\u{2028}b", r"a\u{2028}b"),
            ("\u{e0041}", r"\u{e0041}"),
        ] {
            assert_eq!(escape_line(text), expected);
        }
        assert_eq!(escape_lines("a\n\x1bb"), "a\n\\u{1b}b");
    }

    #[test]
    fn text_without_such_characters_is_not_copied() {
        assert!(matches!(escape_line("größe"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn result_has_no_unsafe_characters(text in any::<String>()) {
            let escaped = escape_line(&text);
            prop_assert!(!escaped.contains(is_unsafe));
            prop_assert_eq!(escape_line(&escaped), escaped.clone());
            let lines = escape_lines(&text).replace('\n', "");
            prop_assert!(!lines.contains(is_unsafe));
        }
    }
}
