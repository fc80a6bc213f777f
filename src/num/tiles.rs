//! f64 rows in tiles of sixteen, and their squared distances to one point.
//!
//! A lane is a row, and every lane adds its squares from the first column to the last, unfused, as
//! [`squared`](super::distance::squared) does: the same bits, on every CPU, several rows at a time.
//!
//! Cost: 128 bytes per tile and column; three operations per row and column.

use super::builds::builds;

/// Rows per tile.
pub(crate) const WIDTH: usize = 16;

/// One column of a tile: two cache lines.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f64; WIDTH]);

impl Lanes {
    /// Infinite in every lane: the distance of a row that is not there.
    pub(crate) const FAR: Self = Self([f64::INFINITY; WIDTH]);

    pub(crate) const ZERO: Self = Self([0.0; WIDTH]);
}

/// Rows as tiles, `[tile][column]`; lanes beyond the last row are infinitely far from everything.
#[derive(Debug, Clone)]
pub(crate) struct Tiles {
    values: Vec<Lanes>,
    n_columns: usize,
}

impl Tiles {
    /// Takes rows of `n_columns` finite values, in order.
    pub(crate) fn new<'a>(
        rows: impl ExactSizeIterator<Item = &'a [f64]>,
        n_columns: usize,
    ) -> Self {
        let mut values = vec![Lanes::FAR; rows.len().div_ceil(WIDTH) * n_columns];
        for (i, row) in rows.enumerate() {
            let tile = &mut values[i / WIDTH * n_columns..][..n_columns];
            tile.iter_mut().zip(row).for_each(|(lanes, &value)| lanes.0[i % WIDTH] = value);
        }
        Self { values, n_columns }
    }

    /// The squared distances of `point` to the rows of the tiles from `first` on, as many as `out`
    /// has room for.
    pub(crate) fn squared(&self, point: &[f64], first: usize, out: &mut [Lanes]) {
        self.measure::<false>(point, first, out);
    }

    /// The roots of [`squared`](Self::squared).
    pub(crate) fn distances(&self, point: &[f64], first: usize, out: &mut [Lanes]) {
        self.measure::<true>(point, first, out);
    }

    fn measure<const ROOT: bool>(&self, point: &[f64], first: usize, out: &mut [Lanes]) {
        debug_assert_eq!(point.len(), self.n_columns);
        let tiles = &self.values[first * self.n_columns..][..out.len() * self.n_columns];
        measure::<ROOT>(point, tiles, out);
    }
}

builds! {
    /// As [`Tiles::measure`].
    fn measure<const ROOT: bool>(point: &[f64], tiles: &[Lanes], out: &mut [Lanes]) {
        ["avx512f"] => plain::<ROOT>,
        ["avx2"] => plain::<ROOT>,
        [] => plain::<ROOT>,
    }
}

/// The body of every build; nothing is fused, so all agree.
#[inline(always)]
pub(super) fn plain<const ROOT: bool>(point: &[f64], tiles: &[Lanes], out: &mut [Lanes]) {
    for (tile, out) in tiles.chunks_exact(point.len()).zip(out) {
        let mut sums = [0.0; WIDTH];
        for (&value, lanes) in point.iter().zip(tile) {
            for (sum, lane) in sums.iter_mut().zip(&lanes.0) {
                let d = value - lane;
                *sum += d * d;
            }
        }
        out.0 = if ROOT { sums.map(f64::sqrt) } else { sums };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::distance::squared;
    use crate::num::rng::Stream;

    #[test]
    fn all_builds_give_the_bits_of_the_naive_distance() {
        let mut stream = Stream::new(1, 0);
        for (n, d) in [(1, 1), (15, 3), (16, 8), (50, 17)] {
            let rows: Vec<Vec<f64>> =
                (0..n).map(|_| (0..d).map(|_| stream.normal()).collect()).collect();
            let tiles = Tiles::new(rows.iter().map(Vec::as_slice), d);
            let point = &rows[n / 2];
            let mut by_dispatch = vec![Lanes::FAR; n.div_ceil(WIDTH)];
            let mut by_plain = by_dispatch.clone();
            tiles.squared(point, 0, &mut by_dispatch);
            plain::<false>(point, &tiles.values, &mut by_plain);
            assert_eq!(by_dispatch, by_plain);
            tiles.distances(point, 0, &mut by_dispatch);
            let roots: Vec<Lanes> = by_plain.iter().map(|l| Lanes(l.0.map(f64::sqrt))).collect();
            assert_eq!(by_dispatch, roots);
            for i in 0..n.next_multiple_of(WIDTH) {
                let expected = rows.get(i).map_or(f64::INFINITY, |row| squared(point, row));
                assert_eq!(by_plain[i / WIDTH].0[i % WIDTH], expected);
            }
        }
    }
}
