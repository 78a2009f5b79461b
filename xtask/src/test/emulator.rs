//! The emulator of AWS that others wrote, for the parts that are held against it.
//!
//! Owns its installation and its process; what is asked of it is each part's.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::clients::{at_least, install_python};
use super::top;
use crate::trouble::{Doing, Trouble};

/// The oldest Python that it runs on.
const PYTHON: (u32, u32) = (3, 10);

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// The Python that it is installed for, or why it cannot be here.
///
/// # Errors
/// When its pinned packages cannot be installed, or on CI when Python is missing.
pub(super) fn python() -> Result<Result<PathBuf, String>, Trouble> {
    let python =
        at_least("python3", PYTHON).or_else(|why| at_least("python", PYTHON).map_err(|_| why));
    match python {
        Ok(python) => install_python(&top().join("xtask/src/test/s3"), python).map(Ok),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            Err(Trouble::new("test against an emulator of AWS", why))
        }
        Err(why) => Ok(Err(why)),
    }
}

/// A running emulator; it ends when this is dropped.
pub(super) struct Emulator {
    process: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Emulator {
    /// Starts it and waits until it listens.
    pub(super) fn start(python: &Path) -> Result<Self, Trouble> {
        // It cannot be asked to choose a port; the one chosen here is free until it takes it.
        let listener = TcpListener::bind("127.0.0.1:0").doing("find a free port")?;
        let address = listener.local_addr().doing("find a free port")?;
        drop(listener);
        let name = format!("ministack{}", std::env::consts::EXE_SUFFIX);
        let process = Command::new(python.with_file_name(name))
            // It listens on all interfaces otherwise.
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .doing("start the emulator")?;
        let mut emulator = Self { process, address };
        emulator.wait()?;
        Ok(emulator)
    }

    fn wait(&mut self) -> Result<(), Trouble> {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.process.try_wait().doing("watch the emulator")? {
                return Err(Trouble::new("start the emulator", format!("it ended: {status}")));
            }
            if Instant::now() > until {
                return Err(Trouble::new("start the emulator", "it does not listen"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
