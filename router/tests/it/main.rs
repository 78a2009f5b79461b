//! The router as its clients and its upstreams see it, through real sockets.
#![expect(
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: what is not as expected ends them"
)]

mod accumulated;
mod audit;
#[cfg(feature = "aws")]
#[path = "../support/aws.rs"]
mod aws;
#[cfg(feature = "aws")]
mod bedrock;
mod breaker;
mod clients;
#[cfg(feature = "aws")]
mod cloud;
#[path = "../support/collector.rs"]
mod collector;
mod commit;
#[cfg(feature = "aws")]
mod compatibility;
mod completions;
#[cfg(feature = "aws")]
mod conversations;
mod crash;
mod edge;
mod failing;
#[path = "../support/faults.rs"]
mod faults;
#[path = "../support/freezer.rs"]
mod freezer;
mod front;
mod fuzzed;
mod golden;
mod hedge;
#[cfg(feature = "aws")]
mod identity;
mod instance;
mod lambda;
mod large;
#[cfg(feature = "aws")]
mod late;
#[cfg(feature = "aws")]
mod ledger;
mod live;
#[cfg(feature = "aws")]
mod matrix;
mod message_events;
mod messages;
mod messages_random;
mod named;
mod open;
mod pressure;
#[path = "../support/process.rs"]
mod process;
mod random;
mod recorded;
mod replay;
mod response_events;
mod response_requests;
mod responses;
mod resume;
mod roles;
mod rules;
#[path = "../support/running.rs"]
mod running;
#[path = "../support/runtime_api.rs"]
mod runtime_api;
mod schedules;
mod security;
mod security_canary;
mod security_wire;
#[cfg(feature = "aws")]
mod shared;
#[cfg(feature = "aws")]
mod stored;
mod taken;
mod telemetry;
mod turns;
