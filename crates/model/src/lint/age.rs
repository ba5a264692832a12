//! Children of an index that were built long before their siblings.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::document::{child_name, is_image};
use super::{Finding, Notes, Rule, Tree};
use crate::{Child, Manifest};

/// Days by which a child may be older than most of its siblings. Images of one tag are built together, or within the days
/// that a broken build takes to be mended.
const MUCH_OLDER_DAYS: i64 = 90;

const SECONDS_A_DAY: i64 = 86_400;

/// The first second of 1990. Builds that can be repeated write dates before it, which say nothing.
const EARLIEST: i64 = 631_152_000;

pub(super) fn note(tree: &Tree, index: &Manifest, notes: &mut Notes) {
    let images = index.children().iter().filter(|child| is_image(child));
    let dated: Vec<_> = images
        .filter_map(|child| Some((child, built_at(tree, child)?)))
        .collect();
    let mut dates: Vec<_> = dated.iter().map(|(_, date)| *date).collect();
    dates.sort_unstable();
    for (child, date) in dated {
        let Some(siblings) = median_without(&dates, date) else {
            continue;
        };
        let days = (siblings.as_second() - date.as_second()) / SECONDS_A_DAY;
        if days > MUCH_OLDER_DAYS {
            let (name, date, siblings) = (child_name(&child.descriptor), day(date), day(siblings));
            let message = format!(
                "{name} was built on {date}, {days} days before its siblings, which are of {siblings}"
            );
            notes.add(Rule::ChildMuchOlder, |rule| {
                Finding::of(rule, child, message)
            });
        }
    }
}

fn built_at(tree: &Tree, child: &Child) -> Option<Timestamp> {
    let date = tree.config_of(&child.descriptor.digest)?.created_at()?;
    (date.as_second() >= EARLIEST).then_some(date)
}

/// The median of sorted dates without one of them: of two in the middle, the later.
fn median_without(dates: &[Timestamp], date: Timestamp) -> Option<Timestamp> {
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

fn day(date: Timestamp) -> impl std::fmt::Display {
    Offset::UTC.to_datetime(date).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_others() {
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
