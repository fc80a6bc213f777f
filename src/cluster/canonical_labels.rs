//! Canonical labels of rows whose clusters have no numbers yet.

use std::cmp::Reverse;

use crate::labels::NOISE;
use crate::num::neighbors::NONE;
use crate::{Labels, Result};

/// Canonical labels of rows. `representatives` has for each row the row that stands for its cluster, or [`NONE`] for noise.
/// Cost: O(n) and a sort of the clusters.
pub(super) fn canonical_labels(representatives: &[u32]) -> Result<Labels> {
    let mut sizes = vec![0u32; representatives.len()];
    let mut firsts: Vec<u32> = Vec::new();
    for &row in representatives.iter().filter(|&&row| row != NONE) {
        // Clusters come in the order of their smallest rows.
        if sizes[row as usize] == 0 {
            firsts.push(row);
        }
        sizes[row as usize] += 1;
    }
    firsts.sort_by_key(|&row| Reverse(sizes[row as usize]));
    let mut numbers = vec![NOISE; representatives.len()];
    for (number, &row) in firsts.iter().enumerate() {
        numbers[row as usize] = number as u32;
    }
    let number = |&row: &u32| if row == NONE { NOISE } else { numbers[row as usize] };
    Labels::numbered(representatives.iter().map(number).collect(), firsts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representatives_become_canonical_labels() {
        let labels = canonical_labels(&[5, NONE, 3, 3, 5, 0, 5]).unwrap();
        let expected = [Some(5), None, Some(3), Some(3), Some(5), Some(0), Some(5)];
        assert_eq!(labels, Labels::new(expected).unwrap());
        assert!(labels.is_canonical());
        assert_eq!(canonical_labels(&[NONE]).unwrap().n_clusters(), 0);
    }
}
