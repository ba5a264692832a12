//! The results as Markdown.

use std::fmt::Write;

use super::limits::Limits;
use super::measure::{Sample, median, middle_of, precise};
use super::peer::Name;
use super::rounds::Results;
use super::workload::{Unit, Workload};

const MEBIBYTE: f64 = 1_048_576.0;

/// The side-by-side table and the notes below it.
pub(crate) fn side_by_side(results: &Results, rounds: u32, limits: &Limits) -> String {
    let mut text = String::from(
        "| workload | portolan | distribution | wall, ratio | CPU, ratio | limit here | goal |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for workload in Workload::ALL {
        text.push_str(&row(results, workload, limits));
    }
    for (title, limit, figure) in [
        (
            "memory idle, MiB",
            20.0,
            (|memory| memory.0) as fn(&(u64, u64)) -> u64,
        ),
        ("memory at the peak, MiB", 64.0, |memory| memory.1),
    ] {
        text.push_str(&memory_row(results, title, limit, figure));
    }
    let _ = write!(
        text,
        "\nMedians over {rounds} round(s), the servers loaded in turn. CPU is the server process's own, in brackets the \
         load generator's. SHA-256 runs here at {:.2} GB/s a core.\n",
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
    let (ours, theirs) = (figures(Name::Portolan), figures(Name::Distribution));
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return String::new();
    };
    let unit = workload.unit();
    let limit = match (figures(Name::Nginx), workload) {
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
        workload.goal().judge(&ours, &theirs),
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
        middle_of(
            all.iter()
                .map(|memory| precise(figure(memory)) / MEBIBYTE)
                .collect(),
        )
    };
    let (ours, theirs) = (middle(Name::Portolan), middle(Name::Distribution));
    let word = if ours < limit { "met" } else { "missed" };
    format!(
        "| {title} | {ours:.1} | {theirs:.1} | {} | | | below {limit:.0} {word} |\n",
        ratio(ours / theirs)
    )
}

fn cell(sample: &Sample, unit: Unit) -> String {
    let scaled = |seconds: f64| match unit {
        Unit::Seconds => format!("{seconds:.2} s"),
        Unit::Rate => format!("{:.0} µs", seconds * 1e6),
    };
    format!(
        "{}, {} CPU ({})",
        wall(sample, unit),
        scaled(sample.server),
        scaled(sample.client)
    )
}

fn wall(sample: &Sample, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!("{:.2} s", sample.wall),
        Unit::Rate => format!("{:.0} /s", 1.0 / sample.wall),
    }
}

fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_work_reads_in_seconds_and_short_work_as_a_rate() {
        let sample = Sample {
            wall: 0.5,
            server: 0.25,
            client: 0.125,
        };
        assert_eq!(cell(&sample, Unit::Seconds), "0.50 s, 0.25 s CPU (0.12 s)");
        let sample = Sample {
            wall: 0.000_1,
            server: 0.000_05,
            client: 0.000_02,
        };
        assert_eq!(cell(&sample, Unit::Rate), "10000 /s, 50 µs CPU (20 µs)");
    }

    #[test]
    fn a_row_holds_both_ratios_and_the_verdict() {
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
            .insert((workload, Name::Portolan), sample(1.0, 0.5));
        results
            .samples
            .insert((workload, Name::Distribution), sample(4.0, 4.0));
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
