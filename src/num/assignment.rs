//! The best one-to-one matching of rows and columns by a matrix of gains.
//!
//! Shortest augmenting paths with potentials: rows are added one by one, and each path that is found is
//! the cheapest. Source: Kuhn 1955, in the O(n³) form of Jonker, Volgenant 1987. Ties go to the lower
//! column. Cost: O(r²·c) for r ≤ c rows; small matrices only.

/// For each row its column, so that the sum of gains is greatest; `None` for the rows that are too many.
/// `gains` is row-major with `n_columns` columns, finite.
pub(crate) fn best(gains: &[f64], n_columns: usize) -> Vec<Option<usize>> {
    let n_rows = gains.len().checked_div(n_columns).unwrap_or(0);
    if n_rows == 0 {
        return vec![None; n_rows];
    }
    if n_rows > n_columns {
        return best_for_columns(gains, n_rows, n_columns);
    }
    // Rows and columns count from 1 here; 0 is the row that looks for a place.
    let (mut of_row, mut of_column) = (vec![0.0; n_rows + 1], vec![0.0; n_columns + 1]);
    let mut row_at = vec![0usize; n_columns + 1];
    for row in 1..=n_rows {
        row_at[0] = row;
        let mut least = vec![f64::INFINITY; n_columns + 1];
        let mut came_from = vec![0usize; n_columns + 1];
        let mut is_done = vec![false; n_columns + 1];
        let mut column = 0;
        while row_at[column] != 0 {
            is_done[column] = true;
            let here = row_at[column];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for other in (1..=n_columns).filter(|&other| !is_done[other]) {
                let cost = -gains[(here - 1) * n_columns + other - 1];
                let reduced = cost - of_row[here] - of_column[other];
                if reduced < least[other] {
                    (least[other], came_from[other]) = (reduced, column);
                }
                if least[other] < step {
                    (step, next) = (least[other], other);
                }
            }
            for other in 0..=n_columns {
                if is_done[other] {
                    of_row[row_at[other]] += step;
                    of_column[other] -= step;
                } else {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            let before = came_from[column];
            row_at[column] = row_at[before];
            column = before;
        }
    }
    let mut columns = vec![None; n_rows];
    for (column, &row) in row_at.iter().enumerate().skip(1).filter(|&(_, &row)| row > 0) {
        columns[row - 1] = Some(column - 1);
    }
    columns
}

/// The same where the columns are fewer, so that they choose among the rows.
fn best_for_columns(gains: &[f64], n_rows: usize, n_columns: usize) -> Vec<Option<usize>> {
    let turned: Vec<f64> =
        (0..n_columns).flat_map(|c| (0..n_rows).map(move |r| gains[r * n_columns + c])).collect();
    let mut columns = vec![None; n_rows];
    for (column, row) in best(&turned, n_rows).into_iter().enumerate() {
        if let Some(row) = row {
            columns[row] = Some(column);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The greatest sum over all ways to give every row another column.
    fn naive(gains: &[f64], n_columns: usize, row: usize, taken: &mut Vec<bool>) -> f64 {
        let n_rows = gains.len() / n_columns;
        if row == n_rows {
            return 0.0;
        }
        let n_left = n_rows - row;
        let n_free = taken.iter().filter(|taken| !**taken).count();
        // A row may stay alone only where there are too few columns.
        let mut most = f64::NEG_INFINITY;
        if n_free < n_left {
            most = naive(gains, n_columns, row + 1, taken);
        }
        for column in 0..n_columns {
            if !std::mem::replace(&mut taken[column], true) {
                let gain = gains[row * n_columns + column];
                most = most.max(gain + naive(gains, n_columns, row + 1, taken));
                taken[column] = false;
            }
        }
        most
    }

    proptest! {
        #[test]
        fn no_other_matching_gains_more(
            (n_rows, n_columns, cells) in (1usize..6, 1usize..6)
                .prop_flat_map(|(r, c)| (Just(r), Just(c), prop::collection::vec(-9i32..9, r * c)))
        ) {
            let gains: Vec<f64> = cells.into_iter().map(f64::from).collect();
            let found = best(&gains, n_columns);
            prop_assert_eq!(found.len(), n_rows);
            let mut columns: Vec<usize> = found.iter().flatten().copied().collect();
            prop_assert_eq!(columns.len(), n_rows.min(n_columns));
            columns.sort_unstable();
            columns.dedup();
            prop_assert_eq!(columns.len(), n_rows.min(n_columns));
            let pairs = found.iter().enumerate().filter_map(|(r, c)| c.map(|c| r * n_columns + c));
            let sum: f64 = pairs.map(|cell| gains[cell]).sum();
            prop_assert_eq!(sum, naive(&gains, n_columns, 0, &mut vec![false; n_columns]));
        }
    }

    #[test]
    fn nothing_is_matched_with_nothing() {
        assert_eq!(best(&[], 0), []);
        assert_eq!(best(&[], 3), []);
    }
}
