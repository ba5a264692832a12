//! Tables in text output.

use std::fmt;

use portolan_model::escape_line;

/// Table with a heading. Each column is as wide as its widest cell.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table with a heading for each column.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self {
            rows: vec![headings.map(str::to_owned).to_vec()],
        }
    }

    /// Adds a row. Control and formatting characters in the cells are escaped.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows
            .push(cells.map(|cell| escape_line(&cell).into_owned()).into());
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(formatter, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns() {
        let mut table = Table::new(["A", "LONG"]);
        table.row(["größer".into(), "x".into()]);
        assert_eq!(table.to_string(), "A       LONG\ngrößer  x\n");
    }

    #[test]
    fn a_cell_cannot_add_rows_or_control_the_terminal() {
        let mut table = Table::new(["A", "B"]);
        table.row(["\x1b[2J".into(), "x\ny".into()]);
        assert_eq!(table.to_string(), "A          B\n\\u{1b}[2J  x\\u{a}y\n");
    }
}
