//! Messages of clients without details of the run: times, folders, addresses and full digests.

use std::path::Path;

/// Maximum length of a message. Longer ones are cut: the rest leads to the reason, or repeats the
/// registry's response.
const LIMIT: usize = 180;

/// Number of digits of a hash that are kept, which is sufficient to distinguish it.
const DIGITS: usize = 12;

/// Smallest number of digits of a hash.
const HASH: usize = 64;

/// Separator between a failure and its cause.
const CLAUSE: &str = ": ";

/// Details that differ between runs.
pub(crate) struct RunDetails<'a> {
    /// Address and port of the registry.
    pub(crate) host: String,
    /// Folder that contains the folders of all clients.
    pub(crate) folder: &'a Path,
}

/// Returns the line of `message` that contains `words`, without details of the run.
pub(crate) fn normalize_message(
    message: &str,
    words: &str,
    client: &str,
    scrub: &RunDetails,
) -> String {
    let line = message
        .split(" | ")
        .find(|line| line.contains(words))
        .unwrap_or(message);
    let own_folder = format!("{}/", scrub.folder.join(client).display());
    let line = without_logger(line)
        .replace(&own_folder, "")
        .replace(&scrub.host, "registry.example");
    shorten_line(&shorten_hashes(&line), words)
}

/// Returns the message of a log line, without its time and level.
fn without_logger(line: &str) -> String {
    if let Some((_, quoted)) = line
        .split_once(" msg=\"")
        .filter(|_| line.starts_with("time="))
    {
        let message = quoted.strip_suffix('"').unwrap_or(quoted);
        return message.replace("\\\"", "\"").replace("\\\\", "\\");
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

/// Shortens a long line: it begins with the clause that contains `words`, and its end may be cut.
fn shorten_line(line: &str, words: &str) -> String {
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
        normalize_message(
            message,
            words,
            "crane",
            &RunDetails {
                host: "127.0.0.1:7".to_owned(),
                folder: Path::new("/tmp/interop"),
            },
        )
    }

    #[test]
    fn keeps_the_line_with_the_text() {
        assert_eq!(
            tidied("pushed | Error: not found | usage", "not found"),
            "Error: not found"
        );
    }

    #[test]
    fn removes_times_and_levels() {
        let logged = r#"time="2026-01-02T03:04:05Z" level=fatal msg="no \"tar\": '\\x1f'""#;
        assert_eq!(tidied(logged, "no"), r#"no "tar": '\x1f'"#);
        assert_eq!(tidied("2026/01/02 03:04:05 Unexpected", "Un"), "Unexpected");
        assert_eq!(tidied("404: not found", "not"), "404: not found");
    }

    #[test]
    fn removes_addresses_and_folders() {
        let message = "GET http://127.0.0.1:7/v2/: open /tmp/interop/crane/pull-a/index.json: no";
        assert_eq!(
            tidied(message, "no"),
            "GET http://registry.example/v2/: open pull-a/index.json: no"
        );
    }

    #[test]
    fn shortens_hashes() {
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
    fn long_line_begins_with_the_clause_that_contains_the_text() {
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
