//! Checksums by a table of 256 numbers, a byte at a time.
//!
//! Owns the tables, which are worked out when this is compiled.

/// What a byte makes of a checksum's lowest byte. The bits of all are mirrored, and begin and end
/// inverted.
#[derive(Debug)]
pub(crate) struct Table {
    by_byte: [u64; 256],
    /// As many bits as the checksum has.
    mask: u64,
}

/// CRC-32C.
pub(crate) static CASTAGNOLI: Table = Table::of(0x82f6_3b78, 32);
/// CRC-64/NVME.
pub(crate) static NVME: Table = Table::of(0x9a6c_9329_ac4b_c9b5, 64);

impl Table {
    /// The table of a polynomial with mirrored bits.
    #[expect(
        clippy::indexing_slicing,
        reason = "the place is below 256, and constants have no `get_mut`"
    )]
    const fn of(polynomial: u64, bits: u32) -> Self {
        let mut by_byte = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte as u64;
            let mut bit = 0;
            while bit < 8 {
                crc = (crc >> 1) ^ if crc & 1 == 1 { polynomial } else { 0 };
                bit += 1;
            }
            by_byte[byte] = crc;
            byte += 1;
        }
        Self { by_byte, mask: u64::MAX >> (64 - bits) }
    }

    /// The checksum of what `crc` is one of, followed by these bytes.
    pub(crate) fn update(&self, crc: u64, data: &[u8]) -> u64 {
        let inverted = data.iter().fold(crc ^ self.mask, |crc, byte| {
            let [lowest, ..] = crc.to_le_bytes();
            let place = usize::from(lowest ^ byte);
            // Every byte has its place.
            (crc >> 8) ^ self.by_byte.get(place).copied().unwrap_or_default()
        });
        inverted ^ self.mask
    }
}
