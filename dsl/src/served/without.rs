//! In place of the question, where this binary was built without it.

use std::time::Duration;

use super::Served;
use crate::store::Trouble;

/// There is none.
#[derive(Debug)]
pub enum Router {}

impl Router {
    /// None.
    ///
    /// # Errors
    /// Always.
    pub fn at(address: &str) -> Result<Self, Trouble> {
        Err(Trouble::new(
            format!("{address}: this sfai-dsl was built without asking routers"),
            "install it with its default features: cargo install --locked --path dsl",
        ))
    }

    /// Where it is asked.
    pub fn url(&self) -> &str {
        match *self {}
    }

    /// Asks once.
    ///
    /// # Errors
    /// Never: there is none.
    pub fn served(&self) -> Result<Served, Trouble> {
        match *self {}
    }

    /// Waits for nothing.
    pub fn follows(&self, _: &str, _: Duration) -> Option<Result<Served, Trouble>> {
        match *self {}
    }
}
