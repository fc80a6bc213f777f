//! k-means with weights, and while it is watched: against the plain fit it has to equal.

use std::ops::ControlFlow;

use personas::cluster::{KMeansFit, KMeansInit, KMeansProgress, Samples};
use personas::ndarray::{Array2, Axis, array, concatenate};
use personas::{Error, KMeans};
use proptest::prelude::*;

/// Rows of two columns.
fn pairs<T: Copy + Into<f64>>(cells: &[(T, T)]) -> Array2<f64> {
    Array2::from_shape_fn((cells.len(), 2), |(row, column)| {
        let (a, b) = cells[row];
        if column == 0 { a.into() } else { b.into() }
    })
}

/// Every row as often as its weight says, one after another, and where each comes from.
fn repeated(x: &Array2<f64>, weights: &[f64]) -> (Array2<f64>, Vec<usize>) {
    let rows = weights.iter().enumerate();
    let from: Vec<usize> = rows.flat_map(|(row, &w)| vec![row; w as usize]).collect();
    (x.select(Axis(0), &from), from)
}

/// Labels, sizes and inertia are those of the centroids, each nearest to a row that counts.
fn assert_parts_agree(fit: &KMeansFit, x: &Array2<f64>, weights: &[f64]) {
    let predicted = fit.predict(x).unwrap();
    assert_eq!(predicted, fit.labels);
    let inertia: f64 = (0..x.nrows())
        .map(|row| {
            let centroid = fit.centroids.row(fit.labels.get(row).unwrap()).to_owned();
            weights[row] * (&x.row(row) - &centroid).mapv(|v| v * v).sum()
        })
        .sum();
    assert_eq!(fit.labels.sizes().len(), fit.centroids.nrows());
    assert!(fit.labels.sizes().is_sorted_by(|a, b| a >= b));
    for cluster in 0..fit.labels.sizes().len() {
        let weighs = |row: usize| fit.labels.get(row) == Some(cluster) && weights[row] > 0.0;
        assert!((0..weights.len()).any(weighs));
    }
    // The path is good to a part in 10¹² of all there is.
    let slack = 1e-11 * KMeans::new(1).fit((x, weights)).unwrap().inertia;
    // Weights are kept to 2⁻⁵⁰ of the greatest.
    let greatest = weights.iter().copied().fold(0.0, f64::max);
    assert!((fit.inertia - inertia).abs() <= slack + 1e-12 * (inertia + greatest * 100.0));
    let path = &fit.inertia_per_iter;
    assert!(path.windows(2).all(|w| w[1] <= w[0] + slack), "{path:?}");
}

#[test]
fn a_centroid_lies_where_its_weights_balance() {
    let x = array![[0.0], [1.0], [2.0], [10.0], [11.0]];
    let weights = [3.0, 0.5, 0.5, 1.0, 0.25];
    let init = KMeansInit::Given(array![[0.0], [10.0]]);
    let fit = KMeans::new(2).init(init).fit((&x, &weights)).unwrap();
    assert_eq!(fit.centroids, array![[0.375], [10.2]]);
    let expected = 3.0 * 0.375f64.powi(2) + 0.5 * 0.625f64.powi(2) + 0.5 * 1.625f64.powi(2);
    assert!((fit.inertia - expected - 0.2f64.powi(2) - 0.25 * 0.8f64.powi(2)).abs() < 1e-12);
    assert_eq!(fit.labels.sizes(), [3, 2]);
    assert_parts_agree(&fit, &x, &weights);
}

#[test]
fn equal_rows_keep_their_place_whatever_they_weigh() {
    let x = array![[0.1, 0.7], [0.1, 0.7], [0.1, 0.7], [5.3, 1e-9]];
    let fit = KMeans::new(2).fit((&x, &[0.3, 1e-200, 7.7, 1e200])).unwrap();
    assert_eq!(fit.centroids, array![[0.1, 0.7], [5.3, 1e-9]]);
    assert_eq!(fit.inertia, 0.0);
}

#[test]
fn rows_without_weight_may_lie_anywhere() {
    let x = array![[0.0], [2.0], [3.0], [20.0], [21.0]];
    let alone = KMeans::new(2).fit(&x).unwrap();
    for far in [1e9, -1e140, 1.0, 1e-300] {
        let all = concatenate![Axis(0), x, Array2::from_elem((4, 1), far)];
        let weights = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let fit = KMeans::new(2).fit((&all, &weights)).unwrap();
        assert_parts_agree(&fit, &all, &weights);
        assert_eq!(fit.inertia, alone.inertia);
        // The four make theirs the larger group, or leave it.
        let swapped = far == 1e9;
        let centroids = alone.centroids.select(Axis(0), if swapped { &[1, 0] } else { &[0, 1] });
        assert_eq!(fit.centroids, centroids);
        assert_eq!(fit.labels.get(8), Some(0));
    }
}

#[test]
fn a_centroid_that_rows_without_weight_strip_of_its_tie_goes_to_the_farthest_row() {
    // After one step the centroids are 4, 7, 0; row 0 is as near to 4 as to 0, and goes where the
    // two rows without weight make the larger cluster. Nothing is left at 4.
    let x = array![[2.0], [6.0], [7.0], [0.0], [0.0], [0.0]];
    let means = KMeans::new(3).init(KMeansInit::Given(array![[4.0], [8.5], [-1.0]])).max_iter(1);
    let without = means.fit(x.select(Axis(0), &[0, 1, 2, 3]).view()).unwrap();
    assert_eq!(without.centroids, array![[7.0], [4.0], [0.0]]);
    let weights = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
    let fit = means.fit((&x, &weights)).unwrap();
    assert_eq!(fit.centroids, array![[0.0], [7.0], [2.0]]);
    assert_eq!((fit.inertia, fit.refilled), (1.0, 1));
    assert_parts_agree(&fit, &x, &weights);
}

#[test]
fn weights_that_are_wrong_or_too_large_are_refused() {
    let x = array![[0.0], [4.0], [20.0]];
    let refused = |weights: &[f64]| KMeans::new(2).fit((&x, weights)).unwrap_err();
    assert!(matches!(refused(&[1.0; 4]), Error::DimensionMismatch { expected: 3, got: 4, .. }));
    for (weights, place) in [
        ([1.0, -1.0, 1.0], "-1 at row 1"),
        ([1.0, 1.0, f64::NAN], "NaN at row 2"),
        ([0.0, 0.0, 0.0], "0 at all 3 rows"),
        ([f64::MAX, f64::MAX, 1e308], "inertia"),
    ] {
        let error = refused(&weights);
        assert!(matches!(error, Error::InvalidParameter { name: "weights", .. }), "{error}");
        assert!(error.to_string().contains(place), "{error}");
    }
    assert!(matches!(refused(&[0.0, 0.0, 1.0]), Error::TooFewSamples { needed: 2, got: 1, .. }));
}

#[test]
fn k_means_plus_plus_draws_a_heavy_row_as_often_as_its_copies() {
    // A draw falls between two rows once in a million times; these seeds are none of them.
    let x = pairs(&(0..40).map(|i| (f64::from(i * 37 % 40), f64::from(i % 7))).collect::<Vec<_>>());
    let weights: Vec<f64> = (0..40).map(|i| f64::from(i % 3)).collect();
    let (often, _) = repeated(&x, &weights);
    for seed in 0..20 {
        let means = KMeans::new(4).seed(seed).n_init(2);
        let (plain, weighted) = (means.fit(&often).unwrap(), means.fit((&x, &weights)).unwrap());
        let inertia = plain.inertia;
        assert!((weighted.inertia - inertia).abs() <= 1e-12 * inertia, "seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_whole_weight_is_the_row_that_often(
        // Continuous values: no two rows are as near to one centroid.
        rows in prop::collection::vec(((-1e3f64..1e3, -1e3f64..1e3), 0u8..4), 8..60),
        given in prop::collection::vec((-1e3f64..1e3, -1e3f64..1e3), 2..6),
        tol in prop::sample::select(vec![0.0, 1e-4, 1e-2]),
        offset in prop::sample::select(vec![0.0, 1e6]),
    ) {
        let x = pairs(&rows.iter().map(|row| row.0).collect::<Vec<_>>()) + offset;
        let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let k = given.len();
        let init = KMeansInit::Given(pairs(&given) + offset);
        let means = KMeans::new(k).init(init).tol(tol);
        let (often, from) = repeated(&x, &weights);
        prop_assume!(weights.iter().filter(|&&w| w > 0.0).count() >= k);
        let (plain, weighted) = (means.fit(&often).unwrap(), means.fit((&x, &weights)).unwrap());
        assert_parts_agree(&weighted, &x, &weights);
        // A cluster that lost its rows takes one row: one of the equal ones, or all its weight.
        prop_assume!(plain.refilled == 0 && weighted.refilled == 0);

        // The numbers go by rows, so only they may differ.
        let number: Vec<usize> =
            weighted.predict(&plain.centroids).unwrap().iter().flatten().collect();
        prop_assert_eq!(weighted.centroids.select(Axis(0), &number), plain.centroids);
        for (row, cluster) in plain.labels.iter().enumerate() {
            let cluster = cluster.map(|cluster| number[cluster]);
            prop_assert_eq!(cluster, weighted.labels.get(from[row]));
        }
        let inertia = plain.inertia;
        prop_assert!((weighted.inertia - inertia).abs() <= 1e-12 * inertia);
        prop_assert_eq!(weighted.inertia_per_iter.len(), plain.inertia_per_iter.len());
        for (a, b) in weighted.inertia_per_iter.iter().zip(&plain.inertia_per_iter) {
            // What is left of large sums that cancel is not exactly nothing.
            prop_assert!((a - b).abs() <= 1e-9 * b + 1e-12 * plain.inertia_per_iter[0]);
        }
        prop_assert_eq!(weighted.converged, plain.converged);
    }

    #[test]
    fn watching_changes_nothing_and_sees_every_iteration(
        cells in prop::collection::vec((0u8..9, 0u8..9), 6..40),
        weights in prop::collection::vec(0u8..3, 40),
        weighted in any::<bool>(),
        n_init in 1usize..5,
    ) {
        let x = pairs(&cells) * 1e-120;
        let weights: Vec<f64> = weights[..x.nrows()].iter().map(|&w| f64::from(w)).collect();
        let means = KMeans::new(3).n_init(n_init);
        let mut seen: Vec<KMeansProgress> = Vec::new();
        let mut watch = |progress: &KMeansProgress| {
            seen.push(*progress);
            ControlFlow::Continue(())
        };
        let chosen = if weighted { Samples::from((&x, &weights)) } else { Samples::from(&x) };
        let plain = means.fit(chosen.clone());
        let watched = means.fit_observed(chosen, &mut watch);
        prop_assert_eq!(&watched, &plain);
        let Ok(fit) = plain else { return Ok(()) };
        let runs: Vec<&[KMeansProgress]> =
            seen.chunk_by(|a, b| a.restart == b.restart).collect();
        prop_assert_eq!(runs.len(), n_init);
        for (restart, run) in runs.iter().enumerate() {
            prop_assert!(run.iter().all(|p| p.restart == restart));
            prop_assert!(run.iter().map(|p| p.n_iter).eq(1..=run.len()));
            let rows = weights.iter().filter(|&&w| w > 0.0 || !weighted).count();
            prop_assert_eq!(run[0].n_changed, rows);
        }
        let path = |run: &&[KMeansProgress]| run.iter().map(|p| p.inertia).eq(fit.inertia_per_iter.iter().copied());
        prop_assert!(runs.iter().any(path));
    }

    #[test]
    fn a_fit_that_is_stopped_is_the_best_so_far_and_valid(
        cells in prop::collection::vec((0u8..9, 0u8..9), 12..40),
        after in 1usize..30,
    ) {
        let x = pairs(&cells);
        let means = KMeans::new(4).init(KMeansInit::Random).n_init(4).tol(0.0);
        prop_assume!(means.fit(&x).is_ok());
        let mut seen: Vec<KMeansProgress> = Vec::new();
        let mut watch = |progress: &KMeansProgress| {
            seen.push(*progress);
            if seen.len() == after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let fit = means.fit_observed(&x, &mut watch).unwrap();
        assert_parts_agree(&fit, &x, &vec![1.0; x.nrows()]);
        let last = seen[seen.len() - 1];
        if seen.len() < after {
            prop_assert_eq!(&fit, &means.fit(&x).unwrap());
        } else {
            prop_assert!(!fit.converged);
            prop_assert!(fit.inertia <= last.inertia * (1.0 + 1e-12));
            // Its own first run cut short, or no worse than the runs it had finished.
            let finished = means.clone().n_init(last.restart.max(1)).max_iter(if last.restart == 0 { after } else { 300 });
            let finished = finished.fit(&x).unwrap();
            prop_assert!(fit.inertia <= finished.inertia || last.restart == 0);
            if last.restart == 0 && !finished.converged {
                prop_assert_eq!(&fit, &finished);
            }
        }
    }

    #[test]
    fn equal_weights_change_nothing_but_the_inertia(
        cells in prop::collection::vec((0u8..9, 0u8..9), 6..40),
        weight in prop::sample::select(vec![1.0, 0.1, 3.0, 1e-300]),
        random in any::<bool>(),
    ) {
        let x = pairs(&cells);
        let init = if random { KMeansInit::Random } else { KMeansInit::PlusPlus };
        let means = KMeans::new(3).init(init).n_init(3);
        let Ok(plain) = means.fit(&x) else { return Ok(()) };
        let weighted = means.fit((&x, &vec![weight; x.nrows()])).unwrap();
        prop_assert_eq!(&weighted.labels, &plain.labels);
        prop_assert_eq!(&weighted.centroids, &plain.centroids);
        prop_assert_eq!(weighted.inertia, plain.inertia * weight);
        prop_assert!(weight != 1.0 || weighted == plain);
    }

    #[test]
    fn the_parts_of_a_weighted_fit_agree_on_any_data(
        // Few distinct values and weights: many ties, duplicates and rows without weight.
        cells in prop::collection::vec((0u8..6, 0u8..6), 8..40),
        weights in prop::collection::vec(prop::sample::select(vec![0.0, 0.0, 1.0, 0.1, 1e-30, 1e9]), 40),
        k in 1usize..6,
        max_iter in 1usize..6,
        random in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let x = pairs(&cells);
        let weights = &weights[..x.nrows()];
        let init = if random { KMeansInit::Random } else { KMeansInit::PlusPlus };
        let means = KMeans::new(k).init(init).n_init(3).max_iter(max_iter).seed(seed);
        match means.fit((&x, weights)) {
            Ok(fit) => assert_parts_agree(&fit, &x, weights),
            Err(Error::InvalidParameter { .. }) => prop_assert!(weights.iter().all(|&w| w == 0.0)),
            Err(error) => {
                let mut present: Vec<(u8, u8)> = cells.clone();
                let mut weights = weights.iter();
                present.retain(|_| weights.next().is_some_and(|&w| w > 0.0));
                present.sort_unstable();
                present.dedup();
                prop_assert!(present.len() < k, "{}", error);
            }
        }
    }
}
