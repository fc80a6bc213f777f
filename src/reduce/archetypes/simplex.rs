//! The mixture of a few points that lies nearest to a target: a small quadratic programme, exactly.
//!
//! Least ½·aᵀGa − qᵀa over a ≥ 0 with Σa = 1, where G holds the products of the points and q those with
//! the target. An active set: solve on the points in use as if signs did not matter; where a part would
//! fall below 0, go as far as 0 and drop the point; else take the point on which the objective falls
//! fastest. The objective falls at every step, so no set comes back.
//!
//! Source: Wolfe 1976 (the nearest point of a polytope). Cost: O(m³) per step, a few steps for m points.

/// A pivot below this part of its diagonal is rounding: the points depend on each other.
const DEPENDENT: f64 = 1e-12;
/// A slope below this part of the products is rounding.
const FLAT: f64 = 1e-13;

/// Room for the steps, to be used again.
#[derive(Debug, Default)]
pub(super) struct Solver {
    /// Points in use, ascending.
    support: Vec<usize>,
    /// Their parts if signs did not matter.
    wanted: Vec<f64>,
    /// Lower triangle of the factor of the differences' products.
    factor: Vec<f64>,
}

impl Solver {
    /// Improves the mixture `a`, which starts as it is if it is one, until it is the best.
    pub(super) fn solve(&mut self, gram: &[f64], q: &[f64], a: &mut [f64]) {
        let m = q.len();
        debug_assert!(gram.len() == m * m && a.len() == m && m > 0);
        if a.iter().any(|&part| part > 0.0) && self.descend(gram, q, a) {
            return;
        }
        a.fill(0.0);
        let value = |j: usize| 0.5 * gram[j * m + j] - q[j];
        let best = (1..m).fold(0, |best, j| if value(j) < value(best) { j } else { best });
        a[best] = 1.0;
        self.descend(gram, q, a);
    }

    /// False if the points in use depend on each other, so that no step can be computed.
    fn descend(&mut self, gram: &[f64], q: &[f64], a: &mut [f64]) -> bool {
        let m = q.len();
        self.support.clear();
        self.support.extend((0..m).filter(|&j| a[j] > 0.0));
        let mut entered = None;
        for _ in 0..20 * m + 20 {
            loop {
                if !self.stationary(gram, q) {
                    return false;
                }
                if self.wanted.iter().all(|&part| part > 0.0) {
                    self.support.iter().zip(&self.wanted).for_each(|(&j, &part)| a[j] = part);
                    break;
                }
                self.step(a);
            }
            if entered.is_some_and(|j| a[j] == 0.0) {
                return true;
            }
            match self.steepest(gram, q, a) {
                None => return true,
                Some(j) => {
                    let at = self.support.partition_point(|&other| other < j);
                    self.support.insert(at, j);
                    entered = Some(j);
                }
            }
        }
        true
    }

    /// Goes towards `wanted` until the first part is 0, and drops that point.
    fn step(&mut self, a: &mut [f64]) {
        let mut first = (f64::INFINITY, 0);
        for (&j, &to) in self.support.iter().zip(&self.wanted) {
            let reach = if a[j] > 0.0 { a[j] / (a[j] - to) } else { 0.0 };
            if to <= 0.0 && reach < first.0 {
                first = (reach, j);
            }
        }
        for (&j, &to) in self.support.iter().zip(&self.wanted) {
            a[j] = if j == first.1 { 0.0 } else { (a[j] + first.0 * (to - a[j])).max(0.0) };
        }
        self.support.retain(|&j| j != first.1);
    }

    /// Solves on the points in use, into `wanted`; false if they depend on each other.
    fn stationary(&mut self, gram: &[f64], q: &[f64]) -> bool {
        let m = q.len();
        let product = |i: usize, j: usize| gram[i * m + j];
        let (root, others) = (self.support[0], &self.support[1..]);
        let n = others.len();
        self.factor.clear();
        self.factor.resize(n * n, 0.0);
        self.wanted.clear();
        self.wanted.resize(n + 1, 0.0);
        // Cholesky of the products of the differences from the first point, and L·y = right side.
        for (i, &p) in others.iter().enumerate() {
            for (j, &r) in others[..=i].iter().enumerate() {
                let whole =
                    (product(p, r) - product(p, root)) - (product(r, root) - product(root, root));
                let done: f64 =
                    (0..j).map(|l| self.factor[i * n + l] * self.factor[j * n + l]).sum();
                let rest = whole - done;
                if i == j {
                    if rest <= DEPENDENT * whole {
                        return false;
                    }
                    self.factor[i * n + i] = rest.sqrt();
                } else {
                    self.factor[i * n + j] = rest / self.factor[j * n + j];
                }
            }
            let right = (q[p] - q[root]) - (product(p, root) - product(root, root));
            let done: f64 = (0..i).map(|l| self.factor[i * n + l] * self.wanted[l + 1]).sum();
            self.wanted[i + 1] = (right - done) / self.factor[i * n + i];
        }
        for i in (0..n).rev() {
            let done: f64 = (i + 1..n).map(|l| self.factor[l * n + i] * self.wanted[l + 1]).sum();
            self.wanted[i + 1] = (self.wanted[i + 1] - done) / self.factor[i * n + i];
        }
        self.wanted[0] = 1.0 - self.wanted[1..].iter().sum::<f64>();
        true
    }

    /// The point not in use along which the objective falls fastest; the lowest number of equals.
    fn steepest(&self, gram: &[f64], q: &[f64], a: &[f64]) -> Option<usize> {
        let m = q.len();
        let slope =
            |j: usize| self.support.iter().map(|&s| a[s] * gram[j * m + s]).sum::<f64>() - q[j];
        let level: f64 = self.support.iter().map(|&s| a[s] * slope(s)).sum();
        let size = (0..m).fold(0.0, |most: f64, j| most.max(gram[j * m + j]).max(q[j].abs()));
        let mut best = (level - FLAT * size, None);
        for j in (0..m).filter(|j| self.support.binary_search(j).is_err()) {
            let slope = slope(j);
            if slope < best.0 {
                best = (slope, Some(j));
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    /// ½·aᵀGa − qᵀa.
    fn value(gram: &[f64], q: &[f64], a: &[f64]) -> f64 {
        let m = q.len();
        let along = |j: usize| (0..m).map(|l| gram[j * m + l] * a[l]).sum::<f64>();
        (0..m).map(|j| a[j] * (0.5 * along(j) - q[j])).sum()
    }

    #[test]
    fn no_step_to_any_point_improves_the_solution_from_any_start() {
        for seed in 0..300 {
            let mut stream = Stream::new(seed, 0);
            let (m, d) = (1 + stream.below(7), 1 + stream.below(4));
            let points: Vec<f64> = (0..m * d).map(|_| stream.normal()).collect();
            let target: Vec<f64> = (0..d).map(|_| 2.0 * stream.normal()).collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let of = |j: usize| &points[j * d..][..d];
            let gram: Vec<f64> = (0..m * m).map(|at| dot(of(at / m), of(at % m))).collect();
            let q: Vec<f64> = (0..m).map(|j| dot(of(j), &target)).collect();
            let mut solver = Solver::default();
            let mut cold = vec![0.0; m];
            solver.solve(&gram, &q, &mut cold);
            let mut warm = vec![1.0 / m as f64; m];
            solver.solve(&gram, &q, &mut warm);
            let best = value(&gram, &q, &cold);
            assert!((best - value(&gram, &q, &warm)).abs() < 1e-11, "seed {seed}");
            assert!((cold.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(cold.iter().all(|&part| part >= 0.0));
            for j in 0..m {
                for part in [1e-6, 1e-3, 0.1, 1.0] {
                    let mut other: Vec<f64> = cold.iter().map(|a| a * (1.0 - part)).collect();
                    other[j] += part;
                    assert!(value(&gram, &q, &other) >= best - 1e-11, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn equal_points_and_points_on_a_line_are_no_trouble() {
        let gram = [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let mut a = vec![1.0 / 3.0; 3];
        Solver::default().solve(&gram, &[0.25, 0.25, 0.0], &mut a);
        assert!((a[0] + a[1] - 0.25).abs() < 1e-12 && (a[2] - 0.75).abs() < 1e-12, "{a:?}");
    }
}
