//! Events from lines of JSON, read on all threads while earlier ones are taken in.
//!
//! The text is cut at line ends into blocks, and these into pieces, at places that depend on the text
//! alone. A block is read while the one before it is taken in, so that memory holds the events of two
//! blocks, however long the text.

use super::{Ingest, Profiles};
use crate::event::Reader;
use crate::num::parallel;
use crate::{Event, Refusal, Timestamp};

/// Bytes that are read before they are taken in; a longer line is a block of its own.
const BLOCK: usize = 1 << 20;

/// Bytes that a thread reads at a time.
const PIECE: usize = 1 << 15;

impl Profiles {
    /// Takes in events from lines of JSON, each a call of the Segment spec as
    /// [`Event::from_segment`] reads it; empty lines are skipped. In the report, positions are line
    /// numbers, from 0. A line that cannot be read is refused and counted as any other event; the
    /// lines around it are taken in.
    ///
    /// The result is that of [`Event::from_segment`] on every line and [`Profiles::extend`]. Who wants
    /// the first bad line to be an error does just that.
    ///
    /// Cost: reads on all threads; holds the events of 2 MiB of lines at a time.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules};
    ///
    /// let lines = r#"{"type":"page","userId":"7","timestamp":"2017-03-01T17:00:00Z"}
    /// {"type":"page","userId":"7"}
    /// {"type":"track","event":"purchase","userId":"7","timestamp":"2017-03-02T09:30:00+01:00","properties":{"amount":"12,50"}}"#;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let ingest = people.extend_json(lines);
    /// assert_eq!(ingest.to_string(), "2 accepted, 0 duplicates, 1 refused (1: it carries no time, at 1); not read: 1 of \"amount\", at 2");
    ///
    /// // Strictly:
    /// let events = lines.lines().map(Event::from_segment).collect::<personas::Result<Vec<_>>>();
    /// assert!(events.is_err());
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn extend_json(&mut self, lines: impl AsRef<[u8]>) -> Ingest {
        let (mut ingest, mut first_line) = (Ingest::default(), 0);
        let (block, mut rest) = cut(lines.as_ref(), BLOCK);
        let (mut ready, mut next) = (Vec::new(), Vec::new());
        read(block, &mut ready);
        while !rest.is_empty() {
            let block;
            (block, rest) = cut(rest, BLOCK);
            let take = || self.take_read(&mut ready, &mut first_line, &mut ingest);
            parallel::beside(|| read(block, &mut next), take);
            std::mem::swap(&mut ready, &mut next);
        }
        self.take_read(&mut ready, &mut first_line, &mut ingest);
        ingest
    }

    /// Takes in what was read of a block.
    fn take_read(&mut self, pieces: &mut [Piece<'_>], first_line: &mut usize, ingest: &mut Ingest) {
        let mut lines = Vec::new();
        for piece in &mut *pieces {
            lines.extend(piece.lines.iter().map(|line| *first_line + line));
            ingest.absorb(std::mem::take(&mut piece.report), |line| *first_line + line);
            *first_line += piece.n_lines;
        }
        let taken = self.extend(pieces.iter().flat_map(|piece| &piece.events[..piece.lines.len()]));
        ingest.absorb(taken, |position| lines[position]);
    }
}

/// The first lines, of at least so many bytes if there are, and the rest.
fn cut(text: &[u8], len: usize) -> (&[u8], &[u8]) {
    let end = text.iter().skip(len).position(|&byte| byte == b'\n');
    text.split_at(end.map_or(text.len(), |end| len + end + 1))
}

/// Reads a block, in the space of one that was taken in.
fn read<'a>(mut block: &'a [u8], pieces: &mut Vec<Piece<'a>>) {
    let mut texts = Vec::with_capacity(block.len() / PIECE + 1);
    while !block.is_empty() {
        let text;
        (text, block) = cut(block, PIECE);
        texts.push(text);
    }
    pieces.resize_with(texts.len(), Piece::default);
    parallel::map_chunks_mut(pieces, 1, PIECE, |i, piece| piece[0].read(texts[i]));
}

/// A few lines, read by one thread, and the space they were read in.
#[derive(Default)]
struct Piece<'a> {
    reader: Reader<'a>,
    /// The events that were read, as many as there are `lines`, and further ones to write over:
    /// what is neither allocated nor given back costs no time.
    events: Vec<Event<'a>>,
    /// The line of each event, from the piece's first.
    lines: Vec<usize>,
    n_lines: usize,
    /// What was refused and left out.
    report: Ingest,
}

impl<'a> Piece<'a> {
    fn read(&mut self, text: &'a [u8]) {
        self.lines.clear();
        self.n_lines = 0;
        match std::str::from_utf8(text) {
            Ok(text) => text.split_terminator('\n').for_each(|line| self.line(Ok(line))),
            Err(_) => {
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                text.split(|&byte| byte == b'\n').for_each(|line| {
                    self.line(std::str::from_utf8(line).map_err(|error| error.valid_up_to()));
                });
            }
        }
    }

    /// Reads a line, or notes the place where it is no text.
    fn line(&mut self, line: Result<&'a str, usize>) {
        let position = self.n_lines;
        self.n_lines += 1;
        if self.events.len() == self.lines.len() {
            self.events.push(Event::new("", Timestamp::from_millis(0)));
        }
        let event = &mut self.events[self.lines.len()];
        let read = match line {
            Ok(text) if text.trim_ascii().is_empty() => return,
            Ok(text) => self.reader.read(text, event),
            Err(at) => Err(Refusal::NotJson { at }),
        };
        match read {
            Ok(left_out) => {
                self.lines.push(position);
                if let Some((name, n)) = left_out {
                    self.report.unread(&name, position, n);
                }
            }
            Err(reason) => self.report.refuse(position, reason),
        }
    }
}
