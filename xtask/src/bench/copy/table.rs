//! Results of the copies as Markdown.

use std::fmt::Write;

use super::super::measure::{Sample, median, to_float};
use super::images::{CopiedIndex, layer_totals};
use super::programs::CopyProgram;
use super::{CopyRun, Results};

/// Returns the table with a caption.
pub(super) fn render(results: &Results, indexes: &[CopiedIndex], rounds: u32) -> String {
    let (count, bytes) = layer_totals(indexes);
    let mut text = format!(
        "| copy of {} indexes of 4 images each, {count} layers, {:.0} MiB distinct | wall | \
         client's CPU | target's CPU \
         | ratio of portolan's wall | goal |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        indexes.len(),
        to_float(bytes) / 1_048_576.0,
    );
    for run in [CopyRun::First, CopyRun::Again] {
        for program in CopyProgram::ALL {
            text.push_str(&row(results, run, program));
        }
    }
    let _ = write!(
        text,
        "\nFrom distribution to Portolan; medians over {rounds} round(s), the programs in turn, \
         each time to a fresh \
         registry.\n"
    );
    text
}

fn row(results: &Results, run: CopyRun, program: CopyProgram) -> String {
    let figures = |program| results.get(&(run, program)).map(|samples| median(samples));
    let (Some(ours), Some(theirs)) = (figures(CopyProgram::Portolan), figures(program)) else {
        return String::new();
    };
    let mut title = program.title().to_owned();
    if run == CopyRun::Again {
        title.push_str("; again, all already present");
    }
    let Sample {
        wall,
        server,
        client,
    } = theirs;
    let mut row = format!("| {title} | {wall:.2} s | {client:.2} s | {server:.2} s |");
    if program == CopyProgram::Portolan {
        row.push_str(" | |\n");
        return row;
    }
    let ratio = ours.wall / wall;
    let verdict = program
        .goal()
        .filter(|_| run == CopyRun::First)
        .map(|goal| {
            let word = if ratio <= goal { "met" } else { "missed" };
            format!("{goal:.3} wall {word}")
        });
    let _ = writeln!(row, " {ratio:.3} | {} |", verdict.unwrap_or_default());
    row
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
            ((CopyRun::First, CopyProgram::Crane), sample(2.5)),
            ((CopyRun::First, CopyProgram::Skopeo), sample(3.0)),
        ]);
        let row = |program| row(&results, CopyRun::First, program);
        assert!(row(CopyProgram::Portolan).ends_with("one run | 2.00 s | 1.50 s | 0.50 s | | |\n"));
        assert!(
            row(CopyProgram::Crane)
                .ends_with("| 2.50 s | 1.50 s | 0.50 s | 0.800 | 0.800 wall met |\n")
        );
        assert!(
            row(CopyProgram::Skopeo)
                .ends_with("| 3.00 s | 1.50 s | 0.50 s | 0.667 | 0.500 wall missed |\n")
        );
    }
}
