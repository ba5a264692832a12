//! Figures that show how a cost grows: panels with two logarithmic axes, written as SVG.

mod axis;
mod svg;
mod trend;

use serde::Serialize;

pub(crate) use svg::render;

/// Figure of one or more panels.
#[derive(Serialize)]
pub(crate) struct Figure {
    /// Name of the file, without its extension.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// Sentences about the conditions of the measurement and about costs that have to grow.
    pub(crate) note: String,
    pub(crate) panels: Vec<Panel>,
}

/// Diagram with two logarithmic axes.
#[derive(Serialize)]
pub(crate) struct Panel {
    /// Quantity on the horizontal axis.
    pub(crate) horizontal: &'static str,
    /// Measured quantity on the vertical axis.
    pub(crate) vertical: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) series: Vec<Series>,
}

/// Measured points, ordered by their first coordinate.
#[derive(Serialize)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Figure {
    /// Returns the figure and what it shows as Markdown, for a page beside the folder of figures.
    pub(crate) fn to_markdown(&self) -> String {
        let series = self.panels.iter().flat_map(|panel| {
            let unit = panel.unit;
            panel.series.iter().map(move |series| series.text(unit))
        });
        let series: String = series.collect();
        let Self {
            name, title, note, ..
        } = self;
        format!("### {title}\n![{title}](growth/{name}.svg)\n\n{note}\n\n{series}")
    }
}

impl Series {
    /// Returns the list item that says how the series grows.
    fn text(&self, unit: &str) -> String {
        format!("- {}: {}\n", self.name, trend::describe(&self.points, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_names_the_file_and_each_series() {
        let figure = Figure {
            name: "tags",
            title: "Tags",
            note: "Conditions.".to_owned(),
            panels: vec![Panel {
                horizontal: "tags",
                vertical: "CPU time",
                unit: "µs",
                series: vec![Series {
                    name: "GET",
                    points: vec![(10.0, 5.0), (100.0, 5.0)],
                }],
            }],
        };
        assert_eq!(
            figure.to_markdown(),
            "### Tags\n![Tags](growth/tags.svg)\n\nConditions.\n\n- GET: flat, 5 µs at 10 and 5 µs at 100\n"
        );
    }
}
