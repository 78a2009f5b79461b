//! A stream on Lambda: how much later than at the upstream its chunks come at the Runtime API.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::cold::{event, function, keyed, wait};
use crate::bench::aws::Aws;
use crate::bench::report::{Aim, Row, median};
use crate::bench::serve::serve;
use crate::bench::subject::{Bench, SPARSE, map};
use crate::bench::upstream;
use crate::bench::wire::Dialect;
use crate::trouble::{Doing, Trouble};

/// In the median, in ms.
const ADDED_AIM: f64 = 2.0;
/// What is sent with the head comes with the time that the head takes.
const WITH_THE_HEAD: usize = 1;

/// Upstream and Runtime API are in this process, so that one clock tells when each chunk was sent and
/// when it came.
pub(in crate::bench) async fn chunks(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let mut rows = Vec::new();
    for dialect in Dialect::ALL {
        let mut added = Vec::new();
        for _ in 0..if quick { 1 } else { 5 } {
            added.extend(of_one_stream(bench, dialect).await?);
        }
        rows.push(Row {
            what: format!("Lambda: added to a chunk, {}", dialect.name()),
            unit: "ms",
            proxy: None,
            router: median(added),
            ratio: None,
            aim: Aim::Value(ADDED_AIM),
        });
    }
    Ok(rows)
}

/// What was added to each of its chunks, in ms.
async fn of_one_stream(bench: &Bench, dialect: Dialect) -> Result<Vec<f64>, Trouble> {
    let (tell, mut sent) = mpsc::unbounded_channel();
    let address = free().await?;
    let upstream = tokio::spawn(serve(address, move |request| {
        let tell = tell.clone();
        async { Ok(upstream::answer(request, Some(tell)).await) }
    }));
    let map = keyed(map(&format!("http://{address}")))?;
    let mut aws = Aws::start(Some(event(dialect, SPARSE)), map).await?;
    let _child = function(&bench.programs.router, (&aws, aws.address))?;
    wait(&aws, |done| done.replied).await?;
    upstream.abort();
    let sent: Vec<Instant> = std::iter::from_fn(|| sent.try_recv().ok()).collect();
    let came = aws.tokens();
    if sent.len() != came.len() || sent.is_empty() {
        let why = format!("{} chunks were sent and {} came", sent.len(), came.len());
        return Err(Trouble::new("measure a stream on Lambda", why));
    }
    let each = sent.into_iter().zip(came).skip(WITH_THE_HEAD);
    Ok(each.map(|(sent, came)| came.saturating_duration_since(sent).as_secs_f64() * 1e3).collect())
}

/// A port that nobody has.
async fn free() -> Result<SocketAddr, Trouble> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.doing("find a free port")?;
    listener.local_addr().doing("find a free port")
}
