//! Room for what few requests need.
//!
//! Owns nothing but where such a future stands: away from the way that all requests go. A function that
//! few requests need is kept away from it by `#[inline(never)]`, and one that only refuses by `#[cold]`.

use std::future::Future;
use std::pin::Pin;

/// A future in a box of its own.
pub(crate) type Apart<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The future of `make`, apart: in a box, so that the future that waits for it has no room for it,
/// and made and polled in functions of their own, so that the stack has none either. A function
/// takes the room of all that it might call where the compiler makes one of both, and touches each
/// page of it, whether it calls it or not: that was 250 kB a request (`docs/benchmarks.md`).
#[cold]
#[inline(never)]
pub(crate) fn apart<'a, F>(make: impl FnOnce() -> F) -> Apart<'a, F::Output>
where
    F: Future + Send + 'a,
{
    Box::pin(make())
}
