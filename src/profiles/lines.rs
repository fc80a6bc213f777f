//! Events from lines of JSON, read on all threads while earlier ones are stored.
//!
//! The text is cut at line ends into blocks, and these into pieces, at places that depend on the text
//! alone. A block is read while the one before it is stored, so that memory holds the events of two
//! blocks, however long the text. Properties that no feature reads are skipped.

use super::store::Profiles;
use crate::event::{IngestReport, Wanted};
use crate::num::parallel;
use crate::segment::{self, Body, CallReader, ReadSettings, Received};

/// Bytes that are read before they are stored; a longer line is a block of its own. Each block costs
/// some work on every thread: with blocks of 1 MiB, lines took half as long again.
const BLOCK: usize = 1 << 23;

/// Bytes that a thread reads at a time.
const PIECE: usize = 1 << 15;

impl Profiles {
    /// Adds the calls of a body as the clients of Segment, RudderStack and Jitsu post it, or of a log
    /// of bodies; [`receive`](crate::segment::receive) says what is read and how. A call that cannot be
    /// read is refused and counted like any other event; the others are stored. In the report,
    /// positions are numbers of calls or, where the body is lines, of lines; from 1.
    ///
    /// The result is that of [`receive`](crate::segment::receive) and [`Profiles::extend`]; use these
    /// two to change events before they are added.
    ///
    /// Cost: reads lines on all threads, and holds the events of 16 MiB of lines at a time. The calls
    /// of one batch or list are read on one thread and held a few thousand at a time.
    ///
    /// ```
    /// use personas::segment::Received;
    /// use personas::{FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let lines = r#"{"type":"page","userId":"7","timestamp":"2017-03-01T17:00:00Z"}
    /// {"type":"page","userId":"7"}
    /// {"type":"track","event":"purchase","userId":"7","timestamp":"2017-03-02T09:30:00+01:00","properties":{"amount":"12,50"}}"#;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let report = people.extend_json(lines, &Received::default());
    /// assert_eq!(report.to_string(), "2 accepted, 0 duplicates, 1 refused (1: field \"timestamp\" is missing, at 2); not read: 1 of \"amount\", at 3");
    ///
    /// // A service knows when a body came, and which type of call its path names.
    /// let mut received = Received { at: Some(Timestamp::parse("2017-03-03T12:00:00Z")?), ..Received::default() };
    /// received.call = Some("page".into());
    /// assert_eq!(people.extend_json(r#"{"userId":"7"}"#, &received).accepted, 1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn extend_json(&mut self, body: impl AsRef<[u8]>, received: &Received) -> IngestReport {
        self.extend_by_blocks(body.as_ref(), received, BLOCK)
    }

    fn extend_by_blocks(
        &mut self,
        body: &[u8],
        received: &Received,
        block_len: usize,
    ) -> IngestReport {
        let mut ingest = IngestReport::default();
        let schema = &self.histories.schema;
        let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
        let wanted = Wanted {
            properties: Some(names(&mut schema.property_names())),
            attributes: schema.attribute_names().map(|mut all| names(&mut all)),
        };
        let settings = ReadSettings { received, wanted: &wanted };
        let (lines, mut first_line) = match segment::split(body) {
            Body::Lines(lines) => (lines, 0),
            Body::One(text) => {
                let mut reader = CallReader::default();
                let mut take = |reader: &mut CallReader<'_>| {
                    self.take_read(std::slice::from_mut(reader), &mut 0, &mut ingest);
                    reader.clear();
                };
                reader.read_one(text, settings, &mut take);
                take(&mut reader);
                return ingest;
            }
        };
        let (block, mut rest) = cut(lines, block_len);
        let (mut ready, mut next) = (Vec::new(), Vec::new());
        read(block, settings, &mut ready);
        while !rest.is_empty() {
            let block;
            (block, rest) = cut(rest, block_len);
            let take = || self.take_read(&mut ready, &mut first_line, &mut ingest);
            parallel::beside(|| read(block, settings, &mut next), take);
            std::mem::swap(&mut ready, &mut next);
        }
        self.take_read(&mut ready, &mut first_line, &mut ingest);
        ingest
    }

    /// Adds what was read of a block.
    fn take_read(
        &mut self,
        pieces: &mut [CallReader<'_>],
        first_line: &mut usize,
        ingest: &mut IngestReport,
    ) {
        let mut lines = Vec::new();
        for piece in &mut *pieces {
            lines.extend(piece.positions().iter().map(|line| *first_line + line));
            ingest.absorb(std::mem::take(&mut piece.report), |line| *first_line + line);
            *first_line += piece.n_lines();
        }
        let taken = self.extend(pieces.iter().flat_map(CallReader::events));
        ingest.absorb(taken, |position| lines[position]);
    }
}

/// The first lines, of at least so many bytes if there are, and the rest.
fn cut(text: &[u8], len: usize) -> (&[u8], &[u8]) {
    let end = text.iter().skip(len).position(|&byte| byte == b'\n');
    text.split_at(end.map_or(text.len(), |end| len + end + 1))
}

/// Reads a block, in the space of one that was added.
fn read<'a>(mut block: &'a [u8], settings: ReadSettings<'_>, pieces: &mut Vec<CallReader<'a>>) {
    let mut texts = Vec::with_capacity(block.len() / PIECE + 1);
    while !block.is_empty() {
        let text;
        (text, block) = cut(block, PIECE);
        texts.push(text);
    }
    pieces.resize_with(texts.len(), CallReader::default);
    parallel::map_chunks_mut(pieces, 1, PIECE, |i, piece| piece[0].read_lines(texts[i], settings));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::receive;
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
        let log = Received::default();
        let events = lines.iter().flat_map(|line| receive(line, &log).events);
        events.for_each(|event| _ = single.observe(&event));
        let as_of = single.newest().unwrap();
        let mut whole = empty();
        let expected = whole.extend_json(&text, &log);
        // Of 43 lines of each kind, 21 of the second are broken, and the third have no time.
        assert_eq!((expected.accepted, expected.n_refused()), (193, 64));
        for block_len in [0, 1, 100, 1000, 5000] {
            let mut people = empty();
            assert_eq!(
                people.extend_by_blocks(text.as_bytes(), &log, block_len),
                expected,
                "{block_len}"
            );
            assert!(people == whole, "{block_len}");
            assert_eq!(people.features(as_of), single.features(as_of), "{block_len}");
        }
    }
}
