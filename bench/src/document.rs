//! Writes the results into the documentation, between two markers.

use std::fs;

use anyhow::{Context, Result};

use xtask::servers::workspace;

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// Replaces the text between the markers of docs/performance.md.
pub(crate) fn write(results: &str) -> Result<()> {
    let path = workspace().join("docs/performance.md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let text = replace_between_markers(&text, results)
        .with_context(|| format!("{} does not contain {BEGIN} … {END}", path.display()))?;
    fs::write(&path, text)?;
    Ok(())
}

fn replace_between_markers(text: &str, results: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{results}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replace_between_markers;

    #[test]
    fn replaces_text_between_markers() {
        let text = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        assert_eq!(
            replace_between_markers(text, "new\n").unwrap(),
            "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n"
        );
        assert!(replace_between_markers("no markers", "new").is_none());
    }
}
