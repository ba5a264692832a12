//! Check for children of an index that are much older than their siblings.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::document::child_name;
use super::{Finding, FindingSink, ImageConfig, Rule};
use crate::Child;

/// Maximum age difference in days between a child and most of its siblings.
///
/// The images in an index are usually built together, or within the days that it takes to fix a
/// broken build.
const MUCH_OLDER_DAYS: i64 = 90;

const SECONDS_PER_DAY: i64 = 86_400;

/// Earliest build date that is taken seriously, 1990-01-01, as a Unix timestamp. Earlier dates are
/// ignored: they are fixed values that reproducible builds write.
const EARLIEST: i64 = 631_152_000;

/// Checks the images of one index.
pub(super) fn check(images: &[(&Child, &ImageConfig)], sink: &mut FindingSink) {
    let dated: Vec<_> = images
        .iter()
        .filter_map(|(child, config)| Some((*child, built_at(config)?)))
        .collect();
    let mut dates: Vec<_> = dated.iter().map(|(_, date)| *date).collect();
    dates.sort_unstable();
    for (child, date) in dated {
        let Some(siblings) = median_without(&dates, date) else {
            continue;
        };
        let days = (siblings.as_second() - date.as_second()) / SECONDS_PER_DAY;
        if days > MUCH_OLDER_DAYS {
            let (name, date, siblings) = (
                child_name(&child.descriptor),
                format_day(date),
                format_day(siblings),
            );
            let message = format!(
                "{name} was built on {date}, {days} days before most of its siblings ({siblings})"
            );
            sink.add(Rule::ChildMuchOlder, |rule| {
                Finding::for_child(rule, child, message)
            });
        }
    }
}

/// Returns the build date in a config, or `None` if it is missing or before [`EARLIEST`].
fn built_at(config: &ImageConfig) -> Option<Timestamp> {
    let date = config.created_at()?;
    (date.as_second() >= EARLIEST).then_some(date)
}

/// Returns the median of the sorted `dates` without one occurrence of `date`. Of two middle dates,
/// returns the later date.
fn median_without(dates: &[Timestamp], date: Timestamp) -> Option<Timestamp> {
    // Avoid building the list without `date` for each child. The middle element of this list is at
    // `middle` in `dates`, or at the next position if the removed date comes before it.
    let middle = dates.len().checked_sub(1)? / 2;
    let position = dates.partition_point(|other| *other < date);
    dates
        .get(if middle < position {
            middle
        } else {
            middle + 1
        })
        .copied()
}

fn format_day(date: Timestamp) -> impl std::fmt::Display {
    Offset::UTC.to_datetime(date).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_the_median_of_the_other_dates() {
        let median = |seconds: &[i64], without: i64| {
            let dates: Vec<_> = seconds
                .iter()
                .map(|second| Timestamp::from_second(*second).unwrap())
                .collect();
            median_without(&dates, Timestamp::from_second(without).unwrap())
                .map(Timestamp::as_second)
        };
        assert_eq!(median(&[1], 1), None);
        assert_eq!(median(&[1, 2], 1), Some(2));
        assert_eq!(median(&[1, 2], 2), Some(1));
        assert_eq!(median(&[1, 2, 3], 1), Some(3));
        assert_eq!(median(&[1, 2, 3], 2), Some(3));
        assert_eq!(median(&[1, 2, 3], 3), Some(2));
        assert_eq!(median(&[1, 2, 3, 4], 1), Some(3));
        assert_eq!(median(&[1, 2, 3, 4], 4), Some(2));
        assert_eq!(median(&[5, 5, 5], 5), Some(5));
    }
}
