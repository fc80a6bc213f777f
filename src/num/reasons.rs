//! Which columns make a row odd beside a group of rows, in which direction and by how much.
//!
//! Per column the row's value is compared with the group's median; the robust z is the difference in
//! units of the group's median absolute deviation, times 1.4826 so that it is a standard deviation in
//! normal data. Where more than half of the group share one value, the mean absolute deviation, times
//! 1.2533, stands in; where all do, the greatest one that z can be says that it is the only one.
//!
//! Source: Iglewicz, Hoaglin 1993 (modified z-scores).
//! Cost: O(group · columns).

use serde::{Deserialize, Serialize};

use super::check::Rows;
use super::stats;

/// One column's part in why a row, or a small group of rows, is odd; values are in the units of the fitted
/// matrix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnReason {
    /// The column, from 0.
    pub column: usize,
    /// The row's value; of a group the mean.
    pub value: f64,
    /// The median of those that a row is compared with, the mean of those that a group is compared with;
    /// the value lies above it if `z` is positive.
    pub typical: f64,
    /// How far off it is: a row in robust standard deviations, ±1e6 at most; a group in standard
    /// standard deviations, 0 where the others do not vary.
    pub z: f64,
    /// The column's part of the squared difference from the typical values, from 0 to 1.
    pub share: f64,
}

/// Greatest |z|: farther is as odd as can be.
const MOST: f64 = 1e6;

/// The reasons of a row beside a group, the strongest first: by share, then |z|, then column. Empty for
/// an empty group.
pub(crate) fn reasons(rows: &Rows<'_>, row: usize, group: &[usize]) -> Vec<ColumnReason> {
    let others: Vec<usize> = group.iter().copied().filter(|&other| other != row).collect();
    if others.is_empty() {
        return Vec::new();
    }
    let mut reasons: Vec<ColumnReason> = (0..rows.n_columns())
        .map(|column| {
            let values: Vec<f64> = others.iter().map(|&other| rows.row(other)[column]).collect();
            let typical = stats::median(&stats::sorted(&values));
            let value = rows.row(row)[column];
            let off: Vec<f64> = values.iter().map(|value| (value - typical).abs()).collect();
            let median = 1.4826 * stats::median(&stats::sorted(&off));
            let spread = if median > 0.0 { median } else { 1.2533 * stats::mean(&off) };
            let difference = value - typical;
            let z = if difference == 0.0 { 0.0 } else { (difference / spread).clamp(-MOST, MOST) };
            ColumnReason { column, value, typical, z, share: 0.0 }
        })
        .collect();
    share(&mut reasons);
    reasons.sort_by(|a, b| {
        let z = |reason: &ColumnReason| reason.z.abs();
        b.share.total_cmp(&a.share).then(z(b).total_cmp(&z(a))).then(a.column.cmp(&b.column))
    });
    reasons
}

/// Fills in each column's part of the whole squared difference.
pub(crate) fn share(reasons: &mut [ColumnReason]) {
    // By the greatest difference first, so that no square leaves the range of floats.
    let difference = |reason: &ColumnReason| (reason.value - reason.typical).abs();
    let most = reasons.iter().map(difference).fold(0.0, f64::max);
    if most > 0.0 {
        let part = |reason: &ColumnReason| (difference(reason) / most).powi(2);
        let whole: f64 = reasons.iter().map(part).sum();
        reasons.iter_mut().for_each(|reason| reason.share = part(reason) / whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::array;

    #[test]
    fn the_column_that_is_off_comes_first_with_its_direction_and_units() {
        let x = array![
            [1.0, 5.0, 0.0],
            [2.0, 5.0, 0.0],
            [3.0, 5.0, 0.0],
            [2.0, 4.0, 0.0],
            [2.5, -1.0, 0.0]
        ];
        let rows = check::rows(x.view()).unwrap();
        let reasons = reasons(&rows, 4, &[0, 1, 2, 3, 4]);
        assert_eq!(reasons.iter().map(|reason| reason.column).collect::<Vec<_>>(), [1, 0, 2]);
        let first = reasons[0];
        assert_eq!((first.value, first.typical), (-1.0, 5.0));
        // All but one are 5: the mean absolute deviation is a quarter.
        assert!((first.z + 6.0 / (1.2533 * 0.25)).abs() < 1e-12);
        assert!((first.share - 36.0 / 36.25).abs() < 1e-12);
        assert!((reasons[1].z - 0.5 / (1.4826 * 0.5)).abs() < 1e-12);
        assert_eq!(reasons[2].z, 0.0);
    }

    #[test]
    fn huge_tiny_and_constant_columns_have_finite_reasons() {
        let x = array![[1e145, 1e-300], [-1e145, 1e-300], [0.0, 2e-300]];
        let rows = check::rows(x.view()).unwrap();
        let all = reasons(&rows, 0, &[1, 2]);
        assert!(all.iter().all(|reason| reason.z.is_finite() && reason.share.is_finite()));
        assert_eq!(reasons(&rows, 2, &[0]).iter().find(|r| r.column == 1).unwrap().z, MOST);
        assert!(reasons(&rows, 0, &[0]).is_empty());
    }
}
