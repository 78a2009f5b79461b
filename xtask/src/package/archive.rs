//! The zip that Lambda takes.
//!
//! Owns its one entry: name, rights, time and compression are fixed, so that one program is always
//! the same zip, and a deployment without a change changes nothing.

use std::fmt::Write as _;
use std::io::{Cursor, Write};

use sha2::{Digest, Sha256};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

/// The name that Lambda starts.
const NAME: &str = "bootstrap";
/// Everyone may read and run it: Lambda's user is nobody's.
const RIGHTS: u32 = 0o755;

/// Packs a program.
///
/// # Errors
/// When it is too large for a zip.
pub(super) fn pack(program: &[u8]) -> ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default())
        .unix_permissions(RIGHTS)
        // The same bytes wherever it is packed.
        .system(System::Unix);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(NAME, options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}

/// The hash of a program, in hexadecimal digits.
pub(super) fn sha256(program: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(program) {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    #[test]
    fn a_program_is_packed_to_be_run_and_always_the_same() {
        let program = b"\x7fELF and so on".repeat(500);
        let packed = pack(&program).unwrap();
        assert_eq!(packed, pack(&program).unwrap());
        assert!(packed.len() < program.len() / 2);
        let mut zip = ZipArchive::new(Cursor::new(packed)).unwrap();
        assert_eq!(zip.len(), 1);
        let mut entry = zip.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode(), Some(0o100_755));
        assert_eq!(entry.last_modified(), Some(DateTime::default()));
        let mut unpacked = Vec::new();
        entry.read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, program);
    }
}
