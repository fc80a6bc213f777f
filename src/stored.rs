//! Stored values as checksummed bytes: no flipped bit and no truncation gives another value.
//!
//! In a frame with a checksum of 128 bits come, by postcard, the name of the type and the value. A value that is read is checked as one from any serde format is: a forged checksum
//! does not make a model that a fit could not have made.
//!
//! A store of people is kept as [pieces](crate::Profiles::pieces), which can be merged.

use std::any::TypeId;
use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cluster::{
    Dendrogram, FadingDbscan, HdbscanFit, IncrementalDbscan, KMeansFit, OnlineKMeans,
};
use crate::num::frame::{Frame, HEAD};
use crate::outlier::{IsolationForestFit, LofFit};
use crate::prepare::{CohortsFit, PreprocessorFit};
use crate::reduce::{ArchetypesFit, ExactMoments, PcaFit};
use crate::scale::ScalerFit;
use crate::{Error, FeatureSet, FeatureTable, IdentityGraph, Labels, PersonaModel, Result, Rules};

/// The version counts up when the form of any stored type changes.
const FRAME: Frame = Frame { letters: b"prsnvalu", version: 1 };

/// The name of a type, by which its bytes are not read as another's; empty for the caller's own.
fn kind<T: 'static>() -> &'static str {
    let kinds = [
        (TypeId::of::<ArchetypesFit>(), "ArchetypesFit"),
        (TypeId::of::<CohortsFit>(), "CohortsFit"),
        (TypeId::of::<crate::cluster::DbscanFit>(), "DbscanFit"),
        (TypeId::of::<Dendrogram>(), "Dendrogram"),
        (TypeId::of::<ExactMoments>(), "ExactMoments"),
        (TypeId::of::<FadingDbscan>(), "FadingDbscan"),
        (TypeId::of::<FeatureSet>(), "FeatureSet"),
        (TypeId::of::<FeatureTable>(), "FeatureTable"),
        (TypeId::of::<HdbscanFit>(), "HdbscanFit"),
        (TypeId::of::<IdentityGraph>(), "IdentityGraph"),
        (TypeId::of::<IncrementalDbscan>(), "IncrementalDbscan"),
        (TypeId::of::<IsolationForestFit>(), "IsolationForestFit"),
        (TypeId::of::<KMeansFit>(), "KMeansFit"),
        (TypeId::of::<Labels>(), "Labels"),
        (TypeId::of::<LofFit>(), "LofFit"),
        (TypeId::of::<OnlineKMeans>(), "OnlineKMeans"),
        (TypeId::of::<PcaFit>(), "PcaFit"),
        (TypeId::of::<PersonaModel>(), "PersonaModel"),
        (TypeId::of::<PreprocessorFit>(), "PreprocessorFit"),
        (TypeId::of::<Rules>(), "Rules"),
        (TypeId::of::<ScalerFit>(), "ScalerFit"),
    ];
    kinds.iter().find(|(id, _)| *id == TypeId::of::<T>()).map_or("", |(_, name)| name)
}

fn invalid(reason: impl Into<Cow<'static, str>>) -> Error {
    Error::snapshot("value", reason)
}

/// Writes a fitted model, a table, a set of features, rules or a graph as bytes with a version, a type and a
/// checksum, by which every flipped bit is detected.
///
/// Equal values give equal bytes. Your own types, such as a struct of a scaler and a model, can be written too;
/// for these, keeping the format compatible is up to you. Cost: one pass over the value, plus about one second
/// per gigabyte for the checksum.
///
/// ```
/// use personas::cluster::KMeansFit;
/// use personas::stored::{from_bytes, to_bytes};
/// use personas::{KMeans, Labels, ndarray::array};
///
/// let fit = KMeans::new(2).fit(&array![[0.0], [1.0], [10.0]])?;
/// let bytes = to_bytes(&fit)?;
/// assert_eq!(from_bytes::<KMeansFit>(&bytes)?, fit);
///
/// let mut flipped = bytes.clone();
/// flipped[bytes.len() - 1] ^= 1;
/// assert!(from_bytes::<KMeansFit>(&flipped).is_err());
/// // A type is not read as another one.
/// assert!(from_bytes::<Labels>(&bytes).is_err());
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSnapshot`] for a value that serde cannot write.
pub fn to_bytes<T: Serialize + 'static>(value: &T) -> Result<Vec<u8>> {
    let content = postcard::to_extend(&(kind::<T>(), value), vec![0; HEAD]);
    let mut bytes = content.map_err(|_| invalid("it has no form that can be written"))?;
    FRAME.close(&mut bytes);
    Ok(bytes)
}

/// Reads what [`to_bytes`] wrote, and checks all of it. [`to_bytes`] has an example.
///
/// Cost: one pass over the bytes; memory is bounded by the elements that are read.
///
/// # Errors
/// [`Error::InvalidSnapshot`] for other bytes: cut, changed, of another version or of another type; and for
/// a value that breaks its own invariants.
pub fn from_bytes<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T> {
    let (_, content) = FRAME.open(bytes).map_err(invalid)?;
    let unreadable = |_| invalid("its content cannot be read as this type");
    let (name, rest) = postcard::take_from_bytes::<&str>(content).map_err(unreadable)?;
    if name != kind::<T>() {
        return Err(invalid("the bytes are of another type"));
    }
    match postcard::take_from_bytes(rest).map_err(unreadable)? {
        (value, []) => Ok(value),
        _ => Err(invalid("there are bytes behind the value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(content: &[u8]) -> Vec<u8> {
        let mut bytes = to_bytes(&0u8).unwrap();
        bytes.truncate(HEAD);
        bytes.extend(content);
        FRAME.close(&mut bytes);
        bytes
    }

    #[test]
    fn a_right_checksum_does_not_make_a_wrong_value_right() {
        let labels = Labels::new([Some(0), None]).unwrap();
        let bytes = to_bytes(&labels).unwrap();
        assert_eq!(sealed(&bytes[HEAD..]), bytes);
        let reason = |bytes: &[u8]| from_bytes::<Labels>(bytes).unwrap_err().to_string();
        let longer = [&bytes[HEAD..], &[0]].concat();
        assert!(reason(&sealed(&longer)).contains("behind the value"));
        // Two labels, of cluster 7.
        let forged = postcard::to_stdvec(&("Labels", [Some(7u8), None].as_slice(), 1u8)).unwrap();
        assert!(reason(&sealed(&forged)).contains("cannot be read"));
        assert!(reason(&sealed(b"\xff")).contains("cannot be read"));
        let other = to_bytes(&Rules::default()).unwrap();
        assert!(reason(&other).contains("another type"));
    }

    #[test]
    fn a_claimed_length_costs_no_memory() {
        // 2⁶² labels.
        let mut forged = postcard::to_stdvec("Labels").unwrap();
        forged.extend(postcard::to_stdvec(&(1u64 << 62)).unwrap());
        assert!(from_bytes::<Labels>(&sealed(&forged)).is_err());
    }

    #[test]
    fn bytes_of_the_callers_own_types_come_back() {
        let own = (Rules::default(), vec![0.1, f64::INFINITY]);
        let bytes = to_bytes(&own).unwrap();
        assert!(from_bytes::<(Rules, Vec<f64>)>(&bytes).unwrap() == own);
        assert!(from_bytes::<Rules>(&bytes).is_err());
    }
}
