//! Clustering on seeded groups of points: `cargo bench -p personas-benches --bench cluster`.
//!
//! The large k-means cases take minutes; `-- kmeans/` runs the small ones, `-- kmeans_large` the
//! large.

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use personas::KMeans;
use personas::cluster::{
    Agglomerative, Dbscan, Hdbscan, IncrementalDbscan, KMeansInit, Linkage, Window,
};
use personas::ndarray::{Array2, s};

/// Uniform numbers in [0, 1), always the same.
fn uniform(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// `n` rows of `k` normal clouds that overlap: centres uniform in ±5, deviation 4 in every column,
/// shares drawn from a flat Dirichlet distribution.
fn blobs(n: usize, d: usize, k: usize) -> Array2<f64> {
    let mut unit = uniform(7);
    let centres = Array2::from_shape_simple_fn((k, d), || unit() * 10.0 - 5.0);
    let shares: Vec<f64> = (0..k).map(|_| -(1.0 - unit()).ln()).collect();
    let total: f64 = shares.iter().sum();
    let mut values = Vec::with_capacity(n * d);
    for _ in 0..n {
        let mut at = unit() * total;
        let blob = shares.iter().position(|share| {
            at -= share;
            at < 0.0
        });
        for &centre in centres.row(blob.unwrap_or(k - 1)) {
            // Box and Muller's transformation.
            let (radius, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), unit());
            values.push(centre + 4.0 * radius * (angle * std::f64::consts::TAU).cos());
        }
    }
    Array2::from_shape_vec((n, d), values).expect("n rows of d values")
}

/// The first k rows, which are as random as any.
fn first_rows(x: &Array2<f64>, k: usize) -> KMeansInit {
    KMeansInit::Given(x.slice(s![..k, ..]).to_owned())
}

/// `n` rows around ten centres of whole numbers, spread evenly by ±1 in each of `d` columns.
fn groups(n: usize, d: usize) -> Array2<f64> {
    let mut unit = uniform(1);
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

/// Small inputs: one run and ten, weighted, and a single row to place.
fn kmeans_small(c: &mut Criterion) {
    let mut group = c.benchmark_group("kmeans");
    let x = blobs(1_000, 8, 8);
    let given = KMeans::new(8).init(first_rows(&x, 8));
    group.bench_function("given/1000x8x8", |b| b.iter(|| given.fit(black_box(&x))));
    let default = KMeans::new(8);
    group.bench_function("ten runs/1000x8x8", |b| b.iter(|| default.fit(black_box(&x))));
    let weights: Vec<f64> = (0..x.nrows()).map(|row| (row % 7) as f64).collect();
    group.bench_function("weighted/1000x8x8", |b| {
        b.iter(|| given.fit((black_box(&x), &weights)));
    });
    let fit = given.fit(&x).expect("the data are finite and distinct");
    let row = x.slice(s![..1, ..]);
    group.bench_function("predict/1x8x8", |b| b.iter(|| fit.predict(black_box(row))));
}

/// From the same first centroids to the end, as peers are measured; data are made only if asked for.
fn kmeans_large(c: &mut Criterion) {
    let mut group = c.benchmark_group("kmeans_large");
    group.sampling_mode(SamplingMode::Flat);
    for (n, d, k, max_iter) in [
        (1_000_000, 8, 8, 20),
        (1_000_000, 16, 20, 300),
        (100_000, 32, 50, 300),
        (10_000_000, 8, 10, 300),
    ] {
        let x = LazyCell::new(|| blobs(n, d, k));
        // Twenty iterations are a fixed piece of work; else the default tolerance ends the run.
        let tol = if max_iter == 20 { 0.0 } else { 1e-4 };
        let means = KMeans::new(k).max_iter(max_iter).tol(tol);
        group.bench_function(BenchmarkId::new("given", format!("{n}x{d}x{k}")), |b| {
            let means = means.clone().init(first_rows(&x, k));
            b.iter(|| means.fit(black_box(&*x)));
        });
        if n <= 1_000_000 {
            // One iteration, so that nearly all of it is seeding.
            let seeding = means.clone().n_init(1).max_iter(1);
            group.bench_function(BenchmarkId::new("seeding", format!("{n}x{d}x{k}")), |b| {
                b.iter(|| seeding.fit(black_box(&*x)));
            });
        }
    }
    let x = LazyCell::new(|| blobs(1_000_000, 8, 8));
    let weights: Vec<f64> = (0..1_000_000).map(|row| 1.0 + f64::from(row % 7)).collect();
    group.bench_function("weighted/1000000x8x8", |b| {
        let means = KMeans::new(8).init(first_rows(&x, 8)).max_iter(20).tol(0.0);
        b.iter(|| means.fit((black_box(&*x), &weights)));
    });
}

fn agglomerative(c: &mut Criterion) {
    let mut group = c.benchmark_group("agglomerative");
    let x = groups(1_000, 8);
    for linkage in [
        Linkage::Single,
        Linkage::Complete,
        Linkage::Average,
        Linkage::Weighted,
        Linkage::Ward,
        Linkage::Centroid,
        Linkage::Median,
    ] {
        group.bench_with_input(BenchmarkId::new("fit", format!("{linkage:?}")), &x, |b, x| {
            b.iter(|| Agglomerative::new(linkage).fit(black_box(x)));
        });
    }
    for linkage in [Linkage::Single, Linkage::Ward, Linkage::Average, Linkage::Complete] {
        let large = LazyCell::new(|| blobs(20_000, 8, 12));
        group.bench_function(BenchmarkId::new("fit 20000x8", format!("{linkage:?}")), |b| {
            b.iter(|| Agglomerative::new(linkage).fit(black_box(&*large)));
        });
    }
    let tree = Agglomerative::new(Linkage::Ward).fit(&x).expect("the data are finite");
    group.bench_function("cut_into", |b| b.iter(|| tree.cut_into(black_box(10))));
}

/// `n` rows of fifteen normal clouds in a box of ±10, one in fifty anywhere in it, as peers are
/// measured; the deviations and `eps` of two and eight columns.
fn clouds(n: usize, d: usize) -> Array2<f64> {
    let deviation = if d == 2 { 0.6 } else { 1.2 };
    let mut unit = uniform(400 + d as u64);
    let centres = Array2::from_shape_simple_fn((15, d), || unit() * 20.0 - 10.0);
    Array2::from_shape_fn((n, d), |(row, column)| {
        if row % 50 == 0 {
            return unit() * 24.0 - 12.0;
        }
        let (radius, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), unit());
        centres[[row % 15, column]] + deviation * radius * (angle * std::f64::consts::TAU).cos()
    })
}

/// `-- density` runs these; data are made only if asked for.
fn density(c: &mut Criterion) {
    let mut group = c.benchmark_group("density");
    group.sampling_mode(SamplingMode::Flat);
    for (d, eps) in [(2, 0.115), (8, 2.29)] {
        for n in [10_000, 100_000] {
            let x = LazyCell::new(|| clouds(n, d));
            group.bench_function(BenchmarkId::new("dbscan", format!("{n}x{d}")), |b| {
                b.iter(|| Dbscan::new(eps, 10).fit(black_box(&*x)));
            });
            group.bench_function(BenchmarkId::new("hdbscan", format!("{n}x{d}")), |b| {
                b.iter(|| Hdbscan::new(100).min_samples(10).fit(black_box(&*x)));
            });
        }
    }
    // A row in, the oldest out.
    let x = LazyCell::new(|| clouds(40_000, 8));
    group.bench_function("incremental dbscan/1000 of 20000x8", |b| {
        let groups = IncrementalDbscan::new(Dbscan::new(2.29, 10), Window::Rows(20_000));
        let mut groups = groups.expect("the settings are in range");
        let mut rows = x.rows().into_iter().cycle();
        let mut insert = |n: usize| {
            rows.by_ref().take(n).for_each(|row| _ = groups.insert(row, None));
        };
        insert(20_000);
        b.iter(|| insert(1000));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3));
    targets = kmeans, kmeans_small, kmeans_large, agglomerative, density
}
criterion_main!(benches);
