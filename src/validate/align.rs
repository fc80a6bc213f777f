//! One numbering for two groupings of the same rows.
//!
//! Clusters are matched one to one so that as many rows as can be have the same number in both.
//! Source: the assignment problem (Kuhn 1955), on the table of how often clusters meet.
//! Cost: one pass over the labels, O(k³) for the matching.

use super::external::{Contingency, check_length};
use crate::labels::NOISE;
use crate::num::assignment;
use crate::{Error, Labels, Result};

/// Clusters of the larger grouping: beyond, matching them takes minutes.
const MOST: usize = 2000;

/// Renumbers the second grouping to match the first: clusters are paired one to one so that as many rows as
/// possible have equal numbers.
///
/// Clusters without a partner get the next numbers after those of the first grouping, in their own order.
/// Noise stays noise.
///
/// ```
/// use personas::{Labels, validate};
///
/// let reference = Labels::new([0, 0, 0, 1, 1, 2].map(Some))?;
/// let found = Labels::new([Some(2), Some(2), Some(0), Some(0), Some(0), None])?;
/// let aligned = validate::align(&reference, &found)?;
/// assert_eq!(aligned.to_vec(), [Some(0), Some(0), Some(1), Some(1), Some(1), None]);
/// let agree = reference.iter().zip(aligned.iter()).filter(|(a, b)| a == b).count();
/// assert_eq!(agree, 4);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::DimensionMismatch`] if the labelings have different lengths;
/// [`Error::InvalidParameter`] for more than 2,000 clusters.
pub fn align(reference: &Labels, found: &Labels) -> Result<Labels> {
    check_length("labels", reference.len(), found)?;
    let (k, n_found) = (reference.n_clusters(), found.n_clusters());
    if k.max(n_found) > MOST {
        let expected = format!("at most {MOST} clusters to align");
        return Err(Error::parameter("labels", expected, k.max(n_found)));
    }
    let mut shared = vec![0.0; n_found * k];
    for (a, b, both) in Contingency::of(reference, found).shared() {
        shared[b * k + a] = both as f64;
    }
    let matched = match k {
        0 => vec![None; n_found],
        _ => assignment::best(&shared, k),
    };
    let mut n_clusters = k;
    // A cluster without rows has no number.
    let mut numbers = vec![NOISE; n_found];
    for cluster in (0..n_found).filter(|&cluster| found.sizes()[cluster] > 0) {
        // A match that shares no row is none.
        let number = matched[cluster].filter(|&a| shared[cluster * k + a] > 0.0);
        numbers[cluster] = number.unwrap_or(n_clusters) as u32;
        n_clusters += usize::from(number.is_none());
    }
    let of = |cluster: Option<usize>| cluster.map_or(NOISE, |cluster| numbers[cluster]);
    Labels::numbered(found.iter().map(of).collect(), n_clusters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    #[test]
    fn no_other_numbering_agrees_on_more_rows() {
        for case in 0..200 {
            let mut stream = Stream::new(3, case);
            let (a, b) = (1 + stream.below(4), 1 + stream.below(4));
            let mut labels = |k: usize| {
                let raw: Vec<Option<usize>> =
                    (0..30).map(|_| stream.below(k + 1).checked_sub(1)).collect();
                Labels::new(raw).unwrap()
            };
            let (reference, found) = (labels(a), labels(b));
            let agree = |numbers: &[usize]| {
                let same = |row: &usize| {
                    reference.get(*row).is_some()
                        && reference.get(*row) == found.get(*row).map(|c| numbers[c])
                };
                (0..30).filter(same).count()
            };
            let aligned = align(&reference, &found).unwrap();
            let equal = (0..30).filter(|&row| {
                aligned.get(row).is_some() && aligned.get(row) == reference.get(row)
            });
            // All ways to give the found clusters different numbers below 8.
            let mut most = 0;
            for way in 0..8usize.pow(found.n_clusters() as u32) {
                let numbers: Vec<usize> =
                    (0..found.n_clusters()).map(|c| way / 8usize.pow(c as u32) % 8).collect();
                let mut distinct = numbers.clone();
                distinct.sort_unstable();
                distinct.dedup();
                if distinct.len() == numbers.len() {
                    most = most.max(agree(&numbers));
                }
            }
            assert_eq!(equal.count(), most, "case {case}");
            assert_eq!(aligned.n_noise(), found.n_noise());
            // It only renumbers.
            let again = crate::validate::adjusted_rand(&aligned, &found).unwrap();
            assert_eq!(again, 1.0);
        }
    }

    #[test]
    fn other_lengths_too_many_clusters_and_no_clusters_are_dealt_with() {
        let noise = Labels::new([None, None]).unwrap();
        let two = Labels::new([Some(0), Some(1)]).unwrap();
        assert_eq!(align(&noise, &two).unwrap(), two);
        assert_eq!(align(&two, &noise).unwrap().n_noise(), 2);
        let many = Labels::new((0..=MOST).map(Some)).unwrap();
        assert!(matches!(align(&many, &many), Err(Error::InvalidParameter { .. })));
        assert!(matches!(align(&many, &two), Err(Error::DimensionMismatch { .. })));
    }
}
