//! Text about the growth of a series.

use super::axis::format_value;

/// Largest ratio between the last and the first value of a flat series. The machine varies by less.
const FLAT: f64 = 1.3;

/// Largest exponent of the last step of logarithmic growth: the logarithm of a number grows by a fifth
/// from 100,000 to 1,000,000, and thus like its power 0.08.
const LOGARITHMIC: f64 = 0.15;

/// Returns the kind of growth with the values at both ends.
pub(super) fn describe(points: &[(f64, f64)], unit: &str) -> String {
    let ([first, ..], [.., last]) = (points, points) else {
        return "not measured".to_owned();
    };
    let value = |point: &(f64, f64)| {
        let (x, y) = (format_value(point.0), format_value(point.1));
        format!("{y} {unit} at {x}")
    };
    format!("{}, {} and {}", kind(points), value(first), value(last))
}

fn kind(points: &[(f64, f64)]) -> String {
    let (Some(first), [.., before, last]) = (points.first(), points) else {
        return "one value".to_owned();
    };
    let (steps, growth) = (last.0 / before.0, last.1 / before.1);
    if last.1 / first.1 <= FLAT {
        "flat".to_owned()
    } else if growth.ln() / steps.ln() <= LOGARITHMIC {
        "at most logarithmic".to_owned()
    } else {
        format!(
            "**grows**, at the end {} times for {} times as many",
            format_value(growth),
            format_value(steps)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(values: &[f64]) -> String {
        let counts = std::iter::successors(Some(10.0), |count| Some(count * 10.0));
        let points: Vec<_> = counts.zip(values.iter().copied()).collect();
        kind(&points)
    }

    #[test]
    fn growth_is_judged_by_both_ends_and_by_the_last_step() {
        assert_eq!(kind_of(&[10.0, 14.0, 9.0]), "flat");
        assert_eq!(
            kind_of(&[10.0, 20.0, 30.0, 40.0, 50.0]),
            "at most logarithmic"
        );
        assert_eq!(kind_of(&[10.0, 20.0, 22.0]), "at most logarithmic");
        assert_eq!(
            kind_of(&[10.0, 11.0, 100.0]),
            "**grows**, at the end 9.1 times for 10 times as many"
        );
    }

    #[test]
    fn text_contains_both_ends() {
        assert_eq!(
            describe(&[(10.0, 91.0), (1e6, 95.0)], "µs"),
            "flat, 91 µs at 10 and 95 µs at 1,000,000"
        );
        assert_eq!(describe(&[], "µs"), "not measured");
    }
}
