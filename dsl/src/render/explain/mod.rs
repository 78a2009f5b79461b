//! Explanations: for people and for programs.
//!
//! Owns both shapes; what is explained is found out in [`crate::explain`].

mod human;
mod json;
mod page;

pub use human::human;
pub use json::{json, rule_json, schema};
pub use page::page;
