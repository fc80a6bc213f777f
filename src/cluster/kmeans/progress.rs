//! Watching k-means while it iterates, and stopping it.
//!
//! An observer is called after every iteration, on the thread that called `fit`, and never changes
//! a result but by stopping it. So that it sees one run after the other, these do not run side by
//! side, as they do for small data without one.

use std::ops::ControlFlow;

/// Where a [`KMeans`](super::KMeans) fit stands after one more iteration.
///
/// ```
/// use std::ops::ControlFlow;
/// use personas::{KMeans, cluster::KMeansProgress, ndarray::array};
///
/// let x = array![[0.0], [1.0], [5.0], [6.0], [20.0]];
/// let mut left = 3;
/// let mut observe = |_: &KMeansProgress| {
///     left -= 1;
///     if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// };
/// let fit = KMeans::new(2).fit_observed(&x, &mut observe)?;
/// assert_eq!(fit.labels.to_vec(), [0, 0, 0, 0, 1].map(Some));
/// assert!(!fit.converged);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct KMeansProgress {
    /// Which run: 0 for the first of [`n_init`](super::KMeans::n_init).
    pub restart: usize,
    /// Iterations of this run, this one included.
    pub n_iter: usize,
    /// The inertia this iteration started from, as in
    /// [`inertia_per_iter`](field@super::KMeansFit::inertia_per_iter).
    pub inertia: f64,
    /// Rows that changed their cluster; in a run's first iteration all, but for those of weight 0.
    pub n_changed: usize,
    /// Sum of the squared moves of the centroids, which [`tol`](super::KMeans::tol) is about.
    pub shift: f64,
}

/// What is called after every iteration.
pub(super) type Observer<'a> = &'a mut dyn FnMut(&KMeansProgress) -> ControlFlow<()>;
