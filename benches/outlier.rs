//! Outlier scores: growing a forest, scoring rows, saying why, and the local outlier factor.

use criterion::{Criterion, criterion_group, criterion_main};
use personas::ndarray::Array2;
use personas::outlier::{IsolationForest, LocalOutlierFactor};

/// Rows scattered evenly, without structure: additive recurrences with irrational steps.
fn scattered(n_rows: usize, n_columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((n_rows, n_columns), |(i, j)| {
        ((i + 1) as f64 * (2.0 + j as f64).sqrt()).fract()
    })
}

fn outlier(c: &mut Criterion) {
    let mut group = c.benchmark_group("outlier");
    group.sample_size(10);
    let x = scattered(20_000, 10);
    let forest = IsolationForest::default();
    group.bench_function("isolation_forest/fit/20000x10", |b| b.iter(|| forest.fit(&x)));
    let small = scattered(256, 10);
    let fit = forest.fit(&small).expect("the rows are finite");
    group.bench_function("isolation_forest/fit/256x10", |b| b.iter(|| forest.fit(&small)));
    group.bench_function("isolation_forest/score/20000x10", |b| b.iter(|| fit.score(&x)));
    group.bench_function("isolation_forest/reasons/256x10", |b| b.iter(|| fit.reasons(&small)));
    let x = scattered(20_000, 10);
    let factor = LocalOutlierFactor::default();
    group.bench_function("lof/fit/20000x10", |b| b.iter(|| factor.fit(&x)));
    let fit = factor.fit(&x).expect("the rows are finite");
    group.bench_function("lof/score/256x10", |b| b.iter(|| fit.score(&small)));
    group.finish();
}

criterion_group!(benches, outlier);
criterion_main!(benches);
