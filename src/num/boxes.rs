//! Weighted points in nested boxes, to find those that are near by a distance that grows with weight.
//!
//! Points lie in leaves of sixteen; eight leaves make a node, eight nodes the next, up to one. Every
//! node knows its box and the least weight in it, in groups of eight that are tested at once. A point
//! can move and a point can vanish: boxes only grow then, and are tight again when the tree is rebuilt.
//!
//! The distance of points a and b is 2·|a|·|b| / (|a| + |b|) times the squared Euclidean one (Ward's;
//! weights of 1 leave the latter). It grows with either weight, so that the least weight and the
//! nearest corner of a box bound it from below. Bounds are lowered by 2⁻⁴⁰ of themselves, far more
//! than rounding can cost them.
//!
//! Source: packed bounding volumes (Roussopoulos, Leifker 1985), split at the median of the widest
//! column (Bentley 1975).
//! Cost: O(n·log n·d) to build; 200 bytes per column and sixteen points.

use super::builds::builds;
use super::tiles::{Lanes, WIDTH, plain};

/// Boxes that are tested at once.
const GROUP: usize = 8;

/// No point.
const NONE: u32 = u32::MAX;

/// What a bound is multiplied by, to be one in spite of rounding.
const LOWERED: f64 = 1.0 - 1.0 / (1u64 << 40) as f64;
const RAISED: f64 = 1.0 + 1.0 / (1u64 << 40) as f64;

/// One column of eight boxes.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct BoxSide([f64; GROUP]);

/// The boxes of one level; node i is lane i % 8 of group i / 8.
#[derive(Debug, Clone)]
struct Level {
    /// `[group][column]`
    low: Vec<BoxSide>,
    high: Vec<BoxSide>,
    /// Least weight in each box.
    light: Vec<BoxSide>,
}

/// The tree.
#[derive(Debug, Clone)]
pub(crate) struct Boxes {
    n_columns: usize,
    /// The points, `[tile][column]`.
    points: Vec<Lanes>,
    weights: Vec<Lanes>,
    /// The number of the point in each slot, or [`NONE`].
    numbers: Vec<u32>,
    /// From the leaves up; the last has one group.
    levels: Vec<Level>,
}

/// Points as the tree is built from them: row-major values and weights, by number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) weights: &'a [f64],
    pub(crate) n_columns: usize,
}

impl<'a> Points<'a> {
    #[inline(always)]
    pub(crate) fn point(&self, number: usize) -> &'a [f64] {
        &self.values[number * self.n_columns..][..self.n_columns]
    }
}

impl Boxes {
    /// The tree of some points, at least one; `slots` becomes the slot of each.
    pub(crate) fn new(points: Points<'_>, mut numbers: Vec<u32>, slots: &mut [u32]) -> Self {
        debug_assert!(!numbers.is_empty());
        let d = points.n_columns;
        sort(points, &mut numbers);
        let n_tiles = numbers.len().div_ceil(WIDTH);
        let mut boxes = Self {
            n_columns: d,
            points: vec![Lanes::FAR; n_tiles * d],
            weights: vec![Lanes([1.0; WIDTH]); n_tiles],
            numbers,
            levels: Vec::new(),
        };
        boxes.numbers.resize(n_tiles * WIDTH, NONE);
        let mut n_nodes = n_tiles;
        loop {
            let n_groups = n_nodes.div_ceil(GROUP);
            boxes.levels.push(Level {
                low: vec![BoxSide([f64::INFINITY; GROUP]); n_groups * d],
                high: vec![BoxSide([f64::NEG_INFINITY; GROUP]); n_groups * d],
                light: vec![BoxSide([f64::INFINITY; GROUP]); n_groups],
            });
            if n_groups == 1 {
                break;
            }
            n_nodes = n_groups;
        }
        for slot in 0..boxes.numbers.len() {
            let number = boxes.numbers[slot];
            if number != NONE {
                slots[number as usize] = slot as u32;
                let number = number as usize;
                boxes.set(slot, points.point(number), points.weights[number]);
            }
        }
        boxes
    }

    /// Moves the point in a slot.
    pub(crate) fn set(&mut self, slot: usize, point: &[f64], weight: f64) {
        let d = self.n_columns;
        let tile = &mut self.points[slot / WIDTH * d..][..d];
        tile.iter_mut().zip(point).for_each(|(lanes, &value)| lanes.0[slot % WIDTH] = value);
        self.weights[slot / WIDTH].0[slot % WIDTH] = weight;
        let mut node = slot / WIDTH;
        for level in &mut self.levels {
            let (group, lane) = (node / GROUP, node % GROUP);
            for (column, &value) in point.iter().enumerate() {
                let low = &mut level.low[group * d + column].0[lane];
                *low = low.min(value);
                let high = &mut level.high[group * d + column].0[lane];
                *high = high.max(value);
            }
            let light = &mut level.light[group].0[lane];
            *light = light.min(weight);
            node = group;
        }
    }

    /// Takes the point in a slot away.
    pub(crate) fn clear(&mut self, slot: usize) {
        self.numbers[slot] = NONE;
        let tile = &mut self.points[slot / WIDTH * self.n_columns..][..self.n_columns];
        tile.iter_mut().for_each(|lanes| lanes.0[slot % WIDTH] = f64::INFINITY);
    }

    /// Calls `contender` with the number and the squared Euclidean distance of every point whose
    /// distance may be within the limit, the last one that `contender` returned; it starts infinite.
    pub(crate) fn search(
        &self,
        point: &[f64],
        weight: f64,
        contender: impl FnMut(u32, f64) -> f64,
    ) {
        search(self, point, weight, contender);
    }

    /// The body of every build of [`search`].
    #[inline(always)]
    fn search_plain(&self, point: &[f64], weight: f64, mut contender: impl FnMut(u32, f64) -> f64) {
        let mut limit = f64::INFINITY;
        // A group per level is open, with at most seven of its nodes waiting.
        let mut open: Vec<(f64, u32, u32)> = vec![(0.0, self.levels.len() as u32 - 1, 0)];
        while let Some((bound, level, group)) = open.pop() {
            if bound > limit {
                continue;
            }
            let bounds = self.bounds(point, weight, level as usize, group as usize);
            let mut order = [(0.0, 0u32); GROUP];
            let mut n = 0;
            for (lane, &bound) in bounds.iter().enumerate() {
                if bound <= limit && bound < f64::INFINITY {
                    order[n] = (bound, group * GROUP as u32 + lane as u32);
                    n += 1;
                }
            }
            // The nearest first: at the leaves from the front, on the stack from its end.
            let order = &mut order[..n];
            order.sort_unstable_by(|x, y| x.partial_cmp(y).expect("bounds are numbers"));
            if level > 0 {
                open.extend(order.iter().rev().map(|&(bound, node)| (bound, level - 1, node)));
                continue;
            }
            for &(bound, tile) in &*order {
                if bound <= limit {
                    limit = self.leaf(point, weight, tile as usize, limit, &mut contender);
                }
            }
        }
    }

    /// Lower bounds of the distance to what is in the eight boxes of a group.
    #[inline(always)]
    fn bounds(&self, point: &[f64], weight: f64, level: usize, group: usize) -> [f64; GROUP] {
        let (level, d) = (&self.levels[level], self.n_columns);
        let (low, high) = (&level.low[group * d..][..d], &level.high[group * d..][..d]);
        let mut sums = [0.0; GROUP];
        for ((&value, low), high) in point.iter().zip(low).zip(high) {
            for ((sum, low), high) in sums.iter_mut().zip(&low.0).zip(&high.0) {
                let (below, above) = (low - value, value - high);
                let outside = if below > above { below } else { above };
                let outside = if outside > 0.0 { outside } else { 0.0 };
                *sum += outside * outside;
            }
        }
        for (sum, light) in sums.iter_mut().zip(&level.light[group].0) {
            // An empty box is infinitely light, so that its factor would not be a number.
            let light = if *light < f64::INFINITY { *light } else { 1.0 };
            *sum *= 2.0 * (weight * light) / (weight + light) * LOWERED;
        }
        sums
    }

    #[inline(always)]
    fn leaf(
        &self,
        point: &[f64],
        weight: f64,
        tile: usize,
        mut limit: f64,
        contender: &mut impl FnMut(u32, f64) -> f64,
    ) -> f64 {
        let d = self.n_columns;
        let mut squares = [Lanes::FAR];
        plain::<false>(point, &self.points[tile * d..][..d], &mut squares);
        let (squares, weights) = (&squares[0].0, &self.weights[tile].0);
        let mut near = 0u32;
        for lane in 0..WIDTH {
            let (scaled, sum) = (2.0 * (weight * weights[lane]), weight + weights[lane]);
            near |= u32::from(scaled * squares[lane] <= limit * (sum * RAISED)) << lane;
        }
        while near != 0 {
            let lane = near.trailing_zeros() as usize;
            near &= near - 1;
            let number = self.numbers[tile * WIDTH + lane];
            if number != NONE {
                limit = contender(number, squares[lane]);
            }
        }
        limit
    }
}

/// Some points in at most `n_parts` parts, cut at medians, so that all are about as large.
pub(crate) fn parts<'a>(
    points: Points<'_>,
    numbers: &'a mut [u32],
    n_parts: usize,
) -> Vec<&'a mut [u32]> {
    let mut done = Vec::new();
    let mut open = vec![(numbers, n_parts)];
    while let Some((part, n_parts)) = open.pop() {
        let n_parts = n_parts.min(part.len());
        if n_parts <= 1 {
            done.push(part);
            continue;
        }
        let n_left = n_parts / 2;
        // As 128 bits: many rows in many parts.
        let middle = (part.len() as u128 * n_left as u128 / n_parts as u128) as usize;
        let (left, right) = split(points, part, middle);
        open.push((right, n_parts - n_left));
        open.push((left, n_left));
    }
    done
}

/// Points in two parts by their widest column; ties by number.
fn split<'a>(
    points: Points<'_>,
    part: &'a mut [u32],
    middle: usize,
) -> (&'a mut [u32], &'a mut [u32]) {
    let column = widest(points, part);
    let value = |number: u32| points.values[number as usize * points.n_columns + column];
    let order = |&a: &u32, &b: &u32| value(a).total_cmp(&value(b)).then(a.cmp(&b));
    part.select_nth_unstable_by(middle, order);
    part.split_at_mut(middle)
}

/// Sorts points so that sixteen, and eight times as many, and so on, lie together.
fn sort(points: Points<'_>, numbers: &mut [u32]) {
    let mut open: Vec<&mut [u32]> = vec![numbers];
    while let Some(part) = open.pop() {
        let n_tiles = part.len().div_ceil(WIDTH);
        if n_tiles == 1 {
            continue;
        }
        // Full subtrees on the left, so that every node above the leaves is one of these parts.
        let n_left = (n_tiles - 1).ilog2();
        let middle = (1usize << n_left) * WIDTH;
        let (left, right) = split(points, part, middle);
        open.push(right);
        open.push(left);
    }
}

/// The column whose values are spread most.
fn widest(points: Points<'_>, part: &[u32]) -> usize {
    let mut low = points.point(part[0] as usize).to_vec();
    let mut high = low.clone();
    for &number in part {
        let point = points.point(number as usize);
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(point) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    }
    let spreads = low.iter().zip(&high).map(|(low, high)| high - low).enumerate();
    spreads.fold((0, 0.0), |best, (i, spread)| if spread > best.1 { (i, spread) } else { best }).0
}

builds! {
    /// As [`Boxes::search`].
    fn search(
        boxes: &Boxes,
        point: &[f64],
        weight: f64,
        contender: impl FnMut(u32, f64) -> f64,
    ) {
        ["avx512f"] => Boxes::search_plain,
        ["avx2"] => Boxes::search_plain,
        [] => Boxes::search_plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::distance::squared;
    use crate::num::rng::Stream;

    #[test]
    fn every_build_finds_the_nearest_point_also_after_some_moved_and_some_vanished() {
        for (case, n) in [1, 15, 16, 17, 130, 2000].into_iter().enumerate() {
            let mut stream = Stream::new(8, case as u64);
            let d = 1 + case;
            let mut values: Vec<f64> = (0..n * d).map(|_| stream.normal()).collect();
            let mut weights: Vec<f64> = (0..n).map(|_| 1.0 + stream.below(9) as f64).collect();
            let mut slots = vec![0; n];
            let points = Points { values: &values, weights: &weights, n_columns: d };
            let mut boxes = Boxes::new(points, (0..n as u32).collect(), &mut slots);
            for i in (0..n).step_by(3) {
                values[i * d] += 0.5;
                weights[i] += 2.0;
                boxes.set(slots[i] as usize, &values[i * d..][..d], weights[i]);
            }
            (1..n).step_by(5).for_each(|i| boxes.clear(slots[i] as usize));
            let points = Points { values: &values, weights: &weights, n_columns: d };
            for query in 0..n.min(200) {
                let (point, weight) = (points.point(query), weights[query]);
                let distance = |other: usize, squared: f64| {
                    2.0 * (weight * weights[other]) / (weight + weights[other]) * squared
                };
                let left = (0..n).filter(|i| *i != query && i % 5 != 1);
                let naive = left
                    .map(|i| (distance(i, squared(point, points.point(i))), i as u32))
                    .min_by(|x, y| x.partial_cmp(y).unwrap());
                for dispatched in [true, false] {
                    let mut best: Option<(f64, u32)> = None;
                    let contender = |number: u32, squared: f64| {
                        let found = (distance(number as usize, squared), number);
                        if number as usize != query && best.is_none_or(|best| found < best) {
                            best = Some(found);
                        }
                        best.map_or(f64::INFINITY, |best| best.0)
                    };
                    match dispatched {
                        true => boxes.search(point, weight, contender),
                        false => boxes.search_plain(point, weight, contender),
                    }
                    assert_eq!(best, naive);
                }
            }
        }
    }
}
