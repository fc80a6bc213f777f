//! What makes the service durable: a log of what was received, and pieces from time to time.
//!
//! A body is written to the log before it is applied and answered. From time to time a new log is begun, and
//! what changed since the last time is written as pieces, `changes-N`; if that is not known, or when the changes
//! have become as large as the store, the whole store, `snapshot-N`. Then the files that are not needed any more
//! go. On start, the newest snapshot is absorbed, then the changes after it, and the logs from their number on are
//! applied again: the state is that of never having stopped.
//!
//! The store is locked while pieces are made in memory and the log is changed, and not while the disk is written: each
//! log begins where the pieces of its number end. If these cannot be written, the logs of before go on from the pieces
//! of before. Making pieces of what changed takes time in proportion to the changes, all pieces to the store.
//!
//! What somebody sent who was then forgotten stays in the log, and in the pieces of before, until a whole snapshot
//! was written: the next one after a forgetting is whole. That is after five minutes at most, or at the end of the
//! process; if the disk is full, when it is not any more. The log itself names the forgotten by their profile id
//! where they have one. An identifier that nobody has is not in the log at all: a snapshot with its mark is written
//! before the answer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use personas::identity::Subject;
use personas::segment::Received;
use personas::{IngestReport, ProfileId, Profiles, Timestamp};
use serde_json::{Value, json};

/// Whether a call that was answered survives a power failure too. Each write then waits for the disk, one after
/// another: 0.15 ms where this was measured, several milliseconds on others. Without it, a call survives
/// the end of the process at once, and a power failure once the system has written it, after some seconds.
const SYNC_EACH_WRITE: bool = false;

/// A store, its log and its folder.
pub(crate) struct Kept {
    pub(crate) people: Profiles,
    folder: PathBuf,
    /// Number of the current log; the pieces of the same number came before it.
    number: u64,
    /// The last piece that was written, to go on from.
    last: Option<Vec<u8>>,
    /// Bytes of the last snapshot, and of the changes after it.
    sizes: [u64; 2],
    /// Whether somebody was forgotten whom older files may name: then the next snapshot is whole.
    has_forgotten: bool,
    log: File,
    /// Bytes of the log that are whole.
    written: u64,
    /// Whether the log may end with a torn line that could not be removed: then nothing may be added to it.
    is_torn: bool,
}

impl Kept {
    /// Opens a folder, and restores what it holds into an empty store.
    pub(crate) fn open(folder: &Path, mut people: Profiles) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let Restored { newest, last, sizes, has_forgotten } = restore(folder, &mut people)?;
        // The last line of an old log can be torn; so nothing is added to it.
        let (folder, number) = (folder.to_owned(), newest + 1);
        let log = create_log(&folder, number)?;
        Ok(Self {
            people,
            folder,
            number,
            last,
            sizes,
            has_forgotten,
            log,
            written: 0,
            is_torn: false,
        })
    }

    /// Whether there are no pieces yet, which alone tell under which key, rules and features the folder was made.
    pub(crate) fn is_new(&self) -> bool {
        self.last.is_none()
    }

    /// Keeps a body, and then adds its calls.
    pub(crate) fn receive(
        &mut self,
        at: Timestamp,
        call: &str,
        body: &str,
    ) -> io::Result<IngestReport> {
        self.append(&json!({"at": at.millis(), "call": call, "body": body}))?;
        Ok(add(&mut self.people, at, call, body))
    }

    /// Keeps that somebody is to be forgotten, and forgets them. For an identifier that nobody has the answer is `false`:
    /// it is kept by the next snapshot only, since the log would be the one place that names it.
    pub(crate) fn forget(&mut self, who: &Subject<'_>) -> io::Result<bool> {
        let is_somebody = self.people.identity().get(who.clone()).is_some();
        if is_somebody {
            let entry = match who {
                Subject::Profile(id) => json!({"forget": id}),
                Subject::Identifier(id) => json!({"forget": [id.kind, id.value]}),
                _ => return Err(io::ErrorKind::Unsupported.into()),
            };
            self.append(&entry)?;
            self.has_forgotten = true;
        }
        self.people.forget(who.clone()).map_err(io::Error::other)?;
        Ok(is_somebody)
    }

    fn append(&mut self, entry: &Value) -> io::Result<()> {
        if self.is_torn {
            let log = create_log(&self.folder, self.number + 1)?;
            (self.number, self.log, self.written, self.is_torn) = (self.number + 1, log, 0, false);
        }
        let line = format!("{entry}\n");
        if let Err(error) = self.log.write_all(line.as_bytes()) {
            self.is_torn = self.log.set_len(self.written).is_err();
            return Err(error);
        }
        self.written += line.len() as u64;
        if SYNC_EACH_WRITE { self.log.sync_data() } else { Ok(()) }
    }

    /// Begins a new log, and returns what the store holds up to there, as pieces: what changed since the last time, or
    /// all. They are still to be written.
    pub(crate) fn cut(&mut self) -> io::Result<Cut> {
        let is_whole = self.has_forgotten || self.sizes[1] >= self.sizes[0];
        let last = self.last.as_deref().filter(|_| !is_whole);
        let changes = last.and_then(|last| self.people.pieces(0, Some(last)).ok());
        let (name, pieces) = match changes {
            Some(changes) => ("changes", changes.collect()),
            None => ("snapshot", self.people.pieces(0, None).map_err(io::Error::other)?.collect()),
        };
        let number = self.number + 1;
        let log = create_log(&self.folder, number)?;
        (self.number, self.log, self.written, self.is_torn) = (number, log, 0, false);
        // From here on, whoever is forgotten is in these pieces.
        let had_forgotten = std::mem::take(&mut self.has_forgotten);
        Ok(Cut { folder: self.folder.clone(), name, number, pieces, had_forgotten })
    }

    /// Goes on from pieces if they were written, else from those of before.
    pub(crate) fn finish(&mut self, cut: Cut, written: io::Result<()>) -> io::Result<()> {
        if written.is_err() {
            self.has_forgotten |= cut.had_forgotten;
            return written;
        }
        let size = cut.pieces.iter().map(|piece| piece.len() as u64).sum();
        match cut.name {
            "changes" => self.sizes[1] += size,
            _ => self.sizes = [size, 0],
        }
        self.last = cut.pieces.into_iter().next_back();
        Ok(())
    }
}

/// Pieces that are to be written, and the number of the log that goes on from them.
pub(crate) struct Cut {
    folder: PathBuf,
    name: &'static str,
    number: u64,
    pieces: Vec<Vec<u8>>,
    had_forgotten: bool,
}

impl Cut {
    /// Writes the pieces, and removes the files that are not needed any more. If it fails, the old ones go on.
    pub(crate) fn write(&self) -> io::Result<()> {
        let unfinished = self.folder.join("unfinished");
        let mut to = BufWriter::new(File::create(&unfinished)?);
        for piece in &self.pieces {
            to.write_all(&(piece.len() as u32).to_le_bytes())?;
            to.write_all(piece)?;
        }
        // The end, by which a whole file is known.
        to.write_all(&0u32.to_le_bytes())?;
        to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(unfinished, file(&self.folder, self.name, self.number))?;
        File::open(&self.folder)?.sync_all()?;
        let old = match self.name {
            "changes" => &["log"][..],
            _ => &["log", "changes", "snapshot"],
        };
        for name in old {
            let numbers = numbers(&self.folder, name)?.into_iter();
            for old in numbers.filter(|&old| old < self.number) {
                fs::remove_file(file(&self.folder, name, old))?;
            }
        }
        Ok(())
    }
}

fn add(people: &mut Profiles, at: Timestamp, call: &str, body: &str) -> IngestReport {
    let mut received = Received { at: Some(at), ..Received::default() };
    received.call = Some(call.to_owned());
    people.extend_json(body, &received)
}

fn file(folder: &Path, name: &str, number: u64) -> PathBuf {
    folder.join(format!("{name}-{number}"))
}

fn create_log(folder: &Path, number: u64) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(file(folder, "log", number))
}

/// The numbers of the files of a name, ascending.
fn numbers(folder: &Path, name: &str) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name();
        let number = file.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix('-'));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// What of a folder is not in the store that was restored from it.
pub(crate) struct Restored {
    /// The highest number of a file.
    newest: u64,
    last: Option<Vec<u8>>,
    sizes: [u64; 2],
    has_forgotten: bool,
}

/// Restores what a folder holds into an empty store: the state of every call that was answered. The folder may be in
/// use, as long as no snapshot is written meanwhile.
pub(crate) fn restore(folder: &Path, people: &mut Profiles) -> io::Result<Restored> {
    let snapshot = numbers(folder, "snapshot")?.pop();
    let is_later = |number: &u64| snapshot.is_some_and(|snapshot| *number > snapshot);
    let changes: Vec<u64> = numbers(folder, "changes")?.into_iter().filter(is_later).collect();
    let (mut last, mut sizes) = (None, [0; 2]);
    for (name, numbers) in [("snapshot", snapshot.as_slice()), ("changes", &changes)] {
        for &number in numbers {
            let from = file(folder, name, number);
            last = absorb(people, &from)?;
            sizes[usize::from(name == "changes")] += fs::metadata(&from)?.len();
        }
    }
    let kept = changes.last().copied().or(snapshot);
    let logs = numbers(folder, "log")?;
    let newest = logs.last().copied().max(kept).unwrap_or(0);
    let mut has_forgotten = false;
    for number in logs.into_iter().filter(|&number| Some(number) >= kept) {
        has_forgotten |= replay(people, &file(folder, "log", number))?;
    }
    Ok(Restored { newest, last, sizes, has_forgotten })
}

/// Adds the pieces of a file to a store; returns the last of them.
fn absorb(people: &mut Profiles, pieces: &Path) -> io::Result<Option<Vec<u8>>> {
    let (mut from, mut last) = (BufReader::new(File::open(pieces)?), None);
    loop {
        let mut len = [0; 4];
        from.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len);
        if len == 0 {
            return Ok(last);
        }
        let mut piece = Vec::new();
        from.by_ref().take(len.into()).read_to_end(&mut piece)?;
        people.absorb(&piece).map_err(io::Error::other)?;
        last = Some(piece);
    }
}

/// Applies a log again; whether somebody was forgotten. A last line without an end was never answered, and can
/// end inside a character.
fn replay(people: &mut Profiles, log: &Path) -> io::Result<bool> {
    let (mut from, mut line) = (BufReader::new(File::open(log)?), Vec::new());
    let mut forgets = false;
    while from.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let entry: Value = serde_json::from_slice(&line)?;
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        match &entry["forget"] {
            Value::Null => {
                let at = Timestamp::from_millis(entry["at"].as_i64().unwrap_or(0));
                add(people, at, &text(&entry["call"]), &text(&entry["body"]));
            }
            whom => {
                forgets = true;
                let forgotten = match whom {
                    Value::Array(pair) if pair.len() == 2 => {
                        people.forget((text(&pair[0]), text(&pair[1])))
                    }
                    id => ProfileId::try_from(text(id)).and_then(|id| people.forget(id)),
                };
                forgotten.map_err(io::Error::other)?;
            }
        }
        line.clear();
    }
    Ok(forgets)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use personas::features::{Feature, Measure};
    use personas::{FeatureSet, Rules};

    use super::*;

    fn people() -> Profiles {
        let features = FeatureSet::default().with(Feature::new("n", Measure::Count));
        Profiles::new(Rules::default(), features).unwrap()
    }

    #[test]
    fn a_log_that_was_cut_at_any_byte_opens_with_every_whole_call() {
        let folder = std::env::temp_dir().join(format!("personas-cut-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut kept = Kept::open(&folder, people()).unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000);
        let mut ends = vec![0];
        for user in ["Ren\u{e9}", "\u{1f600}", "c"] {
            let body = format!(r#"{{"userId":"{user}"}}"#);
            assert_eq!(kept.receive(at, "page", &body).unwrap().accepted, 1);
            ends.push(kept.written as usize);
        }
        let log = fs::read(file(&folder, "log", kept.number)).unwrap();
        for len in 0..=log.len() {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(file(&folder, "log", 1), &log[..len]).unwrap();
            let kept = Kept::open(&folder, people()).unwrap();
            let whole = ends.iter().filter(|&&end| 0 < end && end <= len).count();
            assert_eq!(kept.people.n_profiles(), whole, "{len}");
        }
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn pieces_that_could_not_be_written_leave_all_logs_and_the_next_ones_are_whole_again() {
        let folder = std::env::temp_dir().join(format!("personas-failed-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut kept = Kept::open(&folder, people()).unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000);
        let page = |kept: &mut Kept, user: &str| {
            kept.receive(at, "page", &format!(r#"{{"userId":"{user}"}}"#)).unwrap();
        };
        page(&mut kept, "ann");
        assert!(kept.forget(&("user_id", "ann").into()).unwrap());
        let cut = kept.cut().unwrap();
        page(&mut kept, "bob");
        assert!(kept.finish(cut, Err(io::ErrorKind::StorageFull.into())).is_err());
        let state = kept.people.state_hash();
        assert_eq!(Kept::open(&folder, people()).unwrap().people.state_hash(), state);
        // What comes while pieces are written is in the next log, and what is forgotten makes the next ones whole.
        let cut = kept.cut().unwrap();
        assert_eq!(cut.name, "snapshot");
        page(&mut kept, "cid");
        assert!(kept.forget(&("user_id", "bob").into()).unwrap());
        let written = cut.write();
        kept.finish(cut, written).unwrap();
        let state = kept.people.state_hash();
        assert_eq!(Kept::open(&folder, people()).unwrap().people.state_hash(), state);
        assert_eq!(kept.cut().unwrap().name, "snapshot");
        // Nobody's identifier is in no log.
        assert!(!kept.forget(&("email", "eve@mail.test").into()).unwrap());
        let cut = kept.cut().unwrap();
        let written = cut.write();
        kept.finish(cut, written).unwrap();
        let again = Kept::open(&folder, people()).unwrap();
        assert!(again.people.identity().is_forgotten(("email", "eve@mail.test")));
        for entry in fs::read_dir(&folder).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(3).any(|part| part == b"eve"));
        }
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn a_folder_in_use_is_read_as_it_would_be_after_a_kill() {
        let folder = std::env::temp_dir().join(format!("personas-in-use-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut kept = Kept::open(&folder, people()).unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000);
        for (i, user) in ["ann", "bob", "cid", "dan", "eve"].into_iter().enumerate() {
            kept.receive(at, "page", &format!(r#"{{"userId":"{user}"}}"#)).unwrap();
            if i == 3 {
                assert!(kept.forget(&("user_id", "ann").into()).unwrap());
            }
            let mut copy = people();
            restore(&folder, &mut copy).unwrap();
            assert_eq!(copy.state_hash(), kept.people.state_hash(), "{user}");
            if i % 2 == 1 {
                let cut = kept.cut().unwrap();
                let written = cut.write();
                kept.finish(cut, written).unwrap();
            }
        }
        let _ = fs::remove_dir_all(&folder);
    }

    #[test]
    fn a_log_with_a_torn_end_is_left_alone_and_a_new_one_begun() {
        let folder = std::env::temp_dir().join(format!("personas-torn-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut kept = Kept::open(&folder, people()).unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000);
        kept.receive(at, "page", r#"{"userId":"1"}"#).unwrap();
        // A write broke off, and the log could not be cut.
        kept.log.write_all(b"{\"at\": 17").unwrap();
        kept.is_torn = true;
        kept.receive(at, "page", r#"{"userId":"2"}"#).unwrap();
        drop(kept);
        assert_eq!(Kept::open(&folder, people()).unwrap().people.n_profiles(), 2);
        let _ = fs::remove_dir_all(&folder);
    }
}
