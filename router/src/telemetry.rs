//! OpenTelemetry: traces and metrics of requests, exported by OTLP over HTTP.
//!
//! Owns what becomes of a request's notes on their way to a collector, and the way of a trace
//! through the router. It is nothing at all where no `OTEL_…` variable names a collector. A
//! request pays for the ids of its spans alone: all else is made from its notes when it is over.

pub(crate) mod answering;
mod attributes;
mod export;
mod left;
mod measure;
mod meter;
mod outbox;
mod partial;
mod sampler;
mod settings;
mod spans;
pub(crate) mod trace;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use tokio::sync::Notify;

use crate::audit::trail::Notes;
use crate::breakers::Breakers;
use crate::clock::Ambient;
use crate::log::say;
use crate::observer::Refused;
use export::{Lane, Sent, Turn};
use outbox::{BATCH, Outbox};
use partial::Partial;
pub(crate) use sampler::Sampler;
use settings::Settings;

/// How long the last export may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// See the module. One serves the whole process.
pub struct Telemetry {
    settings: Settings,
    traces: Option<Lane>,
    metrics: Option<Lane>,
    ambient: Ambient,
    /// `url.scheme`: a function is called over https, the server itself speaks http.
    scheme: &'static str,
    outbox: Outbox,
    /// A batch of spans is complete.
    batch: Notify,
    /// Whether it has been said that spans are lost.
    full: AtomicBool,
    breakers: OnceLock<Arc<Breakers>>,
}

impl Telemetry {
    /// As the environment says, which `read` looks up; none where nothing is to be exported.
    ///
    /// # Errors
    /// When a variable has a value that it cannot have; the text says what to do.
    pub fn open(
        read: impl Fn(&str) -> Option<String>,
        ambient: Ambient,
    ) -> Result<Option<Arc<Self>>, String> {
        let on_lambda = read("AWS_LAMBDA_FUNCTION_NAME").is_some();
        let Some(mut settings) = Settings::read(read, ambient.random)? else { return Ok(None) };
        Ok(Some(Arc::new(Self {
            traces: settings.traces.take().map(Lane::new),
            metrics: settings.metrics.take().map(Lane::new),
            settings,
            ambient,
            scheme: if on_lambda { "https" } else { "http" },
            outbox: Outbox::new((ambient.now)()),
            batch: Notify::new(),
            full: AtomicBool::new(false),
            breakers: OnceLock::new(),
        })))
    }

    /// Has the state of these told with the metrics.
    pub(crate) fn shows(&self, breakers: &Arc<Breakers>) {
        self.breakers.get_or_init(|| Arc::clone(breakers));
    }

    /// Which traces are recorded, where traces are exported.
    pub(crate) fn sampler(&self) -> Option<&Sampler> {
        self.traces.as_ref().map(|_| &self.settings.sampler)
    }

    /// A request is over.
    pub(crate) fn ended(&self, notes: &Notes) {
        let spans = match &self.traces {
            Some(_) => spans::of(notes, self.scheme),
            None => Vec::new(),
        };
        self.put(spans);
        if self.metrics.is_some() {
            measure::request(&mut self.outbox.lock().meter, notes, self.scheme);
        }
    }

    /// A request was turned away before it had a plan.
    pub(crate) fn refused(&self, refused: &Refused) {
        let span = self.traces.as_ref().and_then(|_| spans::refused(refused, self.scheme));
        self.put(span.into_iter().collect());
        if self.metrics.is_some() {
            measure::refused(&mut self.outbox.lock().meter, refused, self.scheme);
        }
    }

    fn put(&self, spans: Vec<opentelemetry_proto::tonic::trace::v1::Span>) {
        if spans.is_empty() {
            return;
        }
        let mut contents = self.outbox.lock();
        let fits = contents.put(spans);
        if contents.waiting() >= BATCH {
            self.batch.notify_one();
        }
        drop(contents);
        if !fits && !self.full.swap(true, Ordering::Relaxed) {
            say(
                "warns: more spans wait for the collector than fit; they are dropped and counted as sfai.telemetry.dropped_spans",
            );
        }
    }

    /// Exports while the server lives.
    pub async fn follow(&self) {
        let mut schedule = tokio::time::interval(self.settings.schedule);
        let mut interval = tokio::time::interval(self.settings.interval);
        let forever = Duration::MAX;
        loop {
            tokio::select! {
                _ = schedule.tick() => self.export_spans(forever, false).await,
                () = self.batch.notified() => self.export_spans(forever, false).await,
                _ = interval.tick() => self.export_metrics(forever, false).await,
            }
        }
    }

    /// Exports all that there is within `limit`; what is not taken in time stays, as far as it is
    /// known not to have arrived. A receiver that failed is left alone for a while.
    pub async fn flush(&self, limit: Duration) {
        tokio::join!(self.export_spans(limit, false), self.export_metrics(limit, false));
    }

    /// The last export, when the server stops.
    pub async fn shut_down(&self) {
        tokio::join!(self.export_spans(FAREWELL, true), self.export_metrics(FAREWELL, true));
        let mut contents = self.outbox.lock();
        let left = contents.waiting();
        contents.lose(left);
        if contents.lost() > 0 {
            say(&format!("warns: {} spans were not delivered", contents.lost()));
        }
    }

    async fn export_spans(&self, limit: Duration, must: bool) {
        let Some(lane) = &self.traces else { return };
        let begun = tokio::time::Instant::now();
        let Ok(mut turn) = tokio::time::timeout(limit, lane.turn()).await else { return };
        while must || turn.may_send() {
            let batch = self.outbox.lock().take();
            if batch.is_empty() {
                return;
            }
            let (encoding, gzip) = (lane.target.encoding, lane.target.gzip);
            let request = wire::traces(&self.settings.resource, batch);
            let left = limit.saturating_sub(begun.elapsed());
            let sent = lane.send(&mut turn, encoding.body(&request, gzip), left).await;
            self.tell("spans", &mut turn, &sent);
            let all = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
            let batch = all.flat_map(|it| it.spans).collect::<Vec<_>>();
            match sent {
                Sent::Delivered => continue,
                Sent::Partly(Partial { rejected, .. }) => {
                    let rejected = usize::try_from(rejected).unwrap_or(usize::MAX);
                    self.outbox.lock().lose(rejected.min(batch.len()));
                    continue;
                }
                Sent::Later(_) => self.outbox.lock().put_back(batch),
                Sent::Lost(_) => self.outbox.lock().lose(batch.len()),
            }
            // Where it must be done this was the last try.
            return;
        }
    }

    async fn export_metrics(&self, limit: Duration, must: bool) {
        let Some(lane) = &self.metrics else { return };
        let begun = tokio::time::Instant::now();
        let Ok(mut turn) = tokio::time::timeout(limit, lane.turn()).await else { return };
        if !must && !turn.may_send() {
            return;
        }
        let now = (self.ambient.now)();
        let Some((request, taken)) = self.sums(now) else { return };
        let left = limit.saturating_sub(begun.elapsed());
        let body = lane.target.encoding.body(&request, lane.target.gzip);
        let sent = lane.send(&mut turn, body, left).await;
        self.tell("metrics", &mut turn, &sent);
        // Sums that go on need no second try: the next export holds them, too.
        if let (Sent::Later(_), Some(taken)) = (sent, taken) {
            self.outbox.lock().meter.put_back(taken);
        }
    }

    /// The metrics to export; with them, where they begin anew, what to add again if that fails.
    fn sums(
        &self,
        now: SystemTime,
    ) -> Option<(impl prost::Message + serde::Serialize, Option<meter::Meter>)> {
        let mut contents = self.outbox.lock();
        if contents.meter.is_empty() {
            return None;
        }
        let resource = &self.settings.resource;
        let left = self.breakers.get().and_then(|breakers| left::alone(breakers, now));
        if self.settings.delta {
            let taken = contents.meter.take(now);
            drop(contents);
            let mut metrics = taken.metrics(now, AggregationTemporality::Delta);
            metrics.extend(left);
            return Some((wire::metrics(resource, metrics), Some(taken)));
        }
        let mut metrics = contents.meter.metrics(now, AggregationTemporality::Cumulative);
        drop(contents);
        metrics.extend(left);
        Some((wire::metrics(resource, metrics), None))
    }

    /// Says once that there is trouble, and once that it is over.
    fn tell(&self, what: &str, turn: &mut Turn, sent: &Sent) {
        match sent {
            Sent::Delivered if turn.said => {
                turn.said = false;
                self.full.store(false, Ordering::Relaxed);
                let lost = self.outbox.lock().lost();
                say(&format!(
                    "delivers {what} to the collector again; {lost} spans were lost so far"
                ));
            }
            Sent::Partly(Partial { rejected: 0, why }) if !turn.warned => {
                turn.warned = true;
                say(&format!("warns: the collector takes {what} and says: {why}"));
            }
            Sent::Partly(Partial { rejected: 1.., why }) if !turn.said => {
                turn.said = true;
                say(&format!(
                    "warns: the collector takes {what} but for some, which are lost: {why}"
                ));
            }
            Sent::Later(why) | Sent::Lost(why) if !turn.said => {
                turn.said = true;
                say(&format!(
                    "warns: cannot deliver {what} to the collector: {why}; it is tried again, and what does not fit meanwhile is dropped and counted"
                ));
            }
            _ => {}
        }
    }
}

/// Nanoseconds since 1970.
fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
