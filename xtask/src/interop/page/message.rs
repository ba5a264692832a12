//! A client's message without what is the run's own: when, where, and all digits of digests.

use std::path::Path;

/// More is cut: it is the way to the reason, or the registry's answer in full.
const LIMIT: usize = 180;

/// So many digits of a hash are enough to tell it from another.
const DIGITS: usize = 12;

/// A hash has as many digits at least.
const HASH: usize = 64;

/// What stands between a failure and its cause.
const CLAUSE: &str = ": ";

/// What another run has elsewhere.
pub(crate) struct Scrub<'a> {
    /// The registry's address and port.
    pub(crate) host: String,
    /// The folder in which each client has one of its own.
    pub(crate) folder: &'a Path,
}

/// The line of `message` that has `words`.
pub(crate) fn tidy(message: &str, words: &str, client: &str, scrub: &Scrub) -> String {
    let line = message
        .split(" | ")
        .find(|line| line.contains(words))
        .unwrap_or(message);
    let own_folder = format!("{}/", scrub.folder.join(client).display());
    let line = without_logger(line)
        .replace(&own_folder, "")
        .replace(&scrub.host, "registry.example");
    cut(&shorten_hashes(&line), words)
}

/// What a logger was told, without the time and the level that it puts before.
fn without_logger(line: &str) -> String {
    if let Some((_, quoted)) = line
        .split_once(" msg=\"")
        .filter(|_| line.starts_with("time="))
    {
        let told = quoted.strip_suffix('"').unwrap_or(quoted);
        return told.replace("\\\"", "\"").replace("\\\\", "\\");
    }
    let rest = line.trim_start_matches(|sign: char| sign.is_ascii_digit() || "/: ".contains(sign));
    if rest.len() + "2026/01/02 03:04:05 ".len() == line.len() {
        rest.to_owned()
    } else {
        line.to_owned()
    }
}

fn shorten_hashes(line: &str) -> String {
    let is_digit = |sign: char| sign.is_ascii_hexdigit();
    let mut rest = line;
    let mut short = String::new();
    while let Some(start) = rest.find(is_digit) {
        let (before, from) = rest.split_at(start);
        let (digits, after) =
            from.split_at(from.find(|sign| !is_digit(sign)).unwrap_or(from.len()));
        short.push_str(before);
        if digits.len() >= HASH {
            short.push_str(&digits[..DIGITS]);
            short.push('…');
        } else {
            short.push_str(digits);
        }
        rest = after;
    }
    short + rest
}

/// From the clause with `words` on, and not to the end, where the line is long.
fn cut(line: &str, words: &str) -> String {
    if line.chars().count() <= LIMIT {
        return line.to_owned();
    }
    let found = line.find(words).unwrap_or_default();
    let start = line[..found]
        .rfind(CLAUSE)
        .map_or(found, |end| end + CLAUSE.len());
    let head: String = line[start..].chars().take(LIMIT).collect();
    let tail = if start + head.len() < line.len() {
        "…"
    } else {
        ""
    };
    let lead = if start > 0 { "… " } else { "" };
    format!("{lead}{head}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(message: &str, words: &str) -> String {
        tidy(
            message,
            words,
            "crane",
            &Scrub {
                host: "127.0.0.1:7".to_owned(),
                folder: Path::new("/tmp/interop"),
            },
        )
    }

    #[test]
    fn the_line_with_the_words_is_kept() {
        assert_eq!(
            tidied("pushed | Error: not found | usage", "not found"),
            "Error: not found"
        );
    }

    #[test]
    fn times_and_levels_go() {
        let logged = r#"time="2026-01-02T03:04:05Z" level=fatal msg="no \"tar\": '\\x1f'""#;
        assert_eq!(tidied(logged, "no"), r#"no "tar": '\x1f'"#);
        assert_eq!(tidied("2026/01/02 03:04:05 Unexpected", "Un"), "Unexpected");
        assert_eq!(tidied("404: not found", "not"), "404: not found");
    }

    #[test]
    fn places_of_the_run_go() {
        let message = "GET http://127.0.0.1:7/v2/: open /tmp/interop/crane/pull-a/index.json: no";
        assert_eq!(
            tidied(message, "no"),
            "GET http://registry.example/v2/: open pull-a/index.json: no"
        );
    }

    #[test]
    fn hashes_are_shortened() {
        let message = format!(
            "sha256:{}: not found in 12 places",
            "0123456789abcdef".repeat(4)
        );
        assert_eq!(
            tidied(&message, "not"),
            "sha256:0123456789ab…: not found in 12 places"
        );
    }

    #[test]
    fn a_long_line_begins_with_the_clause_that_has_the_words() {
        let message = format!(
            "{}: this is the reason: {}",
            "way: ".repeat(50),
            "rest ".repeat(50)
        );
        let tidied = tidied(&message, "the reason");
        assert!(
            tidied.starts_with("… this is the reason: rest rest"),
            "{tidied}"
        );
        assert!(
            tidied.ends_with('…') && tidied.chars().count() == LIMIT + 3,
            "{tidied}"
        );
    }
}
