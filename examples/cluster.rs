//! Clusters the rows of a file and prints one JSON object.
//!
//! ```text
//! cargo run --release --example cluster -- customers.csv.gz --method kmeans --k 5 --seed 7
//! cargo run --release --example cluster -- customers.csv --drop Region --method agglomerative --k 5
//! cargo run --release --example cluster -- points.txt --method dbscan --eps 0.5 --min-samples 5
//! cargo run --release --example cluster -- points.txt --method hdbscan --min-cluster-size 20
//! ```

#[path = "shared/input.rs"]
mod input;
#[path = "shared/matrix.rs"]
pub(crate) mod matrix;
#[path = "shared/method.rs"]
mod method;
#[path = "shared/program.rs"]
mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use personas::cluster::{Agglomerative, Dbscan, Hdbscan, KMeansInit, Linkage};
use personas::ndarray::Array2;
use personas::scale::Scaler;
use personas::validate::SilhouetteKind;
use personas::{Error, KMeans, Labels, validate};
use serde::Serialize;

/// Clusters the rows of a matrix and prints one JSON object: labels (null for noise), n_clusters,
/// inertia where the method has one, how firmly rows belong and how long clusters last for hdbscan,
/// silhouette (null if there are not at least two clusters), the density-based validity (dbcv) of
/// groups by density in up to 20,000 rows, and the seconds that fitting took.
#[derive(Debug, Parser)]
#[command(name = "cluster", allow_negative_numbers = true)]
pub(crate) struct Options {
    /// Numbers separated by commas, semicolons, tabs or spaces; plain or .gz; header or none
    file: PathBuf,
    /// How to cluster
    #[arg(long)]
    method: Method,
    /// Leave a column out: its name, or its number from 0 if there is no header (repeatable)
    #[arg(long, value_name = "COLUMN")]
    drop: Vec<String>,
    /// Bring the columns to one scale first; distances then are in scaled units
    #[arg(long, conflicts_with = "init")]
    scale: Option<ScaleName>,
    /// Fit N times and report the median of the seconds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Seed of k-means' starts, and of the rows drawn where the silhouette is sampled
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// kmeans, agglomerative: number of clusters
    #[arg(long)]
    k: Option<usize>,
    /// kmeans: number of starts, of which the best counts
    #[arg(long)]
    n_init: Option<usize>,
    /// kmeans: most iterations per start
    #[arg(long)]
    max_iter: Option<usize>,
    /// kmeans: stop when the centroids move less than this, relative to the spread of the data
    #[arg(long)]
    tol: Option<f64>,
    /// kmeans: start from the rows of this file, with the same columns except those dropped
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// agglomerative: how far apart two clusters are (default: ward)
    #[arg(long)]
    linkage: Option<LinkageName>,
    /// agglomerative: cut at this height instead of into --k clusters
    #[arg(long, value_name = "HEIGHT")]
    cut_at: Option<f64>,
    /// dbscan: radius of a neighbourhood
    #[arg(long)]
    eps: Option<f64>,
    /// dbscan: rows within --eps, itself included, that make a row a core row; hdbscan: rows over which
    /// a row's density is measured (default: --min-cluster-size)
    #[arg(long, value_name = "N")]
    min_samples: Option<usize>,
    /// hdbscan: fewest rows of a group
    #[arg(long, value_name = "N")]
    min_cluster_size: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Method {
    Kmeans,
    Agglomerative,
    Dbscan,
    Hdbscan,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScaleName {
    /// Mean 0, standard deviation 1
    Standard,
    /// Median 0, interquartile range 1
    Robust,
    /// From 0 to 1
    MinMax,
    /// The Yeo-Johnson power transform, then mean 0, standard deviation 1
    YeoJohnson,
}

impl From<ScaleName> for Scaler {
    fn from(name: ScaleName) -> Self {
        match name {
            ScaleName::Standard => Self::Standard,
            ScaleName::Robust => Self::Robust,
            ScaleName::MinMax => Self::MinMax,
            ScaleName::YeoJohnson => Self::YeoJohnson,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LinkageName {
    Single,
    Complete,
    Average,
    Weighted,
    Ward,
    Centroid,
    Median,
}

impl From<LinkageName> for Linkage {
    fn from(name: LinkageName) -> Self {
        match name {
            LinkageName::Single => Self::Single,
            LinkageName::Complete => Self::Complete,
            LinkageName::Average => Self::Average,
            LinkageName::Weighted => Self::Weighted,
            LinkageName::Ward => Self::Ward,
            LinkageName::Centroid => Self::Centroid,
            LinkageName::Median => Self::Median,
        }
    }
}

/// What is printed; fields that a method does not have are left out.
#[derive(Debug, Serialize)]
struct Report {
    labels: Vec<Option<usize>>,
    n_clusters: usize,
    #[serde(flatten)]
    figures: Option<Figures>,
    silhouette: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silhouette_se: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dbcv: Option<f64>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// What only one method has.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Figures {
    KMeans { inertia: f64, n_iter: usize, converged: bool },
    Hdbscan { strengths: Vec<f64>, persistence: Vec<f64> },
}

fn main() -> ExitCode {
    program::main(run)
}

/// The whole program between its options and its output.
pub(crate) fn run(options: &Options) -> program::Outcome {
    let plan = options.plan()?;
    let mut x = matrix::read(&options.file, &options.drop)?;
    let warning = match options.scale {
        Some(name) => {
            x = Scaler::from(name).fit(&x)?.transform(&x)?;
            None
        }
        None => uneven(&x),
    };
    let ((labels, figures), seconds) = method::timed(options.repeat, || plan.fit(&x))?;
    let (silhouette, silhouette_se) = silhouette(&x, &labels, options.seed)?;
    let by_density = matches!(plan, Plan::Dbscan(_) | Plan::Hdbscan(_));
    let report = Report {
        n_clusters: labels.sizes().len(),
        figures,
        silhouette,
        silhouette_se,
        dbcv: if by_density { density_validity(&x, &labels)? } else { None },
        seconds,
        warning,
        labels: labels.to_vec(),
    };
    Ok(serde_json::to_string(&report)? + "\n")
}

/// What to say of columns whose spreads differ a hundredfold, not counting constant ones.
fn uneven(x: &Array2<f64>) -> Option<String> {
    let spreads = x.columns().into_iter().map(|column| column.std(0.0));
    let spreads: Vec<(usize, f64)> = spreads.enumerate().filter(|(_, std)| *std > 0.0).collect();
    let order = |a: &&(usize, f64), b: &&(usize, f64)| a.1.total_cmp(&b.1);
    let (least, most) = (spreads.iter().min_by(order)?, spreads.iter().max_by(order)?);
    (most.1 > 100.0 * least.1).then(|| {
        format!(
            "of the columns kept, from 0, number {} spreads {:.0} times as wide as number {} and \
             decides nearly alone; --scale brings them to one scale",
            most.0,
            most.1 / least.1,
            least.0
        )
    })
}

/// What the options ask for.
#[derive(Debug)]
enum Plan {
    KMeans(KMeans),
    CutInto(Agglomerative, usize),
    CutAt(Agglomerative, f64),
    Dbscan(Dbscan),
    Hdbscan(Hdbscan),
}

impl Plan {
    fn fit(&self, x: &Array2<f64>) -> Result<(Labels, Option<Figures>), Error> {
        match self {
            Self::KMeans(method) => {
                let fit = method.fit(x)?;
                let (inertia, n_iter) = (fit.inertia, fit.inertia_per_iter.len());
                let converged = fit.converged;
                Ok((fit.labels, Some(Figures::KMeans { inertia, n_iter, converged })))
            }
            Self::CutInto(method, k) => Ok((method.fit(x)?.cut_into(*k)?, None)),
            Self::CutAt(method, height) => Ok((method.fit(x)?.cut_at(*height)?, None)),
            Self::Dbscan(method) => Ok((method.fit(x)?.labels, None)),
            Self::Hdbscan(method) => {
                let fit = method.fit(x)?;
                let (strengths, persistence) = (fit.strengths, fit.persistence);
                Ok((fit.labels, Some(Figures::Hdbscan { strengths, persistence })))
            }
        }
    }
}

impl Options {
    /// The method with its options; one that another method takes would be ignored here, so it is
    /// an error.
    fn plan(&self) -> Result<Plan, String> {
        use Method::{Agglomerative as Tree, Dbscan as Density, Hdbscan as Densities, Kmeans};
        let options: [(&str, bool, &[Method]); 10] = [
            ("--k", self.k.is_some(), &[Kmeans, Tree]),
            ("--n-init", self.n_init.is_some(), &[Kmeans]),
            ("--max-iter", self.max_iter.is_some(), &[Kmeans]),
            ("--tol", self.tol.is_some(), &[Kmeans]),
            ("--init", self.init.is_some(), &[Kmeans]),
            ("--linkage", self.linkage.is_some(), &[Tree]),
            ("--cut-at", self.cut_at.is_some(), &[Tree]),
            ("--eps", self.eps.is_some(), &[Density]),
            ("--min-samples", self.min_samples.is_some(), &[Density, Densities]),
            ("--min-cluster-size", self.min_cluster_size.is_some(), &[Densities]),
        ];
        method::refuse_foreign(&self.method, &options)?;
        match self.method {
            Kmeans => self.kmeans().map(Plan::KMeans),
            Tree => {
                let linkage = self.linkage.unwrap_or(LinkageName::Ward);
                let method = Agglomerative::new(linkage.into());
                match (self.k, self.cut_at) {
                    (Some(k), None) => Ok(Plan::CutInto(method, k)),
                    (None, Some(height)) => Ok(Plan::CutAt(method, height)),
                    (None, None) => Err("--method agglomerative needs --k or --cut-at".into()),
                    (Some(_), Some(_)) => Err("--k and --cut-at exclude each other".into()),
                }
            }
            Density => match (self.eps, self.min_samples) {
                (Some(eps), Some(min_samples)) => Ok(Plan::Dbscan(Dbscan::new(eps, min_samples))),
                _ => Err("--method dbscan needs --eps and --min-samples".into()),
            },
            Densities => {
                let Some(size) = self.min_cluster_size else {
                    return Err("--method hdbscan needs --min-cluster-size".into());
                };
                let method = Hdbscan::new(size);
                let min_samples = self.min_samples.unwrap_or(size);
                Ok(Plan::Hdbscan(method.min_samples(min_samples)))
            }
        }
    }

    fn kmeans(&self) -> Result<KMeans, String> {
        let given = self.init.as_ref().map(|file| matrix::read(file, &[])).transpose()?;
        let Some(k) = self.k.or(given.as_ref().map(Array2::nrows)) else {
            return Err("--method kmeans needs --k or --init".into());
        };
        let mut method = KMeans::new(k).seed(self.seed);
        if let Some(n_init) = self.n_init {
            method = method.n_init(n_init);
        }
        if let Some(max_iter) = self.max_iter {
            method = method.max_iter(max_iter);
        }
        if let Some(tol) = self.tol {
            method = method.tol(tol);
        }
        if let Some(centroids) = given {
            method = method.init(KMeansInit::Given(centroids));
        }
        Ok(method)
    }
}

/// Up to this many rows the silhouette is exact; its cost grows with their square.
const EXACT_ROWS: usize = 20_000;
/// Where it is not, rows are drawn until the error is this small, ...
const STANDARD_ERROR: f64 = 0.002;
/// ... but each is compared with all rows, and only so many, within the limits, as this number of
/// operations allows.
const SAMPLE_WORK: usize = 4_000_000_000;
const SAMPLED_ROWS: std::ops::RangeInclusive<usize> = 200..=50_000;

/// The silhouette, and its standard error if it is that of a sample; none where it is not defined.
fn silhouette(
    x: &Array2<f64>,
    labels: &Labels,
    seed: u64,
) -> Result<(Option<f64>, Option<f64>), Error> {
    let exact = x.nrows() <= EXACT_ROWS;
    let kind = if exact {
        SilhouetteKind::Exact
    } else {
        let (fewest, most) = SAMPLED_ROWS.into_inner();
        // A distance costs its columns, and about as much as four more for the root.
        let max_rows = (SAMPLE_WORK / (x.nrows() * (x.ncols() + 4))).clamp(fewest, most);
        SilhouetteKind::Sampled { standard_error: STANDARD_ERROR, max_rows, seed }
    };
    match validate::silhouette(x, labels, kind) {
        Ok(found) => Ok((Some(found.mean), (!exact).then_some(found.standard_error))),
        Err(Error::UndefinedMetric { .. }) => Ok((None, None)),
        Err(error) => Err(error),
    }
}

/// The density-based validity; none where it is not defined or takes too long.
fn density_validity(x: &Array2<f64>, labels: &Labels) -> Result<Option<f64>, Error> {
    if x.nrows() > EXACT_ROWS {
        return Ok(None);
    }
    match validate::dbcv(x, labels) {
        Ok(found) => Ok(Some(found.index)),
        Err(Error::UndefinedMetric { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
