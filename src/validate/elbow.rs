//! Where a curve that falls ever more slowly has its bend.
//!
//! Kneedle: the curve is brought to the unit square and turned to rise, and its height above the
//! diagonal looked at. A local maximum of the height is the bend if the height falls by more than
//! the mean step in x before it rises again (sensitivity 1). A straight line has no bend.
//!
//! Source: Satopää, Albrecht, Irwin, Raghavan 2011. Of several bends it is the first; of equal
//! heights the left one. Cost: O(n).

/// The position of the bend among points (x, y), ascending in x; `None` if there is none.
pub(super) fn kneedle(points: &[(f64, f64)]) -> Option<usize> {
    let [(start, _), _, .., (end, _)] = points else { return None };
    let low = points.iter().fold(f64::INFINITY, |low, p| low.min(p.1));
    let high = points.iter().fold(f64::NEG_INFINITY, |high, p| high.max(p.1));
    let height = |&(x, y): &(f64, f64)| (high - y) / (high - low) - (x - start) / (end - start);
    let heights: Vec<f64> = points.iter().map(height).collect();
    let step = 1.0 / (points.len() - 1) as f64;
    // The maximum passed last and what the height must fall below; none while the curve rises.
    let mut top = None;
    for (at, window) in heights.windows(3).enumerate() {
        let &[before, here, after] = window else { continue };
        if here > before {
            top = (here >= after).then_some((at + 1, here - step));
        }
        if let Some((bend, below)) = top
            && after < below
        {
            return Some(bend);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bend(ys: &[f64]) -> Option<usize> {
        kneedle(&ys.iter().enumerate().map(|(x, &y)| (x as f64, y)).collect::<Vec<_>>())
    }

    #[test]
    fn the_papers_figure_2_bends_at_two_ninths() {
        let points: Vec<(f64, f64)> =
            (0..10).map(|i| f64::from(i) / 9.0).map(|x| (x, 1.0 / (x + 0.1))).collect();
        assert_eq!(kneedle(&points).map(|at| points[at].0), Some(2.0 / 9.0));
    }

    #[test]
    fn measured_points_bend_where_kneed_says() {
        let ys = [2314., 802., 519., 417., 358., 318., 302., 284., 280.];
        let points: Vec<(f64, f64)> =
            ys.iter().enumerate().map(|(i, &y)| (1000.0 * (i + 1) as f64, y)).collect();
        assert_eq!(kneedle(&points).map(|at| points[at].0), Some(3000.0));
    }

    #[test]
    fn a_line_a_flat_one_and_two_points_have_no_bend() {
        for ys in [&[5., 4., 3., 2., 1.][..], &[3., 3., 3., 3.], &[9., 1.], &[1.], &[]] {
            assert_eq!(bend(ys), None, "{ys:?}");
        }
    }

    #[test]
    fn numbers_that_are_none_have_no_bend() {
        assert_eq!(bend(&[f64::NAN, 1.0, f64::INFINITY, 0.0]), None);
        assert_eq!(kneedle(&[(1.0, 3.0), (1.0, 2.0), (1.0, 1.0)]), None);
    }

    #[test]
    fn a_bump_after_a_shallow_maximum_is_waited_out() {
        // Heights .5, .3, .4 after 0: the first top would need a fall below .3 (mean step .2).
        let ys = [1.0, 0.3, 0.3, 0.0, 0.0, 0.0];
        assert_eq!(bend(&ys), Some(3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn offset_and_powers_of_two_do_not_move_the_bend(
            falls in prop::collection::vec(0..100u32, 2..12), offset in -1000..1000i32,
        ) {
            let mut y = 2000.0;
            let ys: Vec<f64> = falls.iter().map(|&fall| { y -= f64::from(fall); y }).collect();
            let moved: Vec<f64> = ys.iter().map(|y| (y + f64::from(offset)) * 0.0625).collect();
            prop_assert_eq!(bend(&ys), bend(&moved));
            if let Some(at) = bend(&ys) {
                prop_assert!(at > 0 && at < ys.len() - 1);
            }
        }
    }
}
