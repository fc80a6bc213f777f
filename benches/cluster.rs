//! Clustering on seeded groups of points: `cargo bench --bench cluster`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use personas::ndarray::Array2;
use personas::{Agglomerative, Dbscan, KMeans, Linkage};

/// `n` rows around ten centres of whole numbers, spread evenly by ±1 in each of `d` columns.
fn groups(n: usize, d: usize) -> Array2<f64> {
    let mut state = 1u64;
    let mut unit = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let centres = Array2::from_shape_simple_fn((10, d), || (unit() * 20.0).floor());
    Array2::from_shape_fn((n, d), |(row, column)| {
        centres[[row % 10, column]] + unit() + unit() - 1.0
    })
}

fn kmeans(c: &mut Criterion) {
    let mut group = c.benchmark_group("kmeans");
    for (n, d) in [(2_000, 8), (20_000, 16)] {
        let x = groups(n, d);
        let means = KMeans::new(10).n_init(1).max_iter(20);
        group.bench_with_input(BenchmarkId::new("fit", format!("{n}x{d}")), &x, |b, x| {
            b.iter(|| means.fit(black_box(x)));
        });
        let fit = means.fit(&x).expect("the data are finite and distinct");
        group.bench_with_input(BenchmarkId::new("predict", format!("{n}x{d}")), &x, |b, x| {
            b.iter(|| fit.predict(black_box(x)));
        });
    }
}

fn agglomerative(c: &mut Criterion) {
    let mut group = c.benchmark_group("agglomerative");
    let x = groups(1_000, 8);
    for linkage in [Linkage::Single, Linkage::Complete, Linkage::Average, Linkage::Ward] {
        group.bench_with_input(BenchmarkId::new("fit", format!("{linkage:?}")), &x, |b, x| {
            b.iter(|| Agglomerative::new(linkage).fit(black_box(x)));
        });
    }
    let tree = Agglomerative::new(Linkage::Ward).fit(&x).expect("the data are finite");
    group.bench_function("cut_into", |b| b.iter(|| tree.cut_into(black_box(10))));
}

fn dbscan(c: &mut Criterion) {
    let mut group = c.benchmark_group("dbscan");
    for n in [1_000, 4_000] {
        let x = groups(n, 4);
        group.bench_with_input(BenchmarkId::new("fit", n), &x, |b, x| {
            b.iter(|| Dbscan::new(0.8, 5).fit(black_box(x)));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3));
    targets = kmeans, agglomerative, dbscan
}
criterion_main!(benches);
