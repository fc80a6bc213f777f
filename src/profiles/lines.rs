//! Events from lines of JSON, read on all threads while earlier ones are stored.
//!
//! The text is cut at line ends into blocks, and these into pieces, at places that depend on the text
//! alone. A block is read while the one before it is stored, so that memory holds the events of two
//! blocks, however long the text. Properties that no feature reads are skipped.

use super::store::Profiles;
use crate::event::{IngestReport, Wanted};
use crate::num::parallel;
use crate::segment::Reader;
use crate::{Event, Refusal, Timestamp};

/// Bytes that are read before they are stored; a longer line is a block of its own. Each block costs
/// some work on every thread: with blocks of 1 MiB, lines took half as long again.
const BLOCK: usize = 1 << 23;

/// Bytes that a thread reads at a time.
const PIECE: usize = 1 << 15;

impl Profiles {
    /// Adds events from lines of JSON, each a call of the Segment spec as
    /// [`Event::from_segment`] reads it; empty lines are skipped. In the report, positions are line
    /// numbers, from 0. A line that cannot be read is refused and counted like any other event; the
    /// other lines are stored.
    ///
    /// The result is that of [`Event::from_segment`] on every line and [`Profiles::extend`]; use these
    /// two where the first bad line is to be an error.
    ///
    /// Cost: reads on all threads; holds the events of 16 MiB of lines at a time.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules};
    ///
    /// let lines = r#"{"type":"page","userId":"7","timestamp":"2017-03-01T17:00:00Z"}
    /// {"type":"page","userId":"7"}
    /// {"type":"track","event":"purchase","userId":"7","timestamp":"2017-03-02T09:30:00+01:00","properties":{"amount":"12,50"}}"#;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let ingest = people.extend_json(lines);
    /// assert_eq!(ingest.to_string(), "2 accepted, 0 duplicates, 1 refused (1: field \"timestamp\" is missing, at 1); not read: 1 of \"amount\", at 2");
    ///
    /// // Strictly:
    /// let events = lines.lines().map(Event::from_segment).collect::<personas::Result<Vec<_>>>();
    /// assert!(events.is_err());
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn extend_json(&mut self, lines: impl AsRef<[u8]>) -> IngestReport {
        self.extend_by_blocks(lines.as_ref(), BLOCK)
    }

    fn extend_by_blocks(&mut self, lines: &[u8], block_len: usize) -> IngestReport {
        let (mut ingest, mut first_line) = (IngestReport::default(), 0);
        let schema = &self.histories.schema;
        let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
        let wanted = Wanted {
            properties: Some(names(&mut schema.property_names())),
            attributes: schema.attribute_names().map(|mut all| names(&mut all)),
        };
        let (block, mut rest) = cut(lines, block_len);
        let (mut ready, mut next) = (Vec::new(), Vec::new());
        read(block, &wanted, &mut ready);
        while !rest.is_empty() {
            let block;
            (block, rest) = cut(rest, block_len);
            let take = || self.take_read(&mut ready, &mut first_line, &mut ingest);
            parallel::beside(|| read(block, &wanted, &mut next), take);
            std::mem::swap(&mut ready, &mut next);
        }
        self.take_read(&mut ready, &mut first_line, &mut ingest);
        ingest
    }

    /// Takes in what was read of a block.
    fn take_read(
        &mut self,
        pieces: &mut [Piece<'_>],
        first_line: &mut usize,
        ingest: &mut IngestReport,
    ) {
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
fn read<'a>(mut block: &'a [u8], wanted: &Wanted, pieces: &mut Vec<Piece<'a>>) {
    let mut texts = Vec::with_capacity(block.len() / PIECE + 1);
    while !block.is_empty() {
        let text;
        (text, block) = cut(block, PIECE);
        texts.push(text);
    }
    pieces.resize_with(texts.len(), Piece::default);
    parallel::map_chunks_mut(pieces, 1, PIECE, |i, piece| piece[0].read(texts[i], wanted));
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
    report: IngestReport,
}

impl<'a> Piece<'a> {
    fn read(&mut self, text: &'a [u8], wanted: &Wanted) {
        self.lines.clear();
        self.n_lines = 0;
        match std::str::from_utf8(text) {
            Ok(text) => text.split_terminator('\n').for_each(|line| self.line(Ok(line), wanted)),
            Err(_) => {
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                text.split(|&byte| byte == b'\n').for_each(|line| {
                    let line = std::str::from_utf8(line).map_err(|error| error.valid_up_to());
                    self.line(line, wanted);
                });
            }
        }
    }

    /// Reads a line, or notes the place where it is no text.
    fn line(&mut self, line: Result<&'a str, usize>, wanted: &Wanted) {
        let position = self.n_lines;
        self.n_lines += 1;
        if self.events.len() == self.lines.len() {
            self.events.push(Event::new("", Timestamp::from_millis(0)));
        }
        let event = &mut self.events[self.lines.len()];
        let read = match line {
            Ok(text) if text.trim_ascii().is_empty() => return,
            Ok(text) => self.reader.read(text, event, wanted),
            Err(at) => Err(Refusal::NotJson { at }),
        };
        match read {
            Ok(lost) => {
                self.lines.push(position);
                self.report.contradictory_offsets += usize::from(lost.contradicts_offset);
                if let Some((name, n)) = lost.values {
                    self.report.unread(&name, position, n);
                }
            }
            Err(reason) => self.report.refuse(position, reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeatureSet, Rules};

    #[test]
    fn however_lines_are_cut_into_blocks_the_result_is_that_of_single_events() {
        let day = |i: usize| format!("2024-05-{:02}T12:00:00Z", 1 + i % 28);
        let line = |i: usize| match i % 7 {
            0 => String::new(),
            1 if i.is_multiple_of(2) => "{broken".to_owned(),
            2 => format!(r#"{{"type":"page","userId":"{}"}}"#, i % 9),
            _ => format!(
                r#"{{"type":"track","event":"purchase","userId":"{}","anonymousId":"a{}","timestamp":"{}","context":{{"locale":"en"}},"properties":{{"amount":{},"order_id":"{}","other":1e999}}}}"#,
                i % 9,
                i % 30,
                day(i),
                if i.is_multiple_of(5) { "\"5,0\"".to_owned() } else { i.to_string() },
                i / 2,
            ),
        };
        let lines: Vec<String> = (0..300).map(line).collect();
        let text = lines.join("\n");
        let empty = || Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        let mut single = empty();
        let events = lines.iter().flat_map(|line| Event::from_segment(line));
        events.for_each(|event| _ = single.observe(&event));
        let as_of = single.newest().unwrap();
        let mut whole = empty();
        let expected = whole.extend_json(&text);
        // Of 43 lines of each kind, 21 of the second are broken, and the third have no time.
        assert_eq!((expected.accepted, expected.n_refused()), (193, 64));
        for block_len in [0, 1, 100, 1000, 5000] {
            let mut people = empty();
            assert_eq!(
                people.extend_by_blocks(text.as_bytes(), block_len),
                expected,
                "{block_len}"
            );
            assert!(people == whole, "{block_len}");
            assert_eq!(people.features(as_of), single.features(as_of), "{block_len}");
        }
    }
}
