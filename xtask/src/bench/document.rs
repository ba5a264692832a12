//! Puts the results into the documentation, between two markers.

use std::fs;

use anyhow::{Context, Result};

use crate::servers::workspace;

const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// Replaces what stands between the markers of docs/performance.md.
pub(crate) fn write(results: &str) -> Result<()> {
    let path = workspace().join("docs/performance.md");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let text = replaced(&text, results)
        .with_context(|| format!("{} lacks {BEGIN} … {END}", path.display()))?;
    fs::write(&path, text)?;
    Ok(())
}

fn replaced(text: &str, results: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{results}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn replaces_what_stands_between_the_markers() {
        let text = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        assert_eq!(
            replaced(text, "new\n").unwrap(),
            "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n"
        );
        assert!(replaced("no markers", "new").is_none());
    }
}
