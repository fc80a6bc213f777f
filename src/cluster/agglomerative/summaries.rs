//! Ward's tree of more rows than one waits for: exact on micro-clusters, and inside each.
//!
//! The rows are cut at medians into small parts, a row of which starts a short k-means; its clusters
//! are the micro-clusters. Ward's linkage runs inside every micro-cluster, and on their means with
//! their weights. A merge of micro-clusters that is lower than one inside them is lifted to it, so that
//! heights ascend. The top of the tree is that of the summaries, and close to that of the rows as long
//! as micro-clusters are much smaller than the groups asked for.
//!
//! Source: Zhang, Ramakrishnan, Livny 1996 (BIRCH: a tree of cluster summaries).
//! Cost: three iterations of k-means with m clusters, then Ward on m and on n / m rows at a time.

use ndarray::Array2;

use super::linkage::RowMerge;
use super::ward::{self, Join};
use crate::Result;
use crate::cluster::kmeans::{KMeans, KMeansInit};
use crate::num::boxes::{Points, parts};
use crate::num::check::{self, Rows};
use crate::num::parallel;

/// Iterations of k-means: most of what it can win is won then.
const MAX_ITER: usize = 3;

/// Merges as of [`ward::merges`], by way of at most `n_summaries` micro-clusters.
pub(super) fn merges(
    rows: &Rows<'_>,
    weights: &[f64],
    n_summaries: usize,
) -> Result<Vec<RowMerge>> {
    let micro = micro_clusters(rows, weights, n_summaries)?;
    let inside: Vec<Vec<Join>> = parallel::map(micro.len(), usize::MAX, |cluster| {
        let members = &micro[cluster];
        let weights: Vec<f64> = members.iter().map(|&row| weights[row]).collect();
        let original = |row: u32| members[row as usize] as u32;
        let merges = ward::unordered(&rows.select(members), &weights).into_iter();
        merges.map(|merge| Join { a: original(merge.a), b: original(merge.b), ..merge }).collect()
    });
    let (means, sizes) = means(rows, weights, &micro);
    let between = ward::merges(&check::rows(means.view())?, &sizes);

    let highest =
        |merges: &Vec<Join>| merges.iter().fold(0.0, |most: f64, merge| most.max(merge.squared));
    let mut heights: Vec<f64> = inside.iter().map(highest).collect();
    let mut merges: Vec<Join> = inside.into_iter().flatten().collect();
    for (a, b, squared) in between {
        // Micro-clusters ascend by their smallest rows, so that a's is the smaller.
        heights[a] = squared.max(heights[a]).max(heights[b]);
        let [low, high] = [a, b].map(|cluster| micro[cluster][0] as u32);
        merges.push(Join { a: low, b: high, squared: heights[a] });
    }
    Ok(ward::in_order(merges, rows.n_rows()))
}

/// The rows of each micro-cluster, ascending; clusters ascend by their first rows.
fn micro_clusters(rows: &Rows<'_>, weights: &[f64], n: usize) -> Result<Vec<Vec<usize>>> {
    let points = Points { values: rows.data(), weights, n_columns: rows.n_columns() };
    let mut numbers: Vec<u32> = (0..rows.n_rows() as u32).collect();
    let parts = parts(points, &mut numbers, n);
    // Rows of the data, so that there are no more than k-means can keep apart.
    let firsts = parts.iter().filter_map(|part| part.iter().min());
    let mut seeds: Vec<&[f64]> = firsts.map(|&row| rows.row(row as usize)).collect();
    seeds.sort_by(|a, b| a.partial_cmp(b).expect("the rows are finite"));
    seeds.dedup();
    let shape = (seeds.len(), rows.n_columns());
    let seeds = Array2::from_shape_vec(shape, seeds.concat()).expect("whole rows");
    let means = KMeans::new(seeds.nrows()).init(KMeansInit::Given(seeds)).max_iter(MAX_ITER);
    let fit = means.fit((rows.view(), weights))?;
    let mut micro = vec![Vec::new(); fit.labels.n_clusters()];
    for (row, label) in fit.labels.iter().enumerate() {
        micro[label.expect("k-means labels every row")].push(row);
    }
    micro.sort_unstable_by_key(|members| members[0]);
    Ok(micro)
}

/// The weighted mean and the weight of each micro-cluster.
fn means(rows: &Rows<'_>, weights: &[f64], micro: &[Vec<usize>]) -> (Array2<f64>, Vec<f64>) {
    let mut means = Array2::zeros((micro.len(), rows.n_columns()));
    let mut sizes = Vec::with_capacity(micro.len());
    for (members, mut mean) in micro.iter().zip(means.rows_mut()) {
        // Differences from the first member keep the digits that an offset would cost.
        let first = rows.row(members[0]);
        let size: f64 = members.iter().map(|&row| weights[row]).sum();
        for &row in members {
            let share = weights[row] / size;
            for ((mean, value), first) in mean.iter_mut().zip(rows.row(row)).zip(first) {
                *mean += share * (value - first);
            }
        }
        mean.iter_mut().zip(first).for_each(|(mean, first)| *mean += first);
        sizes.push(size);
    }
    (means, sizes)
}

#[cfg(test)]
mod tests {
    use super::super::{Agglomerative, Linkage};
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn groups_wider_than_micro_clusters_are_those_of_the_whole_tree() {
        let mut stream = Stream::new(4, 0);
        let x = Array2::from_shape_fn((3000, 3), |(row, column)| {
            f64::from((row * (column + 2) % 5) as u32) * 9.0 + stream.normal()
        });
        let method = Agglomerative::new(Linkage::Ward);
        let exact = method.fit(&x).unwrap();
        let tree = method.clone().max_samples(100).summaries(200).fit(&x).unwrap();
        assert!(tree.approximate && !exact.approximate);
        assert!(tree.merges().is_sorted_by(|a, b| a.height <= b.height));
        assert_eq!(tree.cut_into(5).unwrap(), exact.cut_into(5).unwrap());
        let [top, exact] = [tree, exact].map(|tree| tree.merges()[2998].height);
        assert!((top - exact).abs() < 1e-9 * exact);
    }

    #[test]
    fn equal_rows_and_fewer_kinds_than_summaries_are_grouped_by_kind() {
        for kinds in [1, 2, 7] {
            let x = Array2::from_shape_fn((500, 2), |(row, _)| (row % kinds) as f64);
            let method = Agglomerative::new(Linkage::Ward).max_samples(10).summaries(50);
            let tree = method.fit(&x).unwrap();
            let zeros = tree.merges().iter().filter(|merge| merge.height == 0.0).count();
            assert_eq!(zeros, 500 - kinds);
            let exact = Agglomerative::new(Linkage::Ward).fit(&x).unwrap();
            assert_eq!(tree.cut_into(kinds).unwrap(), exact.cut_into(kinds).unwrap());
        }
    }
}
