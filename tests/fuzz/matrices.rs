//! Small arrays of any numbers: every method answers or refuses.

use personas::cluster::{
    Agglomerative, Dbscan, Decay, FadingDbscan, Hdbscan, IncrementalDbscan, KMeans, Linkage,
    Metric, OnlineKMeans, Window,
};
use personas::ndarray::Array2;
use personas::outlier::{IsolationForest, LocalOutlierFactor};
use personas::reduce::{Archetypes, Pca};
use personas::scale::Scaler;
use personas::validate::{SilhouetteKind, calinski_harabasz, davies_bouldin, dunn, silhouette, suggest_eps};

fn number(byte: u8) -> f64 {
    const ODD: [f64; 16] = [
        f64::NAN,
        f64::INFINITY,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -1e154,
        1e153,
        1e-160,
        1e15,
        1e15 + 1.0,
        -0.0,
        0.1,
        0.30000000000000004,
        1e300,
        -1e-300,
        2.0,
    ];
    match byte {
        0..16 => ODD[usize::from(byte)],
        _ => f64::from(byte / 4) - 30.0,
    }
}

/// Reads settings and rows; fits one method.
pub fn matrices(data: &[u8]) {
    let [method, k, shape, values @ ..] = data else { return };
    let d = usize::from(shape % 4);
    let values = &values[..values.len().min(48)];
    let n = if d == 0 { 0 } else { values.len() / d };
    let values = values.iter().take(n * d).map(|&byte| number(byte)).collect();
    let Ok(x) = Array2::from_shape_vec((n, d), values) else { return };
    let metrics = [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev, Metric::Cosine];
    let metric = metrics[usize::from(shape >> 2 & 3)];
    let (count, eps) = (usize::from(k % 6), number(*k));
    match method % 16 {
        0 => {
            let Ok(fit) = KMeans::new(count).n_init(2).max_iter(20).fit(&x) else { return };
            assert_eq!(fit.predict(&x).as_ref(), Ok(&fit.labels));
            let _ = (silhouette(&x, &fit.labels, SilhouetteKind::Exact), dunn(&x, &fit.labels));
            let _ = (calinski_harabasz(&x, &fit.labels), davies_bouldin(&x, &fit.labels));
        }
        1 => {
            let fit = Dbscan::new(eps, count).metric(metric).fit(&x);
            let _ = fit.map(|fit| fit.predict(&x));
        }
        2 => drop(Hdbscan::new(count).metric(metric).fit(&x).map(|fit| fit.predict(&x))),
        3 => {
            let linkages = [
                Linkage::Single,
                Linkage::Complete,
                Linkage::Average,
                Linkage::Weighted,
                Linkage::Ward,
                Linkage::Centroid,
                Linkage::Median,
            ];
            let linkage = linkages[usize::from(*k) % linkages.len()];
            if let Ok(tree) = Agglomerative::new(linkage).fit(&x) {
                assert_eq!(tree.cut_into(1).map(|labels| labels.sizes().iter().sum::<usize>()), Ok(n));
                let _ = tree.to_newick(|row| row.to_string());
            }
        }
        4 => {
            let online = OnlineKMeans::new(&x, Decay::HalfLifePoints(eps));
            let _ = online.map(|mut model| (model.learn(&x, None), model.predict(&x)));
        }
        5 => {
            let decay = Decay::HalfLifeDays(1.0);
            let Ok(mut groups) = FadingDbscan::new(eps, 1.0, decay, count) else { return };
            for (row, at) in x.rows().into_iter().zip(0..) {
                let _ = groups.insert(row, at * 1_000_000);
            }
            let _ = groups.groups(9);
        }
        6 => {
            let settings = Dbscan::new(eps, count).metric(metric);
            let Ok(mut groups) = IncrementalDbscan::new(settings, Window::Rows(5)) else { return };
            for row in x.rows() {
                let _ = groups.insert(row, None);
            }
            let _ = groups.labels();
        }
        7 => {
            let fit = IsolationForest::default().n_trees(3).max_samples(8).fit(&x);
            let _ = fit.map(|fit| (fit.score(&x), fit.reasons(&x)));
        }
        8 => {
            let fit = LocalOutlierFactor::new(count).metric(metric).fit(&x);
            let _ = fit.map(|fit| (fit.score(&x), fit.reasons(0)));
        }
        9 => {
            if let Ok(fit) = Pca::new(count).fit(&x) {
                let _ = fit.transform(&x).and_then(|z| fit.inverse(&z));
            }
        }
        10 => drop(Pca::share(eps).whiten().fit(&x).map(|fit| fit.transform(&x))),
        11 => drop(Archetypes::new(count).n_init(1).fit(&x).map(|fit| fit.transform(&x))),
        12..15 => {
            let scalers = [Scaler::Standard, Scaler::Robust, Scaler::MinMax, Scaler::YeoJohnson];
            if let Ok(fit) = scalers[usize::from(k % 4)].fit(&x) {
                let z = fit.transform(&x).expect("the rows of the fit");
                assert!(z.iter().all(|value| value.is_finite()));
                let _ = fit.inverse(&z);
            }
        }
        _ => drop(suggest_eps(&x, count, metric)),
    }
}
