//! A column in order of its values, and whether another follows it.

/// A column that is not constant, and its order.
#[derive(Debug)]
pub(super) struct Varying {
    pub(super) column: usize,
    pub(super) sorted: Vec<f64>,
    pub(super) n_values: usize,
    /// Rows in ascending order of their values.
    pub(super) order: Vec<usize>,
}

impl Varying {
    pub(super) fn new(column: usize, values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let sorted: Vec<f64> = order.iter().map(|&row| values[row]).collect();
        let n_values = sorted.chunk_by(|a, b| a == b).count();
        Self { column, sorted, n_values, order }
    }

    /// The values in ascending order; those of the negated column if it falls.
    pub(super) fn sorted_for(&self, falls: bool) -> Vec<f64> {
        if falls { self.sorted.iter().rev().map(|v| -v).collect() } else { self.sorted.clone() }
    }
}

/// Whether `values` are a function of the leader's that only rises, or only falls; and which.
pub(super) fn follows(leader: &Varying, of_leader: &[f64], values: &[f64]) -> Option<bool> {
    let (mut rises, mut falls) = (true, true);
    for pair in leader.order.windows(2) {
        let (a, b) = (values[pair[0]], values[pair[1]]);
        if of_leader[pair[0]] == of_leader[pair[1]] && a != b {
            return None;
        }
        rises &= a <= b;
        falls &= a >= b;
        if !rises && !falls {
            return None;
        }
    }
    Some(!rises)
}
