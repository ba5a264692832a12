//! Text for people that consists of lines.

use std::fmt::{self, Display};

use portolan_model::{escape_line, escape_lines};

use super::Table;

/// Text of lines. Control and formatting characters in a line are escaped, so that text from images,
/// registries and files can neither control the terminal nor add lines.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn line(&mut self, line: impl Display) {
        self.0.push_str(&escape_line(&line.to_string()));
        self.0.push('\n');
    }

    /// Adds lines whose line breaks are intended.
    pub(crate) fn lines(&mut self, lines: impl Display) {
        self.0.push_str(&escape_lines(&lines.to_string()));
        self.0.push('\n');
    }

    pub(crate) fn blank_line(&mut self) {
        self.0.push('\n');
    }

    /// Adds a table, whose cells are already escaped.
    pub(crate) fn table(&mut self, table: &Table) {
        self.0.push_str(&table.to_string());
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    #[must_use]
    pub(crate) fn with_line(mut self, line: impl Display) -> Self {
        self.line(line);
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Table> for Text {
    fn from(table: &Table) -> Self {
        let mut text = Self::default();
        text.table(table);
        text
    }
}

/// Formats the lines without the last line break.
impl Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.strip_suffix('\n').unwrap_or(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let mut text = Text::default().with_line("a\nhelp: \x1b[2J");
        text.blank_line();
        text.lines("b\nc\u{202e}");
        assert_eq!(text.as_str(), "a\\u{a}help: \\u{1b}[2J\n\nb\nc\\u{202e}\n");
    }
}
