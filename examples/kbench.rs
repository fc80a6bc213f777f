//! Temporary.
use personas::{KMeans, cluster::KMeansInit, ndarray::Array2};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (n, d, k): (usize, usize, usize) = (a[1].parse().unwrap(), a[2].parse().unwrap(), a[3].parse().unwrap());
    let dir = "/root/.cache/personas-peers";
    let load = |name: String, rows: usize| {
        let bytes = std::fs::read(name).unwrap();
        let v: Vec<f64> = bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect();
        Array2::from_shape_vec((rows, d), v).unwrap()
    };
    let x = load(format!("{dir}/km_{n}_{d}_{k}.x.f32"), n);
    let c = load(format!("{dir}/km_{n}_{d}_{k}.c.f32"), k);
    for (iters, tol) in [(20, 0.0), (300, 1e-4)] {
        for _ in 0..3 {
            let t = std::time::Instant::now();
            let fit = KMeans::new(k).init(KMeansInit::Given(c.clone())).max_iter(iters).tol(tol).fit(&x).unwrap();
            println!("{n} {d} {k} {iters}: {:.3} s, {} iter, inertia {}", t.elapsed().as_secs_f64(), fit.n_iter(), fit.inertia());
        }
    }
}
