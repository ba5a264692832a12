//! Results as Markdown.

use std::fmt::Write;

use super::limits::Limits;
use super::measure::{Sample, median, median_of_figures, to_float};
use super::peer::ServerName;
use super::rounds::Results;
use super::workload::{FigureFormat, Workload};

const MEBIBYTE: f64 = 1_048_576.0;

/// Returns the side-by-side table with a caption.
pub(crate) fn side_by_side(results: &Results, rounds: u32, limits: &Limits) -> String {
    let mut text = String::from(
        "| workload | portolan | distribution | wall ratio | CPU ratio | limit of the machine | \
         goal |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for workload in Workload::ALL {
        text.push_str(&row(results, workload, limits));
    }
    for (title, limit, figure) in [
        (
            "idle memory, MiB",
            20.0,
            (|memory| memory.0) as fn(&(u64, u64)) -> u64,
        ),
        ("peak memory, MiB", 64.0, |memory| memory.1),
    ] {
        text.push_str(&memory_row(results, title, limit, figure));
    }
    let _ = write!(
        text,
        "\nMedians over {rounds} round(s), the servers loaded in turn. CPU is that of the server \
         process, in parentheses that \
         of the load generator. SHA-256 runs at {:.2} GB/s per core.\n",
        limits.hash / 1e9
    );
    text
}

fn row(results: &Results, workload: Workload, limits: &Limits) -> String {
    let figures = |name| {
        results
            .samples
            .get(&(workload, name))
            .map(|samples| median(samples))
    };
    let (ours, theirs) = (
        figures(ServerName::Portolan),
        figures(ServerName::Distribution),
    );
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return String::new();
    };
    let unit = workload.figure_format();
    let limit = match (figures(ServerName::Nginx), workload) {
        (Some(nginx), _) => format!("nginx {}", wall(&nginx, unit)),
        (None, Workload::PushLayer) => format!("dd {:.2} s", limits.write),
        (None, _) => String::new(),
    };
    format!(
        "| {} | {} | {} | {} | {} | {limit} | {} |\n",
        results.titles[&workload],
        cell(&ours, unit),
        cell(&theirs, unit),
        ratio(ours.wall / theirs.wall),
        ratio(ours.server / theirs.server),
        workload.goal().verdicts(&ours, &theirs),
    )
}

fn memory_row(
    results: &Results,
    title: &str,
    limit: f64,
    figure: fn(&(u64, u64)) -> u64,
) -> String {
    let middle = |name| {
        let all = results
            .memory
            .get(&name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        median_of_figures(
            all.iter()
                .map(|memory| to_float(figure(memory)) / MEBIBYTE)
                .collect(),
        )
    };
    let (ours, theirs) = (
        middle(ServerName::Portolan),
        middle(ServerName::Distribution),
    );
    let word = if ours < limit { "met" } else { "missed" };
    format!(
        "| {title} | {ours:.1} | {theirs:.1} | {} | | | below {limit:.0} {word} |\n",
        ratio(ours / theirs)
    )
}

fn cell(sample: &Sample, unit: FigureFormat) -> String {
    let scaled = |seconds: f64| match unit {
        FigureFormat::Seconds => format!("{seconds:.2} s"),
        FigureFormat::Rate => format!("{:.0} µs", seconds * 1e6),
    };
    format!(
        "{}, {} CPU ({})",
        wall(sample, unit),
        scaled(sample.server),
        scaled(sample.client)
    )
}

fn wall(sample: &Sample, unit: FigureFormat) -> String {
    match unit {
        FigureFormat::Seconds => format!("{:.2} s", sample.wall),
        FigureFormat::Rate => format!("{:.0} /s", 1.0 / sample.wall),
    }
}

fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_long_work_in_seconds_and_short_work_as_a_rate() {
        let sample = Sample {
            wall: 0.5,
            server: 0.25,
            client: 0.125,
        };
        assert_eq!(
            cell(&sample, FigureFormat::Seconds),
            "0.50 s, 0.25 s CPU (0.12 s)"
        );
        let sample = Sample {
            wall: 0.000_1,
            server: 0.000_05,
            client: 0.000_02,
        };
        assert_eq!(
            cell(&sample, FigureFormat::Rate),
            "10000 /s, 50 µs CPU (20 µs)"
        );
    }

    #[test]
    fn row_contains_both_ratios_and_the_verdict() {
        let mut results = Results::default();
        let workload = Workload::PushLayer;
        results.titles.insert(workload, "push".to_owned());
        let sample = |wall, server| {
            vec![Sample {
                wall,
                server,
                client: 0.0,
            }]
        };
        results
            .samples
            .insert((workload, ServerName::Portolan), sample(1.0, 0.5));
        results
            .samples
            .insert((workload, ServerName::Distribution), sample(4.0, 4.0));
        let row = row(
            &results,
            workload,
            &Limits {
                write: 0.7,
                hash: 1e9,
            },
        );
        assert!(
            row.contains("| 0.250 | 0.125 | dd 0.70 s | 0.400 wall met, 0.300 CPU met |"),
            "{row}"
        );
    }
}
