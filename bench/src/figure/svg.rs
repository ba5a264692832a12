//! SVG of a figure. Its form depends only on the panels and their series, so that a new run changes
//! nothing but numbers.

use std::fmt::Write;

use super::axis::{Axis, format_value};
use super::{Figure, Panel, Series};

const COLUMNS: usize = 2;
const WIDTH: f64 = 500.0;
/// Height of the figure's title.
const TITLE: f64 = 36.0;
/// Height of one line of a legend.
const LEGEND: f64 = 17.0;

/// Place of the diagram in its panel, below the legend.
const LEFT: f64 = 76.0;
const RIGHT: f64 = WIDTH - 34.0;
const DIAGRAM: f64 = 190.0;
/// Height of the numbers and the title below the diagram.
const BOTTOM: f64 = 52.0;

/// Colors that remain distinct for color-blind readers.
const COLORS: [&str; 4] = ["#0b62a4", "#c4560b", "#2d7d46", "#7b3f99"];

const STYLE: &str = "text{font:12px sans-serif;fill:#333}.title{font-size:16px;font-weight:bold}\
    .grid{stroke:#ddd}.line{fill:none;stroke-width:2}.middle{text-anchor:middle}.end{text-anchor:end}";

/// Renders a figure on a white background.
pub(crate) fn render(figure: &Figure) -> String {
    let columns = figure.panels.len().min(COLUMNS);
    let rows = figure.panels.len().div_ceil(COLUMNS);
    let series = figure.panels.iter().map(|panel| panel.series.len());
    let top = LEGEND * to_float(series.max().unwrap_or_default()) + 12.0;
    let panel_height = top + DIAGRAM + BOTTOM;
    let (width, height) = (
        WIDTH * to_float(columns),
        TITLE + panel_height * to_float(rows),
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\">\n<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    write_text(&mut svg, (16.0, 26.0), "class=\"title\"", figure.title);
    for (index, panel) in figure.panels.iter().enumerate() {
        let x = WIDTH * to_float(index % COLUMNS);
        let y = TITLE + panel_height * to_float(index / COLUMNS);
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        write_panel(&mut svg, panel, top);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn write_panel(svg: &mut String, panel: &Panel, top: f64) {
    let bottom = top + DIAGRAM;
    let points = panel.series.iter().flat_map(|series| &series.points);
    let horizontal = Axis::new(points.clone().map(|point| point.0), LEFT, RIGHT);
    let vertical = Axis::new(points.map(|point| point.1), bottom, top);
    write_grid(svg, &horizontal, &vertical, (top, bottom));
    let below = (f64::midpoint(LEFT, RIGHT), bottom + 38.0);
    write_text(svg, below, "class=\"middle\"", panel.horizontal);
    let beside = (18.0, f64::midpoint(top, bottom));
    let rotated = format!(
        "class=\"middle\" transform=\"rotate(-90 {:.1} {:.1})\"",
        beside.0, beside.1
    );
    let title = format!("{}, {}", panel.vertical, panel.unit);
    write_text(svg, beside, &rotated, &title);
    for (index, series) in panel.series.iter().enumerate() {
        let color = COLORS[index % COLORS.len()];
        write_series(svg, series, color, &horizontal, &vertical);
        let legend = (LEFT, LEGEND * to_float(index) + 12.0);
        write_text(
            svg,
            legend,
            &format!("style=\"fill:{color}\""),
            &format!("● {}", series.name),
        );
    }
}

fn write_grid(svg: &mut String, horizontal: &Axis, vertical: &Axis, (top, bottom): (f64, f64)) {
    for (value, x) in horizontal.ticks() {
        write_line(svg, (x, top), (x, bottom));
        let place = (x, bottom + 17.0);
        write_text(svg, place, "class=\"middle\"", &format_value(value));
    }
    for (value, y) in vertical.ticks() {
        write_line(svg, (LEFT, y), (RIGHT, y));
        write_text(
            svg,
            (LEFT - 6.0, y + 4.0),
            "class=\"end\"",
            &format_value(value),
        );
    }
}

fn write_series(
    svg: &mut String,
    series: &Series,
    color: &str,
    horizontal: &Axis,
    vertical: &Axis,
) {
    let place = |point: &(f64, f64)| (horizontal.position(point.0), vertical.position(point.1));
    let places: Vec<_> = series.points.iter().map(place).collect();
    let path: Vec<_> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline class=\"line\" stroke=\"{color}\" points=\"{}\"/>",
        path.join(" ")
    );
    for (x, y) in &places {
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
        );
    }
}

fn write_line(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"grid\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn write_text(svg: &mut String, (x, y): (f64, f64), attributes: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>"
    );
}

/// Converts a small number.
fn to_float(number: usize) -> f64 {
    crate::measure::to_float(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_each_point_both_axes_and_escaped_text() {
        let figure = Figure {
            name: "figure",
            title: "a < b",
            note: String::new(),
            panels: vec![Panel {
                horizontal: "tags",
                vertical: "CPU time",
                unit: "µs",
                series: vec![Series {
                    name: "GET",
                    points: vec![(10.0, 500.0), (100.0, 400.0), (1000.0, 300.0)],
                }],
            }],
        };
        let svg = render(&figure);
        assert!(svg.contains("a &lt; b"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("<circle cx=\"76.0\""), "{svg}");
        for text in ["1,000", "tags", "CPU time, µs", "● GET"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{svg}");
        }
    }
}
