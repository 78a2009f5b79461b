//! What is noted of a request on its way.
//!
//! Owns what goes into the notes; who is told of them is [`crate::observer`]'s.

use std::sync::Arc;

use http::Response;
use model_map::{Audit, Draw, Plan};

use super::{Arrived, Router};
use crate::answer::Answer;
use crate::audit::Trail;
use crate::audit::trail::Planned;
use crate::facts::RequestFacts;
use crate::front::Front;
use crate::limits::Admitted;
use crate::observer::Refused;

impl Router {
    /// The notes of a request, if anybody observes or its client is limited.
    pub(super) fn trail(
        &self,
        (front, arrived): (Front, Arrived<'_>),
        plan: &Plan<'_>,
        (facts, draw): (&RequestFacts<'_>, Draw),
        admitted: Option<Admitted>,
    ) -> Option<Trail> {
        let observer = self.observer.as_ref();
        if observer.is_none() && admitted.is_none() {
            return None;
        }
        let audit = plan.role.audit;
        let kept = observer.is_some_and(|observer| observer.keeps(audit));
        let noted = kept.then(|| arrived.prepared.asked().facts(facts));
        let samples = observer.is_some_and(|observer| observer.sampler().is_some());
        let planned = Planned {
            id: arrived.id,
            front,
            trace: arrived.trace.cloned(),
            time: (self.ambient.now)(),
            stopwatch: arrived.stopwatch,
            prepared: Arc::clone(arrived.prepared),
            role: plan.role_name.to_owned(),
            rule: plan.rule.to_owned(),
            audit,
            draw: draw.as_percent(),
            holds: arrived.holds,
            ends: arrived.ends,
            facts: noted.unwrap_or_else(|| facts.basic(samples)),
            request: (kept && audit == Audit::Full).then(|| facts.body().clone()),
        };
        Some(Trail::begin(observer, admitted, planned))
    }

    /// Tells of a request that was turned away before it had a plan.
    pub(super) fn refused(
        &self,
        response: &Response<Answer>,
        (front, arrived): (Front, Arrived<'_>),
    ) {
        let Some(observer) = &self.observer else { return };
        if !matches!(response.body(), Answer::Whole(_)) {
            return;
        }
        observer.refused(Refused {
            time: (self.ambient.now)(),
            id: arrived.id,
            front,
            trace: arrived.trace.cloned(),
            status: response.status().as_u16(),
            total: arrived.stopwatch.elapsed(),
            env: arrived.prepared.map.env.clone(),
        });
    }
}
