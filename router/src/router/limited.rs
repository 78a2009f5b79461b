//! Requests of clients that have limits or a budget.
//!
//! Owns when those are asked about and told of on a request's way; what they come to is
//! [`crate::limits`]'.

use http::Response;
use http::request::Parts;

use super::Router;
use crate::answer::Answer;
use crate::apart::apart;
use crate::config::Prepared;
use crate::front;
use crate::limits::charge::Reserved;
use crate::limits::{Admitted, Standing, Terms, Who, tell};

impl Router {
    /// The client of a request, if it has limits or a budget.
    pub(super) fn limits_of<'a>(
        prepared: &'a Prepared,
        client: Option<&'a str>,
    ) -> Option<Who<'a>> {
        let terms = prepared.map.clients.get(client?).and_then(Terms::of)?;
        Some(Who { client: client?, terms, env: &prepared.map.env })
    }

    /// Lets a request through that is estimated to use this much.
    ///
    /// # Errors
    /// The refusal, where that is more than its client may use.
    pub(super) async fn admit(
        &self,
        who: Who<'_>,
        charge: Reserved,
        head: &Parts,
    ) -> Result<Admitted, Box<Response<Answer>>> {
        let (client, now) = (who.client, (self.ambient.now)());
        let admitted = apart(|| self.limits.admit(who, charge, now)).await;
        admitted.map_err(|refused| {
            let mut response = tell::refusal(client, &refused);
            self.tell(&refused.standing, head, &mut response);
            Box::new(response)
        })
    }

    /// Tells a client how it stands.
    pub(super) fn tell(&self, standing: &Standing, head: &Parts, response: &mut Response<Answer>) {
        let speaks_messages = front::speaks_messages(head.uri.path(), &head.headers);
        let now = (self.ambient.now)();
        tell::standing(standing, speaks_messages, now, response.headers_mut());
    }
}
