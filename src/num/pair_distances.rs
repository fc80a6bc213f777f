//! Distances of the rows of a tile to those of others, four at a time, from products of columns.
//!
//! ‖x − y‖² = ‖x‖² + ‖y‖² − 2·x·y takes a multiplication and an addition per column where differences take one
//! multiplication and two additions, and a CPU has as many multipliers as adders. Rows are centred first.
//! The square is off by (2d + 4)·2⁻⁵³ of ‖x‖² + ‖y‖² at most. Where it is less than [`NEAR`] times that, the caller
//! takes differences instead, so that no distance is off by more than 2⁻²⁵ of itself.
//!
//! Nothing is fused, and lanes never meet, so that all builds agree.
//! Cost: two operations per two rows and column; memory for the rows once more.

use super::builds::{all_builds, fastest};
use super::check::Rows;
use super::doubles::{Doubles, DoublesPortable, WIDE};
#[cfg(target_arch = "x86_64")]
use super::doubles::{DoublesAvx2, DoublesAvx512};
use super::tiles::{Lanes, WIDTH};

/// Rows measured at a time: their sums with two registers of others fill the registers of a CPU.
pub(crate) const TOGETHER: usize = 4;

/// A square is near if it is less than this times the error it may have.
const NEAR: f64 = (1 << 24) as f64;

/// The centre is the median of at most so many rows.
const MEDIAN_OF: usize = 255;

/// Rows less their centre, in tiles of sixteen, with their squared lengths.
#[derive(Debug)]
pub(crate) struct Centred {
    n_columns: usize,
    /// `[tile][column]`.
    tiles: Vec<Lanes>,
    squares: Vec<Lanes>,
    near: f64,
}

/// The distances of four rows to those of a tile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Met {
    pub(crate) distances: [Lanes; TOGETHER],
    /// Bit i of a row is set where the tile's row i is near it.
    near: [u16; TOGETHER],
}

impl Met {
    pub(crate) const NONE: Self = Self { distances: [Lanes::ZERO; TOGETHER], near: [0; TOGETHER] };

    /// The pairs of a row of the four and a row of the tile that are near each other.
    #[inline]
    pub(crate) fn near(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let rows = self.near.into_iter().enumerate().filter(|(_, near)| *near != 0);
        rows.flat_map(|(row, near)| {
            (0..WIDTH).filter(move |lane| near >> lane & 1 != 0).map(move |lane| (row, lane))
        })
    }
}

impl Centred {
    /// Takes some of the rows, each tile up to sixteen; lanes without a row stand at the centre.
    pub(crate) fn new<'a>(
        rows: &Rows<'_>,
        tiles: impl ExactSizeIterator<Item = &'a [usize]>,
    ) -> Self {
        let d = rows.n_columns();
        let centre = centre(rows);
        let mut all = Vec::with_capacity(tiles.len() * d);
        let mut squares = vec![Lanes::ZERO; tiles.len()];
        for (tile, squares) in tiles.zip(&mut squares) {
            let start = all.len();
            all.resize(start + d, Lanes::ZERO);
            for (lane, &row) in tile.iter().enumerate() {
                let values =
                    rows.row(row).iter().zip(&centre).map(|(value, centre)| value - centre);
                for (value, lanes) in values.zip(&mut all[start..]) {
                    lanes.0[lane] = value;
                    squares.0[lane] += value * value;
                }
            }
        }
        let near = (2 * d + 4) as f64 * f64::EPSILON / 2.0 * NEAR;
        Self { n_columns: d, tiles: all, squares, near }
    }

    /// Writes the distances of four rows of a tile, from a lane on, to the rows of the tiles from `first` on. Those of
    /// [near](Met::near) rows are wrong.
    pub(crate) fn distances(&self, (tile, lane): (usize, usize), first: usize, met: &mut [Met]) {
        let d = self.n_columns;
        let meeting = Meeting {
            lane,
            tile: &self.tiles[tile * d..][..d],
            squares: &self.squares[tile],
            others: &self.tiles[first * d..][..met.len() * d],
            of_others: &self.squares[first..][..met.len()],
            near: self.near,
        };
        fastest(measurements())(meeting, met);
    }
}

/// The centre: of each column the median over some rows, which a few far rows do not move.
fn centre(rows: &Rows<'_>) -> Vec<f64> {
    let some = || rows.iter().step_by(rows.n_rows().div_ceil(MEDIAN_OF));
    let middle = |column: usize| {
        let mut values: Vec<f64> = some().map(|row| row[column]).collect();
        let at = values.len() / 2;
        *values.select_nth_unstable_by(at, f64::total_cmp).1
    };
    (0..rows.n_columns()).map(middle).collect()
}

/// Adds the distances of the first `n` of four rows to the sums of the rows they were measured to, and returns the
/// sum of each.
pub(crate) fn add(met: &[Met], n: usize, sums: &mut [Lanes]) -> [f64; TOGETHER] {
    fastest(additions())(met, n, sums)
}

all_builds! {
    /// The builds of [`Centred::distances`].
    fn measurements(meeting: Meeting<'_>, met: &mut [Met]) {
        ["avx512f"] => measure::<DoublesAvx512>,
        ["avx2"] => measure::<DoublesAvx2>,
        [] => measure::<DoublesPortable>,
    }
}

all_builds! {
    /// The builds of [`add`].
    fn additions(met: &[Met], n: usize, sums: &mut [Lanes]) -> [f64; TOGETHER] {
        ["avx512f"] => add_all::<DoublesAvx512>,
        ["avx2"] => add_all::<DoublesAvx2>,
        [] => add_all::<DoublesPortable>,
    }
}

/// Four rows of a tile and the tiles they are measured to.
#[derive(Debug, Clone, Copy)]
struct Meeting<'a> {
    lane: usize,
    tile: &'a [Lanes],
    squares: &'a Lanes,
    others: &'a [Lanes],
    of_others: &'a [Lanes],
    near: f64,
}

/// The body of every build of [`Centred::distances`].
#[inline(always)]
fn measure<W: Doubles>(meeting: Meeting<'_>, met: &mut [Met]) {
    let Meeting { lane, tile, squares, others, of_others, near } = meeting;
    let d = tile.len();
    let four = |lanes: &Lanes| -> [f64; TOGETHER] { std::array::from_fn(|at| lanes.0[lane + at]) };
    let lengths = four(squares).map(W::splat);
    let (near, minus_two) = (W::splat(near), W::splat(-2.0));
    // A CPU multiplies while it waits for a root: the products of a tile stand between the roots of the tile before.
    let each = d.div_ceil(2 * TOGETHER);
    let mut none = Met::NONE;
    let mut before = &mut none.distances;
    for ((other, of_other), met) in others.chunks_exact(d).zip(of_others).zip(met) {
        let mut sums = [[W::splat(0.0); 2]; TOGETHER];
        let mut columns = tile.chunks(each).zip(other.chunks(each));
        for squares in before.iter_mut() {
            for squares in squares.0.as_chunks_mut::<WIDE>().0 {
                let root = W::load(squares).root();
                let (values, others) = columns.next().unwrap_or_default();
                for (values, others) in values.iter().zip(others) {
                    let others = halves::<W>(others);
                    for (sums, value) in sums.iter_mut().zip(four(values)) {
                        let value = W::splat(value);
                        for (sum, other) in sums.iter_mut().zip(others) {
                            *sum = sum.plus(value.times(other));
                        }
                    }
                }
                root.store(squares);
            }
        }
        let of_other = halves::<W>(of_other);
        for (at, (sums, out)) in sums.iter().zip(&mut met.distances).enumerate() {
            let (out, _) = out.0.as_chunks_mut::<WIDE>();
            let mut nears = [0; 2];
            for (((sum, of_other), out), is_near) in
                sums.iter().zip(of_other).zip(out).zip(&mut nears)
            {
                let lengths = lengths[at].plus(of_other);
                let square = lengths.plus(sum.times(minus_two));
                *is_near = square.less(lengths.times(near));
                square.store(out);
            }
            met.near[at] = u16::from_le_bytes(nears);
        }
        before = &mut met.distances;
    }
    for squares in before {
        for squares in squares.0.as_chunks_mut::<WIDE>().0 {
            W::load(squares).root().store(squares);
        }
    }
}

/// The body of every build of [`add`].
#[inline(always)]
fn add_all<W: Doubles>(met: &[Met], n: usize, sums: &mut [Lanes]) -> [f64; TOGETHER] {
    let mut all = [[W::splat(0.0); 2]; TOGETHER];
    for (met, sum) in met.iter().zip(sums) {
        let mut both = halves::<W>(sum);
        for (all, distances) in all.iter_mut().zip(&met.distances).take(n) {
            let distances = halves::<W>(distances);
            for ((all, both), distances) in all.iter_mut().zip(&mut both).zip(distances) {
                *all = all.plus(distances);
                *both = both.plus(distances);
            }
        }
        let (out, _) = sum.0.as_chunks_mut::<WIDE>();
        both.iter().zip(out).for_each(|(both, out)| both.store(out));
    }
    // No closure: it would be compiled without the features of its caller.
    let mut of_rows = [0.0; TOGETHER];
    for (of_row, [low, high]) in of_rows.iter_mut().zip(all) {
        let mut lanes = [0.0; WIDE];
        low.plus(high).store(&mut lanes);
        *of_row = lanes.iter().sum();
    }
    of_rows
}

#[inline(always)]
fn halves<W: Doubles>(lanes: &Lanes) -> [W; 2] {
    let (halves, _) = lanes.0.as_chunks::<WIDE>();
    [W::load(&halves[0]), W::load(&halves[1])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::distance::squared;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    /// Whole numbers with two rows alike, in tiles of sixteen and of fewer.
    fn rows(n: usize, d: usize, offset: f64) -> Rows<'static> {
        let mut stream = Stream::new(1, 0);
        let mut x = Array2::from_shape_simple_fn((n, d), || stream.below(1000) as f64 + offset);
        let first = x.row(0).to_owned();
        x.row_mut(n - 1).assign(&first);
        check::rows(x.view()).unwrap().select(&(0..n).collect::<Vec<_>>())
    }

    #[test]
    fn distances_are_those_of_the_definition_except_of_near_rows() {
        for (n, d, offset) in [(33, 1, 0.0), (40, 3, 0.0), (40, 3, 1e12), (60, 17, -1e6)] {
            let rows = rows(n, d, offset);
            let order: Vec<usize> = (0..n).collect();
            let centred = Centred::new(&rows, order.chunks(WIDTH));
            let n_tiles = n.div_ceil(WIDTH);
            let mut met = vec![Met::NONE; n_tiles];
            for (tile, lane) in (0..n_tiles).flat_map(|t| [0, 4, 8, 12].map(|lane| (t, lane))) {
                centred.distances((tile, lane), 0, &mut met);
                for (row, other) in (0..TOGETHER).flat_map(|at| (0..n).map(move |o| (at, o))) {
                    let place = tile * WIDTH + lane + row;
                    if place >= n {
                        continue;
                    }
                    let exact = squared(rows.row(place), rows.row(other)).sqrt();
                    let met = &met[other / WIDTH];
                    let is_near = met.near().any(|near| near == (row, other % WIDTH));
                    assert!(!is_near || exact == 0.0, "whole numbers differ, or are equal");
                    let found = met.distances[row].0[other % WIDTH];
                    assert!(is_near || (found - exact).abs() <= 1e-10 * exact, "{found} {exact}");
                }
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_first_rows() {
        let mut met = [Met::NONE; 2];
        for (tile, met) in met.iter_mut().enumerate() {
            for (row, lanes) in met.distances.iter_mut().enumerate() {
                lanes.0 = std::array::from_fn(|lane| (100 * tile + 1000 * row + lane) as f64);
            }
        }
        let mut sums = [Lanes::ZERO; 2];
        let of_rows = add(&met, 2, &mut sums);
        assert_eq!(of_rows[..2], [1840.0, 33_840.0]);
        assert_eq!(sums[1].0[3], 103.0 + 1103.0);
    }

    #[test]
    fn all_builds_give_the_same_bits() {
        let rows = rows(60, 5, 0.5);
        let order: Vec<usize> = (0..60).collect();
        let centred = Centred::new(&rows, order.chunks(WIDTH));
        let meeting = Meeting {
            lane: 4,
            tile: &centred.tiles[..5],
            squares: &centred.squares[0],
            others: &centred.tiles,
            of_others: &centred.squares,
            near: centred.near,
        };
        let mut plain = [Met::NONE; 4];
        measure::<DoublesPortable>(meeting, &mut plain);
        let mut plain_sums = [Lanes::ZERO; 4];
        let plain_rows = add_all::<DoublesPortable>(&plain, 3, &mut plain_sums);
        for (measure, add) in measurements().zip(additions()) {
            let (mut met, mut sums) = ([Met::NONE; 4], [Lanes::ZERO; 4]);
            measure(meeting, &mut met);
            let each = met.iter().zip(&plain);
            assert!(each.clone().all(|(a, b)| a.distances == b.distances && a.near == b.near));
            assert_eq!((add(&met, 3, &mut sums), sums), (plain_rows, plain_sums));
        }
    }
}
