//! Drawing the rows of a tree where rows have weights: as from a list with a row of weight 3 three times.
//!
//! Every copy of a row waits for an exponential time, and those that come first are drawn. Of w copies
//! left the next comes after an exponential time of rate w, so that no list is made: a heap holds the
//! next copy of every row. The rest of a weight that is not whole is a copy that comes so much more
//! slowly.
//!
//! Source: Efraimidis, Spirakis 2006 (the exponential form; copies are ours). Cost per tree: O(n) for the
//! first copies, O(log n) per row drawn.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::num::check;
use crate::num::portable;
use crate::num::rng::Stream;
use crate::{Error, Result};

/// How often each row is there.
#[derive(Debug)]
pub(super) struct Copies {
    /// Copies per row, not always whole; their sum is at least the number of rows above 0.
    pub(super) of_rows: Vec<f64>,
    pub(super) total: f64,
}

impl Copies {
    /// # Errors
    /// `DimensionMismatch` for another number of weights than rows; `InvalidParameter` for one that is
    /// negative or not finite, for weights that are all 0, and for a sum that is not finite.
    pub(super) fn new(weights: &[f64], n_rows: usize) -> Result<Self> {
        check::weights(weights, n_rows)?;
        let total: f64 = weights.iter().sum();
        if !total.is_finite() {
            return Err(Error::parameter("weights", "of a finite sum", total));
        }
        let n_present = weights.iter().filter(|&&weight| weight > 0.0).count() as f64;
        if total >= n_present {
            return Ok(Self { of_rows: weights.to_vec(), total });
        }
        // Shares, or other weights of a small unit: on average a row is there once.
        let of_rows = weights.iter().map(|weight| weight / total * n_present).collect();
        Ok(Self { of_rows, total: n_present })
    }

    /// `n` copies drawn without replacement, as the numbers of their rows; `n` is at most the total.
    pub(super) fn draw(&self, n: usize, stream: &mut Stream) -> Vec<usize> {
        let mut next: BinaryHeap<Arrival> = self
            .of_rows
            .iter()
            .enumerate()
            .filter(|(_, copies)| **copies > 0.0)
            .map(|(row, &left)| Arrival { time: wait(left, stream), row, left })
            .collect();
        let mut drawn = Vec::with_capacity(n);
        while drawn.len() < n {
            // Rounding of the total may ask for one copy more than there are.
            let Some(Arrival { time, row, left }) = next.pop() else { break };
            drawn.push(row);
            let left = left - 1.0;
            if left > 0.0 {
                next.push(Arrival { time: time + wait(left, stream), row, left });
            }
        }
        drawn
    }
}

/// An exponential time of this rate.
fn wait(rate: f64, stream: &mut Stream) -> f64 {
    -portable::ln(1.0 - stream.unit()) / rate
}

/// The next copy of a row, and how many of it are left with this one. The first comes out on top of a
/// heap.
#[derive(Debug)]
struct Arrival {
    time: f64,
    row: usize,
    left: f64,
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        other.time.total_cmp(&self.time).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Arrival {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_as_often_as_from_a_list_of_their_copies() {
        // Three of the six copies 0, 1, 1, 1, 3, 3 are drawn, so a row with w copies is drawn w/2 times on average.
        let copies = Copies::new(&[1.0, 3.0, 0.0, 2.0], 4).unwrap();
        let (mut often, mut all_of_1) = ([0u32; 4], 0);
        for index in 0..6000 {
            let drawn = copies.draw(3, &mut Stream::new(1, index));
            assert_eq!(drawn.len(), 3);
            drawn.iter().for_each(|&row| often[row] += 1);
            all_of_1 += u32::from(drawn == [1, 1, 1]);
        }
        assert!(often[2] == 0 && often[0].abs_diff(3000) < 160, "{often:?}");
        assert!(often[1].abs_diff(9000) < 230 && often[3].abs_diff(6000) < 200, "{often:?}");
        // One of the twenty ways to choose three of six: 300 expected, standard deviation 17.
        assert!(all_of_1.abs_diff(300) < 70, "{all_of_1}");
    }

    #[test]
    fn all_copies_can_be_drawn_and_shares_are_scaled_up() {
        let copies = Copies::new(&[2.0, 1.0, 2.0], 3).unwrap();
        let mut drawn = copies.draw(5, &mut Stream::new(0, 0));
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 0, 1, 2, 2]);
        let shares = Copies::new(&[0.25, 0.0, 0.5, 0.25], 4).unwrap();
        assert_eq!((shares.of_rows, shares.total), (vec![0.75, 0.0, 1.5, 0.75], 3.0));
        for wide in [[1e300, 1e-300], [1e-300, 5e-324]] {
            assert_eq!(Copies::new(&wide, 2).unwrap().draw(2, &mut Stream::new(3, 0)).len(), 2);
        }
        for weights in [[1.0, -1.0], [0.0, 0.0], [1.0, f64::NAN], [f64::MAX, f64::MAX]] {
            assert!(Copies::new(&weights, 2).is_err());
        }
        assert!(Copies::new(&[1.0], 2).is_err());
    }
}
