//! From scores to outliers.

/// The rows scored above the threshold, the oddest first; equal scores in row order.
pub(super) fn oddest_first(scores: &[f64], threshold: f64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..scores.len()).filter(|&row| scores[row] > threshold).collect();
    rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oddest_row_comes_first_and_ties_go_by_row() {
        assert_eq!(oddest_first(&[0.6, 0.5, 0.9, 0.6], 0.5), [2, 0, 3]);
        assert_eq!(oddest_first(&[0.5], 0.5), [0usize; 0]);
    }
}
