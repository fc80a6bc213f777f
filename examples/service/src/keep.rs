//! What makes the service durable: a log of what was received, and pieces from time to time.
//!
//! A body is written to the log before it is applied and answered. From time to time a new log is begun, and
//! what changed since the last time is written as pieces, `changes-N`; if that is not known, or when the changes
//! have become as large as the store, the whole store, `snapshot-N`. Then the files that are not needed any more
//! go. On start, the newest snapshot is absorbed, then the changes after it, and the logs from their number on are
//! applied again: the state is that of never having stopped.
//!
//! What somebody sent who was then forgotten stays in the log, and in the pieces of before, until a whole snapshot
//! was written: the next one after a forgetting is whole. That is after five minutes at most, or at the end of the
//! process; if the disk is full, when it is not any more. The log itself names the forgotten by their profile id
//! where they have one.

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

/// Sizes by which the next snapshot is whole.
const WHOLE: [u64; 2] = [0; 2];

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
        let snapshot = numbers(folder, "snapshot")?.pop();
        let is_later = |number: &u64| snapshot.is_some_and(|snapshot| *number > snapshot);
        let changes: Vec<u64> = numbers(folder, "changes")?.into_iter().filter(is_later).collect();
        let (mut last, mut sizes) = (None, [0; 2]);
        for (name, numbers) in [("snapshot", snapshot.as_slice()), ("changes", &changes)] {
            for &number in numbers {
                let from = file(folder, name, number);
                last = absorb(&mut people, &from)?;
                sizes[usize::from(name == "changes")] += fs::metadata(&from)?.len();
            }
        }
        let kept = changes.last().copied().or(snapshot);
        let logs = numbers(folder, "log")?;
        let newest = logs.last().copied().max(kept).unwrap_or(0);
        for number in logs.into_iter().filter(|&number| Some(number) >= kept) {
            if replay(&mut people, &file(folder, "log", number))? {
                sizes = WHOLE;
            }
        }
        // The last line of an old log can be torn; so nothing is added to it.
        let (folder, number) = (folder.to_owned(), newest + 1);
        let log = create_log(&folder, number)?;
        Ok(Self { people, folder, number, last, sizes, log, written: 0, is_torn: false })
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

    /// Keeps that somebody is to be forgotten, and forgets them.
    pub(crate) fn forget(&mut self, who: &Subject<'_>) -> io::Result<()> {
        let entry = match who {
            Subject::Profile(id) => json!({"forget": id}),
            Subject::Identifier(id) => json!({"forget": [id.kind, id.value]}),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        self.append(&entry)?;
        self.sizes = WHOLE;
        self.people.forget(who.clone()).map(|_| ()).map_err(io::Error::other)
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

    /// Writes what changed, or the whole store, as pieces, begins a new log, and removes the files that are not
    /// needed any more. If it fails, the old ones go on.
    pub(crate) fn snapshot(&mut self) -> io::Result<()> {
        let last = self.last.as_deref().filter(|_| self.sizes[1] < self.sizes[0]);
        let changes = last.and_then(|last| self.people.pieces(0, Some(last)).ok());
        let all = || self.people.pieces(0, None).map_err(io::Error::other);
        let (name, (size, last)) = match changes {
            Some(changes) => ("changes", self.write(changes)?),
            None => ("snapshot", self.write(all()?)?),
        };
        let number = self.number + 1;
        let log = create_log(&self.folder, number)?;
        fs::rename(self.folder.join("unfinished"), file(&self.folder, name, number))?;
        File::open(&self.folder)?.sync_all()?;
        (self.number, self.log, self.written, self.is_torn) = (number, log, 0, false);
        self.last = last;
        let old = match name {
            "changes" => {
                self.sizes[1] += size;
                &["log"][..]
            }
            _ => {
                self.sizes = [size, 0];
                &["log", "changes", "snapshot"]
            }
        };
        for name in old {
            for old in numbers(&self.folder, name)?.into_iter().filter(|&old| old < number) {
                fs::remove_file(file(&self.folder, name, old))?;
            }
        }
        Ok(())
    }

    /// Writes pieces to a file that is not finished; returns their bytes and the last of them.
    fn write(&self, pieces: impl Iterator<Item = Vec<u8>>) -> io::Result<(u64, Option<Vec<u8>>)> {
        let mut to = BufWriter::new(File::create(self.folder.join("unfinished"))?);
        let (mut size, mut last) = (0, None);
        for piece in pieces {
            to.write_all(&(piece.len() as u32).to_le_bytes())?;
            to.write_all(&piece)?;
            size += piece.len() as u64;
            last = Some(piece);
        }
        // The end, by which a whole file is known.
        to.write_all(&0u32.to_le_bytes())?;
        to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok((size, last))
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
