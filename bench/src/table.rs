//! Side-by-side results as Markdown and JSON.

use std::fmt::Write;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::goals::{Verdict, verdicts};
use super::measure::{Sample, Spread, spreads_as_json, to_mebibytes};
use super::report::Section;
use super::rounds::Results;
use super::subject::SubjectName;
use super::workload::{FigureFormat, Workload};
use super::zot;

/// Figure of memory: the name of its row, the limit in MiB, its place in a pair, and that of zot.
type MemoryFigure = (&'static str, f64, fn(&(u64, u64)) -> u64, f64);

const MEMORY: [MemoryFigure; 2] = [
    ("idle memory", 12.0, |memory| memory.0, zot::LAST_MEMORY.0),
    ("peak memory", 48.0, |memory| memory.1, zot::LAST_MEMORY.1),
];

/// Returns the table with a caption.
pub(crate) fn side_by_side(results: &Results) -> Section {
    let zot = if results.has_zot() {
        "zot".to_owned()
    } else {
        format!("zot ({})", zot::LAST_RUN)
    };
    let mut markdown = format!(
        "| workload | Portolan | distribution 2 | distribution 3 | {zot} | limit of the machine | \
         goals |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for workload in results.titles.keys() {
        markdown.push_str(&row(results, *workload));
    }
    // A part of the workloads says nothing about the peak.
    if results.titles.len() == Workload::value_variants().len() {
        for figure in MEMORY {
            markdown.push_str(&memory_row(results, figure));
        }
    }
    let _ = write!(
        markdown,
        "\nMedians of {} round(s), with the lowest and the highest figure in parentheses; the servers \
         are loaded in turn. CPU is that of the server's process. The ratio of a goal is the median \
         of the ratios of all rounds. Figures with a date are from an earlier run with the full sizes. Cold: the server's files were dropped from the page cache \
         (`posix_fadvise`); the server kept running, with what it caches itself.\n",
        results.rounds
    );
    Section::new("sideBySide", markdown, to_json(results))
}

impl Results {
    fn has_zot(&self) -> bool {
        self.memory.contains_key(&SubjectName::Zot)
    }
}

fn row(results: &Results, workload: Workload) -> String {
    let format = workload.figure_format();
    let cell = |name| {
        let samples = results.samples.get(&(workload, name));
        samples.map(|samples| cell(samples, format))
    };
    let zot = cell(SubjectName::Zot)
        .or_else(|| zot::last_sample(workload).map(|sample| last_cell(&sample, format)));
    let limit = [SubjectName::Nginx, SubjectName::Machine]
        .into_iter()
        .find_map(|name| Some(format!("{} {}", name.title(), cell(name)?)));
    let peers = [
        SubjectName::Portolan,
        SubjectName::Distribution2,
        SubjectName::Distribution3,
    ];
    let mut cells = vec![results.titles[&workload].clone()];
    cells.extend(
        peers
            .map(cell)
            .into_iter()
            .chain([zot, limit])
            .map(Option::unwrap_or_default),
    );
    let verdicts: Vec<_> = verdicts(results, workload)
        .iter()
        .map(Verdict::text)
        .collect();
    cells.push(verdicts.join("; "));
    format!("| {} |\n", cells.join(" | "))
}

/// Returns the wall time or rate with its spread, and the CPU time.
fn cell(samples: &[Sample], format: FigureFormat) -> String {
    let wall = Spread::from_samples(samples, |sample| sample.wall);
    let cpu = Spread::from_samples(samples, |sample| sample.server).median;
    match format {
        FigureFormat::Seconds => format!(
            "{} s ({}–{}), CPU {} s",
            seconds(wall.median),
            seconds(wall.min),
            seconds(wall.max),
            seconds(cpu)
        ),
        FigureFormat::Rate => format!(
            "{:.0} /s ({:.0}–{:.0}), CPU {:.0} µs",
            1.0 / wall.median,
            1.0 / wall.max,
            1.0 / wall.min,
            cpu * 1e6
        ),
    }
}

/// Returns the figures of a single sample from an earlier run.
fn last_cell(sample: &Sample, format: FigureFormat) -> String {
    let cpu = if sample.server > 0.0 {
        format!(", CPU {} s", seconds(sample.server))
    } else {
        String::new()
    };
    match format {
        FigureFormat::Seconds => format!("{} s{cpu}", seconds(sample.wall)),
        FigureFormat::Rate => format!("{:.0} /s", 1.0 / sample.wall),
    }
}

/// Formats a time with three significant digits where it is short.
fn seconds(time: f64) -> String {
    if time < 1.0 {
        format!("{time:.3}")
    } else {
        format!("{time:.2}")
    }
}

fn memory_row(results: &Results, (title, limit, figure, last_zot): MemoryFigure) -> String {
    let spread = |name| memory_spread(results, name, figure);
    let cell = |name| {
        spread(name).map_or_else(String::new, |spread: Spread| {
            format!(
                "{:.1} MiB ({:.1}–{:.1})",
                spread.median, spread.min, spread.max
            )
        })
    };
    let zot = match spread(SubjectName::Zot) {
        Some(_) => cell(SubjectName::Zot),
        None => format!("{last_zot:.0} MiB"),
    };
    let met = spread(SubjectName::Portolan).is_some_and(|spread| spread.median < limit);
    let word = if met { "met" } else { "**missed**" };
    format!(
        "| {title} | {} | {} | {} | {zot} | | below {limit} MiB: {word} |\n",
        cell(SubjectName::Portolan),
        cell(SubjectName::Distribution2),
        cell(SubjectName::Distribution3),
    )
}

fn memory_spread(
    results: &Results,
    name: SubjectName,
    figure: fn(&(u64, u64)) -> u64,
) -> Option<Spread> {
    let rounds = results.memory.get(&name)?.iter();
    Some(Spread::new(
        rounds.map(|memory| to_mebibytes(figure(memory))),
    ))
}

fn to_json(results: &Results) -> Value {
    let workloads: Vec<_> = results
        .titles
        .iter()
        .map(|(workload, title)| {
            let subjects: Map<_, _> = results
                .samples
                .iter()
                .filter(|((measured, _), _)| measured == workload)
                .map(|((_, name), samples)| (name.key().to_owned(), spreads_as_json(samples)))
                .collect();
            json!({
                "name": workload.key(),
                "title": title,
                "subjects": subjects,
                "goals": verdicts(results, *workload),
            })
        })
        .collect();
    let memory: Map<_, _> = results
        .memory
        .keys()
        .map(|name| {
            let [idle, peak] =
                MEMORY.map(|(_, _, figure, _)| memory_spread(results, *name, figure));
            let figures = json!({ "idleMebibytes": idle, "peakMebibytes": peak });
            (name.key().to_owned(), figures)
        })
        .collect();
    json!({ "rounds": results.rounds, "workloads": workloads, "memory": memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wall: f64, server: f64) -> Sample {
        Sample {
            wall,
            server,
            client: 0.0,
        }
    }

    #[test]
    fn formats_long_work_in_seconds_and_short_work_as_a_rate() {
        let samples = [sample(0.5, 0.25), sample(2.0, 0.25), sample(0.25, 0.25)];
        assert_eq!(
            cell(&samples, FigureFormat::Seconds),
            "0.500 s (0.250–2.00), CPU 0.250 s"
        );
        let samples = [sample(0.000_1, 0.000_05), sample(0.000_2, 0.000_05)];
        assert_eq!(
            cell(&samples[..1], FigureFormat::Rate),
            "10000 /s (10000–10000), CPU 50 µs"
        );
        assert!(cell(&samples, FigureFormat::Rate).contains("(5000–10000)"));
    }

    fn results() -> Results {
        let workload = Workload::PushLayer;
        let mut results = Results {
            rounds: 1,
            ..Results::default()
        };
        results.titles.insert(workload, "push".to_owned());
        for (name, wall) in [
            (SubjectName::Portolan, 1.0),
            (SubjectName::Distribution3, 4.0),
            (SubjectName::Machine, 2.0),
        ] {
            results
                .samples
                .insert((workload, name), vec![sample(wall, 1.0)]);
        }
        results
    }

    #[test]
    fn row_contains_subjects_in_their_columns_and_verdicts() {
        assert_eq!(
            row(&results(), Workload::PushLayer),
            "| push | 1.00 s (1.00–1.00), CPU 1.00 s |  | 4.00 s (4.00–4.00), CPU 1.00 s \
             | 0.470 s, CPU 0.460 s | dd and openssl 2.00 s (2.00–2.00), CPU 1.00 s \
             | wall ≤ 1.2 × dd and openssl: 0.50, met; CPU ≤ 1.3 × dd and openssl: 1.00, met |\n"
        );
    }

    #[test]
    fn json_contains_subjects_and_goals() {
        let json = to_json(&results());
        let workload = &json["workloads"][0];
        assert_eq!(workload["name"], "push-layer");
        assert_eq!(
            workload["subjects"]["distribution3"]["wallSeconds"],
            json!({ "median": 4.0, "min": 4.0, "max": 4.0 })
        );
        assert_eq!(workload["goals"][0]["met"], true);
    }
}
