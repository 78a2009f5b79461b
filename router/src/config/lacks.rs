//! Services that a provider's models turned out not to have.
//!
//! Owns what is remembered, for as long as a map is in force. Where the map does not say what a model
//! has, it is found out by asking: few compatible servers have everything and none says which.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use crate::wire::UpstreamError;
use crate::wire::dialect::Service;

/// Remembered by service and model.
#[derive(Debug, Default)]
pub struct Lacks(RwLock<BTreeSet<(Service, String)>>);

/// How much is remembered at most; a map names few models.
const MOST: usize = 1000;

impl Lacks {
    /// Whether a model is known to lack a service.
    pub(crate) fn lacks(&self, service: Service, model: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(lacked, of)| *lacked == service && of == model)
    }

    /// Learns from an error; whether it says that the model lacks the service.
    pub(crate) fn learn(&self, service: Service, model: &str, error: &UpstreamError) -> bool {
        if !says_so(service, error) {
            return false;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.insert((service, model.to_owned()));
        }
        true
    }
}

fn says_so(service: Service, error: &UpstreamError) -> bool {
    match error.failure.status {
        Some(404 | 405 | 501) => true,
        // On Bedrock each action is a permission of its own.
        Some(403) => service == Service::CountTokens,
        // Azure's word for it.
        Some(400) => error.code.as_deref() == Some("OperationNotSupported"),
        _ => false,
    }
}
