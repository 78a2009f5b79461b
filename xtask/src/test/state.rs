//! The part `state`: what routers keep in AWS, against an emulator of it that others wrote: a table
//! that they share, the map and the keys.
//!
//! Owns the emulator's run alone; the tests are the router's, which are ignored without it.

use std::process::Command;

use super::{Outcome, top};
use crate::emulator::{self, Emulator};
use crate::trouble::{Doing, Trouble};

/// Starts the emulator and runs the router's tests that need it.
///
/// # Errors
/// As [`emulator::install`], and when it does not start.
pub(super) fn run() -> Result<Outcome, Trouble> {
    let installed = match emulator::install()? {
        Ok(installed) => installed,
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            return Err(Trouble::new("test the shared state", why));
        }
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let emulator = Emulator::start(&installed)?;
    // Of the whole workspace, as it was built for the part `tests`.
    let tests = ["test", "--workspace", "--test", "it", "--", "--ignored", "shared::", "cloud::"];
    let status = Command::new(env!("CARGO"))
        .args(tests)
        .env("SFAI_TEST_DYNAMODB", emulator.address.to_string())
        .env("SFAI_TEST_AWS", emulator.url())
        .current_dir(top())
        .status();
    let passed = status.doing("start cargo")?.success();
    Ok(if passed { Outcome::Passed } else { Outcome::Failed })
}
