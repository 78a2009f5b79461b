//! CPU time of whole answers and of events, in rounds in which the proxy and the router take turns.

use std::time::Duration;

use crate::bench::load;
use crate::bench::report::{Aim, Row, median};
use crate::bench::subject::{Bench, PACED, PACED_QUICK, SHORT, router_target};
use crate::bench::wire::Dialect;
use crate::trouble::Trouble;

/// CPU of a whole answer, against the proxy's.
const REQUEST_AIM: f64 = 2.0;

/// CPU of an event, against the proxy's.
const fn event_aim(dialect: Dialect) -> f64 {
    match dialect {
        Dialect::Openai => 1.3,
        Dialect::Anthropic => 2.0,
    }
}

/// CPU of whole answers at 16 connections.
pub(in crate::bench) async fn requests(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let (proxy, router) = (bench.proxy()?, bench.router()?);
    let (rounds, count) = if quick { (1, 2_000) } else { (5, 10_000) };
    let mut rows = Vec::new();
    for dialect in Dialect::ALL {
        let way = (dialect, SHORT, false);
        let targets = [bench.proxy_target(&proxy, way), router_target(&router, way)];
        let mut used = Vec::new();
        for round in 0..=rounds {
            let mut pair = [0.0; 2];
            for ((target, process), cpu) in targets.iter().zip([&proxy, &router]).zip(&mut pair) {
                let before = process.cpu()?;
                load::requests(target, 16, count).await?;
                *cpu = (process.cpu()? - before).as_secs_f64() * 1e3 / f64::from(count) * 1e3;
            }
            // The first round warms up.
            if round > 0 {
                used.push(pair);
            }
        }
        let what = format!("CPU of 1,000 whole answers, {}", dialect.name());
        rows.push(paired(what, "ms", &used, REQUEST_AIM));
    }
    Ok(rows)
}

/// CPU of events on 500 streams at 25 events a second each.
pub(in crate::bench) async fn events(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let (proxy, router) = (bench.proxy()?, bench.router()?);
    let (rounds, pace) = if quick { (1, PACED_QUICK) } else { (3, PACED) };
    let streams = 500;
    let mut rows = Vec::new();
    for dialect in Dialect::ALL {
        let way = (dialect, pace, true);
        let targets = [bench.proxy_target(&proxy, way), router_target(&router, way)];
        let mut used = Vec::new();
        for _ in 0..rounds {
            let mut pair = [0.0; 2];
            for ((target, process), cpu) in targets.iter().zip([&proxy, &router]).zip(&mut pair) {
                let before = process.cpu()?;
                // Begun over a second, so that neither the beginnings nor the events of all
                // streams fall together.
                let seen = load::streams(target, streams, Duration::from_secs(1)).await?;
                let expected = u64::from(streams) * u64::from(pace.events);
                if seen != expected {
                    let why = format!("{seen} of {expected} came");
                    return Err(Trouble::new("count the events", why));
                }
                let spent = process.cpu()? - before;
                *cpu = spent.as_secs_f64() * 1e6 / f64::from(streams * pace.events);
            }
            used.push(pair);
        }
        let what = format!("CPU of 1,000,000 events, {}", dialect.name());
        rows.push(paired(what, "s", &used, event_aim(dialect)));
    }
    Ok(rows)
}

/// The medians of both, and the median of the pairs' ratios.
fn paired(what: String, unit: &'static str, used: &[[f64; 2]], aim: f64) -> Row {
    let ratio = median(used.iter().map(|[proxy, router]| router / proxy));
    let proxy = median(used.iter().map(|[proxy, _]| *proxy));
    let router = median(used.iter().map(|[_, router]| *router));
    Row { what, unit, proxy: Some(proxy), router, ratio: Some(ratio), aim: Aim::Ratio(aim) }
}
