//! The smallest of many numbers, and the first place where it stands.
//!
//! Two passes: the least value on several registers at once, then the first element that equals it.
//! One pass that carries the place along would be bound by its comparisons.

/// Values that are compared side by side.
const SIDE_BY_SIDE: usize = 16;

/// The first place of the least value and the value; none if all are infinite.
pub(crate) fn first_least(values: &[f64]) -> Option<(usize, f64)> {
    let (blocks, rest) = values.as_chunks::<SIDE_BY_SIDE>();
    let mut least = [f64::INFINITY; SIDE_BY_SIDE];
    for block in blocks {
        for (least, &value) in least.iter_mut().zip(block) {
            *least = if value < *least { value } else { *least };
        }
    }
    let least = least.iter().chain(rest).fold(f64::INFINITY, |a, &b| if b < a { b } else { a });
    let place = values.iter().position(|&value| value == least)?;
    (least < f64::INFINITY).then_some((place, least))
}

/// As [`first_least`] of the sums of the pairs.
pub(crate) fn first_least_sum(values: &[f64], added: &[f64]) -> Option<(usize, f64)> {
    debug_assert_eq!(values.len(), added.len());
    let (blocks, rest) = values.as_chunks::<SIDE_BY_SIDE>();
    let (added_blocks, added_rest) = added.as_chunks::<SIDE_BY_SIDE>();
    let mut least = [f64::INFINITY; SIDE_BY_SIDE];
    for (block, added) in blocks.iter().zip(added_blocks) {
        for ((least, &value), &added) in least.iter_mut().zip(block).zip(added) {
            let sum = value + added;
            *least = if sum < *least { sum } else { *least };
        }
    }
    let rest = rest.iter().zip(added_rest).map(|(a, b)| a + b);
    let least = least.into_iter().chain(rest).fold(f64::INFINITY, |a, b| if b < a { b } else { a });
    let place = values.iter().zip(added).position(|(a, b)| a + b == least)?;
    (least < f64::INFINITY).then_some((place, least))
}

/// Numbers that change, and the first place of the least of them.
#[derive(Debug, Clone)]
pub(crate) struct Least {
    values: Vec<f64>,
    /// The least number of every [`TOGETHER`].
    of_blocks: Vec<f64>,
}

/// Numbers whose least one is kept.
const TOGETHER: usize = 64;

fn least(values: &[f64]) -> f64 {
    values.iter().fold(f64::INFINITY, |a, &b| if b < a { b } else { a })
}

impl Least {
    pub(crate) fn new(values: Vec<f64>) -> Self {
        Self { of_blocks: values.chunks(TOGETHER).map(least).collect(), values }
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn set(&mut self, place: usize, value: f64) {
        self.values[place] = value;
        let first = place / TOGETHER * TOGETHER;
        let end = self.values.len().min(first + TOGETHER);
        self.of_blocks[place / TOGETHER] = least(&self.values[first..end]);
    }

    /// The first place of the least number and the number; none if all are infinite.
    pub(crate) fn first(&self) -> Option<(usize, f64)> {
        let (block, _) = first_least(&self.of_blocks)?;
        let first = block * TOGETHER;
        let end = self.values.len().min(first + TOGETHER);
        first_least(&self.values[first..end]).map(|(place, value)| (first + place, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    #[test]
    fn the_place_is_the_first_of_the_least() {
        let mut stream = Stream::new(3, 0);
        for n in [1, 2, 15, 16, 17, 100] {
            let values: Vec<f64> = (0..n).map(|_| stream.below(9) as f64).collect();
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let place = values.iter().position(|&v| v == least).unwrap();
            assert_eq!(first_least(&values), Some((place, least)));
            let mut added = vec![0.0; n];
            added[place] = f64::INFINITY;
            let mut without = values.clone();
            without[place] = f64::INFINITY;
            assert_eq!(first_least_sum(&values, &added), first_least(&without));
        }
        let mut values = Least::new(vec![f64::INFINITY; 300]);
        assert_eq!(values.first(), None);
        for _ in 0..2000 {
            values.set(stream.below(300), stream.below(50) as f64);
            assert_eq!(values.first(), first_least(values.values()));
        }
        assert_eq!(first_least(&[]), None);
        assert_eq!(first_least(&[f64::INFINITY; 20]), None);
    }
}
