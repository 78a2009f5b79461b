//! The contract between the language and the router: the types of `model_map.json`, its canonical
//! bytes and digest, its validation, the planner and the rules of an attempt.
//!
//! Nothing here does I/O, awaits, reads a clock or draws a random number, so that an offline test
//! and production cannot disagree.

pub mod attempt;
pub mod failure;
pub mod load;
pub mod map;
pub mod plan;
pub mod seal;

pub use attempt::{Attempt, Attempts, Step};
pub use failure::{Failure, FailureClass};
pub use load::{LoadError, load};
pub use map::{
    ApiKey, Arm, Effort, Link, Model, ModelMap, OutputLimitKey, Parameters, Protocol, Provider,
    Retry, Role, Sampling, Sources, Timeouts,
};
pub use plan::{Plan, PlannedLink, UnknownRole, plan};
pub use seal::{prompt_id, seal};
