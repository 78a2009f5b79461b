//! Translation alone: no socket, no request.
//!
//! Owns what its figures are held to; they are made by `router/examples/translation.rs`, which
//! counts allocations.

use std::process::Command;

use serde::Deserialize;

use crate::bench::report::{Aim, Row};
use crate::bench::subject::Bench;
use crate::trouble::{Doing, Trouble};

/// Over parsing each event's JSON and printing it again.
const TIME_AIM: f64 = 1.0;

#[derive(Deserialize)]
struct Measured {
    ways: Vec<Measurement>,
}

#[derive(Deserialize)]
struct Measurement {
    way: String,
    bytes: f64,
    events: f64,
    router: Figures,
    floor: Figures,
}

#[derive(Deserialize)]
struct Figures {
    seconds: f64,
    allocations: f64,
}

/// Time and allocations of an event, and the bytes and events of a second, each beside the floor.
pub(in crate::bench) fn translation(bench: &Bench) -> Result<Vec<Row>, Trouble> {
    let output = Command::new(&bench.programs.translation).output().doing("run the translation")?;
    let measured: Measured =
        serde_json::from_slice(&output.stdout).doing("read the translation's figures")?;
    Ok(measured.ways.iter().flat_map(rows).collect())
}

fn rows(of: &Measurement) -> [Row; 4] {
    let row = |what: &str, unit, floor: f64, router: f64, aim| Row {
        what: format!("{}: {what}", of.way),
        unit,
        proxy: Some(floor),
        router,
        ratio: Some(router / floor),
        aim,
    };
    let [floor, router] = [&of.floor, &of.router];
    let an_event = |figures: &Figures| figures.seconds / of.events * 1e9;
    let [most, none] = [Aim::Ratio(TIME_AIM), Aim::None];
    [
        row("an event", "ns", an_event(floor), an_event(router), most),
        row(
            "allocations of an event",
            "",
            floor.allocations / of.events,
            router.allocations / of.events,
            most,
        ),
        row("bytes", "MB/s", of.bytes / floor.seconds / 1e6, of.bytes / router.seconds / 1e6, none),
        row(
            "events",
            "M/s",
            of.events / floor.seconds / 1e6,
            of.events / router.seconds / 1e6,
            none,
        ),
    ]
}
