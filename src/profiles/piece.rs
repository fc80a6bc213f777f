//! The form of a piece: frame, settings, head, columns.
//!
//! In a [frame](crate::num::frame) come, by postcard, the settings as hashes and the head, which holds what is of no
//! signature; then the evidence and the events as [columns](super::content). The checksum is also the id by
//! which a piece is known again.

use serde::{Deserialize, Serialize};

use crate::num::frame::{Frame, HEAD, checksum};
use crate::{Error, ProfileId, Result};

/// The version counts up when the form changes.
const FRAME: Frame = Frame { letters: b"personas", version: 7 };

/// What must agree between the store that made a piece and the one that absorbs it: hashes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PieceSettings {
    pub(super) rules: u128,
    /// The id of nothing, by which another key is noticed.
    pub(super) key: Option<ProfileId>,
    pub(super) features: u128,
    pub(super) is_fixed: bool,
    pub(super) options: u128,
    /// Need not agree.
    pub(super) origin: Origin,
}

/// Where a piece is from, so that equal pieces are two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) shard: u64,
    /// The number of the store's latest change.
    pub(super) at: u64,
    /// The number of the piece, from 1.
    pub(super) piece: u32,
    /// The last piece of the set before, if this one holds only what changed since.
    pub(super) after: Option<u128>,
}

/// What of a piece is of no signature. What can be long is read where it stands, so that a forged length asks for no
/// memory.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct PieceHead<'b> {
    /// The earliest time at which events are kept, in one piece.
    pub(super) horizon: Option<i64>,
    /// What is stored of every event: [`Needs`](crate::features::Needs). What either store keeps, both keep from then on.
    pub(super) needs: &'b [u8],
    /// Manual links, as [`Links`](crate::identity::Links) reads them; none if they have not changed.
    #[serde(borrow)]
    pub(super) links: Option<&'b [u8]>,
    /// Ids that were forgotten, and those of them that were allowed again since: 16 bytes each.
    pub(super) forgotten: &'b [u8],
    pub(super) allowed: &'b [u8],
    /// The signature of which an earlier piece has the first events.
    pub(super) continued: Option<u32>,
    /// How many pieces there are, in the last.
    pub(super) end: Option<u32>,
}

/// A hash that does not depend on program, platform and time.
pub(super) fn hash(value: &impl Serialize) -> u128 {
    let bytes = postcard::to_stdvec(value).expect("plain data can be written to memory");
    checksum(&bytes)
}

pub(super) fn invalid(what: &str) -> Error {
    Error::snapshot("piece", format!("{what} cannot be read"))
}

/// Makes a piece of a head and columns.
pub(super) fn write(settings: &PieceSettings, content: &[u8]) -> Vec<u8> {
    let piece = postcard::to_extend(settings, vec![0; HEAD]);
    let mut piece = piece.expect("plain data can be written to memory");
    piece.extend_from_slice(content);
    FRAME.close(&mut piece);
    piece
}

/// Checks the frame of a piece; returns its id and what is in it.
pub(super) fn open(piece: &[u8]) -> Result<(u128, &[u8])> {
    let invalid = |reason: String| Error::snapshot("piece", reason);
    FRAME.open(piece).map_err(invalid)
}
