//! Scores by rank: 1 to n, n is best, equal values score equally.
//!
//! Of N people with a value, one who does better than b others scores 1 + ⌊n·b / N⌋. Written as
//! borders: a value scores 1 and one more for every border that it reaches, so that somebody who
//! comes later is scored by the same measure.

use super::measure::Best;
use super::table::Values;

/// The values at which a score is reached, from the second on, from bad to good; fewer than
/// n − 1 where many share the best value.
pub(super) fn borders(column: &[Option<f64>], n: usize, best: Best) -> Vec<f64> {
    let mut values: Vec<f64> = column.iter().flatten().copied().collect();
    values.sort_unstable_by(f64::total_cmp);
    if best == Best::Low {
        values.reverse();
    }
    let mut borders = Vec::new();
    let mut i = 0;
    for score in 1..n {
        // The first value that is better than at least this many.
        let worse = (score * values.len()).div_ceil(n);
        i = i.max(worse);
        while i < values.len() && values[i] == values[i - 1] {
            i += 1;
        }
        let Some(&value) = values.get(i) else { break };
        borders.push(value);
    }
    borders
}

/// The scores of a column.
pub(super) fn scores(column: &[Option<f64>], borders: &[f64], best: Best) -> Values {
    Values::Numeric(column.iter().map(|value| Some(score((*value)?, borders, best))).collect())
}

/// The score of a value.
fn score(value: f64, borders: &[f64], best: Best) -> f64 {
    let is_reached = |border: &f64| match best {
        Best::High => value >= *border,
        Best::Low => value <= *border,
    };
    (1 + borders.partition_point(is_reached)) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores_of(values: &[f64], n: usize, best: Best) -> Vec<f64> {
        let column: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        let borders = borders(&column, n, best);
        values.iter().map(|&value| score(value, &borders, best)).collect()
    }

    #[test]
    fn five_is_best_for_recency_and_for_spend() {
        let values = [10.0, 20.0, 30.0, 40.0, 50.0];
        assert_eq!(scores_of(&values, 5, Best::High), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(scores_of(&values, 5, Best::Low), [5.0, 4.0, 3.0, 2.0, 1.0]);
    }

    #[test]
    fn equal_values_score_equally_however_many() {
        assert_eq!(scores_of(&[1.0; 7], 5, Best::High), [1.0; 7]);
        let half = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0];
        assert_eq!(scores_of(&half, 4, Best::High), [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 4.0]);
        assert!(scores_of(&[], 5, Best::High).is_empty());
        assert!(borders(&[None, Some(1.0), None], 5, Best::Low).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_score_counts_those_who_do_worse(
            values in prop::collection::vec(0i8..12, 0..40), n in 2usize..8, is_low in any::<bool>(),
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let best = if is_low { Best::Low } else { Best::High };
            let by_definition = values.iter().map(|&v| {
                let worse = |&&w: &&f64| if is_low { w > v } else { w < v };
                (1 + n * values.iter().filter(worse).count() / values.len()) as f64
            });
            prop_assert_eq!(scores_of(&values, n, best), by_definition.collect::<Vec<_>>());
        }
    }
}
