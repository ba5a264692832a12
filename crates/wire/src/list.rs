//! Lists in header values (RFC 9110, section 5.6.1).

/// Returns the trimmed elements of a comma-separated list. Skips empty elements.
///
/// A comma in double quotes is not a separator.
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    split_outside_quotes(list, ',')
        .map(str::trim)
        .filter(|element| !element.is_empty())
}

/// Splits `text` at separators outside of double quotes.
pub(crate) fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        if escaped {
            escaped = false;
        } else if character == '\\' && quoted {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        }
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hide_separators() {
        let parts: Vec<_> = elements(r#" a ,, "b,c", "d\",e" ,"f"#).collect();
        assert_eq!(parts, ["a", r#""b,c""#, r#""d\",e""#, r#""f"#]);
    }
}
