//! Drives a planned request through its attempts, until one answers or none is left.
//!
//! Owns the loop and nothing of its rules: those are [`model_map::Attempts`], which is told what
//! happened and says what to do.

mod alarm;
#[cfg(feature = "aws")]
mod bedrock;
mod call;
mod gate;
mod hedge;
mod read;
mod resume;
mod stream;

use std::pin::pin;
use std::time::Duration;

use model_map::{Attempts, Failure, FailureClass, Plan, Step};

pub use resume::{OwnPlan, Resumption};
pub use stream::AnswerStream;

use crate::answer::Answer;
use crate::apart::apart;
use crate::audit::Trail;
use crate::breakers::{Breakers, Ticket};
use crate::clock::{Ambient, Stopwatch};
use crate::config::{Config, Prepared};
use crate::front::ClientRequest;
use crate::telemetry::trace::Trace;
use crate::upstream::Clients;
use crate::wire::{Told, UpstreamError};
use gate::Gate;

/// All that the attempts of one request need.
pub struct Exchange<'a> {
    /// Time of day and randomness.
    pub ambient: Ambient,
    /// Which models are left alone.
    pub breakers: &'a Breakers,
    /// Connections.
    pub clients: &'a Clients,
    /// Where a key is read again that a provider refuses.
    pub config: &'a Config,
    /// The map that the request runs on.
    pub prepared: &'a Prepared,
    /// Its way through the map.
    pub plan: &'a Plan<'a>,
    /// What the client sent.
    pub request: &'a ClientRequest,
    /// Running since the request came in.
    pub stopwatch: Stopwatch,
    /// What is left of the invocation that serves it, if it ends.
    pub time_left: Option<Duration>,
    /// Where it is noted what the attempts do, if anybody observes.
    pub trail: Option<&'a Trail>,
    /// The trace that it belongs to, if it does to one.
    pub trace: Option<&'a Trace>,
}

/// What came of the attempts.
pub struct Outcome {
    /// The answer, or that there is none.
    pub result: Result<Delivered, Failed>,
    /// Each attempt, for people: `anthropic/claude-sonnet-4-6=overloaded, openai/gpt-5.4=ok`.
    pub tried: String,
}

/// The answer of an attempt.
pub struct Delivered {
    /// What to send.
    pub answer: Answer,
    /// The key of the model that answered.
    pub model: String,
    /// Request parameters that the model does not take.
    pub dropped: Vec<String>,
    /// What the provider says of an answer that is whole; a stream tells it at its end.
    pub told: Told,
    /// For the continuation of a stream, where the role resumes.
    pub attempts: Option<Box<Attempts>>,
}

/// All attempts failed.
pub struct Failed {
    /// For the client's status and `Retry-After`.
    pub attempts: Box<Attempts>,
    /// The most telling error's own words, when they are about the client's request.
    pub error: Option<UpstreamError>,
}

/// The most telling error so far.
#[derive(Default)]
struct Telling(Option<UpstreamError>);

impl Telling {
    fn hear(&mut self, error: UpstreamError) {
        let more_telling = |told: &UpstreamError| error.failure.class < told.failure.class;
        if self.0.as_ref().is_none_or(more_telling) {
            self.0 = Some(error);
        }
    }
}

/// Runs the attempts of a request.
pub async fn run(exchange: Exchange<'_>) -> Outcome {
    let mut attempts = Attempts::new(exchange.plan, exchange.request.stream());
    if let Some(left) = exchange.time_left {
        attempts.limit_total(left);
    }
    let mut told = Telling::default();
    let answered = if attempts.hedges() {
        apart(|| hedge::run(&exchange, &mut attempts, &mut told)).await
    } else {
        pin!(one_by_one(&exchange, &mut attempts, &mut told)).await
    };
    let tried = tried(exchange.plan, &attempts);
    let result = match answered {
        Some(answered) => {
            let mut delivered = delivered(&exchange, &attempts, answered);
            if exchange.plan.role.resume {
                delivered.attempts = Some(Box::new(attempts));
            }
            Ok(delivered)
        }
        None => Err(Failed { attempts: Box::new(attempts), error: told.0 }),
    };
    Outcome { result, tried }
}

/// The answer of the attempt that won, and the ticket of its model.
type Won = (call::Answered, Ticket);

/// Runs attempts one after the other until one answers; none when all have failed.
async fn one_by_one(
    exchange: &Exchange<'_>,
    attempts: &mut Attempts,
    told: &mut Telling,
) -> Option<Won> {
    let mut gate = Gate::new(exchange);
    let mut step = attempts.start_past(exchange.stopwatch.elapsed(), &mut |link| gate.admits(link));
    loop {
        match step {
            Step::Wait(until) => {
                tokio::time::sleep_until(exchange.stopwatch.at(until)).await;
                let now = exchange.stopwatch.elapsed();
                step = attempts.resume_past(now, &mut |link| gate.admits(link));
            }
            Step::Call(link) => {
                let (attempt, timer) = (attempts.log().len() - 1, attempts.timer());
                let ticket = gate.ticket(link);
                let result = pin!(call::call(exchange, timer, (attempt, link))).await;
                let now = exchange.stopwatch.elapsed();
                match result {
                    Ok(answered) => {
                        attempts.committed(attempt, now);
                        exchange.trail.inspect(|trail| trail.wins(attempt, now));
                        return Some((answered, ticket));
                    }
                    Err(error) => {
                        let failure = error.failure.clone();
                        failed(exchange, ticket, (attempt, now), &failure);
                        told.hear(error);
                        step = attempts.attempt_failed(
                            attempt,
                            now,
                            failure,
                            exchange.ambient.jitter(),
                        );
                    }
                }
            }
            Step::Watch | Step::GiveUp => return None,
        }
    }
}

/// Notes that an attempt failed.
fn failed(
    exchange: &Exchange<'_>,
    ticket: Ticket,
    (attempt, now): (usize, Duration),
    failure: &Failure,
) {
    let opened = ticket.failed(failure);
    if let Some(trail) = exchange.trail {
        trail.fails(attempt, now, failure);
        trail.finds_down(opened);
    }
}

fn delivered(exchange: &Exchange<'_>, attempts: &Attempts, (answered, ticket): Won) -> Delivered {
    let link = attempts.winner().and_then(|winner| exchange.plan.chain.get(winner.link));
    let model = link.map_or_else(String::new, |link| link.key.to_owned());
    let dropped = answered.dropped;
    let (answer, told) = match answered.content {
        call::Content::Whole(whole) => {
            ticket.completed();
            let told = whole.told();
            (Answer::whole(whole.body), told)
        }
        call::Content::Stream(stream) => {
            (Answer::Stream(AnswerStream::new(*stream, ticket)), Told::default())
        }
    };
    Delivered { answer, model, dropped, told, attempts: None }
}

/// `model=class, …` for each attempt; `ok` for the one that answered, `cancelled` for one that was
/// beaten to it, `skipped` for a link that was passed over, `unsupported` for one that cannot be
/// asked for this.
fn tried(plan: &Plan<'_>, attempts: &Attempts) -> String {
    // Mostly the name of one model, and a word.
    let mut text = String::with_capacity(64);
    let mut put = |link: usize, became: &str| {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(plan.chain.get(link).map_or("?", |link| link.key));
        text.push('=');
        text.push_str(became);
    };
    let mut skipped = attempts.skipped().iter().peekable();
    for (place, attempt) in attempts.log().iter().enumerate() {
        while let Some(skipped) = skipped.next_if(|it| it.before <= place) {
            put(skipped.link, "skipped");
        }
        let became = match &attempt.failure {
            Some(Failure { class: FailureClass::InvalidRequest, link_specific: true, .. }) => {
                "unsupported"
            }
            Some(failure) => failure.class.name(),
            None if attempt.superseded => "cancelled",
            None => "ok",
        };
        put(attempt.link, became);
    }
    text
}
