//! Which models are left alone, as a collector gets it.
//!
//! Owns the metric's name and its values; the breakers themselves are [`crate::breakers`]'.

use std::time::SystemTime;

use model_map::BreakerState;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, metric, number_data_point,
};

use super::attributes::{Value, proto};
use super::nanos;
use crate::breakers::{Breakers, Seen};

const NAME: &str = "sfai.breaker.open";

/// By model: 1 while its breaker is open or half open, else 0. None where no model was asked for yet.
pub(super) fn alone(breakers: &Breakers, now: SystemTime) -> Option<Metric> {
    let point = |(model, seen): (String, Seen)| NumberDataPoint {
        attributes: proto(&vec![("sfai.model", Value::Text(model))]),
        time_unix_nano: nanos(now),
        value: Some(number_data_point::Value::AsInt((seen.state != BreakerState::Closed).into())),
        ..NumberDataPoint::default()
    };
    let data_points: Vec<_> = breakers.all().into_iter().map(point).collect();
    let is_known = !data_points.is_empty();
    is_known.then(|| Metric {
        name: NAME.into(),
        description: "Whether a model is left alone, as it fails.".into(),
        unit: "1".into(),
        metadata: Vec::new(),
        data: Some(metric::Data::Gauge(Gauge { data_points })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_name_it() {
        let page = include_str!("../../../docs/telemetry.md");
        assert!(page.contains(&format!("| `{NAME}` |")));
    }
}
