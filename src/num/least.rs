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
        assert_eq!(first_least(&[]), None);
        assert_eq!(first_least(&[f64::INFINITY; 20]), None);
    }
}
