//! From an array to groups and how far to believe them, in thirty lines.
//!
//! ```text
//! cargo run --release --example arrays
//! ```

use std::error::Error;
use std::io::{self, Write};

use personas::cluster::{Agglomerative, Dbscan, Linkage};
use personas::ndarray::Array2;
use personas::scale::Scaler;
use personas::{KMeans, Pca, validate};

fn main() -> Result<(), Box<dyn Error>> {
    // Three groups of sixty in two columns, euros and visits; a third column repeats the first.
    let x = Array2::from_shape_fn((180, 3), |(row, column)| {
        let (group, wave) = (row / 60, (row * 37 % 60) as f64 / 10.0);
        match column {
            0 => [200.0, 900.0, 950.0][group] + 20.0 * wave,
            1 => [3.0, 4.0, 30.0][group] + (row * 23 % 60) as f64 / 12.0,
            _ => [20.0, 90.0, 95.0][group] + 2.0 * wave,
        }
    });
    let mut out = io::stdout().lock();
    let z = Scaler::Standard.fit(&x)?.transform(&x)?;
    let pca = Pca::share(0.99).fit(&z)?;
    writeln!(out, "{}", pca.describe(0, &["euros", "visits", "cents"])?)?;
    let z = pca.transform(&z)?;
    let choice = validate::choose_k(&z, 2..=6, 7)?;
    writeln!(out, "{}", choice)?;
    let means = KMeans::new(choice.k).seed(7).fit(&z)?;
    let tree = Agglomerative::new(Linkage::Ward).fit(&z)?.cut_into(choice.k)?;
    let dense = Dbscan::new(0.5, 5).fit(&z)?;
    for (name, labels) in [("hierarchy", &tree), ("DBSCAN", &dense.labels)] {
        let agreement = validate::agreement(&means.labels, labels)?;
        let silhouette = validate::silhouette(&z, labels, validate::SilhouetteKind::Exact)?.mean;
        let rand = agreement.adjusted_rand;
        let dbcv = validate::dbcv(&z, labels)?.index;
        writeln!(
            out,
            "{name}: adjusted Rand {rand:.3}, silhouette {silhouette:.3}, DBCV {dbcv:.3}"
        )?;
    }
    Ok(())
}
