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

use super::check::Rows;
use super::columns::Columns;
use super::parallel;

/// Rows per tile.
pub(crate) const LANES: usize = 16;

/// Tiles per chunk of [`parallel::CHUNK`] rows.
pub(crate) const TILES_PER_CHUNK: usize = parallel::CHUNK / LANES;

/// The f32 tiles of a matrix.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    tiles: Vec<f32>,
    /// Upper bound of |x| over each tile's rows, in packed units.
    norms: Vec<f32>,
    n_columns: usize,
    shift: Vec<f64>,
    /// A power of two; packed = (x − shift)·scale.
    scale: f64,
    /// Σ |x − mean|² over all rows, in packed units.
    pub(crate) scatter: f64,
}

impl Packed {
    /// Packs a matrix around its column means.
    pub(crate) fn new(rows: &Rows<'_>, columns: &Columns) -> Self {
        let d = rows.n_columns();
        let reach = columns.reach.iter().copied().fold(0.0, f64::max);
        let scale = inverse_power_above(reach);
        let n_tiles = rows.n_rows().div_ceil(LANES);
        let mut tiles = vec![0.0f32; n_tiles * d * LANES];
        let shift = columns.means.clone();
        let per_chunk =
            parallel::map_chunks_mut(&mut tiles, TILES_PER_CHUNK * d * LANES, d, |chunk, tiles| {
                let mut norms = Vec::with_capacity(TILES_PER_CHUNK);
                let mut scatter = 0.0;
                let start = chunk * parallel::CHUNK;
                for (t, tile) in tiles.chunks_exact_mut(d * LANES).enumerate() {
                    let first = start + t * LANES;
                    let last = rows.n_rows().min(first + LANES);
                    let block = rows.range(first..last);
                    let mut squares = [0.0f64; LANES];
                    for ((j, lanes), &shift) in tile.chunks_exact_mut(LANES).enumerate().zip(&shift)
                    {
                        for ((row, lane), square) in
                            block.chunks_exact(d).zip(lanes).zip(&mut squares)
                        {
                            let value = (row[j] - shift) * scale;
                            *lane = value as f32;
                            *square += value * value;
                        }
                    }
                    scatter += squares.iter().sum::<f64>();
                    norms.push(round_up(squares.iter().copied().fold(0.0, f64::max).sqrt()));
                    // Lanes beyond the last row repeat it: they can neither widen a bound nor
                    // ask for a scan on their own.
                    for lane in last - first..LANES {
                        for column in tile.chunks_exact_mut(LANES) {
                            column[lane] = column[last - first - 1];
                        }
                    }
                }
                (norms, scatter)
            });
        let scatter: f64 = per_chunk.iter().map(|(_, scatter)| scatter).sum();
        let norms = per_chunk.into_iter().flat_map(|(norms, _)| norms).collect();
        Self { tiles, norms, n_columns: d, shift, scale, scatter }
    }

    /// All tiles, `[tile][column][lane]`.
    pub(crate) fn tiles(&self) -> &[f32] {
        &self.tiles
    }

    /// A row in packed units, as the tiles hold it.
    pub(crate) fn row(&self, row: usize) -> Vec<f32> {
        let d = self.n_columns;
        let tile = &self.tiles[row / LANES * d * LANES..][..d * LANES];
        tile.iter().skip(row % LANES).step_by(LANES).copied().collect()
    }

    /// Upper bound of |x| over each tile's rows.
    pub(crate) fn norms(&self) -> &[f32] {
        &self.norms
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
        const U: f64 = 1.0 / (1u64 << 24) as f64;
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
    pub(crate) fn certain_gap(self, norm: f32) -> f32 {
        self.gap_slope * norm + self.gap_base
    }

    /// How far |x|² + 2s may be off as a squared distance.
    #[inline]
    pub(crate) fn slack(self, norm: f32) -> f32 {
        self.square * norm * norm + 2.0 * self.certain_gap(norm)
    }
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
