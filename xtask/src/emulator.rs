//! ministack, an emulator of AWS that others wrote, as a process of a test or a benchmark.
//!
//! Owns its installation, its life and what it is stocked with; whoever starts it knows what it is
//! asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::test::{at_least, install_python};
use crate::trouble::{Doing, Trouble};

/// The oldest Python that it runs on.
const PYTHON: (u32, u32) = (3, 10);

/// Where it keeps what is put without a signature.
pub(crate) const REGION: &str = "us-east-1";

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Installs it where it is missing, as pinned, and gives its program; or why it cannot run here.
///
/// # Errors
/// When the pinned packages cannot be installed.
pub(crate) fn install() -> Result<Result<PathBuf, String>, Trouble> {
    let python =
        at_least("python3", PYTHON).or_else(|why| at_least("python", PYTHON).map_err(|_| why));
    let python = match python {
        Ok(python) => python,
        Err(why) => return Ok(Err(why)),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/test/s3");
    let python = install_python(&folder, python)?;
    Ok(Ok(python.with_file_name(format!("ministack{}", std::env::consts::EXE_SUFFIX))))
}

/// A running emulator; it ends when this is dropped.
pub(crate) struct Emulator {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Emulator {
    /// Starts the program on a free port of loopback, and waits until it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(program: &Path) -> Result<Self, Trouble> {
        // It cannot be asked to choose a port; the one chosen here is free until it takes it.
        let listener = TcpListener::bind("127.0.0.1:0").doing("find a free port")?;
        let address = listener.local_addr().doing("find a free port")?;
        drop(listener);
        let process = Command::new(program)
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

    /// Its endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a bucket, `/BUCKET`, or an object in one, `/BUCKET/KEY`. It looks at no signature.
    ///
    /// # Errors
    /// When it refuses.
    pub(crate) fn put(&self, path: &str, body: &[u8]) -> Result<(), Trouble> {
        self.send(&format!("PUT {path}"), "", body)
    }

    /// Makes a secret.
    ///
    /// # Errors
    /// When it refuses.
    pub(crate) fn put_secret(&self, name: &str, value: &str) -> Result<(), Trouble> {
        let body = serde_json::json!({"Name": name, "SecretString": value}).to_string();
        let headers = "x-amz-target: secretsmanager.CreateSecret\r\ncontent-type: application/x-amz-json-1.1\r\n";
        self.send("POST /", headers, body.as_bytes())
    }

    fn send(&self, what: &str, headers: &str, body: &[u8]) -> Result<(), Trouble> {
        let doing = || format!("{what} of the emulator");
        let mut stream = TcpStream::connect(self.address).doing(doing())?;
        let head = format!(
            "{what} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).doing(doing())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).doing(doing())?;
        match answer.split_whitespace().nth(1) {
            Some("200") => Ok(()),
            _ => Err(Trouble::new(doing(), answer)),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
