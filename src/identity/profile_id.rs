//! The name of a profile: a 128-bit hash of one of its identifiers.

use std::fmt;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

/// A profile's id: 128 bits that look random, the same on every machine and in every run.
///
/// Shown and stored as 32 hexadecimal digits. Without a key, anyone can compute the id of an
/// e-mail address and compare: treat unkeyed ids as personal data.
/// A profile is named by its strongest identifier.
///
/// ```
/// use personas::{Event, IdentityGraph, ProfileId, Rules, Timestamp};
///
/// let mut graph = IdentityGraph::new(Rules::default())?;
/// graph.observe(&Event::new("login", Timestamp::parse("2024-05-01")?).id("email", "Ann@mail.org"))?;
/// let id = graph.get(("email", "ann@mail.org"));
/// let text = id.map(String::from).unwrap_or_default();
/// assert_eq!(text.len(), 32);
/// assert_eq!(Some(ProfileId::try_from(text)?), id);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileId(u128);

impl ProfileId {
    /// The id that a kind and a normalised value give, under a key if there is one.
    pub(crate) fn keyed(key: Option<&[u8; 16]>, kind: &str, value: &str) -> Self {
        let mut hasher = key.map_or_else(SipHasher24::new, SipHasher24::new_with_key);
        // The length first: ("ab", "c") and ("a", "bc") are different identifiers.
        hasher.write(&(kind.len() as u64).to_le_bytes());
        hasher.write(kind.as_bytes());
        hasher.write(value.as_bytes());
        Self(hasher.finish128().as_u128())
    }

    /// Its bytes, which [`ProfileId::all`] reads.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// The ids whose bytes stand end to end; none if they are not whole.
    pub(crate) fn all(bytes: &[u8]) -> Option<impl Iterator<Item = Self>> {
        let (ids, rest) = bytes.as_chunks();
        rest.is_empty().then(|| ids.iter().map(|&id| Self(u128::from_le_bytes(id))))
    }

    /// Half of it, to look it up by.
    pub(crate) fn low_bits(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<ProfileId> for String {
    fn from(id: ProfileId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ProfileId {
    type Error = crate::Error;

    fn try_from(text: String) -> crate::Result<Self> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u128::from_str_radix(&text, 16) {
            Ok(id) if digits => Ok(Self(id)),
            _ => Err(crate::Error::snapshot("ProfileId", "expected 32 hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_value_do_not_run_into_each_other() {
        assert_ne!(ProfileId::keyed(None, "ab", "c"), ProfileId::keyed(None, "a", "bc"));
    }

    #[test]
    fn ids_survive_json_and_forgeries_are_refused() {
        let id = ProfileId::keyed(None, "card", "1");
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<ProfileId>(&json).unwrap(), id);
        let texts = [
            "",
            "abc",
            "+1234567890123456789012345678901",
            "0x",
            "+123456789012345678901234567890ab",
        ];
        assert!(texts.iter().any(|text| text.len() == 32));
        let texts = texts.map(|text| format!("\"{text}\""));
        for bad in texts.iter().map(String::as_str).chain(["7"]) {
            assert!(serde_json::from_str::<ProfileId>(bad).is_err(), "{bad}");
        }
    }
}
