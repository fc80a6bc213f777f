//! Mixtures given archetypes, archetypes given mixtures, in turn, until the residual stops falling.
//!
//! Mixtures: a small programme per row (`simplex.rs`). Archetypes, one after the other: the place that
//! would serve its mixtures best, v = Σ w·a·r / Σ w·a² with the residuals r that leave it out, brought
//! back to the rows' hull (`hull.rs`). The sums w·a·aᵀ and w·a·xᵀ of one pass over the rows are enough.
//!
//! Source: Cutler, Breiman 1994, with their penalty for Σa = 1 replaced by the exact rule.
//! Cost per turn: n·k·(k + d) and the small programmes; k·n·d or a few times that for the hull.

use super::hull::Corner;
use super::simplex::Solver;
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::parallel;

/// Rows of one piece of work.
const BLOCK: usize = 1024;
/// Turns at most.
const MOST_TURNS: usize = 1000;
/// By how much a step grows while steps pay, and how often the plain one it may be.
const GROWTH: f64 = 1.3;
const LONGEST: f64 = 30.0;

/// Rows, centred and lifted, and what each counts.
#[derive(Debug)]
pub(super) struct Cloud<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) weights: &'a [f64],
    /// Weighted squared distances to the mean.
    pub(super) total: f64,
}

/// Archetypes with the residual they leave.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    pub(super) corners: Vec<Corner>,
    pub(super) residual: f64,
}

/// What one pass over the rows finds.
#[derive(Debug, Clone)]
struct MixtureSums {
    /// Σ w·a·aᵀ, (k, k).
    mixtures: Vec<f64>,
    /// Σ w·a·xᵀ, (k, d).
    values: Vec<f64>,
    residual: f64,
    /// The worst row and its weighted squared distance.
    worst: (usize, f64),
}

impl<'a> Cloud<'a> {
    /// Rows near 0, with their weighted squared distances to the mean added up.
    pub(super) fn new(rows: &'a Rows<'a>, weights: &'a [f64]) -> Self {
        let d = rows.n_columns();
        let mut mean = vec![0.0; d];
        for (row, weight) in rows.iter().zip(weights) {
            mean.iter_mut().zip(row).for_each(|(sum, v)| *sum += weight * v);
        }
        let whole: f64 = weights.iter().sum();
        mean.iter_mut().for_each(|sum| *sum /= whole);
        let each = rows.iter().zip(weights);
        let total = each.map(|(row, weight)| weight * squared(row, &mean)).sum();
        Self { rows, weights, total }
    }

    /// Improves archetypes until a turn saves at most `tolerance` of the total.
    ///
    /// Turns go on in one direction for long, so steps grow while they pay (Salakhutdinov, Roweis 2003).
    pub(super) fn improve(&self, start: Vec<Corner>, tolerance: f64) -> Fitted {
        let mut best = Fitted { corners: start.clone(), residual: f64::INFINITY };
        let mut corners = start;
        let mut best_sums = MixtureSums::new(0, 0);
        let mut mixtures = vec![0.0; self.rows.n_rows() * corners.len()];
        let mut step = 1.0;
        for _ in 0..MOST_TURNS {
            let sums = self.mix(&corners, &mut mixtures);
            let saved = best.residual - sums.residual;
            if saved > 0.0 {
                best = Fitted { corners: corners.clone(), residual: sums.residual };
                best_sums = sums;
            }
            if saved > tolerance * self.total {
                step = f64::min(step * GROWTH, LONGEST);
            } else if step > GROWTH {
                // Too far: back to the best, and on by plain steps.
                step = 1.0;
                corners.clone_from(&best.corners);
            } else {
                break;
            }
            self.place(&mut corners, &best_sums, step);
        }
        best
    }

    /// The best mixtures of every row, each from where it was.
    fn mix(&self, corners: &[Corner], mixtures: &mut [f64]) -> MixtureSums {
        let (k, d) = (corners.len(), self.rows.n_columns());
        let places: Vec<f64> = corners.iter().flat_map(|corner| corner.at.clone()).collect();
        let gram = products(&places, d);
        let unit = k * (k + d + 8);
        let blocks = parallel::map_chunks_mut(mixtures, BLOCK * k, unit, |block, mixtures| {
            let mut sums = MixtureSums::new(k, d);
            let mut mixer = Mixer::new(&places, &gram, d);
            for (i, a) in mixtures.chunks_exact_mut(k).enumerate() {
                let row = block * BLOCK + i;
                let x = self.rows.row(row);
                let square = mixer.mix(x, a);
                sums.add(row, x, a, self.weights[row], square);
            }
            sums
        });
        let mut all = MixtureSums::new(k, d);
        blocks.iter().for_each(|sums| all.join(sums));
        all
    }

    /// Moves every archetype towards where it serves its mixtures best, `step` times as far.
    fn place(&self, corners: &mut [Corner], sums: &MixtureSums, step: f64) {
        let (k, d) = (corners.len(), self.rows.n_columns());
        let mut solver = Solver::default();
        for j in 0..k {
            let own = sums.mixtures[j * k + j];
            if own <= 0.0 {
                // Nobody is made of it: the worst row shall be.
                corners[j] = Corner::row(self.rows, sums.worst.0);
                continue;
            }
            let mut target = sums.values[j * d..(j + 1) * d].to_vec();
            for (l, corner) in corners.iter().enumerate().filter(|&(l, _)| l != j) {
                let shared = sums.mixtures[j * k + l];
                target.iter_mut().zip(&corner.at).for_each(|(t, at)| *t -= shared * at);
            }
            let at = &corners[j].at;
            target.iter_mut().zip(at).for_each(|(t, at)| *t = at + step * (*t / own - at));
            corners[j].approach(self.rows, &target, &mut solver);
        }
    }
}

impl MixtureSums {
    fn new(k: usize, d: usize) -> Self {
        let (mixtures, values) = (vec![0.0; k * k], vec![0.0; k * d]);
        Self { mixtures, values, residual: 0.0, worst: (0, f64::NEG_INFINITY) }
    }

    fn add(&mut self, row: usize, x: &[f64], a: &[f64], weight: f64, square: f64) {
        let (k, d) = (a.len(), x.len());
        self.residual += weight * square;
        if weight * square > self.worst.1 {
            self.worst = (row, weight * square);
        }
        for (j, &part) in a.iter().enumerate().filter(|(_, part)| **part > 0.0) {
            let part = weight * part;
            let mixtures = &mut self.mixtures[j * k..(j + 1) * k];
            mixtures.iter_mut().zip(a).for_each(|(sum, other)| *sum += part * other);
            let values = &mut self.values[j * d..(j + 1) * d];
            values.iter_mut().zip(x).for_each(|(sum, v)| *sum += part * v);
        }
    }

    fn join(&mut self, other: &Self) {
        self.mixtures.iter_mut().zip(&other.mixtures).for_each(|(sum, v)| *sum += v);
        self.values.iter_mut().zip(&other.values).for_each(|(sum, v)| *sum += v);
        self.residual += other.residual;
        if other.worst.1 > self.worst.1 {
            self.worst = other.worst;
        }
    }
}

/// The products of points with each other, row-major.
pub(super) fn products(places: &[f64], d: usize) -> Vec<f64> {
    let each = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let points = || places.chunks_exact(d);
    points().flat_map(|a| points().map(move |b| each(a, b))).collect()
}

/// Finds the mixture of fixed points nearest to one row after the other.
#[derive(Debug)]
pub(super) struct Mixer<'a> {
    places: &'a [f64],
    /// The places column by column, so that a row is multiplied with all of them at once.
    columns: Vec<f64>,
    gram: &'a [f64],
    d: usize,
    q: Vec<f64>,
    left: Vec<f64>,
    solver: Solver,
}

impl<'a> Mixer<'a> {
    pub(super) fn new(places: &'a [f64], gram: &'a [f64], d: usize) -> Self {
        let k = places.len() / d;
        let columns = (0..d).flat_map(|j| (0..k).map(move |i| places[i * d + j])).collect();
        let (q, left) = (vec![0.0; k], vec![0.0; d]);
        Self { places, columns, gram, d, q, left, solver: Solver::default() }
    }

    /// Improves `a` to the best mixture; returns the row's squared distance to it.
    pub(super) fn mix(&mut self, x: &[f64], a: &mut [f64]) -> f64 {
        self.q.fill(0.0);
        for (column, v) in self.columns.chunks_exact(self.q.len()).zip(x) {
            self.q.iter_mut().zip(column).for_each(|(q, p)| *q += p * v);
        }
        self.solver.solve(self.gram, &self.q, a);
        self.left.copy_from_slice(x);
        for (&part, place) in a.iter().zip(self.places.chunks_exact(self.d)) {
            if part > 0.0 {
                self.left.iter_mut().zip(place).for_each(|(left, p)| *left -= part * p);
            }
        }
        self.left.iter().map(|v| v * v).sum()
    }
}
