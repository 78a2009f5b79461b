//! The contract between the language and the router: the types of `model_map.json`, its canonical
//! bytes and digest, its validation, the planner and the rules of an attempt.
//!
//! Nothing here does I/O, awaits, reads a clock or draws a random number, so that an offline test
//! and production cannot disagree.

pub mod attempt;
pub mod audit;
pub mod breaker;
pub mod client;
pub mod condition;
pub mod context;
pub mod cost;
pub mod facts;
pub mod failure;
mod glob;
pub mod load;
pub mod map;
pub mod plan;
pub mod price;
pub mod role;
pub mod seal;
pub mod secret;
pub mod timer;

pub use attempt::{Attempt, Attempts, Skipped, Step};
pub use breaker::{Breaker, BreakerState, Pass, Verdict};
pub use client::{Budget, Client, Limited, Period, RateLimit};
pub use condition::{Condition, Flag, NumberFact, NumberTest, TextFact, TextPattern, TextTest};
pub use context::usable_context;
pub use cost::Cost;
pub use facts::{Facts, IMAGE_TOKENS, RequestFacts, document_tokens, estimate_tokens};
pub use failure::{Failure, FailureClass, Words};
pub use glob::matches as glob_matches;
pub use load::{LoadError, load};
pub use map::{
    Ability, ApiKey, CallIds, Effort, EffortWithTools, Model, ModelEndpoint, ModelMap,
    OutputLimitKey, PastReasoning, Protocol, Provider, Sampling, Sources, SystemRole,
};
pub use plan::{Draw, Plan, PlannedLink, Unplanned, may_ask, plan, prompt_tokens};
pub use price::{Price, PriceOver, price_at};
pub use role::{
    Arm, Audit, CacheBreakpoint, Commit, Guard, Limits, Link, Parameters, Retry, Role, Share,
    System, SystemMode, TimeoutChanges, Timeouts, usual_fallback,
};
pub use seal::{prompt_id, seal};
pub use timer::Timer;
