//! Outliers from outside: the same bits on any number of threads and from any layout.

use personas::ndarray::{Array2, ShapeBuilder, s};
use personas::outlier::{IsolationForest, LocalOutlierFactor};

const FINITE: &str = "the rows are finite";

/// Large enough that work is shared among threads.
fn rows() -> Array2<f64> {
    Array2::from_shape_fn((700, 4), |(i, j)| ((i + 1) as f64 * (2.0 + j as f64).sqrt()).fract())
}

/// Scores and reasons of both methods, as bits.
fn bits(x: &Array2<f64>) -> Vec<u64> {
    let forest = IsolationForest::default().n_trees(40).seed(3).fit(x).expect(FINITE);
    let factor = LocalOutlierFactor::default().fit(x).expect(FINITE);
    let mut all = forest.scores.clone();
    all.extend(forest.reasons(x).expect(FINITE));
    all.extend(&factor.scores);
    all.extend(factor.score(x).expect(FINITE).scores);
    all.into_iter().map(f64::to_bits).collect()
}

#[test]
fn one_thread_or_five_give_the_same_bits() {
    let x = rows();
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| bits(&x))
    };
    assert_eq!(on(1), on(5));
}

#[test]
fn any_layout_gives_the_same_bits() {
    let x = rows();
    let mut columns_first = Array2::zeros((700, 4).f());
    columns_first.assign(&x);
    assert_eq!(bits(&x), bits(&columns_first));
    let turned = x.slice(s![..;-1, ..]).to_owned();
    let turned = turned.slice(s![..;-1, ..]);
    let scores = |fit: personas::outlier::IsolationForestFit| fit.scores;
    let forest = IsolationForest::default().n_trees(10);
    assert_eq!(scores(forest.fit(&x).unwrap()), scores(forest.fit(turned).unwrap()));
}

#[test]
fn the_seed_decides_and_trees_differ() {
    let x = rows();
    let scores = |n_trees, seed| {
        IsolationForest::default().n_trees(n_trees).seed(seed).fit(&x).unwrap().scores
    };
    assert_eq!(scores(3, 1), scores(3, 1));
    assert_ne!(scores(3, 1), scores(3, 2));
    // If every tree drew the same numbers, as in a peer, one would be as good as three.
    assert_ne!(scores(1, 1), scores(3, 1));
}
