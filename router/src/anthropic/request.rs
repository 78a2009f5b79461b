//! The client's request, turned into a Messages request.
//!
//! Owns the top level; turns and their blocks are in `turns`.

use crate::openai::request::{ChatRequest, RequestError, Target, UpstreamRequest};

/// The Messages request for a link. Errors name the message and the part that cannot be said in
/// this protocol.
pub fn build(request: &ChatRequest, target: &Target<'_>) -> Result<UpstreamRequest, RequestError> {
    let _ = (request, target);
    todo!()
}
