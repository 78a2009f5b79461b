//! One attempt: the link's request, the call, and its answer up to the commit.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use model_map::{Commit, Failure, FailureClass, PlannedLink, Timer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Exchange;
use super::alarm::Alarm;
#[cfg(feature = "aws")]
use super::bedrock;
use super::read::{self, Started};
use crate::apart::apart;
#[cfg(feature = "aws")]
use crate::bedrock::Decoder;
use crate::config::Endpoint;
#[cfg(feature = "aws")]
use crate::front::Front;
use crate::front::{self, Ask, Way};
use crate::meanwhile::meanwhile;
use crate::openai::request::{Prompt, RequestError, Target, UpstreamRequest};
use crate::upstream::{Body, Outgoing, SendError};
use crate::wire::dialect::Service;
#[cfg(feature = "aws")]
use crate::wire::names::MadeNames;
use crate::wire::{Answer, AnswerOptions, Dialect, StreamReader, UpstreamError};

/// An attempt that succeeded as far as the attempt rules ask.
pub(super) struct Answered {
    pub(super) content: Content,
    pub(super) dropped: Vec<String>,
}

/// Its answer.
pub(super) enum Content {
    /// Complete.
    Whole(Answer),
    /// Committed.
    Stream(Box<Started>),
}

/// Calls a link of the plan, as the attempt with this place in the log, and reads its answer up to
/// the commit.
pub(super) async fn call(
    exchange: &Exchange<'_>,
    timer: Timer,
    (attempt, link): (usize, usize),
) -> Result<Answered, UpstreamError> {
    let planned = exchange.plan.chain.get(link);
    if let Some(trail) = exchange.trail {
        trail.calls(planned.map_or("?", |it| it.key), exchange.stopwatch.elapsed());
    }
    let endpoint = planned.and_then(|it| exchange.prepared.endpoint(&it.model.provider));
    let (Some(planned), Some(endpoint)) = (planned, endpoint) else {
        return Err(plain(FailureClass::NotFound, "the map has no such link"));
    };
    let linked = Linked { attempt, planned, endpoint };
    let mut alarm = Alarm::new(timer, exchange.stopwatch);
    // What is waited for is large: where it is pinned it is made, elsewhere it is moved there.
    let error = match pin!(any_way(exchange, &mut alarm, linked)).await {
        Err(error) if error.failure.status == Some(401) => error,
        result => return result,
    };
    // The key may have been rotated.
    let provider = &planned.model.provider;
    alarm.timer = timer;
    let renewed = apart(|| exchange.config.renewed(exchange.prepared, provider));
    match alarm.within(renewed).await? {
        Some(renewed) => {
            let linked = Linked { endpoint: &renewed, ..linked };
            apart(|| any_way(exchange, &mut alarm, linked)).await
        }
        None => Err(error),
    }
}

/// A link, and the attempt that is made on it.
#[derive(Clone, Copy)]
struct Linked<'a> {
    /// The attempt's place in the log.
    attempt: usize,
    planned: &'a PlannedLink<'a>,
    endpoint: &'a Endpoint,
}

/// Asks a link for what the client asks for; in a chat where it has no such service.
async fn any_way(
    exchange: &Exchange<'_>,
    alarm: &mut Alarm,
    linked: Linked<'_>,
) -> Result<Answered, UpstreamError> {
    let Linked { planned, endpoint, .. } = linked;
    let (front, model) = (exchange.request.front(), &planned.model.id);
    let way = Way::of(front, endpoint.dialect);
    let is_lacked = |service: Service| {
        let of_map = service.of_model().is_some_and(|it| planned.model.lacks(it));
        of_map && endpoint.dialect == Dialect::Openai
    };
    let Some(service) = front.optional().filter(|_| way.is_own) else {
        let service = if way.is_own { front.service() } else { Service::Answer };
        if is_lacked(service) {
            return Err(lacking(service));
        }
        #[cfg(feature = "aws")]
        if front == Front::CountTokens && endpoint.bedrock.is_some() {
            return apart(|| count(exchange, alarm, linked, way)).await;
        }
        return pin!(ask(exchange, alarm, linked, way)).await;
    };
    if !is_lacked(service) && !endpoint.lacks.lacks(service, model) {
        let timer = alarm.timer;
        let answered = apart(|| ask(exchange, alarm, linked, way)).await;
        alarm.timer = timer;
        match answered {
            Err(error) if endpoint.lacks.learn(service, model, &error) => (),
            answered => return answered,
        }
    }
    let way = Way::by_chat(front, endpoint.dialect);
    if is_lacked(Service::Answer) {
        return Err(lacking(Service::Answer));
    }
    apart(|| ask(exchange, alarm, linked, way)).await
}

/// Asks Bedrock for a number of tokens. Not every model counts and not every role may ask: that is
/// no failure of the link, whose answers are another matter.
#[cfg(feature = "aws")]
async fn count(
    exchange: &Exchange<'_>,
    alarm: &mut Alarm,
    linked: Linked<'_>,
    way: Way,
) -> Result<Answered, UpstreamError> {
    let (lacks, model) = (&linked.endpoint.lacks, linked.planned.model.id.as_str());
    let lacking = || unfit(front::lacking("counts no tokens of it"));
    if lacks.lacks(Service::CountTokens, model) {
        return Err(lacking());
    }
    let answered = ask(exchange, alarm, linked, way).await;
    let refusal = answered.as_ref().err();
    if refusal.is_some_and(|error| lacks.learn(Service::CountTokens, model, error)) {
        return Err(lacking());
    }
    answered
}

/// The map says that a model has no such endpoint: another link's may.
#[cold]
fn lacking(service: Service) -> UpstreamError {
    let name = service.of_model().map_or("such", model_map::ModelEndpoint::name);
    unfit(front::lacking(&format!("has no `{name}` endpoint for it")))
}

/// Asks a link in one way.
async fn ask(
    exchange: &Exchange<'_>,
    alarm: &mut Alarm,
    Linked { attempt, planned, endpoint }: Linked<'_>,
    way: Way,
) -> Result<Answered, UpstreamError> {
    let ask = build(exchange, way, (planned, endpoint))?;
    #[cfg(feature = "aws")]
    let (ask, signed) = match &endpoint.bedrock {
        None => (ask, None),
        Some(it) => apart(|| bedrock::sign(exchange, alarm, (&planned.model.id, it), ask)).await?,
    };
    #[cfg(not(feature = "aws"))]
    let signed = None;
    let Ask { request, service, beta, names } = ask;
    #[cfg(not(feature = "aws"))]
    let _ = names;
    let place = match &endpoint.places {
        None => None,
        Some(places) => Some(apart(|| place(places, alarm)).await?),
    };
    let UpstreamRequest { body, dropped, answer_tool } = request;
    let trace = exchange.trace.and_then(|trace| trace.carried(attempt));
    let outgoing = Outgoing { body, service, beta, signed, trace };
    let sending = pin!(exchange.clients.send(endpoint, alarm.timer.connect_limit(), outgoing));
    let expected = || {
        let options = AnswerOptions {
            created: exchange.ambient.unix_seconds(),
            chance: (exchange.ambient.random)(),
            include_usage: exchange.request.include_usage(),
            hides_usage: exchange.request.hides_usage(),
            answer_tool,
            model: planned.model.id.clone(),
            wishes: exchange.request.wishes(),
        };
        let form = match exchange.request.stream() {
            true => Form::Stream(StreamReader::of(way, options)),
            false => Form::Whole(Box::new(options)),
        };
        #[cfg(feature = "aws")]
        let bedrock = endpoint.bedrock.is_some().then_some(names);
        Expected {
            attempt,
            way,
            form,
            model: &planned.model.id,
            place,
            #[cfg(feature = "aws")]
            bedrock,
        }
    };
    let (response, expected) = meanwhile(pin!(alarm.within(sending)), expected).await;
    let response = response?.map_err(unsent)?;
    alarm.timer.progressed(alarm.now());
    let content = expected.read(exchange, alarm, response).await?;
    Ok(Answered { content, dropped })
}

/// What the upstream is about to send.
struct Expected<'a> {
    attempt: usize,
    way: Way,
    form: Form,
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "Bedrock alone does not name it"))]
    model: &'a str,
    place: Option<OwnedSemaphorePermit>,
    #[cfg(feature = "aws")]
    bedrock: Option<MadeNames>,
}

/// How it will come. What reads it is made before: the provider is waited for anyway.
enum Form {
    Stream(StreamReader),
    Whole(Box<AnswerOptions>),
}

impl Expected<'_> {
    async fn read(
        self,
        exchange: &Exchange<'_>,
        alarm: &mut Alarm,
        response: Box<Response<Body>>,
    ) -> Result<Content, UpstreamError> {
        let (head, body) = response.into_parts();
        let wants_stream = matches!(self.form, Form::Stream(_));
        // A server that answers a request for a stream with JSON has an error to tell.
        if !head.status.is_success() || (wants_stream && is_json(&head.headers)) {
            return Err(apart(|| self.refusal(exchange, alarm, (&head, body))).await);
        }
        if let Some(trail) = exchange.trail {
            trail.opens(self.attempt);
        }
        let options = match self.form {
            Form::Whole(options) => options,
            Form::Stream(reader) => {
                #[cfg(feature = "aws")]
                let reader = match self.bedrock {
                    Some(names) => reader.decoding(Decoder::new(
                        bedrock::id(&head.headers),
                        self.model.to_owned(),
                        names,
                    )),
                    None => reader,
                };
                if exchange.plan.role.commit == Commit::Headers {
                    let (held, body) = (Bytes::new(), Some(body));
                    let (alarm, place) = (alarm.hand_over(), self.place);
                    let started = Started { held, body, reader, alarm, place, broke: None };
                    return Ok(Content::Stream(Box::new(started)));
                }
                let opened =
                    read::Opened { attempt: self.attempt, body, reader, place: self.place };
                return Ok(Content::Stream(read::stream(exchange, alarm, opened).await?));
            }
        };
        let body = read::whole(alarm, body).await?;
        #[cfg(feature = "aws")]
        let body = match &self.bedrock {
            Some(names) => {
                bedrock::whole(self.way.front, (&head.headers, body), (self.model, names))
            }
            None => body,
        };
        let answer = front::whole(self.way, body, &options)?;
        if let Some(trail) = exchange.trail {
            trail.hears(self.attempt, answer.usage);
        }
        Ok(Content::Whole(answer))
    }

    /// What a provider says that does not answer.
    async fn refusal(
        &self,
        exchange: &Exchange<'_>,
        alarm: &mut Alarm,
        (head, body): (&http::response::Parts, Body),
    ) -> UpstreamError {
        let text = read::refusal(alarm, body).await;
        let (status, now) = (head.status.as_u16(), (exchange.ambient.now)());
        #[cfg(feature = "aws")]
        if self.bedrock.is_some() {
            return crate::bedrock::read_error(status, &head.headers, &text, now);
        }
        crate::wire::error::read(status, &head.headers, &text, now)
    }
}

fn build(
    exchange: &Exchange<'_>,
    way: Way,
    (planned, endpoint): (&PlannedLink<'_>, &Endpoint),
) -> Result<Ask, UpstreamError> {
    let plan = exchange.plan;
    let prompt = |id: &String| exchange.prepared.map.prompts.get(id).map(String::as_str);
    let texts: Vec<&str> = plan.system.prompts.iter().filter_map(prompt).collect();
    let target = Target {
        limits: plan.role.limits,
        model: planned.model,
        parameters: &plan.parameters,
        system: Prompt { mode: plan.system.mode, texts: &texts },
    };
    let mut ask = exchange.request.build(way, &target).map_err(unfit)?;
    if let Some(upto) = plan.role.cache.filter(|_| way.dialect == Dialect::Anthropic) {
        ask.request.body = crate::anthropic::cache::marked(&ask.request.body, upto);
    }
    #[cfg(not(feature = "aws"))]
    let _ = endpoint;
    #[cfg(feature = "aws")]
    if endpoint.bedrock.is_some() {
        ask = bedrock::converse(exchange, &planned.model.id, ask).map_err(unfit)?;
    }
    if plan.role.strict && !ask.request.dropped.is_empty() {
        return Err(unfit(refused(&ask.request.dropped)));
    }
    Ok(ask)
}

/// What a link would have to drop, where the role says that nothing is.
#[cold]
fn refused(dropped: &[String]) -> RequestError {
    let names: Vec<String> = dropped.iter().map(|name| format!("`{name}`")).collect();
    let message = format!(
        "this role is strict, and its model does not take {}: leave it out",
        names.join(", ")
    );
    RequestError { message, param: dropped.first().cloned(), code: Some("unsupported_parameter") }
}

/// This link cannot take the request.
#[cold]
pub(super) fn unfit(error: RequestError) -> UpstreamError {
    let invalid = Failure::of(FailureClass::InvalidRequest);
    let failure = Failure { link_specific: true, status: Some(400), ..invalid };
    let code = error.code.map(str::to_owned);
    UpstreamError { failure, message: error.message, code, param: error.param }
}

/// A place among the provider's open requests, where the map limits them. Waiting for one is like
/// waiting for a connection.
async fn place(
    places: &Arc<Semaphore>,
    alarm: &mut Alarm,
) -> Result<OwnedSemaphorePermit, UpstreamError> {
    let free = Arc::clone(places).acquire_owned();
    let waiting = tokio::time::timeout(alarm.timer.connect_limit(), free);
    match alarm.within(waiting).await? {
        Ok(Ok(place)) => Ok(place),
        _ => {
            let full = "all of the provider's max_connections are in use";
            let mut error = plain(FailureClass::Overloaded, full);
            error.failure.ours = true;
            Err(error)
        }
    }
}

/// A failure in our words.
#[cold]
pub(super) fn plain(class: FailureClass, message: &str) -> UpstreamError {
    let failure = Failure::of(class);
    UpstreamError { failure, message: message.into(), code: None, param: None }
}

/// A request that got no response, or a response that broke.
#[cold]
pub(super) fn unsent(error: SendError) -> UpstreamError {
    UpstreamError { failure: error.failure, message: error.message, code: None, param: None }
}

/// What a content type begins with that is JSON's.
const JSON: &[u8] = b"application/json";

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.trim_ascii_start().split_at_checked(JSON.len()).unwrap_or_default().0;
    kind.eq_ignore_ascii_case(JSON)
}
