//! Every clustering against its definition, word for word, and against the laws it promises.

use personas::cluster::{Agglomerative, Dbscan, KMeansFit, KMeansInit, Linkage};
use personas::ndarray::{Array2, ArrayView1, ArrayView2, Axis, array};
use personas::{Error, KMeans, Labels, validate};
use proptest::prelude::*;

const LINKAGES: [Linkage; 7] = [
    Linkage::Single,
    Linkage::Complete,
    Linkage::Average,
    Linkage::Weighted,
    Linkage::Ward,
    Linkage::Centroid,
    Linkage::Median,
];

/// Those whose distance follows from the rows of two clusters alone.
const OF_ROWS: [Linkage; 5] =
    [Linkage::Single, Linkage::Complete, Linkage::Average, Linkage::Ward, Linkage::Centroid];

/// Rows of two columns.
fn pairs<T: Copy + Into<f64>>(cells: &[T]) -> Array2<f64> {
    Array2::from_shape_fn((cells.len() / 2, 2), |(i, j)| cells[2 * i + j].into())
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

fn rows_of(labels: &Labels, cluster: usize) -> Vec<usize> {
    (0..labels.iter().len()).filter(|&row| labels.get(row) == Some(cluster)).collect()
}

fn distinct_rows(x: &Array2<f64>) -> usize {
    let mut rows: Vec<Vec<u64>> =
        x.outer_iter().map(|row| row.iter().map(|v| v.to_bits()).collect()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.len()
}

/// Labels, sizes and inertia are those of the centroids.
fn assert_parts_agree(fit: &KMeansFit, x: &Array2<f64>) {
    let predicted = fit.predict(x).unwrap();
    assert_eq!(predicted, fit.labels);
    assert_eq!(Labels::new(predicted.iter()).unwrap(), predicted);
    assert_eq!(fit.labels.sizes().len(), fit.centroids.nrows());
    assert_eq!(fit.labels.sizes().iter().sum::<usize>(), x.nrows());
    let mut inertia = 0.0;
    for (row, cluster) in x.rows().into_iter().zip(predicted.iter()) {
        let square = |centroid: ArrayView1<'_, f64>| (&row - &centroid).mapv(|v| v * v).sum();
        let squares: Vec<f64> = fit.centroids.rows().into_iter().map(square).collect();
        assert!(squares.iter().all(|&d| squares[cluster.unwrap()] <= d * (1.0 + 1e-12)));
        inertia += squares[cluster.unwrap()];
    }
    assert!((fit.inertia - inertia).abs() <= 1e-12 * inertia);
    let path = &fit.inertia_per_iter;
    assert!(path.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-9)));
    assert!(path.last().is_some_and(|&last| fit.inertia <= last * (1.0 + 1e-9)));
    assert_eq!(distinct_rows(&fit.centroids), fit.centroids.nrows());
}

#[test]
fn measures_pass_over_the_clusters_that_got_no_row_of_a_prediction() {
    let x = array![[0.0], [1.0], [2.0], [10.0], [11.0], [30.0]];
    let fit = KMeans::new(3).fit(&x).unwrap();
    let new = array![[10.5], [9.0], [31.0], [28.0], [29.5]];
    let predicted = fit.predict(&new).unwrap();
    assert_eq!(predicted.sizes(), [0, 2, 3]);
    let alone = Labels::new(predicted.iter()).unwrap();
    assert_eq!(alone.to_vec(), [1, 1, 0, 0, 0].map(Some));

    let [by_number, canonical] = [&predicted, &alone]
        .map(|labels| validate::silhouette(&new, labels, validate::SilhouetteKind::Exact).unwrap());
    assert_eq!(by_number.values, canonical.values);
    let [large, small] = [canonical.per_cluster[0], canonical.per_cluster[1]];
    assert_eq!(by_number.per_cluster, [None, small, large]);
    // The clusters come in another order, so that sums are rounded otherwise.
    for index in [validate::calinski_harabasz, validate::davies_bouldin] {
        let [by_number, canonical] = [&predicted, &alone].map(|l| index(new.view(), l).unwrap());
        assert!((by_number - canonical).abs() <= 1e-12 * canonical, "{by_number} {canonical}");
    }
    assert_eq!(validate::adjusted_rand(&predicted, &alone).unwrap(), 1.0);
    let again = |sample: ArrayView2<'_, f64>| fit.predict(sample);
    let [by_number, canonical] =
        [&predicted, &alone].map(|labels| validate::stability(&new, labels, 20, 0, again).unwrap());
    assert!((by_number.mean - canonical.mean).abs() < 1e-12);
    assert_eq!(by_number.per_cluster[0].mean_jaccard, 0.0);
    let folds = [&predicted, &alone].map(|l| validate::k_fold(&new, l, 2, 0, again).unwrap());
    assert_eq!(folds[0], folds[1]);

    // One cluster is left of three.
    let one = fit.predict(&array![[30.0], [29.0], [31.0]]).unwrap();
    let undefined = validate::silhouette(
        &array![[30.0], [29.0], [31.0]],
        &one,
        validate::SilhouetteKind::Exact,
    );
    assert!(matches!(undefined, Err(Error::UndefinedMetric { .. })));
}

#[test]
fn k_means_cut_short_still_leaves_no_cluster_empty() {
    let x = Array2::from_shape_fn((9, 2), |(i, j)| ((i * 7 + j * 5) % 11) as f64);
    for max_iter in 1..4 {
        for seed in 0..30 {
            let means = KMeans::new(6).init(KMeansInit::Random).n_init(1);
            assert_parts_agree(&means.max_iter(max_iter).seed(seed).fit(&x).unwrap(), &x);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_parts_of_a_k_means_fit_agree_on_any_data(
        // Few distinct values: many ties and duplicates.
        cells in prop::collection::vec(0u8..6, 8..40),
        k in 1usize..6,
        max_iter in 1usize..8,
        offset in prop::sample::select(vec![0.0, 1e9, -3e12]),
        random in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let x = pairs(&cells) + offset;
        let init = if random { KMeansInit::Random } else { KMeansInit::PlusPlus };
        let means = KMeans::new(k).init(init).seed(seed).n_init(3).max_iter(max_iter);
        match means.fit(&x) {
            Ok(fit) => {
                assert_parts_agree(&fit, &x);
                prop_assert!(fit.inertia_per_iter.len() <= max_iter);
            }
            Err(error) => {
                let rows = if k > x.nrows() { x.nrows() } else { distinct_rows(&x) };
                let named = matches!(error, Error::TooFewSamples { got, .. } if got == rows);
                prop_assert!(named && rows < k, "{}", error);
            }
        }
    }

    #[test]
    fn k_means_with_any_given_centroids_agrees_with_itself(
        cells in prop::collection::vec(0u8..6, 12..40),
        given in prop::collection::vec(0u8..20, 2..12),
        max_iter in 1usize..5,
    ) {
        let (x, given) = (pairs(&cells), pairs(&given));
        let means = KMeans::new(given.nrows()).init(KMeansInit::Given(given.clone()));
        match means.max_iter(max_iter).fit(&x) {
            Ok(fit) => assert_parts_agree(&fit, &x),
            Err(Error::InvalidParameter { name, .. }) => {
                prop_assert!(name == "init" && distinct_rows(&given) < given.nrows());
            }
            Err(error) => prop_assert!(distinct_rows(&x) < given.nrows(), "{}", error),
        }
    }

    #[test]
    fn a_power_of_two_scales_a_k_means_fit_exactly(
        cells in prop::collection::vec(-50i32..50, 12..40),
        exponent in -400i32..300,
    ) {
        let x = pairs(&cells);
        let factor = 2f64.powi(exponent);
        if let Ok(fit) = KMeans::new(3).fit(&x) {
            let scaled = KMeans::new(3).fit(&(&x * factor)).unwrap();
            prop_assert_eq!(&fit.labels, &scaled.labels);
            prop_assert_eq!(&fit.centroids * factor, scaled.centroids);
        }
    }

    #[test]
    fn a_converged_k_means_fit_has_the_means_of_its_rows(
        cells in prop::collection::vec(0u8..9, 10..60),
        k in 1usize..5,
    ) {
        let x = pairs(&cells);
        if let Ok(fit) = KMeans::new(k).tol(0.0).fit(&x) {
            prop_assert!(fit.converged);
            for (cluster, centroid) in fit.centroids.outer_iter().enumerate() {
                let mean = x.select(Axis(0), &rows_of(&fit.labels, cluster)).mean_axis(Axis(0));
                prop_assert!((&centroid - &mean.unwrap()).iter().all(|d| d.abs() < 1e-12));
            }
        }
    }
}

/// Distance of two clusters by the linkage's own definition.
fn between(linkage: Linkage, x: &Array2<f64>, a: &[usize], b: &[usize]) -> f64 {
    let row = |r: usize| x.row(r).to_vec();
    let pairs = a.iter().flat_map(|&i| b.iter().map(move |&j| (i, j)));
    let distances = pairs.map(|(i, j)| distance(&row(i), &row(j)));
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let mean = |rows: &[usize]| x.select(Axis(0), rows).mean_axis(Axis(0)).unwrap().to_vec();
    match linkage {
        Linkage::Single => distances.fold(f64::INFINITY, f64::min),
        Linkage::Complete => distances.fold(0.0, f64::max),
        Linkage::Average => distances.sum::<f64>() / (n_a * n_b),
        Linkage::Ward => (2.0 * n_a * n_b / (n_a + n_b)).sqrt() * distance(&mean(a), &mean(b)),
        Linkage::Centroid => distance(&mean(a), &mean(b)),
        other => panic!("{other:?}"),
    }
}

/// Merges the nearest two clusters until one is left: heights, and the groups after every merge.
fn naive_merges(linkage: Linkage, x: &Array2<f64>) -> (Vec<f64>, Vec<Labels>) {
    let mut clusters: Vec<Vec<usize>> = (0..x.nrows()).map(|row| vec![row]).collect();
    let (mut heights, mut groups) = (Vec::new(), Vec::new());
    while clusters.len() > 1 {
        let mut best = (f64::INFINITY, 0, 0);
        for a in 0..clusters.len() {
            for b in a + 1..clusters.len() {
                let d = between(linkage, x, &clusters[a], &clusters[b]);
                if d < best.0 {
                    best = (d, a, b);
                }
            }
        }
        let gone = clusters.remove(best.2);
        clusters[best.1].extend(gone);
        heights.push(best.0);
        let group = |row| clusters.iter().position(|c| c.contains(&row));
        groups.push(Labels::new((0..x.nrows()).map(group)).unwrap());
    }
    (heights, groups)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn a_tree_is_that_of_always_merging_the_nearest(
        cells in prop::collection::vec(-100.0f64..100.0, 2..24),
    ) {
        let x = pairs(&cells);
        for linkage in OF_ROWS {
            let tree = Agglomerative::new(linkage).fit(&x).unwrap();
            let (heights, groups) = naive_merges(linkage, &x);
            for (merge, height) in tree.merges().iter().zip(heights) {
                prop_assert!((merge.height - height).abs() <= 1e-9 * height, "{:?}", linkage);
            }
            for (done, group) in groups.iter().enumerate() {
                prop_assert_eq!(&tree.cut_into(x.nrows() - 1 - done).unwrap(), group);
            }
        }
    }

    #[test]
    fn a_tree_is_valid_and_its_cuts_nest_even_with_ties(
        cells in prop::collection::vec(0u8..4, 2..40),
    ) {
        let x = pairs(&cells);
        for linkage in LINKAGES {
            let tree = Agglomerative::new(linkage).fit(&x).unwrap();
            let json = serde_json::to_string(&tree).unwrap();
            prop_assert_eq!(&serde_json::from_str::<personas::cluster::Dendrogram>(&json).unwrap(), &tree);
            for k in 1..x.nrows() {
                let (coarse, fine) = (tree.cut_into(k).unwrap(), tree.cut_into(k + 1).unwrap());
                prop_assert_eq!(coarse.sizes().len(), k);
                for cluster in 0..=k {
                    let rows = rows_of(&fine, cluster);
                    prop_assert!(rows.iter().all(|&r| coarse.get(r) == coarse.get(rows[0])));
                }
            }
        }
    }

    #[test]
    fn cophenetic_heights_of_single_linkage_lie_below_the_distances_and_of_complete_above(
        cells in prop::collection::vec(-9.0f64..9.0, 4..30),
    ) {
        let x = pairs(&cells);
        let heights = |linkage| Agglomerative::new(linkage).fit(&x).unwrap().cophenetic();
        let (low, high) = (heights(Linkage::Single), heights(Linkage::Complete));
        let rows: Vec<Vec<f64>> = x.outer_iter().map(|row| row.to_vec()).collect();
        let pairs = (0..x.nrows()).flat_map(|i| (i + 1..x.nrows()).map(move |j| (i, j)));
        for (pair, (i, j)) in pairs.enumerate() {
            let d = distance(&rows[i], &rows[j]);
            prop_assert!(low[pair] <= d && d <= high[pair]);
        }
    }
}

/// Core rows and groups by the definition of DBSCAN.
fn naive_dbscan(eps: f64, min_samples: usize, x: &Array2<f64>) -> (Vec<usize>, Labels) {
    let n = x.nrows();
    let near = |a: usize, b: usize| distance(&x.row(a).to_vec(), &x.row(b).to_vec()) <= eps;
    let core: Vec<usize> =
        (0..n).filter(|&a| (0..n).filter(|&b| near(a, b)).count() >= min_samples).collect();
    // Connected parts, each known by its smallest core row.
    let mut part: Vec<usize> = (0..n).collect();
    for _ in 0..n {
        for &a in &core {
            for &b in core.iter().filter(|&&b| near(a, b)) {
                part[a] = part[a].min(part[b]);
            }
        }
    }
    let label = |row: usize| {
        if core.contains(&row) {
            return Some(part[row]);
        }
        core.iter().filter(|&&c| near(row, c)).map(|&c| part[c]).min()
    };
    let labels = Labels::new((0..n).map(label)).unwrap();
    (core, labels)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn dbscan_finds_the_groups_of_the_definition(
        cells in prop::collection::vec(0u8..12, 2..60),
        eps in prop::sample::select(vec![0.5, 1.0, 2f64.sqrt(), 2.0, 3.5]),
        min_samples in 1usize..6,
    ) {
        let x = pairs(&cells);
        let dbscan = Dbscan::new(eps, min_samples);
        let fit = dbscan.fit(&x).unwrap();
        let (core, labels) = naive_dbscan(eps, min_samples, &x);
        prop_assert_eq!(&fit.core_rows, &core);
        prop_assert_eq!(&fit.labels, &labels);
        for (row, predicted) in fit.predict(&x).unwrap().iter().enumerate() {
            let label = labels.get(row);
            prop_assert_eq!(predicted.is_some(), label.is_some());
            prop_assert!(predicted == label || !core.contains(&row));
        }
        // With an exactly representable offset nothing changes.
        let far = dbscan.fit(&(x + 1e9)).unwrap();
        prop_assert_eq!(&far.labels, &labels);
    }

    #[test]
    fn dbscan_with_min_samples_1_is_single_linkage_cut_at_eps(
        cells in prop::collection::vec(-9.0f64..9.0, 2..40),
        eps in 0.1f64..5.0,
    ) {
        let x = pairs(&cells);
        let tree = Agglomerative::new(Linkage::Single).fit(&x).unwrap();
        let fit = Dbscan::new(eps, 1).fit(&x).unwrap();
        prop_assert_eq!(&fit.labels, &tree.cut_at(eps).unwrap());
    }
}

#[test]
fn weights_are_repeated_rows() {
    let x = array![[0.0, 1.0], [2.0, 0.5], [2.5, 4.0], [7.0, 1.5], [9.0, 9.0], [-3.0, 5.0]];
    let weights = [3.0, 1.0, 2.0, 4.0, 1.0, 2.0];
    let repeated: Vec<usize> =
        weights.iter().enumerate().flat_map(|(row, &w)| vec![row; w as usize]).collect();
    for linkage in LINKAGES {
        let method = Agglomerative::new(linkage);
        let tree = method.fit((&x, &weights)).unwrap();
        let long = method.fit(&x.select(Axis(0), &repeated)).unwrap();
        let n_repeats = repeated.len() - x.nrows();
        assert!(long.merges()[..n_repeats].iter().all(|merge| merge.height == 0.0));
        for (merge, long) in tree.merges().iter().zip(&long.merges()[n_repeats..]) {
            assert!((merge.height - long.height).abs() <= 1e-9 * long.height, "{linkage:?}");
        }
        for k in 1..=x.nrows() {
            let (labels, long) = (tree.cut_into(k).unwrap(), long.cut_into(k).unwrap());
            let of_repeats = Labels::new(repeated.iter().map(|&row| labels.get(row))).unwrap();
            assert_eq!(of_repeats, long, "{linkage:?}");
        }
        let bad = |weights: &[f64]| method.fit((&x, weights)).unwrap_err().to_string();
        assert!(bad(&[1.0; 5]).contains("expected 6, got 5"));
        assert!(bad(&[1.0, 1.0, 0.0, 1.0, 1.0, 1.0]).contains("0 at row 2"));
        assert!(bad(&[1.0, 1.0, 1.0, f64::NAN, 1.0, 1.0]).contains("NaN at row 3"));
    }
}
