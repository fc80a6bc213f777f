//! Several runs from different first centroids, of which the best counts.
//!
//! Each run draws from a stream of its own, so neither the order of the runs nor their being side
//! by side changes a result; of equally good ones the first wins. If an observer stops them, the
//! best is chosen among those finished and the one that was cut short.

use std::ops::ControlFlow;

use super::init;
use super::lloyd::{self, Run, Stop};
use super::progress::{KMeansProgress, Observer};
use super::tiled::Tiled;
use crate::num::check::Rows;
use crate::num::parallel;
use crate::num::rng::Stream;
use crate::num::scale::Scale;

/// Runs whose results are held at once; any number gives the same result.
const BATCH: usize = 64;

/// Where the first centroids of every run come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    PlusPlus,
    Random,
    Given(&'a Rows<'a>),
}

/// What all runs share.
#[derive(Debug)]
pub(super) struct Restarts<'a> {
    pub(super) start: Start<'a>,
    pub(super) k: usize,
    pub(super) n_init: usize,
    pub(super) max_iter: usize,
    pub(super) tol: f64,
    pub(super) seed: u64,
    pub(super) scale: Scale,
}

impl Restarts<'_> {
    /// The run of least inertia.
    ///
    /// # Errors
    /// The number of distinct rows, if they are too few.
    pub(super) fn best(
        &self,
        mut tiled: Tiled<'_>,
        observer: Option<Observer<'_>>,
    ) -> Result<Run, usize> {
        // All runs from given centroids would be equal.
        let n_init = if matches!(self.start, Start::Given(_)) { 1 } else { self.n_init };
        let mut best: Option<Run> = None;
        let mut keep = |run: Run| {
            if best.as_ref().is_none_or(|best| run.inertia < best.inertia) {
                best = Some(run);
            }
        };
        let mut stopped = false;
        if let Some(observer) = observer {
            for restart in 0..n_init {
                let run = self.run(restart, &mut tiled, observer)?;
                stopped = run.stopped;
                keep(run);
                if stopped {
                    break;
                }
            }
        } else if tiled.rows.n_rows() <= parallel::CHUNK {
            // Small data: runs side by side. Large data: each run has work for all threads, and
            // memory for its labels, so one after the other.
            let work = tiled.rows.data().len().saturating_mul(self.k);
            for first in (0..n_init).step_by(BATCH) {
                let runs = parallel::map((n_init - first).min(BATCH), work, |i| {
                    self.run(first + i, &mut tiled.clone(), &mut |_| ControlFlow::Continue(()))
                });
                for run in runs {
                    keep(run?);
                }
            }
        } else {
            for restart in 0..n_init {
                keep(self.run(restart, &mut tiled, &mut |_| ControlFlow::Continue(()))?);
            }
        }
        let mut best = best.expect("n_init is at least 1");
        best.converged &= !stopped;
        Ok(best)
    }

    fn run(
        &self,
        restart: usize,
        tiled: &mut Tiled<'_>,
        observer: Observer<'_>,
    ) -> Result<Run, usize> {
        let (k, scale) = (self.k, self.scale);
        let Tiled { rows, weights, .. } = *tiled;
        let mut stream = Stream::new(self.seed, restart as u64);
        let start = match self.start {
            Start::Given(given) => given.data().to_vec(),
            Start::Random => init::random(rows, weights, k, &mut stream),
            Start::PlusPlus => {
                // An earlier run may have sorted the rows.
                tiled.packed.restore();
                init::plus_plus(tiled, k, &mut stream)
            }
        };
        if start.len() < k * rows.n_columns() {
            return Err(start.len() / rows.n_columns());
        }
        let shift = self.tol * tiled.mean_variance();
        let stop = Stop { max_iter: self.max_iter, shift };
        let snap = |v: f64| v * scale.inverse() * scale.factor();
        lloyd::run(tiled, start, stop, snap, |step| {
            let plain = |square: f64| square * scale.inverse() * scale.inverse();
            observer(&KMeansProgress {
                restart,
                n_iter: step.n_iter,
                inertia: plain(step.inertia),
                n_changed: step.n_changed,
                shift: plain(step.shift),
            })
        })
    }
}
