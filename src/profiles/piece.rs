//! The form of a piece: letters, version, length, checksum, settings, content.
//!
//! A piece begins with the letters `personas`, the version, the number of bytes after the checksum, and
//! the checksum: SipHash-2-4 of 128 bits, so that no flipped bit passes. Then, by postcard, come the
//! settings as hashes, and the content. The checksum is also the id by which a piece is known again.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::features::Needs;
use crate::identity::{Evidence, Pair};
use crate::{Error, ProfileId, Result};

const MAGIC: &[u8; 8] = b"personas";
/// Counts up when the form changes.
const VERSION: u32 = 2;
/// Bytes before the content: letters, version, length, checksum.
const HEAD: usize = 8 + 4 + 4 + 16;

/// What must agree between the store that made a piece and the one that absorbs it: hashes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) rules: u128,
    /// The id of nothing, by which another key is noticed.
    pub(super) key: Option<ProfileId>,
    pub(super) features: u128,
    pub(super) is_fixed: bool,
    pub(super) options: u128,
    /// What is stored of every event. Need not agree: what either stores, both store from then on.
    pub(super) needs: Needs,
    /// The shard, and the number of the piece in it, so that equal pieces are two. Need not agree.
    pub(super) origin: (u64, u32),
}

/// The content of a piece.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) evidence: Evidence,
    /// The earliest time at which events are kept, in the first piece of a store.
    pub(super) horizon: Option<i64>,
    /// Must-links, cannot-links, and links of aliases that were taken back.
    pub(super) links: [Vec<Pair>; 3],
    pub(super) texts: Vec<String>,
    /// Whether it is an attribute, and its name.
    pub(super) fields: Vec<(bool, String)>,
    /// What is stored of each signature, in the order of the evidence.
    pub(super) histories: Vec<History>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct History {
    pub(super) events: Vec<Stored>,
    pub(super) summary: Option<Vec<u64>>,
}

/// An event; texts and fields are numbers in the piece.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) at: i64,
    pub(super) name: Option<u32>,
    /// The keyed hash of the message id; 0 without one.
    pub(super) message: u128,
    pub(super) values: Vec<Cell>,
}

/// Field, item, number, text.
pub(super) type Cell = (Option<u32>, u16, Option<f64>, Option<u32>);

/// A hash that does not depend on program, platform and time.
pub(super) fn hash(value: &impl Serialize) -> u128 {
    let bytes = postcard::to_stdvec(value).expect("plain data can be written to memory");
    bytes_hash(&bytes)
}

fn bytes_hash(bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish128().as_u128()
}

pub(super) fn invalid(what: &str) -> Error {
    Error::InvalidSnapshot { what: "piece", reason: format!("{what} cannot be read").into() }
}

/// Writes a piece.
pub(super) fn frame(settings: &Settings, content: &Content) -> Vec<u8> {
    let mut piece = vec![0; HEAD];
    for part in [postcard::to_stdvec(settings), postcard::to_stdvec(content)] {
        piece.extend(part.expect("plain data can be written to memory"));
    }
    let (id, len) = (bytes_hash(&piece[HEAD..]), (piece.len() - HEAD) as u32);
    piece[..8].copy_from_slice(MAGIC);
    piece[8..12].copy_from_slice(&VERSION.to_le_bytes());
    piece[12..16].copy_from_slice(&len.to_le_bytes());
    piece[16..32].copy_from_slice(&id.to_le_bytes());
    piece
}

/// Checks the frame of a piece; returns its id and what is in it.
pub(super) fn open(piece: &[u8]) -> Result<(u128, &[u8])> {
    let refuse =
        |reason: &str| Error::InvalidSnapshot { what: "piece", reason: reason.to_owned().into() };
    let Some((head, content)) = piece.split_at_checked(HEAD) else {
        return Err(refuse("it is too short"));
    };
    let number = |range: std::ops::Range<usize>| {
        head[range].iter().rev().fold(0u128, |number, &byte| number << 8 | u128::from(byte))
    };
    if &head[..8] != MAGIC {
        return Err(refuse("it does not begin with \"personas\""));
    }
    if number(8..12) != u128::from(VERSION) {
        return Err(refuse("it has another version than 2, which this release reads"));
    }
    if number(12..16) != content.len() as u128 {
        return Err(refuse("it was cut, or has more bytes than it says"));
    }
    let id = number(16..32);
    if bytes_hash(content) != id {
        return Err(refuse("its checksum is wrong"));
    }
    Ok((id, content))
}
