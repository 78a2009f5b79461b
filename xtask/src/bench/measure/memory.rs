//! Memory of open streams, in fresh processes.

use std::time::Duration;

use crate::bench::load;
use crate::bench::process::Process;
use crate::bench::report::{Aim, Row};
use crate::bench::subject::{Bench, OPEN, router_target};
use crate::bench::wire::Dialect;
use crate::trouble::Trouble;

/// Memory of an open stream, in kB.
const AIM: f64 = 35.0;

/// Growth of the resident memory by open streams, in fresh processes.
pub(in crate::bench) async fn memory(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let count = if quick { 200 } else { 1000 };
    let mut rows = Vec::new();
    for dialect in Dialect::ALL {
        let way = (dialect, OPEN, true);
        let proxy = bench.proxy()?;
        let by_proxy = growth(&proxy, &bench.proxy_target(&proxy, way), count).await?;
        let router = bench.router()?;
        let by_router = growth(&router, &router_target(&router, way), count).await?;
        rows.push(Row {
            what: format!("memory of an open stream, {}", dialect.name()),
            unit: "kB",
            proxy: Some(by_proxy),
            router: by_router,
            ratio: (by_proxy > 0.0).then(|| by_router / by_proxy),
            aim: Aim::Value(AIM),
        });
    }
    Ok(rows)
}

/// kB a stream.
async fn growth(process: &Process, target: &load::Target, count: u32) -> Result<f64, Trouble> {
    // What the first requests allocate once is not the streams'.
    drop(load::open_streams(target, 4).await?);
    let before = process.resident()?;
    let open = load::open_streams(target, count).await?;
    // Every stream has its first token; the later events of a few seconds are part of its life.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = process.resident()?;
    drop(open);
    let bytes = u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
    Ok(f64::from(bytes) / 1e3 / f64::from(count))
}
