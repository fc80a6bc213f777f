//! Candidates for the k nearest rows of the sixteen queries of a leaf, by their f32 distances.
//!
//! The candidates that a meeting finds near are added as they come. Now and then `bound` finds a threshold below which
//! at least k computed distances lie, by interpolation and counting. That is all a search needs to close in, so that
//! exact distances are taken only of the few that remain at its end.

use super::kernel::Line;
use crate::num::builds::{all_builds, fastest};
use crate::num::lanes::{Singles, SinglesPortable};
#[cfg(target_arch = "x86_64")]
use crate::num::lanes::{SinglesAvx2, SinglesAvx512};
use crate::num::pack::LANES;

/// Contenders beyond `k` that are not worth another step of a bound, as a part of `k`.
const SPARE: usize = 16;

/// Steps of a bound at most: equal distances are not told apart by more.
const STEPS: usize = 8;

/// The contenders of sixteen queries.
#[derive(Debug)]
pub(super) struct Contenders {
    k: usize,
    /// Contenders there is room for, per query.
    room: usize,
    kernels: ContenderKernels,
    /// Per query, computed distances as powers of the norm, followed by infinite ones up to the next
    /// multiple of sixteen; and the places they belong to.
    powers: Vec<f32>,
    places: Vec<u32>,
    n: [usize; LANES],
}

impl Contenders {
    pub(super) fn new(k: usize) -> Self {
        let room = (2 * k).next_multiple_of(LANES) + 2 * LANES;
        // What is written of a leaf is two lines, whatever there is of it.
        let all = LANES * (room + 2 * LANES);
        let (powers, places) = (vec![0.0; all], vec![0; all]);
        Self { k, room, kernels: fastest(ContenderKernels::all()), powers, places, n: [0; LANES] }
    }

    pub(super) fn clear(&mut self) {
        self.n = [0; LANES];
    }

    pub(super) fn len(&self, lane: usize) -> usize {
        self.n[lane]
    }

    /// Whether there may be no room for those of one more leaf.
    pub(super) fn is_full(&self, lane: usize) -> bool {
        self.n[lane] + LANES > self.room
    }

    fn start(&self, lane: usize) -> usize {
        lane * (self.room + 2 * LANES)
    }

    /// Adds the rows of a leaf that are set in a mask; there must be room.
    #[inline]
    pub(super) fn add(&mut self, lane: usize, powers: &Line, mask: u16, leaf: usize) {
        debug_assert!(!self.is_full(lane));
        let at = self.start(lane) + self.n[lane];
        let (powers_at, places_at) =
            (&mut self.powers[at..at + 2 * LANES], &mut self.places[at..at + 2 * LANES]);
        self.n[lane] +=
            (self.kernels.add)(powers, mask, (leaf * LANES) as u32, powers_at, places_at);
    }

    /// The powers and the places of a query's contenders.
    pub(super) fn of(&self, lane: usize) -> (&[f32], &[u32]) {
        let all = self.start(lane)..self.start(lane) + self.n[lane];
        (&self.powers[all.clone()], &self.places[all])
    }

    /// A power that at least `k` contenders stay below, and how many do; if `k` stay below `most`.
    #[inline]
    pub(super) fn bound(&self, lane: usize, most: f32) -> Option<(f32, usize)> {
        let start = self.start(lane);
        let powers = &self.powers[start..start + self.n[lane].next_multiple_of(LANES)];
        (self.kernels.bound)(powers, self.k, most)
    }

    /// Drops the contenders that do not stay below a power.
    pub(super) fn cut(&mut self, lane: usize, most: f32) {
        let all = self.start(lane)..self.start(lane) + self.room + 2 * LANES;
        let (powers, places) = (&mut self.powers[all.clone()], &mut self.places[all]);
        self.n[lane] = (self.kernels.cut)(powers, places, self.n[lane], most);
    }

    /// Has these as a query's contenders instead: powers and places.
    pub(super) fn replace(&mut self, lane: usize, by: impl ExactSizeIterator<Item = (f32, u32)>) {
        let start = self.start(lane);
        self.n[lane] = by.len();
        let end = start + by.len();
        for (at, (power, place)) in (start..end).zip(by) {
            (self.powers[at], self.places[at]) = (power, place);
        }
        self.powers[end..end + LANES].fill(f32::INFINITY);
    }
}

type AddFn = fn(&Line, u16, u32, &mut [f32], &mut [u32]) -> usize;
type BoundFn = fn(&[f32], usize, f32) -> Option<(f32, usize)>;
type CutFn = fn(&mut [f32], &mut [u32], usize, f32) -> usize;

/// The loops over contenders, built for the CPU at hand.
#[derive(Debug, Clone, Copy)]
struct ContenderKernels {
    add: AddFn,
    bound: BoundFn,
    cut: CutFn,
}

impl ContenderKernels {
    /// All builds that this CPU runs.
    fn all() -> impl Iterator<Item = Self> {
        let builds = additions().zip(bounds()).zip(cuts());
        builds.map(|((add, bound), cut)| Self { add, bound, cut })
    }
}

all_builds! {
    fn additions(
        line: &Line,
        mask: u16,
        first: u32,
        powers: &mut [f32],
        places: &mut [u32],
    ) -> usize {
        ["avx512f", "avx512dq", "avx512vl", "fma", "popcnt"] => add::<SinglesAvx512>,
        ["avx2", "fma", "popcnt"] => add::<SinglesAvx2>,
        [] => add::<SinglesPortable>,
    }
}

all_builds! {
    fn bounds(powers: &[f32], k: usize, most: f32) -> Option<(f32, usize)> {
        ["avx512f", "avx512dq", "avx512vl", "fma", "popcnt"] => bound::<SinglesAvx512>,
        ["avx2", "fma", "popcnt"] => bound::<SinglesAvx2>,
        [] => bound::<SinglesPortable>,
    }
}

all_builds! {
    fn cuts(powers: &mut [f32], places: &mut [u32], n: usize, most: f32) -> usize {
        ["avx512f", "avx512dq", "avx512vl", "fma", "popcnt"] => cut::<SinglesAvx512>,
        ["avx2", "fma", "popcnt"] => cut::<SinglesAvx2>,
        [] => cut::<SinglesPortable>,
    }
}

/// Sixteen items from a place on.
#[inline(always)]
fn line<T>(items: &[T], at: usize) -> &[T; LANES] {
    items[at..at + LANES].try_into().expect("sixteen items")
}

#[inline(always)]
fn line_mut<T>(items: &mut [T], at: usize) -> &mut [T; LANES] {
    (&mut items[at..at + LANES]).try_into().expect("sixteen items")
}

/// Writes the lanes set in a mask, and an infinite line after them; returns how many.
#[inline(always)]
fn add<L: Singles>(
    from: &Line,
    mask: u16,
    first: u32,
    powers: &mut [f32],
    places: &mut [u32],
) -> usize {
    let n = mask.count_ones() as usize;
    L::load(&from.0).compress(mask, line_mut(powers, 0));
    L::splat(f32::INFINITY).store(line_mut(powers, n));
    L::compress_index(L::index_from(first), mask, line_mut(places, 0));
    n
}

#[inline(always)]
fn bound<L: Singles>(powers: &[f32], k: usize, most: f32) -> Option<(f32, usize)> {
    let below = |most: f32| {
        let most = L::splat(most);
        let lines = powers.chunks_exact(LANES);
        lines.map(|powers| most.above(L::load(line(powers, 0))).count_ones()).sum::<u32>() as usize
    };
    let (mut low, mut n_low) = (0.0, 0);
    let (mut high, mut n_high) = (most, below(most));
    if n_high < k {
        return None;
    }
    if high == f32::INFINITY {
        // The first halving needs an end.
        let mut greatest = [0.0; LANES];
        for powers in powers.chunks_exact(LANES) {
            for (most, &power) in greatest.iter_mut().zip(powers) {
                *most = if power > *most && power < f32::INFINITY { power } else { *most };
            }
        }
        let greatest = -L::splat(0.0).minus(L::load(&greatest)).least();
        high = greatest.next_up();
    }
    for _ in 0..STEPS {
        if n_high <= k + k / SPARE {
            break;
        }
        // Where the k-th would lie if they were spread evenly.
        let share = ((k - n_low) as f32 + 0.5) / (n_high - n_low) as f32;
        let middle = low + (high - low) * share.clamp(0.1, 0.9);
        let n = below(middle);
        if n >= k {
            (high, n_high) = (middle, n);
        } else {
            (low, n_low) = (middle, n);
        }
    }
    Some((high, n_high))
}

/// Moves those below `most` to the front; returns how many they are.
#[inline(always)]
fn cut<L: Singles>(powers: &mut [f32], places: &mut [u32], n: usize, most: f32) -> usize {
    let most = L::splat(most);
    let mut kept = 0;
    for at in (0..n).step_by(LANES) {
        // Lanes after the last contender are infinite, so the mask leaves them out.
        let (these, of) = (L::load(line(powers, at)), L::load_index(line(places, at)));
        let mask = most.above(these);
        these.compress(mask, line_mut(powers, kept));
        L::compress_index(of, mask, line_mut(places, kept));
        kept += mask.count_ones() as usize;
    }
    L::splat(f32::INFINITY).store(line_mut(powers, kept));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    #[test]
    fn every_build_keeps_what_stays_below_and_bounds_the_kth() {
        for kernels in ContenderKernels::all() {
            for k in [1, 7, 20, 40] {
                let mut stream = Stream::new(k as u64, 0);
                let mut contenders = Contenders { kernels, ..Contenders::new(k) };
                let mut truth: Vec<(f32, u32)> = Vec::new();
                for leaf in 0..60 {
                    let mask = stream.below(1 << 16) as u16;
                    let powers = Line(std::array::from_fn(|_| (stream.below(1000) as f32) / 8.0));
                    if contenders.is_full(3) {
                        let most = contenders.bound(3, f32::INFINITY).unwrap().0;
                        contenders.cut(3, most);
                        truth.retain(|(power, _)| *power < most);
                        assert!(truth.len() >= k);
                        if contenders.is_full(3) {
                            truth.truncate(k);
                            contenders.replace(3, truth.clone().into_iter());
                        }
                    }
                    contenders.add(3, &powers, mask, leaf);
                    let added = (0..LANES).filter(|lane| mask >> lane & 1 == 1);
                    truth.extend(added.map(|lane| (powers.0[lane], (leaf * LANES + lane) as u32)));
                    let (powers, places) = contenders.of(3);
                    assert!(
                        powers
                            .iter()
                            .copied()
                            .zip(places.iter().copied())
                            .eq(truth.iter().copied())
                    );
                    let bound = contenders.bound(3, f32::INFINITY);
                    assert_eq!(bound.is_some(), truth.len() >= k);
                    if let Some((most, n)) = bound {
                        assert_eq!(truth.iter().filter(|(power, _)| *power < most).count(), n);
                        assert!(n >= k);
                    }
                }
            }
        }
    }
}
