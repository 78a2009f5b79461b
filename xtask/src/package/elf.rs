//! What a program asks of the C library: the newest version of GLIBC that one of its symbols has.
//!
//! Owns the reading of ELF's version table; how new is too new is the gate's.

use std::fmt;

use object::read::elf::{FileHeader, SectionTable};
use object::{Endianness, elf};

/// Of GLIBC, as `2.34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl fmt::Display for Version {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}.{}", self.0, self.1)
    }
}

/// Why the versions cannot be read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is no ELF program of 64 bits, or a broken one.
    Elf(object::Error),
    /// It needs no GLIBC: then it is no program that was built for this system.
    NoGlibc,
    /// It needs something that has no number.
    Unnumbered(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elf(error) => write!(to, "it is no 64-bit ELF program: {error}"),
            Self::NoGlibc => to.write_str("it needs no version of GLIBC"),
            Self::Unnumbered(name) => write!(
                to,
                "it needs {name}, which newer systems than Amazon Linux 2023 have: build it without"
            ),
        }
    }
}

impl From<object::Error> for Unread {
    fn from(error: object::Error) -> Self {
        Self::Elf(error)
    }
}

/// The newest version of GLIBC that a program needs.
///
/// # Errors
/// When it is no such program, or asks for something without a version.
pub(super) fn newest_glibc(program: &[u8]) -> Result<Version, Unread> {
    let names = needed(program)?;
    let glibc = names.iter().filter_map(|name| name.strip_prefix("GLIBC_"));
    let versions = glibc.map(|it| version(it).ok_or_else(|| Unread::Unnumbered(it.to_owned())));
    let versions = versions.collect::<Result<Vec<_>, _>>()?;
    versions.into_iter().max().ok_or(Unread::NoGlibc)
}

/// `2.34`, or `2.2.5`, of which the last part tells no two apart here.
fn version(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some(Version(parts.next()??, parts.next()??))
}

/// The names of all versions that the program's libraries must have.
fn needed(program: &[u8]) -> Result<Vec<String>, object::Error> {
    let header = elf::FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let sections: SectionTable<'_, elf::FileHeader64<Endianness>> =
        header.sections(endian, program)?;
    let mut names = Vec::new();
    let Some((mut libraries, strings)) = sections.gnu_verneed(endian, program)? else {
        return Ok(names);
    };
    let strings = sections.strings(endian, program, strings)?;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(version("2.2.5"), Some(Version(2, 2)));
        assert_eq!(version("2.34"), Some(Version(2, 34)));
        assert_eq!(version("ABI_DT_RELR"), None);
        assert_eq!(version("PRIVATE"), None);
        assert!(Version(2, 34) > Version(2, 4));
        assert!(Version(3, 0) > Version(2, 40));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_program_needs_some_glibc() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let newest = newest_glibc(&this).unwrap();
        assert!(newest > Version(2, 2), "{newest}");
        // The gate is held against the name itself: another number in its place is read as that.
        let name = format!("GLIBC_{newest}\0").into_bytes();
        let newer =
            b"GLIBC_9.99"[..name.len() - 1].iter().chain(b"\0").copied().collect::<Vec<_>>();
        let at = this.windows(name.len()).position(|it| it == name).unwrap();
        let mut changed = this;
        changed[at..at + name.len()].copy_from_slice(&newer);
        assert_eq!(newest_glibc(&changed).unwrap().0, 9);
    }

    #[test]
    fn what_is_no_program_is_told() {
        assert!(
            newest_glibc(b"#!/bin/sh\n")
                .unwrap_err()
                .to_string()
                .starts_with("it is no 64-bit ELF")
        );
    }
}
