//! A statement or key of a block: written or not, readable or not.
//!
//! Owns how slots fall back; what is in them is typed where they are made.

use crate::diagnostic::Diagnostic;
use crate::program::Placed;
use crate::rules::duplicate;
use crate::span::Span;

/// Something that is written. Without a value its finding has been given, and it still stands in
/// the place of what it replaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<T> {
    pub(super) span: Span,
    pub(super) value: Option<T>,
}

/// Something that may be written once in a block.
pub(super) type Slot<T> = Option<Written<T>>;

/// Writes a slot; the second time is a finding, and the first stands.
pub(super) fn put<T>(
    slot: &mut Slot<T>,
    what: &str,
    span: Span,
    value: Option<T>,
    findings: &mut Vec<Diagnostic>,
) {
    match slot {
        Some(first) => findings.push(duplicate::statement(what, first.span, span)),
        None => *slot = Some(Written { span, value }),
    }
}

/// This slot, and `base`'s where nothing is written.
pub(super) fn over<T: Clone>(slot: Slot<T>, base: &Slot<T>) -> Slot<T> {
    slot.or_else(|| base.clone())
}

/// The slot's value and place.
pub(super) fn placed<T: Clone>(slot: &Slot<T>) -> Option<Placed<T>> {
    let written = slot.as_ref()?;
    Some(Placed { value: written.value.clone()?, span: Some(written.span) })
}

/// The slot's value and place, else what is built in.
pub(super) fn placed_or<T: Clone>(slot: &Slot<T>, built_in: T) -> Placed<T> {
    placed(slot).unwrap_or_else(|| Placed::built_in(built_in))
}

/// Whether it is written and cannot be read.
pub(super) fn is_hole<T>(slot: &Slot<T>) -> bool {
    slot.as_ref().is_some_and(|written| written.value.is_none())
}
