//! Repeatable random numbers: the seed of a run determines its images, its upload methods and the
//! times of crashes.

/// `SplitMix64` generator: statistically good, and small enough to be included here.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// Creates a generator with an independent sequence for each `(seed, stream)`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xD134_2543_DE82_EF95));
        random.next_u64();
        random
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `low` (inclusive) to `high` (exclusive).
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next_u64() % (high - low)
    }

    /// Returns true once in `times` calls on average.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.next_u64().is_multiple_of(times)
    }

    /// Returns one of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let length = choices.len() as u64;
        let index = usize::try_from(self.range(0, length)).unwrap_or(0);
        &choices[index]
    }

    /// Returns `length` random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next_u64().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn same_seed_repeats_and_streams_differ() {
        let first = Random::new(7, 1).bytes(33);
        assert_eq!(first, Random::new(7, 1).bytes(33));
        assert_ne!(first, Random::new(7, 2).bytes(33));
        assert_eq!(first.len(), 33);
    }

    #[test]
    fn stays_within_bounds() {
        let mut random = Random::new(1, 1);
        assert!((0..1000).all(|_| (5..9).contains(&random.range(5, 9))));
    }
}
