//! A committed stream that broke off, and the links that may continue it.
//!
//! Owns what outlives the request's own handling for that: the map, the plan and the client's
//! request. Which link is called is [`model_map::Attempts::broke`]'s to say, what it is asked
//! [`crate::resume`]'s.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model_map::{Attempts, Commit, Failure, Parameters, Plan, Role, Step, System, Timeouts};

use super::Exchange;
use super::call::{self, Content};
use super::read::Started;
use crate::apart::Apart;
use crate::audit::trail::AttemptNotes;
use crate::breakers::{Breakers, Ticket};
use crate::clock::{Ambient, Stopwatch};
use crate::config::{Config, Prepared};
use crate::front::ClientRequest;
use crate::resume::{Continuation, Heard, Joint};
use crate::telemetry::trace::Trace;
use crate::upstream::Clients;
use crate::wire::UpstreamError;

/// What a continuation is made with.
pub struct Resumption {
    /// The attempts so far.
    pub attempts: Attempts,
    /// See [`Exchange`].
    pub ambient: Ambient,
    /// See [`Exchange`].
    pub breakers: Arc<Breakers>,
    /// See [`Exchange`].
    pub clients: Arc<Clients>,
    /// See [`Exchange`].
    pub config: Arc<Config>,
    /// See [`Exchange`].
    pub prepared: Arc<Prepared>,
    /// The request's way through the map.
    pub plan: OwnPlan,
    /// What the client sent.
    pub request: ClientRequest,
    /// Running since the request came in.
    pub stopwatch: Stopwatch,
    /// See [`Exchange`].
    pub trace: Option<Arc<Trace>>,
}

/// A [`Plan`] that borrows nothing.
pub struct OwnPlan {
    arm: usize,
    chain: Vec<String>,
    parameters: Parameters,
    role_name: String,
    rule: String,
    system: System,
    timeouts: Timeouts,
    role: Role,
}

impl OwnPlan {
    /// A copy of a plan. What continues an answer commits with its first token, whatever the role
    /// says: only then is it known to go on.
    pub fn of(plan: &Plan<'_>) -> Self {
        Self {
            arm: plan.arm,
            chain: plan.chain.iter().map(|link| link.key.to_owned()).collect(),
            parameters: plan.parameters,
            role_name: plan.role_name.to_owned(),
            rule: plan.rule.to_owned(),
            system: plan.system.clone(),
            timeouts: plan.timeouts,
            role: Role { commit: Commit::FirstToken, ..plan.role.clone() },
        }
    }

    fn plan<'p>(&'p self, prepared: &'p Prepared) -> Plan<'p> {
        let models = &prepared.map.models;
        let planned = |key: &String| {
            let (key, model) = models.get_key_value(key)?;
            Some(model_map::PlannedLink { key, model })
        };
        Plan {
            arm: self.arm,
            // A plan's models are its map's.
            chain: self.chain.iter().filter_map(planned).collect(),
            parameters: self.parameters,
            role: &self.role,
            role_name: &self.role_name,
            rule: &self.rule,
            system: &self.system,
            timeouts: self.timeouts,
        }
    }
}

/// What came of looking for a link that continues an answer.
pub(super) struct Resumed {
    /// For the next time.
    pub(super) resumption: Box<Resumption>,
    pub(super) heard: Heard,
    /// The continuation; none when no link can or will.
    pub(super) found: Option<Found>,
}

/// An answer that goes on.
pub(super) struct Found {
    pub(super) started: Started,
    pub(super) joint: Joint,
    pub(super) ticket: Ticket,
}

/// The calls of a search, for who is left with them where it is dropped with its client.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    calls: Vec<AttemptNotes>,
    /// The models whose breakers opened by them.
    opened: Vec<String>,
}

impl Calls {
    /// The calls themselves.
    pub(super) fn take(&self) -> Vec<AttemptNotes> {
        std::mem::take(&mut self.lock().calls)
    }

    /// The models whose breakers opened by them.
    pub(super) fn take_opened(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().opened)
    }

    // Notes are whole between any two of their steps.
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self, model: &str, started: Duration) {
        let model = model.to_owned();
        // How far it has come is not known here: it is taken to have read what it was sent.
        let notes = AttemptNotes { model, started, opened: true, ..AttemptNotes::default() };
        self.lock().calls.push(notes);
    }

    fn fails(&self, now: Duration, failure: &Failure, opened: Option<String>) {
        let mut noted = self.lock();
        noted.opened.extend(opened);
        if let Some(notes) = noted.calls.last_mut() {
            notes.ended = Some(now);
            (notes.class, notes.status) = (Some(failure.class), failure.status);
        }
    }
}

/// A search for a link that goes on.
pub(super) type Resuming = Apart<'static, Resumed>;

impl Resumption {
    /// The key of a link's model.
    pub(crate) fn model(&self, link: usize) -> &str {
        self.plan.chain.get(link).map_or("?", String::as_str)
    }

    /// Whether a link could still be asked to go on from what was heard.
    pub(super) fn may_go_on(&self, heard: &Heard, failure: &Failure) -> bool {
        let mut attempts = self.attempts.clone();
        let Some(broken) = attempts.winner_place() else { return false };
        let now = self.stopwatch.elapsed();
        heard.can_go_on()
            && attempts.broke(broken, now, failure.clone(), &mut |_| true) != Step::GiveUp
    }

    /// Asks later links, one after the other, until one goes on.
    pub(super) async fn go_on(
        mut self: Box<Self>,
        heard: Heard,
        failure: Failure,
        calls: Calls,
    ) -> Resumed {
        let mut attempts = self.attempts.clone();
        let broken = attempts.winner_place().unwrap_or_default();
        let found = self.search((&mut attempts, &calls), &heard, (broken, failure)).await;
        self.attempts = attempts;
        Resumed { resumption: self, heard, found }
    }

    async fn search(
        &self,
        (attempts, calls): (&mut Attempts, &Calls),
        heard: &Heard,
        (mut attempt, mut failure): (usize, Failure),
    ) -> Option<Found> {
        let plan = self.plan.plan(&self.prepared);
        loop {
            let mut ticket = None;
            let now = self.stopwatch.elapsed();
            let step = attempts.broke(attempt, now, failure, &mut |link| {
                ticket = self.admit(&plan, link);
                ticket.is_some()
            });
            let (Step::Call(link), Some(ticket)) = (step, ticket) else { return None };
            attempt = attempts.log().len() - 1;
            calls.begins(self.model(link), now);
            let way = Continuation::of(&plan, link, &self.request, heard);
            match self.call(&plan, attempts, (attempt, link), (way, heard)).await {
                Ok(started) => {
                    attempts.committed(attempt, self.stopwatch.elapsed());
                    let joint = Joint::new(heard, way, self.request.wishes());
                    return Some(Found { started, joint, ticket });
                }
                Err(error) => {
                    let opened = ticket.failed(&error.failure);
                    calls.fails(self.stopwatch.elapsed(), &error.failure, opened);
                    failure = error.failure;
                }
            }
        }
    }

    /// Lets a link through; the last one of the chain in any case.
    fn admit(&self, plan: &Plan<'_>, link: usize) -> Option<Ticket> {
        let model = plan.chain.get(link)?.key;
        if link + 1 == plan.chain.len() {
            return Some(self.breakers.admit_last(model));
        }
        self.breakers.admit(model)
    }

    async fn call(
        &self,
        plan: &Plan<'_>,
        attempts: &Attempts,
        place: (usize, usize),
        (way, heard): (Continuation, &Heard),
    ) -> Result<Started, UpstreamError> {
        let request = way.request(&self.request, heard).map_err(call::unfit)?;
        let exchange = Exchange {
            ambient: self.ambient,
            breakers: &self.breakers,
            clients: &self.clients,
            config: &self.config,
            prepared: &self.prepared,
            plan,
            request: &request,
            stopwatch: self.stopwatch,
            time_left: None,
            trail: None,
            trace: self.trace.as_deref(),
        };
        let answered = call::call(&exchange, attempts.timer(), place).await?;
        match answered.content {
            Content::Stream(started) => Ok(*started),
            Content::Whole(_) => Err(call::plain(
                model_map::FailureClass::ServerError,
                "a whole answer in place of a stream",
            )),
        }
    }
}
