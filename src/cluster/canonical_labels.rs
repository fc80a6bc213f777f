//! Labels from claims: what each row's cluster is called before clusters have their numbers.

use std::cmp::Reverse;

use crate::labels::NOISE;
use crate::num::neighbors::NONE;
use crate::{Labels, Result};

/// Canonical labels of rows whose cluster is named by one of its rows, or [`NONE`] for noise.
/// Cost: O(n) and a sort of the clusters.
pub(super) fn labels_of_claims(claims: &[u32]) -> Result<Labels> {
    let mut sizes = vec![0u32; claims.len()];
    let mut firsts: Vec<u32> = Vec::new();
    for &claim in claims.iter().filter(|&&claim| claim != NONE) {
        // Clusters come in the order of their smallest rows.
        if sizes[claim as usize] == 0 {
            firsts.push(claim);
        }
        sizes[claim as usize] += 1;
    }
    firsts.sort_by_key(|&claim| Reverse(sizes[claim as usize]));
    let mut numbers = vec![NOISE; claims.len()];
    for (number, &claim) in firsts.iter().enumerate() {
        numbers[claim as usize] = number as u32;
    }
    let number = |&claim: &u32| if claim == NONE { NOISE } else { numbers[claim as usize] };
    Labels::numbered(claims.iter().map(number).collect(), firsts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_become_canonical_labels() {
        let labels = labels_of_claims(&[5, NONE, 3, 3, 5, 0, 5]).unwrap();
        let expected = [Some(5), None, Some(3), Some(3), Some(5), Some(0), Some(5)];
        assert_eq!(labels, Labels::new(expected).unwrap());
        assert!(labels.is_canonical());
        assert_eq!(labels_of_claims(&[NONE]).unwrap().n_clusters(), 0);
    }
}
