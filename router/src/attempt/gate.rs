//! The breakers on the way of one request.
//!
//! Owns the ticket between the moment when a link is let through and its call; which links are
//! asked about is decided by [`model_map::Attempts`].

use super::Exchange;
use crate::breakers::Ticket;

/// Lets links through, and holds the ticket of the last one.
pub(super) struct Gate<'e> {
    exchange: &'e Exchange<'e>,
    ticket: Option<Ticket>,
}

impl<'e> Gate<'e> {
    pub(super) fn new(exchange: &'e Exchange<'e>) -> Self {
        Self { exchange, ticket: None }
    }

    /// Whether a link of the chain may be called.
    pub(super) fn admits(&mut self, link: usize) -> bool {
        let model = self.model(link);
        self.ticket = self.exchange.breakers.admit(model);
        if self.ticket.is_none()
            && let Some(trail) = self.exchange.trail
        {
            trail.skips(model);
        }
        self.ticket.is_some()
    }

    /// The ticket of a link that is called now.
    pub(super) fn ticket(&mut self, link: usize) -> Ticket {
        let held = self.ticket.take();
        held.unwrap_or_else(|| self.exchange.breakers.admit_last(self.model(link)))
    }

    fn model(&self, link: usize) -> &'e str {
        self.exchange.plan.chain.get(link).map_or("?", |link| link.key)
    }
}
