//! A small generator of random numbers (splitmix64): the same seed gives the same county for ever,
//! which no crate's generator promises across its versions.

/// Random numbers from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator of its own for each sequence of numbers, so that one more draw for one person does
    /// not change all who come after.
    pub fn new(parts: &[u64]) -> Self {
        let mut rng = Self(0x9E37_79B9_7F4A_7C15);
        for part in parts {
            rng.0 ^= part.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
            rng.0 = rng.next();
        }
        rng
    }

    /// Sixty-four random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 for no choice.
    pub fn below(&mut self, n: usize) -> usize {
        // the high half of the product is even enough for a sample; `n` is far below 2^64
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = usize::try_from(high - low + 1).unwrap_or(0);
        low + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True in `n` of a hundred draws.
    pub fn percent(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    /// One of a list; none of an empty one.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let at = self.below(list.len());
        list.get(at)
    }

    /// Puts a list in random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            let j = self.below(i + 1);
            list.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_bounds_and_repeats() {
        let (mut a, mut b) = (Rng::new(&[1, 2]), Rng::new(&[1, 2]));
        for _ in 0..1000 {
            assert_eq!(a.next(), b.next());
            assert!((3..=5).contains(&a.between(3, 5)));
            b.between(3, 5);
        }
        assert_ne!(Rng::new(&[1, 2]).next(), Rng::new(&[2, 1]).next());
        assert_eq!(a.pick::<u8>(&[]), None);
        // the first numbers must never change: stored samples and their answers depend on them
        let mut fixed = Rng::new(&[42]);
        assert_eq!((fixed.next(), fixed.below(1000)), FIRST);
    }

    const FIRST: (u64, usize) = (2_641_986_990_985_617_980, 101);
}
