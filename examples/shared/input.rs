//! Opens a file for reading, unpacking it on the way if it is gzipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

const BUFFER: usize = 1 << 20;

/// A file, plain or gzipped.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    unpacked(File::open(path)?)
}

/// Bytes, plain or gzipped: told apart by how they begin, whatever the file is called.
pub(crate) fn unpacked(bytes: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut bytes = BufReader::with_capacity(BUFFER, bytes);
    if bytes.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(bytes))));
    }
    Ok(Box::new(bytes))
}
