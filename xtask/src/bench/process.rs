//! Processes under measurement: started, read from `/proc`, ended.
//!
//! Linux alone; what they serve is not known here.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::trouble::{Doing, Trouble};

/// Files that one process may need open: two for each of a thousand streams, and some.
const OPEN_FILES: u32 = 4096;

/// Ticks a second in `/proc/PID/stat`: the kernel's interface fixes it for every machine.
const TICKS_PER_SECOND: u32 = 100;

/// A server process, killed when it is dropped.
pub(super) struct Process {
    child: Child,
    name: String,
    pub(super) address: SocketAddr,
}

impl Process {
    /// Starts `program` on an address that was free; its output goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(
        program: &Path,
        arguments: impl FnOnce(SocketAddr) -> Vec<String>,
        log: &Path,
    ) -> Result<Self, Trouble> {
        let name = program.display().to_string();
        let doing = || format!("start {name}");
        let address = free_address()?;
        let log = File::create(log).doing(doing())?;
        // The shell is replaced by the program, so that the child's number is the program's.
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {OPEN_FILES} && exec \"$@\""))
            .arg("sh")
            .arg(program)
            .args(arguments(address))
            .env_remove("AWS_LAMBDA_RUNTIME_API")
            .env_remove("SFAI_CLIENT_KEYS")
            .stdin(Stdio::null())
            .stdout(log.try_clone().doing(doing())?)
            .stderr(log)
            .spawn()
            .doing(doing())?;
        Ok(Self { child, name, address })
    }

    /// Waits until `ready` holds for the address, without a pause: the wait itself is measured.
    ///
    /// # Errors
    /// When it ends, or does not get ready within 10 s.
    pub(super) fn wait(&mut self, ready: fn(SocketAddr) -> bool) -> Result<(), Trouble> {
        let start = Instant::now();
        while !ready(self.address) {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Trouble::new(
                    format!("keep {} running", self.name),
                    status.to_string(),
                ));
            }
            if start.elapsed() > Duration::from_secs(10) {
                return Err(Trouble::new(format!("reach {}", self.name), "not ready after 10 s"));
            }
        }
        Ok(())
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to end, and waits until it has.
    ///
    /// # Errors
    /// When it cannot be told.
    pub(super) fn terminate(&mut self) -> Result<(), Trouble> {
        let doing = || format!("end {}", self.name);
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().doing(doing())?;
        self.child.wait().doing(doing())?;
        Ok(())
    }

    /// CPU time used so far, of all threads.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn cpu(&self) -> Result<Duration, Trouble> {
        let stat = self.read("stat")?;
        // The name in parentheses may hold blanks; after it come the state (3rd field) and others.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = after_name.split_whitespace().skip(11).map(str::parse::<u32>);
        let doing = || format!("read the CPU time of {}", self.name);
        let user = fields.next().doing(doing())?.doing(doing())?;
        let system = fields.next().doing(doing())?.doing(doing())?;
        Ok(Duration::from_secs(1) * (user + system) / TICKS_PER_SECOND)
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn resident(&self) -> Result<u64, Trouble> {
        resident_of(self.child.id())
    }

    fn read(&self, file: &str) -> Result<String, Trouble> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).doing(format!("read {path}"))
    }
}

/// Resident memory of a process in bytes.
///
/// # Errors
/// When it has ended.
pub(super) fn resident_of(process: u32) -> Result<u64, Trouble> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).doing(format!("read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    let doing = || format!("read the memory in {path}");
    let kibibytes: u64 = kibibytes.doing(doing())?.parse().doing(doing())?;
    Ok(kibibytes * 1024)
}

impl Drop for Process {
    fn drop(&mut self) {
        // Neither fails unless it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether something listens.
pub(super) fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// Whether `GET /health` answers 200.
pub(super) fn healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// An address on loopback that was free a moment ago.
fn free_address() -> Result<SocketAddr, Trouble> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("find a free port")?;
    listener.local_addr().doing("find a free port")
}
