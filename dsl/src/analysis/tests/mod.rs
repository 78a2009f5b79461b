//! The analysis against brute force, and what it says of small programs.

mod conditions;
mod promises;
mod random;
