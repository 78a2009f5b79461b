//! The three cyclic checksums of S3, under the names by which the AWS SDK asks for them.
//!
//! Owns the checksums and nothing else. `[patch]` in the workspace puts it in the place of the crate
//! `crc-fast`, whose tables for every known checksum were a ninth of the packed function, and whose
//! speed is for gigabytes: what passes here is a map or a record.

mod table;

use table::Table;

/// A checksum of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// CRC-32, as zip and gzip have it: what the SDK itself sends.
    Crc32IsoHdlc,
    /// CRC-32C.
    Crc32Iscsi,
    /// CRC-64/NVME: what S3 adds to objects that came without any.
    Crc64Nvme,
}

/// A checksum of bytes that come in pieces.
#[derive(Debug, Clone)]
pub struct Digest(State);

#[derive(Debug, Clone)]
enum State {
    Iso(crc32fast::Hasher),
    Table { table: &'static Table, crc: u64 },
}

impl Digest {
    /// The checksum of nothing so far.
    #[must_use]
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        let of = |table| State::Table { table, crc: 0 };
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => State::Iso(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => of(&table::CASTAGNOLI),
            CrcAlgorithm::Crc64Nvme => of(&table::NVME),
        })
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Iso(hasher) => hasher.update(data),
            State::Table { table, crc } => *crc = table.update(*crc, data),
        }
    }

    /// The checksum of all of them; one of 32 bits stands in the lower half.
    #[must_use]
    pub fn finalize(&self) -> u64 {
        match &self.0 {
            State::Iso(hasher) => hasher.clone().finalize().into(),
            State::Table { crc, .. } => *crc,
        }
    }
}

/// The checksum of bytes that are all there.
#[must_use]
pub fn checksum(algorithm: CrcAlgorithm, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [(CrcAlgorithm, u64); 3] = [
        (CrcAlgorithm::Crc32IsoHdlc, 0xcbf4_3926),
        (CrcAlgorithm::Crc32Iscsi, 0xe306_9283),
        (CrcAlgorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
    ];

    /// The check value of each, as the catalogue of parametrised CRC algorithms has it.
    #[test]
    fn each_is_the_one_of_its_name() {
        for (algorithm, check) in ALL {
            assert_eq!(checksum(algorithm, b"123456789"), check, "{algorithm:?}");
            assert_eq!(checksum(algorithm, b""), 0, "{algorithm:?}");
        }
        // RFC 3720, B.4: 32 bytes of zeros, and 32 of ones.
        assert_eq!(checksum(CrcAlgorithm::Crc32Iscsi, &[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(CrcAlgorithm::Crc32Iscsi, &[0xff; 32]), 0x62a8_ab43);
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_as_the_whole(bytes: Vec<u8>, cut: prop::sample::Index) {
            let (head, rest) = bytes.split_at(cut.index(bytes.len() + 1));
            for (algorithm, _) in ALL {
                let mut digest = Digest::new(algorithm);
                digest.update(head);
                digest.update(rest);
                prop_assert_eq!(digest.finalize(), checksum(algorithm, &bytes));
            }
        }
    }
}
