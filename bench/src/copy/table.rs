//! Results of the copies as Markdown and JSON.

use std::fmt::Write;

use serde_json::json;

use super::images::{CopiedIndex, layer_totals};
use super::programs::CopyProgram;
use super::{CopyRun, Results};
use crate::measure::{Sample, Spread, spreads_as_json, to_mebibytes};
use crate::report::Section;

/// Returns the table with a caption.
pub(super) fn render(results: &Results, indexes: &[CopiedIndex], rounds: u32) -> Section {
    let (count, bytes) = layer_totals(indexes);
    let mut markdown = format!(
        "| copy of {} indexes of 4 images each, {count} layers, {:.0} MiB distinct | wall | \
         client's CPU | target's CPU \
         | ratio of portolan's wall | goal |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        indexes.len(),
        to_mebibytes(bytes),
    );
    let mut rows = Vec::new();
    for run in [CopyRun::First, CopyRun::Again] {
        for program in CopyProgram::ALL {
            markdown.push_str(&row(results, run, program));
            let samples = results.get(&(run, program)).map(Vec::as_slice);
            rows.push(json!({
                "program": program.title(),
                "alreadyPresent": run == CopyRun::Again,
                "figures": samples.map(spreads_as_json),
            }));
        }
    }
    let _ = write!(
        markdown,
        "\nFrom distribution to Portolan; medians over {rounds} round(s), with the lowest and the \
         highest wall time in parentheses; the programs run in turn, each time to a fresh registry.\n"
    );
    Section::new(
        "copy",
        markdown,
        json!({ "rounds": rounds, "copies": rows }),
    )
}

fn row(results: &Results, run: CopyRun, program: CopyProgram) -> String {
    let samples = |program| results.get(&(run, program));
    let (Some(ours), Some(theirs)) = (samples(CopyProgram::Portolan), samples(program)) else {
        return String::new();
    };
    let spread = |figure| Spread::from_samples(theirs, figure);
    let mut title = program.title().to_owned();
    if run == CopyRun::Again {
        title.push_str("; again, all already present");
    }
    let (wall, client, server) = (
        spread(|sample| sample.wall),
        spread(|sample| sample.client).median,
        spread(|sample| sample.server).median,
    );
    let mut row = format!(
        "| {title} | {:.2} s ({:.2}–{:.2}) | {client:.2} s | {server:.2} s |",
        wall.median, wall.min, wall.max
    );
    if program == CopyProgram::Portolan {
        row.push_str(" | |\n");
        return row;
    }
    let ratio = ratio(ours, theirs);
    let goal = program.goal().filter(|_| run == CopyRun::First);
    let verdict = goal.map(|goal| {
        let word = if ratio <= goal { "met" } else { "**missed**" };
        format!("wall ≤ {goal}: {word}")
    });
    let _ = writeln!(row, " {ratio:.2} | {} |", verdict.unwrap_or_default());
    row
}

/// Returns the median of the ratios of wall time of all rounds.
fn ratio(ours: &[Sample], theirs: &[Sample]) -> f64 {
    let rounds = ours.iter().zip(theirs);
    Spread::new(rounds.map(|(ours, theirs)| ours.wall / theirs.wall)).median
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_contains_ratio_and_verdict() {
        let sample = |wall| {
            vec![Sample {
                wall,
                server: 0.5,
                client: 1.5,
            }]
        };
        let results = Results::from([
            ((CopyRun::First, CopyProgram::Portolan), sample(2.0)),
            ((CopyRun::First, CopyProgram::Crane), sample(4.0)),
            ((CopyRun::First, CopyProgram::Skopeo), sample(3.0)),
        ]);
        let row = |program| row(&results, CopyRun::First, program);
        assert!(
            row(CopyProgram::Portolan)
                .ends_with("one run | 2.00 s (2.00–2.00) | 1.50 s | 0.50 s | | |\n")
        );
        assert!(
            row(CopyProgram::Crane)
                .ends_with("| 4.00 s (4.00–4.00) | 1.50 s | 0.50 s | 0.50 | wall ≤ 0.5: met |\n")
        );
        assert!(row(CopyProgram::Skopeo).ends_with(
            "| 3.00 s (3.00–3.00) | 1.50 s | 0.50 s | 0.67 | wall ≤ 0.5: **missed** |\n"
        ));
    }
}
