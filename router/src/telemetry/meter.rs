//! Measurements, added up until they are exported.
//!
//! Owns instruments, their bounds and the sums; what is measured of a request is
//! [`super::measure`]'s. The conventions give each instrument its name, unit and bounds.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, metric,
    number_data_point,
};

use super::attributes::{Attributes, Value, proto};
use super::nanos;

/// The most series of one instrument, as the specification has it; what is more is one of its own.
/// Only names of the map and classes tell series apart, so that no client can make them.
const SERIES: usize = 2_000;

const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const HTTP_SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Instrument {
    OperationDuration,
    TimeToFirstChunk,
    TokenUsage,
    RequestDuration,
    Requests,
    Attempts,
    Fallbacks,
    BreakerOpenings,
    Cost,
    DroppedSpans,
}

impl Instrument {
    /// Name, unit and description.
    const fn described(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::OperationDuration => {
                ("gen_ai.client.operation.duration", "s", "GenAI operation duration.")
            }
            Self::TimeToFirstChunk => (
                "gen_ai.client.operation.time_to_first_chunk",
                "s",
                "Time from a streamed call to its first content, reasoning or tool delta.",
            ),
            Self::TokenUsage => {
                ("gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.")
            }
            Self::RequestDuration => {
                ("http.server.request.duration", "s", "Duration of HTTP server requests.")
            }
            Self::Requests => ("sfai.requests", "{request}", "Requests by how they ended."),
            Self::Attempts => {
                ("sfai.attempts", "{attempt}", "Calls of models by what came of them.")
            }
            Self::Fallbacks => {
                ("sfai.fallbacks", "{fallback}", "How often a further model was taken.")
            }
            Self::BreakerOpenings => {
                ("sfai.breaker.openings", "{opening}", "How often a model began to be left alone.")
            }
            Self::Cost => ("sfai.cost", "{USD}", "What the attempts cost, by the map's prices."),
            Self::DroppedSpans => {
                ("sfai.telemetry.dropped_spans", "{span}", "Spans that were not delivered.")
            }
        }
    }

    /// The bounds of a histogram's buckets; none for a sum.
    const fn bounds(self) -> Option<&'static [f64]> {
        match self {
            Self::OperationDuration | Self::TimeToFirstChunk => Some(&SECONDS),
            Self::TokenUsage => Some(&TOKENS),
            Self::RequestDuration => Some(&HTTP_SECONDS),
            _ => None,
        }
    }
}

/// The sums since a point in time.
#[derive(Debug)]
pub(crate) struct Meter {
    since: SystemTime,
    series: BTreeMap<Instrument, HashMap<Attributes, Point>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Point {
    Count(u64),
    Total(f64),
    Spread(Spread),
}

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
struct Spread {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
    buckets: Vec<u64>,
}

impl Meter {
    /// Nothing measured yet.
    pub(crate) fn new(now: SystemTime) -> Self {
        Self { since: now, series: BTreeMap::new() }
    }

    /// Adds to a counter.
    pub(crate) fn count(&mut self, instrument: Instrument, attributes: Attributes, more: u64) {
        self.add(instrument, attributes, Point::Count(more));
    }

    /// Adds to a sum that need not be whole.
    pub(crate) fn total(&mut self, instrument: Instrument, attributes: Attributes, more: f64) {
        self.add(instrument, attributes, Point::Total(more));
    }

    /// Adds a value to a histogram.
    pub(crate) fn spread(&mut self, instrument: Instrument, attributes: Attributes, value: f64) {
        let bounds = instrument.bounds().unwrap_or_default();
        let place = bounds.iter().take_while(|bound| value > **bound).count();
        let buckets = (0..=bounds.len()).map(|bucket| u64::from(bucket == place)).collect();
        let spread = Spread { count: 1, sum: value, least: value, most: value, buckets };
        self.add(instrument, attributes, Point::Spread(spread));
    }

    fn add(&mut self, instrument: Instrument, mut attributes: Attributes, more: Point) {
        let series = self.series.entry(instrument).or_default();
        if series.len() >= SERIES && !series.contains_key(&attributes) {
            attributes = vec![("otel.metric.overflow", Value::Flag(true))];
        }
        match series.entry(attributes) {
            std::collections::hash_map::Entry::Vacant(vacant) => drop(vacant.insert(more)),
            std::collections::hash_map::Entry::Occupied(mut it) => it.get_mut().plus(more),
        }
    }

    /// Gives the sums away and begins anew.
    pub(crate) fn take(&mut self, now: SystemTime) -> Self {
        std::mem::replace(self, Self::new(now))
    }

    /// Adds sums that were given away and not delivered.
    pub(crate) fn put_back(&mut self, earlier: Self) {
        self.since = earlier.since;
        for (instrument, series) in earlier.series {
            series.into_iter().for_each(|(attributes, it)| self.add(instrument, attributes, it));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// As OTLP has them.
    pub(crate) fn metrics(&self, now: SystemTime, kind: AggregationTemporality) -> Vec<Metric> {
        let times = (nanos(self.since), nanos(now));
        let metric = |(instrument, series): (&Instrument, &HashMap<Attributes, Point>)| {
            let (name, unit, description) = instrument.described();
            let data = match instrument.bounds() {
                Some(bounds) => metric::Data::Histogram(histogram(series, bounds, times, kind)),
                None => metric::Data::Sum(sum(series, times, kind)),
            };
            Metric {
                name: name.into(),
                description: description.into(),
                unit: unit.into(),
                metadata: Vec::new(),
                data: Some(data),
            }
        };
        self.series.iter().map(metric).collect()
    }
}

impl Point {
    fn plus(&mut self, more: Self) {
        match (self, more) {
            (Self::Count(sum), Self::Count(more)) => *sum = sum.saturating_add(more),
            (Self::Total(sum), Self::Total(more)) => *sum += more,
            (Self::Spread(spread), Self::Spread(more)) => {
                spread.count += more.count;
                spread.sum += more.sum;
                spread.least = spread.least.min(more.least);
                spread.most = spread.most.max(more.most);
                let buckets = spread.buckets.iter_mut().zip(more.buckets);
                buckets.for_each(|(bucket, more)| *bucket += more);
            }
            // An instrument has one kind of points.
            _ => {}
        }
    }
}

fn histogram(
    series: &HashMap<Attributes, Point>,
    bounds: &[f64],
    (since, now): (u64, u64),
    kind: AggregationTemporality,
) -> Histogram {
    let spreads = series.iter().filter_map(|(attributes, point)| match point {
        Point::Spread(spread) => Some((attributes, spread)),
        _ => None,
    });
    let points = spreads.map(|(attributes, spread)| HistogramDataPoint {
        attributes: proto(attributes),
        start_time_unix_nano: since,
        time_unix_nano: now,
        count: spread.count,
        sum: Some(spread.sum),
        bucket_counts: spread.buckets.clone(),
        explicit_bounds: bounds.to_vec(),
        min: Some(spread.least),
        max: Some(spread.most),
        ..HistogramDataPoint::default()
    });
    Histogram { data_points: points.collect(), aggregation_temporality: kind.into() }
}

fn sum(
    series: &HashMap<Attributes, Point>,
    (since, now): (u64, u64),
    kind: AggregationTemporality,
) -> Sum {
    let points = series.iter().filter_map(|(attributes, point)| {
        let value = match point {
            Point::Count(count) => {
                number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX))
            }
            Point::Total(total) => number_data_point::Value::AsDouble(*total),
            Point::Spread(_) => return None,
        };
        Some(NumberDataPoint {
            attributes: proto(attributes),
            start_time_unix_nano: since,
            time_unix_nano: now,
            value: Some(value),
            ..NumberDataPoint::default()
        })
    });
    Sum { data_points: points.collect(), aggregation_temporality: kind.into(), is_monotonic: true }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn role(name: &str) -> Attributes {
        vec![("sfai.role", Value::of(name))]
    }

    fn points(meter: &Meter) -> Vec<(usize, f64, Vec<u64>)> {
        let metrics = meter.metrics(SystemTime::now(), AggregationTemporality::Cumulative);
        let point = |metric: Metric| match metric.data.unwrap() {
            metric::Data::Histogram(all) => {
                let one = all.data_points.first().unwrap().clone();
                (all.data_points.len(), one.sum.unwrap(), one.bucket_counts)
            }
            metric::Data::Sum(all) => match all.data_points.first().unwrap().value.unwrap() {
                number_data_point::Value::AsInt(value) => {
                    (all.data_points.len(), value as f64, vec![])
                }
                number_data_point::Value::AsDouble(value) => (all.data_points.len(), value, vec![]),
            },
            _ => panic!("no such kind"),
        };
        metrics.into_iter().map(point).collect()
    }

    #[test]
    fn values_fall_into_the_conventions_buckets_with_the_bound_below() {
        let mut meter = Meter::new(SystemTime::UNIX_EPOCH);
        for value in [0.01, 0.010_1, 81.92, 82.0] {
            meter.spread(Instrument::OperationDuration, role("a"), value);
        }
        let (count, sum, buckets) = points(&meter).remove(0);
        assert_eq!((count, buckets.len()), (1, 15));
        assert!((sum - 163.9401).abs() < 1e-9);
        let filled: Vec<_> = buckets.iter().enumerate().filter(|(_, it)| **it > 0).collect();
        assert_eq!(filled, [(0, &1), (1, &1), (13, &1), (14, &1)]);
    }

    #[test]
    fn what_was_taken_and_not_delivered_is_added_again() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        let mut meter = Meter::new(start);
        meter.count(Instrument::Attempts, role("a"), 2);
        let taken = meter.take(start + Duration::from_secs(9));
        assert!(meter.is_empty());
        meter.count(Instrument::Attempts, role("a"), 3);
        meter.total(Instrument::Cost, role("a"), 0.5);
        meter.put_back(taken);
        assert_eq!(points(&meter), [(1, 5.0, vec![]), (1, 0.5, vec![])]);
        assert_eq!(meter.since, start);
    }

    #[test]
    fn the_docs_name_each_instrument() {
        let page = include_str!("../../../docs/telemetry.md");
        for instrument in [
            Instrument::OperationDuration,
            Instrument::TimeToFirstChunk,
            Instrument::TokenUsage,
            Instrument::RequestDuration,
            Instrument::Requests,
            Instrument::Attempts,
            Instrument::Fallbacks,
            Instrument::BreakerOpenings,
            Instrument::Cost,
            Instrument::DroppedSpans,
        ] {
            let (name, ..) = instrument.described();
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn more_series_than_the_limit_are_one() {
        let mut meter = Meter::new(SystemTime::UNIX_EPOCH);
        for number in 0..SERIES + 50 {
            meter.count(Instrument::Requests, role(&number.to_string()), 1);
        }
        assert_eq!(points(&meter).first().unwrap().0, SERIES + 1);
    }
}
