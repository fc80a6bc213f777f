//! The words of a summary: how each kind of number is read, added to and merged.

use super::Kind;
use crate::Timestamp;
use crate::features::entry::Cell;
use crate::features::texts::{NONE, Texts};
use crate::num::fixed::Fixed;
use crate::num::moments::Squares;
use crate::num::prefetch;

pub(super) const TIMES: usize = 3;

/// No event has left the log. Of an event as early as this it is said that it left a millisecond later.
pub(super) const UNCUT: u64 = i64::MIN.cast_unsigned();

/// The time of the newest event that is no longer in the log, or [`UNCUT`].
pub(super) const HEADER: usize = 1;

/// The numbers of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary(pub(super) Box<[u64]>);

impl Summary {
    /// It is about to be added to.
    pub(crate) fn soon(&self) {
        prefetch::soon(&self.0);
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// Number, first and last time of all events.
    pub(crate) fn times(&self) -> Times {
        Times::read(&self.0, HEADER)
    }

    /// The time of the newest event that is no longer in the log.
    pub(crate) fn cut(&self) -> Option<Timestamp> {
        (self.0[0] != UNCUT).then(|| Timestamp::from_millis(self.0[0].cast_signed()))
    }

    /// An event of this time left the log.
    pub(crate) fn cut_to(&mut self, at: Timestamp) {
        let at = at.millis().max(i64::MIN + 1);
        self.0[0] = self.0[0].cast_signed().max(at).cast_unsigned();
    }
}

/// How many events there were, and between which times; meaningless ones if there were none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times {
    pub(crate) n: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Times {
    pub(super) fn read(words: &[u64], at: usize) -> Self {
        let time = |i: usize| Timestamp::from_millis(words[at + i].cast_signed());
        Self { n: words[at], first: time(1), last: time(2) }
    }

    pub(super) fn join(self, words: &mut [u64], at: usize) {
        let known = Self::read(words, at);
        let both = match (known.n, self.n) {
            (_, 0) => known,
            (0, _) => self,
            (a, b) => Self {
                n: a + b,
                first: known.first.min(self.first),
                last: known.last.max(self.last),
            },
        };
        let times = [both.first, both.last].map(|time| time.millis().cast_unsigned());
        words[at..at + TIMES].copy_from_slice(&[both.n, times[0], times[1]]);
    }
}

/// A value and when it was said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) at: Timestamp,
    pub(super) cell: Option<Cell>,
}

impl Default for Said {
    fn default() -> Self {
        Self { at: Timestamp::from_millis(0), cell: None }
    }
}

impl Said {
    /// A mark says which of number and label there is.
    pub(super) fn read(words: &[u64], at: usize) -> Self {
        let (number, label) = (f64::from_bits(words[at + 1]), words[at + 2] as u32);
        let cell = match words[at + 2] >> 32 {
            0 => None,
            1 => Some(Cell::Number(number)),
            2 => Some(Cell::Label(label)),
            _ => Some(Cell::Both(number, label)),
        };
        Self { at: Timestamp::from_millis(words[at].cast_signed()), cell }
    }

    pub(super) fn write(self, words: &mut [u64], at: usize) {
        let (mark, number, label) = match self.cell {
            None => (0u64, 0.0, NONE),
            Some(Cell::Number(number)) => (1, number, NONE),
            Some(Cell::Label(label)) => (2, 0.0, label),
            Some(Cell::Both(number, label)) => (3, number, label),
        };
        words[at] = self.at.millis().cast_unsigned();
        words[at + 1] = number.to_bits();
        words[at + 2] = mark << 32 | u64::from(label);
    }

    /// Writes the one that counts, gives back the other.
    pub(super) fn join(self, words: &mut [u64], kind: Kind, at: usize, texts: &Texts) -> Self {
        let known = Self::read(words, at);
        let counts = match (self.cell, known.cell) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(new), Some(old)) => {
                let by_time = match kind {
                    Kind::First => self.at.cmp(&known.at),
                    _ => known.at.cmp(&self.at),
                };
                by_time.then_with(|| new.compare(old, texts)).is_lt()
            }
        };
        if counts {
            self.write(words, at);
            known
        } else {
            self
        }
    }

    pub(super) fn label(self) -> Option<u32> {
        self.cell?.label()
    }
}

pub(super) fn read_fixed(words: &[u64], at: usize) -> Fixed {
    let steps = u128::from(words[at]) | u128::from(words[at + 1]) << 64;
    Fixed::from_steps(steps.cast_signed())
}

pub(super) fn write_fixed(words: &mut [u64], at: usize, sum: Fixed) {
    let steps = sum.steps().cast_unsigned();
    words[at] = steps as u64;
    words[at + 1] = (steps >> 64) as u64;
}

pub(super) fn read_squares(words: &[u64], at: usize) -> Squares {
    Squares::from_words([words[at], words[at + 1], words[at + 2], words[at + 3]])
}

/// Adds one number to a slot of numbers. NaN is no number yet.
pub(super) fn join_number(words: &mut [u64], kind: Kind, at: usize, number: f64) {
    let fixed = || Fixed::new(number).unwrap_or_default();
    match kind {
        Kind::Sum => {
            words[at] += 1;
            write_fixed(words, at + 1, read_fixed(words, at + 1).add(fixed()));
        }
        Kind::Squares => {
            let sum = read_squares(words, at).add(Squares::of(fixed()));
            words[at..at + 4].copy_from_slice(&sum.words());
        }
        // `min` and `max` of NaN and a number are the number.
        Kind::Min => words[at] = f64::from_bits(words[at]).min(number).to_bits(),
        _ => words[at] = f64::from_bits(words[at]).max(number).to_bits(),
    }
}
