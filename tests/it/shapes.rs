//! Groups that are not round: found by density, and said to be out of k-means' reach.

use personas::cluster::{Dbscan, Hdbscan};
use personas::ndarray::Array2;
use personas::{KMeans, Labels, validate};

/// Evenly distributed numbers in [0, 1).
fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// `n` rows, and the group of each: what `place` makes of a group and two numbers around 0.
fn rows(
    n: usize,
    seed: u64,
    place: impl Fn(usize, f64, [f64; 2]) -> [f64; 2],
) -> (Array2<f64>, Labels) {
    let mut unit = numbers(seed);
    let mut x = Array2::zeros((n, 2));
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        let along = unit();
        // The sum of twelve is nearly normal, of deviation 1.
        let near = [(); 2].map(|()| (0..12).map(|_| unit()).sum::<f64>() - 6.0);
        row.assign(&personas::ndarray::aview1(&place(i % 2, along, near)));
    }
    (x, Labels::new((0..n).map(|i| Some(i % 2))).unwrap())
}

/// Two half circles, each around an end of the other.
fn moons(seed: u64) -> (Array2<f64>, Labels) {
    rows(600, seed, |group, along, near| {
        let (sin, cos) = (along * std::f64::consts::PI).sin_cos();
        let [x, y] = if group == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
        [x + 0.05 * near[0], y + 0.05 * near[1]]
    })
}

/// A ring around a ring.
fn rings(seed: u64) -> (Array2<f64>, Labels) {
    rows(800, seed, |group, along, near| {
        let (sin, cos) = (along * std::f64::consts::TAU).sin_cos();
        let radius = [1.0, 3.0][group] + 0.1 * near[0];
        [radius * cos, radius * sin]
    })
}

/// A tight group beside a wide one.
fn densities(seed: u64) -> (Array2<f64>, Labels) {
    rows(600, seed, |group, _, near| match group {
        0 => near.map(|v| 0.1 * v),
        _ => [8.0 + 1.5 * near[0], 1.5 * near[1]],
    })
}

/// Agreement on the rows that are not noise, and the share of these.
fn agreement(found: &Labels, truth: &Labels) -> (f64, f64) {
    let kept: Vec<usize> =
        (0..found.iter().len()).filter(|&row| found.get(row).is_some()).collect();
    let of = |labels: &Labels| Labels::new(kept.iter().map(|&row| labels.get(row))).unwrap();
    let rand = validate::adjusted_rand(&of(found), &of(truth)).unwrap();
    (rand, kept.len() as f64 / found.iter().len() as f64)
}

#[test]
fn moons_rings_and_two_densities_are_found_by_density() {
    for seed in 0..2 {
        for (name, (x, truth)) in
            [("moons", moons(seed)), ("rings", rings(seed)), ("densities", densities(seed))]
        {
            let hdbscan = Hdbscan::new(30).min_samples(8).fit(&x).unwrap().labels;
            let (rand, share) = agreement(&hdbscan, &truth);
            assert!(rand > 0.99 && share > 0.9, "{name} {seed}: {rand} {share}");
            let means = KMeans::new(2).fit(&x).unwrap().labels;
            if name != "densities" {
                let eps = if name == "moons" { 0.15 } else { 0.6 };
                let dbscan = Dbscan::new(eps, 8).fit(&x).unwrap().labels;
                let (rand, share) = agreement(&dbscan, &truth);
                assert!(rand > 0.99 && share > 0.9, "{name} {seed}: {rand} {share}");
                // The silhouette prefers the wrong cut, the density-based validity the right one.
                let silhouette = |labels| {
                    validate::silhouette(&x, labels, validate::SilhouetteKind::Exact).unwrap().mean
                };
                assert!(silhouette(&means) > silhouette(&truth), "{name} {seed}");
                let dbcv = |labels| validate::dbcv(&x, labels).unwrap().index;
                assert!(dbcv(&truth) > dbcv(&means), "{name} {seed}");
            }
        }
    }
}

#[test]
fn the_choice_of_k_does_not_call_parts_of_moons_and_rings_natural_and_names_who_finds_them() {
    for (name, (x, _)) in [("moons", moons(1)), ("rings", rings(1))] {
        let choice = validate::choose_k(&x, 2..=5, 3).unwrap();
        assert!(choice.structure != validate::Structure::Natural, "{name}: {}", choice);
        assert!(choice.to_string().contains("HDBSCAN finds others"), "{name}: {}", choice);
    }
}

#[test]
fn a_mixed_table_reaches_methods_of_distances_without_a_matrix() {
    use personas::cluster::{Agglomerative, Dbscan, Hdbscan, Linkage};
    use personas::outlier::LocalOutlierFactor;
    use personas::{FeatureTable, Preprocessor};

    // Two kinds of people who differ in both columns, and one who is like neither.
    let visits = (0..41)
        .map(|i| (i != 5).then_some(if i == 40 { 60.0 } else { f64::from(i % 4 + 90 * (i % 2)) }));
    let channel =
        (0..41).map(|i| Some(if i == 40 { "phone" } else { ["web", "store"][i % 2] }.to_owned()));
    let table = FeatureTable::new(41)
        .numeric("visits", visits.collect())
        .and_then(|t| t.categorical("channel", channel.collect()))
        .unwrap();
    let distances = Preprocessor::default().gower(&table).unwrap();
    let tree = Agglomerative::new(Linkage::Average).fit(distances.clone()).unwrap();
    let expected: Vec<Option<usize>> =
        (0..41).map(|i| Some(if i == 40 { 2 } else { i % 2 })).collect();
    assert_eq!(tree.cut_into(3).unwrap().to_vec(), expected);
    assert!(Agglomerative::new(Linkage::Ward).fit(distances.clone()).is_err());
    let groups = Dbscan::new(0.1, 3).fit(distances.clone()).unwrap().labels;
    assert_eq!((groups.sizes().len(), groups.get(40)), (2, None));
    assert_eq!(Hdbscan::new(5).fit(distances.clone()).unwrap().labels.sizes().len(), 2);
    let odd = LocalOutlierFactor::new(15).fit(distances).unwrap();
    assert!((0..40).all(|row| odd.scores[row] < odd.scores[40]));
}
