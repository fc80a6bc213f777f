//! Judging a grouping of seeded points: `cargo bench -p personas-benches --bench validate`.

use criterion::{Criterion, criterion_group, criterion_main};
use personas::ndarray::Array2;
use personas::validate::SilhouetteKind;
use personas::{KMeans, Labels, validate};

/// `n` rows around five centres, spread evenly by ±1 in each of `d` columns.
fn groups(n: usize, d: usize) -> Array2<f64> {
    let mut state = 1u64;
    let mut unit = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let centres = Array2::from_shape_simple_fn((5, d), || (unit() * 5.0).floor());
    Array2::from_shape_fn((n, d), |(row, column)| centres[[row % 5, column]] + 2.0 * unit() - 1.0)
}

fn validate(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    group.sample_size(10);

    let x = groups(5_000, 10);
    let labels = Labels::new((0..5_000).map(|row| Some(row % 5))).expect("few rows");
    let other = Labels::new((0..5_000).map(|row| Some(row % 7))).expect("few rows");
    group.bench_function("silhouette/5000x10", |b| {
        b.iter(|| validate::silhouette(&x, &labels, SilhouetteKind::Exact))
    });
    group.bench_function("silhouette_sampled/500 of 5000x10", |b| {
        let kind = SilhouetteKind::Sampled { standard_error: 0.0, max_rows: 500, seed: 0 };
        b.iter(|| validate::silhouette(&x, &labels, kind));
    });
    group.bench_function("silhouette squared/5000x10", |b| {
        b.iter(|| validate::silhouette(&x, &labels, SilhouetteKind::Squared));
    });
    group.bench_function("adjusted_rand/5000", |b| {
        b.iter(|| validate::adjusted_rand(&labels, &other));
    });

    let x = groups(800, 25);
    let labels = Labels::new((0..800).map(|row| Some(row % 5))).expect("few rows");
    group.bench_function("stability/20 of 800x25, k 5", |b| {
        b.iter(|| {
            validate::stability(&x, &labels, 20, 0, |sample| {
                Ok(KMeans::new(5).n_init(1).fit(sample)?.labels)
            })
        });
    });
    group.bench_function("choose_k/800x25, k 2 to 12", |b| {
        b.iter(|| validate::choose_k(&x, 2..=12, 0));
    });
    group.finish();
}

criterion_group!(benches, validate);
criterion_main!(benches);
