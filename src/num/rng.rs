//! (seed, index) -> one random stream; the only file that names rand.
//!
//! Xoshiro256++ (Blackman, Vigna 2019), its state filled by SplitMix64 from seed and index. Every
//! tree, restart, resample or fold takes the stream of its own index, so results do not depend on
//! which thread runs it. Numbers are drawn by our own few lines below, not by rand's
//! distributions: those may change their values in a minor release, ours are part of the result.

use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::portable;

/// A stream of random numbers that depends on (seed, index) alone.
#[derive(Debug, Clone)]
pub(crate) struct Stream(Xoshiro256PlusPlus);

impl Stream {
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut state = split_mix(seed).wrapping_add(index);
        let mut bytes = [0u8; 32];
        for word in bytes.chunks_exact_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            word.copy_from_slice(&split_mix(state ^ index.rotate_left(32)).to_le_bytes());
        }
        Self(Xoshiro256PlusPlus::from_seed(bytes))
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `0..n`, without bias (Lemire 2019). `n` must not be 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        debug_assert!(n > 0);
        let n = n as u64;
        let mut wide = u128::from(self.next_u64()) * u128::from(n);
        if (wide as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (wide as u64) < threshold {
                wide = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (wide >> 64) as usize
    }

    /// Standard normal, by the polar method (Marsaglia 1964); the second value is not kept.
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * portable::ln(s) / s).sqrt();
            }
        }
    }

    /// Shuffles in place (Fisher, Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// `m` distinct numbers of `0..n` in the order drawn (Floyd's set, then a shuffle); `m ≤ n`.
    pub(crate) fn sample(&mut self, n: usize, m: usize) -> Vec<usize> {
        debug_assert!(m <= n);
        let mut seen = std::collections::HashSet::with_capacity(m);
        let mut drawn = Vec::with_capacity(m);
        for j in n - m..n {
            let candidate = self.below(j + 1);
            let chosen = if seen.insert(candidate) { candidate } else { j };
            seen.insert(chosen);
            drawn.push(chosen);
        }
        self.shuffle(&mut drawn);
        drawn
    }

    /// All of `0..n_rows`, or `most` of them drawn at random, ascending.
    pub(crate) fn rows(&mut self, n_rows: usize, most: usize) -> Vec<usize> {
        if n_rows <= most {
            return (0..n_rows).collect();
        }
        let mut drawn = self.sample(n_rows, most);
        drawn.sort_unstable();
        drawn
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit.
fn split_mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_seed_and_by_index() {
        let draw = |seed, index| Stream::new(seed, index).next_u64();
        assert_eq!(draw(7, 3), draw(7, 3));
        let mut all: Vec<u64> = (0..50).flat_map(|s| (0..50).map(move |i| draw(s, i))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2500);
    }

    #[test]
    fn a_sample_has_distinct_members_and_every_member_is_as_likely() {
        let mut counts = [0u32; 10];
        for index in 0..4000 {
            let mut sample = Stream::new(1, index).sample(10, 3);
            sample.iter().for_each(|&i| counts[i] += 1);
            sample.sort_unstable();
            sample.dedup();
            assert_eq!(sample.len(), 3);
        }
        // 1200 expected each, standard deviation 29.
        assert!(counts.iter().all(|c| (1050..1350).contains(c)), "{counts:?}");
    }

    #[test]
    fn normals_have_mean_0_and_variance_1() {
        let mut stream = Stream::new(3, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
