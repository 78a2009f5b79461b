//! What the proxy and the router add to the time of one request at a time.

use crate::bench::load::Connection;
use crate::bench::report::{Aim, Row, median};
use crate::bench::subject::{Bench, SHORT, router_target};
use crate::bench::wire::Dialect;
use crate::trouble::Trouble;

/// Added to the first token and to a whole answer, against what the proxy adds.
const AIM: f64 = 1.5;

/// One request at a time; direct, through the proxy and through the router take turns, and what
/// is added is the median of the differences.
pub(in crate::bench) async fn latency(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let (proxy, router) = (bench.proxy()?, bench.router()?);
    let rounds = if quick { 100 } else { 1500 };
    let mut rows = Vec::new();
    for dialect in Dialect::ALL {
        for streamed in [true, false] {
            let way = (dialect, SHORT, streamed);
            let direct = bench.direct_target(dialect, SHORT, streamed);
            let mut connections = [
                Connection::open(&direct).await?,
                Connection::open(&bench.proxy_target(&proxy, way)).await?,
                Connection::open(&router_target(&router, way)).await?,
            ];
            let (proxy, router) = added(&mut connections, streamed, rounds).await?;
            let what =
                if streamed { "added to the first token" } else { "added to a whole answer" };
            rows.push(Row {
                what: format!("{what}, {}", dialect.name()),
                unit: "µs",
                proxy: Some(proxy),
                router,
                ratio: (proxy > 0.0).then(|| router / proxy),
                aim: Aim::Ratio(AIM),
            });
        }
    }
    Ok(rows)
}

/// What the proxy and the router add to the direct way, in µs.
async fn added(
    connections: &mut [Connection; 3],
    streamed: bool,
    rounds: u32,
) -> Result<(f64, f64), Trouble> {
    let (mut by_proxy, mut by_router) = (Vec::new(), Vec::new());
    // The first rounds open connections and warm caches.
    let warm_up = rounds / 10;
    for round in 0..rounds + warm_up {
        let mut took = [0.0; 3];
        for (connection, took) in connections.iter_mut().zip(&mut took) {
            let time =
                if streamed { connection.first_token().await? } else { connection.whole().await? };
            *took = time.as_secs_f64() * 1e6;
        }
        let [direct, proxy, router] = took;
        if round >= warm_up {
            by_proxy.push(proxy - direct);
            by_router.push(router - direct);
        }
    }
    Ok((median(by_proxy), median(by_router)))
}
