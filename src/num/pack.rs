//! A matrix as f32 tiles of sixteen rows, centred and scaled, with a proved bound on what f32 loses.
//!
//! Each column is shifted by its mean and the whole matrix scaled by one power of two, so that
//! every |x| is at most 1: offsets cost no digits, and neither 1e140 nor 1e-300 over- or underflows.
//! Layout: `[tile][column][lane]`; a tile is 64 bytes per column, which is a cache line and an
//! AVX-512 register. Beside the tiles the f64 rows stay the truth.
//!
//! **The bound.** Let u = 2⁻²⁴. The kernel computes s = ½|c|² − x·c from coordinates rounded to f32
//! (relative error u each) by d + 1 multiply-adds (error at most (d + 1)·u of the sum of absolute
//! terms, fused or not; Higham 2002, §3.1) from a rounded ½|c|² (u). So the error of s is at most
//! (d + 5)·u·(|x||c| + ½|c|²) to first order; we take d + 8 for the higher orders. The naive f64
//! distance errs too, by at most (d + 3)·2⁻⁵³·(|x| + |c|)² and as much again for the centring; two
//! scores that differ by more than twice the sum of these ([`Bounds`]) are ordered as naive f64 orders
//! them.
//!
//! Cost: one pass; 4·n·d bytes and 4 bytes per tile.

use super::builds::builds;
use super::check::Rows;
use super::columns::Columns;
use super::parallel;

/// Rows per tile.
pub(crate) const LANES: usize = 16;

/// Tiles per chunk of [`parallel::CHUNK`] rows.
pub(crate) const TILES_PER_CHUNK: usize = parallel::CHUNK / LANES;

/// Half the distance between 1 and the next f32.
const U: f64 = 1.0 / (1u64 << 24) as f64;

/// Squares of values below this may underflow.
const TINY: f64 = 1.0 / (1u64 << 62) as f64;

/// The f32 tiles of a matrix.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    /// All tiles from `start` on, where a cache line begins: a register that is loaded from two
    /// lines costs two loads.
    lines: Vec<f32>,
    start: usize,
    /// Upper bound of |x| over each tile's rows, in packed units.
    norms: Vec<f32>,
    n_columns: usize,
    shift: Vec<f64>,
    /// A power of two; packed = (x − shift)·scale.
    scale: f64,
    /// Σ |x − mean|² over all rows, in packed units.
    pub(crate) scatter: f64,
    /// Per chunk, the row of the chunk at every place; empty where rows lie as in the matrix.
    orders: Vec<Vec<u16>>,
}

impl Packed {
    /// Packs a matrix around its column means.
    pub(crate) fn new(rows: &Rows<'_>, columns: &Columns) -> Self {
        let d = rows.n_columns();
        let reach = columns.reach.iter().copied().fold(0.0, f64::max);
        let scale = inverse_power_above(reach);
        let n_tiles = rows.n_rows().div_ceil(LANES);
        let mut lines = vec![0.0f32; (n_tiles * d + 1) * LANES];
        let start = lines.as_ptr().align_offset(4 * LANES).min(LANES);
        let tiles = &mut lines[start..start + n_tiles * d * LANES];
        let shift = columns.means.clone();
        let chunk_len = TILES_PER_CHUNK * d * LANES;
        let per_chunk = parallel::map_chunks_mut(tiles, chunk_len, d, |chunk, tiles| {
            let first = chunk * parallel::CHUNK;
            let last = rows.n_rows().min(first + parallel::CHUNK);
            fill(tiles, rows.range(first..last), &shift, scale)
        });
        let scatter: f64 = per_chunk.iter().map(|(_, scatter)| scatter).sum();
        let norms = per_chunk.into_iter().flat_map(|(norms, _)| norms).collect();
        let orders = vec![Vec::new(); rows.n_rows().div_ceil(parallel::CHUNK)];
        Self { lines, start, norms, n_columns: d, shift, scale, scatter, orders }
    }

    /// All tiles, `[tile][column][lane]`.
    pub(crate) fn tiles(&self) -> &[f32] {
        &self.lines[self.start..][..self.norms.len() * self.n_columns * LANES]
    }

    /// A row in packed units, as the tiles hold it; rows must lie as in the matrix.
    pub(crate) fn row(&self, row: usize) -> Vec<f32> {
        debug_assert!(self.orders[row / parallel::CHUNK].is_empty());
        let d = self.n_columns;
        let tile = &self.tiles()[row / LANES * d * LANES..][..d * LANES];
        tile.iter().skip(row % LANES).step_by(LANES).copied().collect()
    }

    /// The chunks of [`parallel::CHUNK`] rows, to be put in another order.
    pub(crate) fn chunks_mut(&mut self) -> impl Iterator<Item = Chunk<'_>> {
        let d = self.n_columns;
        let tiles = &mut self.lines[self.start..][..self.norms.len() * d * LANES];
        let tiles = tiles.chunks_mut(TILES_PER_CHUNK * d * LANES);
        let rest = self.norms.chunks_mut(TILES_PER_CHUNK).zip(&mut self.orders);
        tiles.zip(rest).map(|(tiles, (norms, order))| Chunk { tiles, norms, order })
    }

    /// The order of every chunk: the row of the chunk at every place; empty where as in the matrix.
    pub(crate) fn orders(&self) -> &[Vec<u16>] {
        &self.orders
    }

    /// Puts all rows back to where the matrix has them.
    pub(crate) fn restore(&mut self) {
        let work = self.lines.len();
        parallel::for_each(self.chunks_mut().collect(), work, |_, mut chunk| chunk.restore());
    }

    /// What rounding to f32 makes, in packed units, of the sum of squared distances of all rows from
    /// points as far from the middle as they: Σ (2u|x|)² at most.
    pub(crate) fn blur(&self) -> f64 {
        let blur = |norm: &f32| LANES as f64 * (2.0 * U * f64::from(*norm)).powi(2);
        self.norms.iter().map(blur).sum()
    }

    /// The power of two between the matrix's units and packed ones.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }

    /// What was subtracted from every column.
    pub(crate) fn shift(&self) -> &[f64] {
        &self.shift
    }

    /// A point of the matrix's space in packed units, in f64.
    pub(crate) fn place(&self, point: &[f64]) -> impl Iterator<Item = f64> {
        point.iter().zip(&self.shift).map(|(value, shift)| (value - shift) * self.scale)
    }

    /// The error bounds against centroids of norm up to `centroid_norm`, in packed units.
    pub(crate) fn bounds(&self, centroid_norm: f64) -> Bounds {
        const U64: f64 = 1.0 / (1u64 << 53) as f64;
        // Bounds are evaluated in f32; a relative 2⁻²⁰ more covers its rounding.
        let inflated = |bound: f64| round_up(bound * (1.0 + 16.0 * U));
        let (d, c) = (self.n_columns as f64, centroid_norm);
        // (x + c)² is at most (x + c)·(1 + c)·√d for |x| ≤ √d, the greatest norm there is.
        let single = 2.0 * (d + 8.0) * U;
        let double = 4.0 * (d + 3.0) * U64 * (1.0 + c) * d.sqrt();
        Bounds {
            gap_slope: inflated(single * c + double),
            // Products may underflow, by at most 2⁻¹⁴⁹ each.
            gap_base: inflated(0.5 * single * c * c + double * c) + f32::MIN_POSITIVE,
            square: inflated((d + 8.0) * U),
        }
    }
}

builds! {
    /// Fills the tiles of a chunk; their norms, and Σ|x|².
    ///
    /// Built for the CPU at hand: nothing is fused, so all builds agree.
    fn fill(tiles: &mut [f32], rows: &[f64], shift: &[f64], scale: f64) -> (Vec<f32>, f64) {
        ["avx512f"] => fill_plain,
        ["avx2"] => fill_plain,
        [] => fill_plain,
    }
}

/// The body of every build.
#[inline(always)]
fn fill_plain(tiles: &mut [f32], rows: &[f64], shift: &[f64], scale: f64) -> (Vec<f32>, f64) {
    let d = shift.len();
    let (tiles, _) = tiles.as_chunks_mut::<LANES>();
    let mut norms = Vec::with_capacity(tiles.len() / d);
    let mut scatter = 0.0;
    // Turned as they are first, by plain moves; then all arithmetic is on whole registers.
    let mut turned = vec![[0.0f64; LANES]; d];
    for (tile, block) in tiles.chunks_exact_mut(d).zip(rows.chunks(d * LANES)) {
        let n_rows = block.len() / d;
        for lane in 0..LANES {
            // Lanes beyond the last row repeat it: they can neither widen a bound nor ask for a
            // scan on their own.
            let row = &block[lane.min(n_rows - 1) * d..][..d];
            for (lanes, &value) in turned.iter_mut().zip(row) {
                lanes[lane] = value;
            }
        }
        let mut squares = [0.0f64; LANES];
        for ((lanes, turned), &shift) in tile.iter_mut().zip(&turned).zip(shift) {
            for lane in 0..LANES {
                let value = (turned[lane] - shift) * scale;
                lanes[lane] = value as f32;
                squares[lane] += value * value;
            }
        }
        scatter += squares[..n_rows].iter().sum::<f64>();
        norms.push(round_up(squares.iter().copied().fold(0.0, f64::max).sqrt()));
    }
    (norms, scatter)
}

/// The tiles of one chunk.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) tiles: &'a mut [f32],
    /// Upper bound of |x| over each tile's rows.
    pub(crate) norms: &'a mut [f32],
    order: &'a mut Vec<u16>,
}

impl Chunk<'_> {
    /// Which row of the chunk lies at a place.
    #[inline]
    pub(crate) fn row_at(&self, place: usize) -> usize {
        self.order.get(place).map_or(place, |&row| usize::from(row))
    }

    /// Reorders the rows: what lay at `from[i]` comes to place i, for the first places.
    pub(crate) fn permute(&mut self, from: &[u16]) {
        debug_assert!(from.len().is_multiple_of(LANES));
        let n_places = self.norms.len() * LANES;
        if self.order.is_empty() {
            self.order.extend((0..n_places).map(|place| place as u16));
        }
        permute(self.order, from);
        // Column by column, so that what is read at random fits the smallest cache.
        let d = self.tiles.len() / n_places;
        let n_tiles = from.len() / LANES;
        let (tiles, _) = self.tiles.as_chunks_mut::<LANES>();
        let (from, _) = from.as_chunks::<LANES>();
        // Of a length that the compiler knows, so that no index need be checked.
        let mut column = [0.0f32; parallel::CHUNK];
        let mut squares = vec![[0.0f32; LANES]; n_tiles];
        for j in 0..d {
            let (lanes, _) = column.as_chunks_mut::<LANES>();
            for (lanes, old) in lanes.iter_mut().zip(tiles[j..].iter().step_by(d)) {
                *lanes = *old;
            }
            let out = tiles[j..].iter_mut().step_by(d).zip(&mut squares).zip(from);
            for ((out, squares), from) in out {
                *out = from.map(|from| column[usize::from(from) % parallel::CHUNK]);
                for lane in 0..LANES {
                    squares[lane] += out[lane] * out[lane];
                }
            }
        }
        for (norm, squares) in self.norms.iter_mut().zip(&squares) {
            // The rounding of d squares and sums and of the values themselves; squares that
            // underflow hide at most 2⁻⁶³ per value.
            let most = squares.iter().copied().fold(0.0, f32::max).sqrt();
            let (most, d) = (f64::from(most), d as f64);
            *norm = round_up(most * (1.0 + (d + 4.0) * 2.0 * U) + d * TINY);
        }
    }

    fn restore(&mut self) {
        if self.order.is_empty() {
            return;
        }
        let mut from = vec![0; self.order.len()];
        for (place, &row) in self.order.iter().enumerate() {
            from[usize::from(row)] = place as u16;
        }
        self.permute(&from);
        self.order.clear();
    }
}

/// What lay at `from[i]` comes to place i, for the first places.
pub(crate) fn permute<T: Copy>(items: &mut [T], from: &[u16]) {
    let old = items[..from.len()].to_vec();
    for (item, &from) in items.iter_mut().zip(from) {
        *item = old[usize::from(from)];
    }
}

/// How wrong f32 scores and distances may be for rows of a given norm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    gap_slope: f32,
    gap_base: f32,
    square: f32,
}

impl Bounds {
    /// Two scores that differ by more than this are ordered as naive f64 orders the distances.
    #[inline]
    fn certain_gap(self, norm: f32) -> f32 {
        self.gap_slope * norm + self.gap_base
    }

    /// All that f32 can tell of a tile whose rows have at most this norm, against centroids of at
    /// most that one.
    #[inline]
    pub(crate) fn limit(self, norm: f32, centroid_norm: f32) -> Limit {
        let certain = self.certain_gap(norm);
        Limit {
            certain,
            slack: self.square * norm * norm + 2.0 * certain,
            // What f64 cannot tell apart and the rounding of a margin are less than 2⁻²¹ of the
            // distances together.
            reserve: 8e-7 * (norm + centroid_norm),
        }
    }
}

/// How wrong the scores, distances and margins of one tile may be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limit {
    /// Two scores that differ by more than this are ordered as naive f64 orders the distances.
    pub(crate) certain: f32,
    /// How far |x|² + 2s may be off as a squared distance.
    pub(crate) slack: f32,
    /// What a margin loses.
    pub(crate) reserve: f32,
}

/// The power of two that brings `reach` to at most 1; 1 for 0.
fn inverse_power_above(reach: f64) -> f64 {
    debug_assert!(reach.is_finite());
    let mut scale = 1.0;
    // At most two thousand halvings, and exact where `log2` and `powi` need not be.
    while reach * scale > 1.0 {
        scale *= 0.5;
    }
    while reach > 0.0 && reach * scale <= 0.5 && scale < 1e300 {
        scale *= 2.0;
    }
    scale
}

/// The next f32 at or above.
pub(crate) fn round_up(value: f64) -> f32 {
    let rounded = value as f32;
    if f64::from(rounded) < value { rounded.next_up() } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn rows_put_in_another_order_keep_their_values_and_can_be_put_back() {
        let mut stream = Stream::new(1, 0);
        let n = parallel::CHUNK + 53;
        let x = Array2::from_shape_simple_fn((n, 3), || stream.normal().powi(5));
        let rows = check::rows(x.view()).unwrap();
        let mut packed = Packed::new(&rows, &Columns::of(&rows));
        let before = packed.tiles().to_vec();
        let row = |row: usize| -> Vec<f32> {
            packed.place(rows.row(row)).map(|value| value as f32).collect()
        };
        let values: Vec<Vec<f32>> = (0..n).map(row).collect();
        assert!((0..n).all(|row| packed.row(row) == values[row]));
        // Twice, and the second chunk but for the rows of its last tile.
        for len in [parallel::CHUNK, 48].repeat(2).chunks(2) {
            for (chunk, &len) in packed.chunks_mut().zip(len) {
                let mut chunk = chunk;
                let mut from: Vec<u16> = (0..len as u16).collect();
                stream.shuffle(&mut from);
                chunk.permute(&from);
            }
        }
        let exact: Vec<f64> = (0..n)
            .map(|row| packed.place(rows.row(row)).map(|value| value * value).sum::<f64>().sqrt())
            .collect();
        for (c, chunk) in packed.chunks_mut().enumerate() {
            let (columns, _) = chunk.tiles.as_chunks::<LANES>();
            for place in 0..(n - c * parallel::CHUNK).min(parallel::CHUNK) {
                let (tile, lane) = (place / LANES, place % LANES);
                let row = c * parallel::CHUNK + chunk.row_at(place);
                assert!((0..3).all(|j| columns[tile * 3 + j][lane] == values[row][j]));
                assert!(f64::from(chunk.norms[tile]) >= exact[row]);
            }
        }
        assert_ne!(packed.tiles(), before);
        packed.restore();
        assert_eq!(packed.tiles(), before);
        assert!(packed.orders().iter().all(Vec::is_empty));
    }
}
