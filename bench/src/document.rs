//! Writes the results into a document, between the two markers of a block.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Replaces the text between the markers of a block.
pub(crate) fn write(file: &Path, block: &str, results: &str) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let text = replace_block(&text, block, results)
        .with_context(|| format!("{} has no block {block}", file.display()))?;
    fs::write(file, text)?;
    Ok(())
}

fn replace_block(text: &str, block: &str, results: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {block} -->"), format!("<!-- /{block} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{results}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replace_block;

    #[test]
    fn replaces_one_block() {
        let text = "a\n<!-- b -->\nold\n<!-- /b -->\n<!-- c -->\n<!-- /c -->\n";
        assert_eq!(
            replace_block(text, "b", "new\n").unwrap(),
            "a\n<!-- b -->\nnew\n<!-- /b -->\n<!-- c -->\n<!-- /c -->\n"
        );
        assert!(replace_block(text, "missing", "new").is_none());
    }
}
