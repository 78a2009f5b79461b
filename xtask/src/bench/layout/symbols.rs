//! A program's functions, and how much of it the script placed.
//!
//! Owns the reading of ELF's tables.

use object::read::elf::ElfFile64;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::trouble::{Doing, Trouble};

/// The section that the script makes.
const SECTION: &str = ".text.hot";

/// A function of a program that was not stripped.
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: u64,
}

/// All functions.
///
/// # Errors
/// When it is no such program, or was stripped.
pub(super) fn functions(program: &[u8]) -> Result<Vec<Function<'_>>, Trouble> {
    let file = read(program)?;
    let symbols = file.symbols().filter(|it| it.kind() == SymbolKind::Text && it.is_definition());
    let functions = symbols
        .filter_map(|it| Some(Function { name: it.name().ok()?, bytes: it.size() }))
        .collect::<Vec<_>>();
    match functions.is_empty() {
        true => Err(Trouble::new("read the router's symbols", "it was stripped")),
        false => Ok(functions),
    }
}

/// The bytes of code that the linker put together; 0 without the script.
///
/// # Errors
/// When it is no such program.
pub(crate) fn placed_together(program: &[u8]) -> Result<u64, Trouble> {
    let file = read(program)?;
    Ok(file.section_by_name(SECTION).map_or(0, |section| section.size()))
}

fn read(program: &[u8]) -> Result<ElfFile64<'_>, Trouble> {
    ElfFile64::parse(program).doing("read the router as a 64-bit ELF program")
}
