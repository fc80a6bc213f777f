//! k-means on a stream: what a weight is, when clusters die, what may not change anything.

use personas::cluster::{Decay, OnlineKMeans};
use personas::ndarray::{Array1, Array2, ArrayView1, Axis, array, concatenate, s};
use personas::{Error, KMeans};
use proptest::prelude::*;

const DAY_MS: i64 = 86_400_000;

/// Rows that look random, two columns around 0, each in [-1, 1].
fn cloud(n: usize, seed: u64) -> Array2<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    Array2::from_shape_simple_fn((n, 2), || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    })
}

/// Three far groups in turn.
fn three(n: usize, seed: u64) -> Array2<f64> {
    let mut x = cloud(n, seed);
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        row += &[array![0.0, 0.0], array![20.0, 0.0], array![0.0, 20.0]][i % 3];
    }
    x
}

/// A model that has learned a first batch, grouped by k-means, at a moment.
fn fitted(k: usize, decay: Decay, x: &Array2<f64>, at: Option<i64>) -> OnlineKMeans {
    let mut model = OnlineKMeans::new(&KMeans::new(k).fit(x).unwrap().centroids, decay).unwrap();
    model.learn(x, at).unwrap();
    model
}

fn started(decay: Decay) -> OnlineKMeans {
    OnlineKMeans::new(&far_corners(), decay).unwrap()
}

/// Lets time pass without rows.
fn advance(model: &mut OnlineKMeans, at_ms: i64) {
    let none = Array2::<f64>::zeros((0, model.clusters().centroids.ncols()));
    model.learn(&none, at_ms).unwrap();
}

fn one(row: ArrayView1<'_, f64>) -> Array2<f64> {
    row.to_owned().insert_axis(Axis(0))
}

fn close(a: &Array2<f64>, b: &Array2<f64>, by: f64) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by * b.abs().max(1.0))
}

fn bytes(model: &OnlineKMeans) -> String {
    serde_json::to_string(model).unwrap()
}

fn far_corners() -> Array2<f64> {
    array![[1.0, 1.0], [18.0, 1.0], [1.0, 18.0]]
}

#[test]
fn row_by_row_without_decay_centroids_are_the_means_of_the_rows_they_got() {
    let x = cloud(300, 1);
    let mut model = OnlineKMeans::new(x.slice(s![..4, ..]), Decay::None).unwrap();
    let mut got = vec![Vec::new(); 4];
    for row in x.rows() {
        got[model.learn(&one(row), None).unwrap().labels.get(0).unwrap()].push(row.to_owned());
    }
    for (cluster, rows) in got.iter().enumerate() {
        let n = rows.len() as f64;
        let mean: Array1<f64> = rows.iter().fold(Array1::zeros(2), |sum, row| sum + row) / n;
        let mut squares = Array1::<f64>::zeros(2);
        rows.iter().for_each(|row| squares += &(row - &mean).mapv(|d| d * d));
        assert_eq!(model.clusters().weights[cluster], n);
        assert!((&model.clusters().centroids.row(cluster) - &mean).iter().all(|d| d.abs() < 1e-12));
        let off = &model.clusters().variances.row(cluster) - &(squares / n);
        assert!(off.iter().all(|d: &f64| d.abs() < 1e-12));
    }
    assert_eq!(model.n_rows, 300);
}

#[test]
fn a_first_batch_is_grouped_as_k_means_groups_it() {
    let x = three(90, 2);
    let (batch, online) = (KMeans::new(3).fit(&x).unwrap(), fitted(3, Decay::None, &x, None));
    assert!(close(&online.clusters().centroids, &batch.centroids, 1e-13));
    assert_eq!(online.clusters().weights, [30.0; 3]);
    assert_eq!(online.predict(&x).unwrap(), batch.predict(&x).unwrap());
}

#[test]
fn after_one_half_life_in_rows_every_weight_is_exactly_half_in_one_batch_or_row_by_row() {
    let x = three(90, 3);
    let mut stepwise = fitted(3, Decay::HalfLifePoints(10.0), &x, None);
    // Off the beat: the half-life need not begin with the model.
    stepwise.learn(x.slice(s![..7, ..]), None).unwrap();
    let mut at_once = stepwise.clone();
    let before = stepwise.clusters().weights;
    let near_the_first = &cloud(10, 4) * 0.1 + stepwise.clusters().centroids.row(0);
    for row in near_the_first.rows() {
        assert_eq!(stepwise.learn(&one(row), None).unwrap().labels.to_vec(), [Some(0)]);
    }
    at_once.learn(&near_the_first, None).unwrap();
    // Those that got nothing fade as well.
    for model in [stepwise, at_once] {
        assert_eq!(model.clusters().weights[1..], [before[1] / 2.0, before[2] / 2.0]);
    }
}

#[test]
fn after_one_half_life_in_days_every_weight_is_exactly_half() {
    let mut model = fitted(3, Decay::HalfLifeDays(30.0), &three(90, 5), Some(1_000_000));
    advance(&mut model, 1_000_000);
    assert_eq!(model.clusters().weights, [30.0; 3]);
    for day in 1..=60 {
        advance(&mut model, 1_000_000 + day * DAY_MS);
        if day % 30 == 0 {
            assert_eq!(model.clusters().weights, [30.0 / (1 << (day / 30)) as f64; 3]);
        }
    }
    let (weights, centroids) = (model.clusters().weights, model.clusters().centroids);
    model.learn(&Array2::<f64>::zeros((0, 2)), 1_000_000 + 75 * DAY_MS).unwrap();
    assert!((model.clusters().weights[0] / (weights[0] * 0.5f64.sqrt()) - 1.0).abs() < 1e-15);
    assert_eq!(model.clusters().centroids, centroids);
}

#[test]
fn a_batch_discounts_first_and_divides_by_what_is_left_as_sparks_code_does() {
    // One cluster, 4 rows at 0, half-life 2 rows; then 2 rows at 3: (4·½·0 + 2·3) / (4·½ + 2).
    let mut model = fitted(1, Decay::HalfLifePoints(2.0), &Array2::zeros((4, 1)), None);
    model.learn(&[[3.0], [3.0]], None).unwrap();
    assert_eq!((model.clusters().centroids[[0, 0]], model.clusters().weights[0]), (1.5, 4.0));
    assert_eq!(model.clusters().variances[[0, 0]], 2.25);
}

#[test]
fn a_half_life_follows_a_drift_that_no_decay_averages_away() {
    let at = |decay| {
        let mut model = fitted(1, decay, &cloud(500, 6), None);
        for batch in 0..10 {
            model.learn(&(cloud(100, 7 + batch) + 10.0), None).unwrap();
        }
        model.clusters().centroids[[0, 0]]
    };
    assert!((at(Decay::HalfLifePoints(100.0)) - 10.0).abs() < 0.1);
    assert!((at(Decay::None) - 20.0 / 3.0).abs() < 0.1);
}

#[test]
fn stored_and_restored_it_goes_on_bit_for_bit() {
    let mut kept = fitted(3, Decay::HalfLifeDays(0.3), &three(50, 1), Some(0));
    let mut restored = kept.clone();
    for step in 0..40 {
        let (batch, at_ms) = (three(1 + step % 7, step as u64), 3_600_000 * step as i64);
        let learned = kept.learn(&batch, at_ms).unwrap();
        restored = serde_json::from_str(&bytes(&restored)).unwrap();
        assert_eq!(restored.learn(&batch, at_ms).unwrap(), learned);
        assert_eq!(bytes(&restored), bytes(&kept));
    }
}

#[test]
fn refused_rows_change_nothing_and_no_rows_are_no_change() {
    let mut model = fitted(3, Decay::HalfLifePoints(50.0), &three(60, 8), None);
    model.learn(&three(13, 9), None).unwrap();
    let before = bytes(&model);
    let good = three(5, 10);
    for bad in [f64::NAN, f64::INFINITY, 1e308] {
        let mut x = good.clone();
        x[[4, 1]] = bad;
        let error = model.learn(&x, None).unwrap_err();
        match error {
            Error::NonFinite { row: 4, column: 1, .. } => assert!(!bad.is_finite()),
            Error::MagnitudeTooLarge { row: 4, column: 1, .. } => assert_eq!(bad, 1e308),
            other => panic!("{other}"),
        }
        assert!(model.learn(&x, 77).is_err() && model.predict(&x).is_err());
    }
    for shape in [(2, 3), (0, 3), (1, 0), (0, 0)] {
        let error = model.learn(&Array2::<f64>::zeros(shape), None).unwrap_err();
        assert!(matches!(error, Error::DimensionMismatch { expected: 2, .. }), "{error}");
    }
    assert!(matches!(model.predict(&Array2::<f64>::zeros((0, 2))), Err(Error::Empty { .. })));
    let learned = model.learn(&Array2::<f64>::zeros((0, 2)), None).unwrap();
    assert!(learned.labels.iter().len() == 0 && learned.reseeded.is_empty());
    assert_eq!(bytes(&model), before);
}

#[test]
fn time_that_goes_back_stands_and_a_huge_gap_forgets_without_losing_the_places() {
    let mut model = started(Decay::HalfLifeDays(1.0));
    let x = three(30, 11);
    for at_ms in [5 * DAY_MS, 5 * DAY_MS, i64::MIN, 0] {
        model.learn(&x, at_ms).unwrap();
        assert_eq!(model.clock_ms, Some(5 * DAY_MS));
    }
    assert_eq!(model.clusters().weights, [40.0; 3]);
    let places = model.clusters().centroids;
    advance(&mut model, 600 * DAY_MS);
    assert!(model.clusters().weights.iter().all(|w| *w == 0.0));
    assert_eq!(
        (model.clusters().centroids, model.clusters().variances.sum()),
        (places.clone(), 0.0)
    );
    // The first row after it counts alone; one row is no reason to give the other places up.
    let learned = model.learn(&[[18.0, 2.0]], i64::MAX).unwrap();
    assert_eq!((learned.labels.to_vec(), learned.reseeded), (vec![Some(1)], vec![]));
    assert_eq!(model.clusters().weights, [0.0, 1.0, 0.0]);
    assert_eq!(
        model.clusters().centroids,
        array![[places[[0, 0]], places[[0, 1]]], [18.0, 2.0], [places[[2, 0]], places[[2, 1]]]]
    );
}

#[test]
fn rows_all_equal_have_no_variance_and_nothing_to_split() {
    let mut model = OnlineKMeans::new(&[[0.0], [1e6]], Decay::None).unwrap();
    for _ in 0..30 {
        let learned = model.learn(&Array2::from_elem((100, 1), 0.1), None).unwrap();
        assert!(learned.reseeded.is_empty());
    }
    assert_eq!(
        (model.clusters().centroids, model.clusters().weights),
        (array![[0.1], [1e6]], vec![3000., 0.])
    );
    assert_eq!(model.clusters().variances, array![[0.0], [0.0]]);
}

#[test]
fn a_place_that_no_row_ever_comes_to_goes_to_half_of_the_heaviest_cluster() {
    let mut model = OnlineKMeans::new(&[[0.0, 0.0], [1e6, 0.0]], Decay::None).unwrap();
    let two = |seed| {
        let mut x = cloud(100, seed);
        x.slice_mut(s![50.., 1]).mapv_inplace(|v| v + 9.0);
        x
    };
    let mut reseeded = Vec::new();
    for batch in 0..30 {
        reseeded
            .extend(model.learn(&two(batch), None).unwrap().reseeded.iter().map(|r| (batch, *r)));
    }
    let [(19, which)] = reseeded[..] else { panic!("{reseeded:?}") };
    assert_eq!((which, model.n_reseeded), ((1, 0), 1));
    // Cut across the second column, where the spread was; the new rows have settled it since.
    let labels = model.predict(&two(99)).unwrap();
    assert!(labels.iter().enumerate().all(|(row, label)| label == Some(row / 50)));
    assert_eq!(model.clusters().weights.iter().sum::<f64>(), 3000.0);
}

#[test]
fn a_group_that_stays_away_is_given_up_by_weight_and_only_then() {
    let with_ratio = |ratio| {
        let model = fitted(3, Decay::HalfLifePoints(500.0), &three(300, 12), None);
        let mut model = model.reassignment_ratio(ratio).unwrap();
        let gone = model.predict(&[[0.0, 20.0]]).unwrap().get(0).unwrap();
        let still = three(30_000, 13);
        let still = still.select(Axis(0), &(0..30_000).filter(|i| i % 3 < 2).collect::<Vec<_>>());
        let batches = still.axis_chunks_iter(Axis(0), 100);
        let events: Vec<(usize, usize)> = batches
            .enumerate()
            .flat_map(|(i, batch)| {
                let reseeded = model.learn(batch, None).unwrap().reseeded;
                reseeded.into_iter().map(move |r| (i, r.0))
            })
            .collect();
        assert!(events.iter().all(|(_, cluster)| *cluster == gone));
        events.first().map(|(batch, _)| (batch + 1) * 100)
    };
    // It has weighed 100, the heavier ones weigh 360: 25 half-lives to 1e-8 of that, 5 to 0.01,
    // but never before 1,000·k rows, and never at ratio 0.
    let spark = with_ratio(1e-8).unwrap();
    assert!((12_300..12_500).contains(&spark), "{spark}");
    assert_eq!(with_ratio(0.01), Some(3000));
    assert_eq!(with_ratio(0.0), None);
}

#[test]
fn an_offset_of_1e9_changes_no_label() {
    let (near, far) = (three(3000, 14), three(3000, 14).mapv(|v| (v * 1024.0).round() / 1024.0));
    let far_away = &far + 1e9;
    let mut models = [&near, &far, &far_away]
        .map(|x| fitted(3, Decay::HalfLifePoints(200.0), &x.slice(s![..60, ..]).to_owned(), None));
    for from in (60..3000).step_by(49) {
        let batch = s![from..from + 49, ..];
        let plain = models[1].learn(far.slice(batch), None).unwrap();
        let offset = models[2].learn(far_away.slice(batch), None).unwrap();
        assert_eq!(offset.labels, plain.labels);
        models[0].learn(near.slice(batch), None).unwrap();
    }
    assert!(close(&(models[2].clusters().centroids - 1e9), &models[1].clusters().centroids, 2e-7));
    assert!(close(&models[2].clusters().variances, &models[1].clusters().variances, 1e-9));
}

#[test]
fn two_shards_merged_equal_the_whole_where_both_tell_the_groups_apart_alike() {
    let x = three(600, 15);
    let mut whole = started(Decay::None);
    whole.learn(&x, None).unwrap();
    let mut shards: Vec<OnlineKMeans> = (0..2)
        .map(|shard| {
            let mut model = started(Decay::None);
            for batch in
                x.slice(s![shard * 300..(shard + 1) * 300, ..]).axis_chunks_iter(Axis(0), 60)
            {
                model.learn(batch, None).unwrap();
            }
            model
        })
        .collect();
    let other = shards.pop().unwrap();
    let mut merged = shards.pop().unwrap();
    merged.merge(&other).unwrap();
    assert_eq!((merged.clusters().weights, merged.n_rows), (whole.clusters().weights, 600));
    assert!(close(&merged.clusters().centroids, &whole.clusters().centroids, 1e-12));
    assert!(close(&merged.clusters().variances, &whole.clusters().variances, 1e-12));
}

#[test]
fn merging_goes_by_place_not_by_number_and_brings_both_to_the_later_clock() {
    let start = |at: [[f64; 1]; 2]| OnlineKMeans::new(&at, Decay::HalfLifeDays(1.0)).unwrap();
    let (mut a, mut b) = (start([[0.0], [10.0]]), start([[11.0], [1.0]]));
    a.learn(&[[0.0], [0.0], [10.0], [10.0]], 7 * DAY_MS).unwrap();
    b.learn(&[[13.0], [1.0]], 8 * DAY_MS).unwrap();
    let untouched = b.clone();
    a.merge(&b).unwrap();
    assert_eq!(b, untouched);
    assert_eq!((a.clusters().weights, a.clock_ms), (vec![2.0, 2.0], Some(8 * DAY_MS)));
    assert_eq!(a.clusters().centroids, array![[0.5], [11.5]]);
    // The other way round: the older one ages on its way in, and the numbering is b's.
    b.merge(&start([[5.0], [6.0]])).unwrap();
    assert_eq!(b, {
        let mut expected = untouched;
        advance(&mut expected, 0);
        expected
    });
}

#[test]
fn models_that_cannot_be_merged_say_so() {
    let mut model = OnlineKMeans::new(&[[0.0, 0.0]], Decay::None).unwrap();
    let before = model.clone();
    let narrow = OnlineKMeans::new(&[[0.0]], Decay::None).unwrap();
    let error = model.merge(&narrow).unwrap_err();
    assert!(matches!(error, Error::DimensionMismatch { expected: 2, got: 1, .. }));
    let fading = OnlineKMeans::new(&[[0.0, 0.0]], Decay::HalfLifePoints(3.0));
    let error = model.merge(&fading.unwrap()).unwrap_err();
    assert!(matches!(error, Error::InvalidParameter { name: "decay", .. }));
    assert_eq!(model, before);
}

#[test]
fn settings_and_starts_out_of_range_are_named() {
    let named = |model: Result<OnlineKMeans, personas::Error>| match model {
        Err(Error::InvalidParameter { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    for h in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for decay in [Decay::HalfLifePoints(h), Decay::HalfLifeDays(h)] {
            assert_eq!(named(OnlineKMeans::new(&far_corners(), decay)), "decay");
        }
    }
    for ratio in [-0.1, 1.0, f64::NAN] {
        assert_eq!(named(started(Decay::None).reassignment_ratio(ratio)), "reassignment_ratio");
    }
    let start = |x: Array2<f64>| OnlineKMeans::new(&x, Decay::None).unwrap_err();
    assert!(matches!(start(array![[1.0], [1.0]]), Error::InvalidParameter { .. }));
    assert!(matches!(start(array![[1.0], [f64::NAN]]), Error::NonFinite { row: 1, .. }));
    assert!(matches!(start(Array2::zeros((2, 0))), Error::NoColumns { .. }));
    assert!(matches!(start(Array2::zeros((0, 2))), Error::Empty { .. }));
    // A half-life in days cannot pass unnoticed.
    let mut model = OnlineKMeans::new(&[[0.0], [1.0]], Decay::HalfLifeDays(1.0)).unwrap();
    let error = model.learn(&[[0.0]], None).unwrap_err();
    assert!(matches!(error, Error::InvalidParameter { name: "at_ms", .. }));
    assert_eq!(model.n_rows, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the batches and however clusters share the rows, together they hold all of them,
    /// each at 2^(−age / half-life).
    #[test]
    fn all_clusters_together_are_the_faded_mean_and_variance_of_all_rows(
        sizes in proptest::collection::vec(0usize..9, 1..12),
        half_life in 0.5f64..30.0,
        seed in 0u64..1000,
        merged in 0usize..12,
    ) {
        let start = OnlineKMeans::new(&cloud(3, seed), Decay::HalfLifePoints(half_life)).unwrap();
        let (mut model, mut other) = (start.clone(), start);
        let (mut weights, mut rows) = (Vec::new(), Vec::new());
        let learn = |model: &mut OnlineKMeans, i: usize, ageing: bool,
                     weights: &mut Vec<f64>, rows: &mut Vec<Array1<f64>>| {
            let batch = cloud(sizes[i], seed + 1 + i as u64) + 100.0;
            model.learn(&batch, None).unwrap();
            if ageing {
                let factor = (-(batch.nrows() as f64) / half_life).exp2();
                weights.iter_mut().for_each(|w| *w *= factor);
            }
            weights.extend(std::iter::repeat_n(1.0, batch.nrows()));
            rows.extend(batch.rows().into_iter().map(|row| row.to_owned()));
        };
        for i in 0..sizes.len() {
            learn(&mut model, i, true, &mut weights, &mut rows);
        }
        if merged < sizes.len() {
            learn(&mut other, merged, false, &mut weights, &mut rows);
            model.merge(&other).unwrap();
        }
        let total: f64 = weights.iter().sum();
        prop_assert!((model.clusters().weights.iter().sum::<f64>() - total).abs() <= 1e-11 * total);
        prop_assume!(total > 0.0);
        let mean = |of: &dyn Fn(&Array1<f64>) -> f64| {
            rows.iter().zip(&weights).map(|(row, w)| of(row) * w).sum::<f64>() / total
        };
        for column in 0..2 {
            let centre = mean(&|row| row[column]);
            let variance = mean(&|row| (row[column] - centre).powi(2));
            let (mut m, mut v) = (0.0, 0.0);
            for (cluster, w) in model.clusters().weights.into_iter().enumerate() {
                let at = model.clusters().centroids[[cluster, column]];
                m += at * w / total;
                v += (model.clusters().variances[[cluster, column]] + (at - centre).powi(2)) * w / total;
            }
            prop_assert!((m - centre).abs() < 1e-9, "{} {}", m, centre);
            prop_assert!((v - variance).abs() < 1e-9, "{} {}", v, variance);
        }
    }
}

#[test]
fn learning_in_parts_of_any_size_keeps_every_row() {
    let x = concatenate![Axis(0), three(50, 1), three(50, 2)];
    let mut model = started(Decay::None);
    let mut n = 0;
    for (i, at) in [0usize, 1, 3, 10, 40, 41, 100].windows(2).enumerate() {
        let learned = model.learn(x.slice(s![at[0]..at[1], ..]), None).unwrap();
        n += learned.labels.iter().len();
        assert_eq!(model.clusters().weights.iter().sum::<f64>(), n as f64, "{i}");
    }
}
