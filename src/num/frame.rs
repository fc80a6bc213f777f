//! A frame around bytes: letters, version, length, checksum.
//!
//! Eight letters say what the bytes are; then come the version of their form, the number of bytes after the
//! frame, and their SipHash-2-4 of 128 bits, by which every flipped bit and every truncation is noticed.
//!
//! Cost: one pass over the bytes, about a gigabyte a second.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

/// Bytes of a frame: letters, version, length, checksum.
pub(crate) const HEAD: usize = 8 + 4 + 8 + 16;

/// What a frame says of its content.
pub(crate) struct Frame {
    pub(crate) letters: &'static [u8; 8],
    pub(crate) version: u32,
}

/// SipHash-2-4 of 128 bits, without a key.
pub(crate) fn checksum(bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish128().as_u128()
}

impl Frame {
    /// Fills in the frame of bytes whose first [`HEAD`] are left for it.
    pub(crate) fn close(&self, bytes: &mut [u8]) {
        let (head, content) = bytes.split_at_mut(HEAD);
        head[..8].copy_from_slice(self.letters);
        head[8..12].copy_from_slice(&self.version.to_le_bytes());
        head[12..20].copy_from_slice(&(content.len() as u64).to_le_bytes());
        head[20..].copy_from_slice(&checksum(content).to_le_bytes());
    }

    /// Checks a frame; returns the checksum and the content, or what is wrong.
    pub(crate) fn open<'b>(&self, bytes: &'b [u8]) -> Result<(u128, &'b [u8]), String> {
        let (head, content) = bytes.split_at_checked(HEAD).ok_or("it is too short")?;
        if !head.starts_with(self.letters) {
            return Err(format!(
                "it does not begin with {:?}",
                self.letters.escape_ascii().to_string()
            ));
        }
        if head[8..12] != self.version.to_le_bytes() {
            let version = self.version;
            return Err(format!("it has another version than {version}, which this release reads"));
        }
        if head[12..20] != (content.len() as u64).to_le_bytes() {
            return Err("it was cut, or has more bytes than it says".into());
        }
        let sum = checksum(content);
        if head[20..] != sum.to_le_bytes() {
            return Err("its checksum is wrong".into());
        }
        Ok((sum, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { letters: b"exampleb", version: 3 };

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let mut bytes = vec![0; HEAD];
        bytes.extend(b"content");
        FRAME.close(&mut bytes);
        assert_eq!(FRAME.open(&bytes), Ok((checksum(b"content"), &b"content"[..])));
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FRAME.open(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            assert!(FRAME.open(&bytes[..len]).is_err(), "{len}");
        }
        bytes.push(0);
        assert!(FRAME.open(&bytes).is_err());
        assert!(Frame { version: 4, ..FRAME }.open(&bytes).unwrap_err().contains("version than 4"));
    }
}
