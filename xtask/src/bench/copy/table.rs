//! The results as Markdown.

use std::fmt::Write;

use super::super::measure::{Sample, median, precise};
use super::images::{Index, layers};
use super::programs::Program;
use super::{Results, Run};

/// The table and what it is about.
pub(super) fn write(results: &Results, indexes: &[Index], rounds: u32) -> String {
    let (count, bytes) = layers(indexes);
    let mut text = format!(
        "| copy of {} indexes of 4 images each, {count} layers, {:.0} MiB that differ | wall | client's CPU | target's CPU \
         | portolan's wall, ratio | goal |\n\
         | --- | --- | --- | --- | --- | --- |\n",
        indexes.len(),
        precise(bytes) / 1_048_576.0,
    );
    for run in [Run::First, Run::Again] {
        for program in Program::ALL {
            text.push_str(&row(results, run, program));
        }
    }
    let _ = write!(
        text,
        "\nFrom distribution to Portolan; medians over {rounds} round(s), each program in its turn, each time to a fresh \
         registry.\n"
    );
    text
}

fn row(results: &Results, run: Run, program: Program) -> String {
    let figures = |program| results.get(&(run, program)).map(|samples| median(samples));
    let (Some(ours), Some(theirs)) = (figures(Program::Portolan), figures(program)) else {
        return String::new();
    };
    let mut title = program.title().to_owned();
    if run == Run::Again {
        title.push_str("; again, with nothing to do");
    }
    let Sample {
        wall,
        server,
        client,
    } = theirs;
    let mut row = format!("| {title} | {wall:.2} s | {client:.2} s | {server:.2} s |");
    if program == Program::Portolan {
        row.push_str(" | |\n");
        return row;
    }
    let ratio = ours.wall / wall;
    let verdict = program.goal().filter(|_| run == Run::First).map(|goal| {
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
    fn a_row_holds_the_ratio_and_the_verdict() {
        let sample = |wall| {
            vec![Sample {
                wall,
                server: 0.5,
                client: 1.5,
            }]
        };
        let results = Results::from([
            ((Run::First, Program::Portolan), sample(2.0)),
            ((Run::First, Program::Crane), sample(2.5)),
            ((Run::First, Program::Skopeo), sample(3.0)),
        ]);
        let row = |program| row(&results, Run::First, program);
        assert!(row(Program::Portolan).ends_with("one run | 2.00 s | 1.50 s | 0.50 s | | |\n"));
        assert!(
            row(Program::Crane)
                .ends_with("| 2.50 s | 1.50 s | 0.50 s | 0.800 | 0.800 wall met |\n")
        );
        assert!(
            row(Program::Skopeo)
                .ends_with("| 3.00 s | 1.50 s | 0.50 s | 0.667 | 0.500 wall missed |\n")
        );
    }
}
