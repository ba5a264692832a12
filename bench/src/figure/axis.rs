//! Logarithmic axes and the numbers beside them.

/// Number of powers of ten up to which an axis also shows 2 and 5.
const DENSE: i32 = 2;

/// Axis from one power of ten to another, over a range of pixels.
pub(super) struct Axis {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Axis {
    /// Creates the shortest axis that contains all values, which must be positive. It runs from pixel
    /// `from` to pixel `to`.
    pub(super) fn new(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let smallest = values.clone().fold(f64::INFINITY, f64::min);
        let largest = values.fold(0.0, f64::max);
        let low = exponent(smallest.log10().floor());
        let high = exponent(largest.log10().ceil()).max(low + 1);
        Self {
            low,
            high,
            from,
            to,
        }
    }

    /// Returns the pixel of a value.
    pub(super) fn position(&self, value: f64) -> f64 {
        let part = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + part * (self.to - self.from)
    }

    /// Returns the values to mark with their pixels.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, f64)> {
        let dense = self.high - self.low <= DENSE;
        let multiples: &[f64] = if dense { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let powers = (self.low..=self.high).map(|exponent| 10_f64.powi(exponent));
        let values =
            powers.flat_map(|power| multiples.iter().map(move |multiple| power * multiple));
        let last = 10_f64.powi(self.high);
        values
            .filter(move |value| *value <= last)
            .map(|value| (value, self.position(value)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the logarithm of a finite number fits"
)]
fn exponent(logarithm: f64) -> i32 {
    logarithm as i32
}

/// Formats a value with two or three significant digits, and with separators between thousands.
pub(super) fn format_value(value: f64) -> String {
    if value < 100.0 {
        let decimals = match value {
            ..0.1 => 3,
            ..1.0 => 2,
            ..10.0 => 1,
            _ => 0,
        };
        let text = format!("{value:.decimals$}");
        return match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            None => text,
        };
    }
    let unit = 10_f64.powi(exponent(value.log10().floor()) - 2);
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_runs_between_powers_of_ten() {
        let axis = Axis::new([20.0, 3000.0].into_iter(), 0.0, 90.0);
        let ticks: Vec<_> = axis.ticks().collect();
        assert_eq!(ticks.len(), 4);
        assert!((ticks[0].0 - 10.0).abs() < 1e-9 && ticks[0].1.abs() < 1e-9);
        assert!((ticks[3].0 - 10_000.0).abs() < 1e-6 && (ticks[3].1 - 90.0).abs() < 1e-9);
        assert!((axis.position(100.0) - 30.0).abs() < 1e-9);
    }

    #[test]
    fn axis_of_one_value_has_a_length_and_more_ticks() {
        let axis = Axis::new([100.0].into_iter(), 10.0, 0.0);
        assert!((axis.position(100.0) - 10.0).abs() < 1e-9);
        assert!(axis.position(1000.0).abs() < 1e-9);
        let values: Vec<_> = axis.ticks().map(|(value, _)| format_value(value)).collect();
        assert_eq!(values, ["100", "200", "500", "1,000"]);
    }

    #[test]
    fn values_have_few_digits_and_separators() {
        for (value, text) in [
            (0.0014, "0.001"),
            (0.25, "0.25"),
            (1.0, "1"),
            (4.26, "4.3"),
            (42.6, "43"),
            (426.3, "426"),
            (23_912.0, "23,900"),
            (1_000_000.0, "1,000,000"),
        ] {
            assert_eq!(format_value(value), text);
        }
    }
}
