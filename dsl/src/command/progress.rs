//! A line on the terminal while a verb takes long.
//!
//! Owns that line alone; results are printed by the verbs, after it is gone.

use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What ends before this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is drawn again.
const BEAT: Duration = Duration::from_millis(250);

/// A running verb; its line goes away when this is dropped.
pub(super) struct Progress {
    end: Option<Sender<()>>,
    line: Option<JoinHandle<()>>,
}

impl Progress {
    /// Says on stderr, if that is a terminal, what is being done, once it has taken a while.
    pub(super) fn start(doing: &'static str) -> Self {
        if !stderr().is_terminal() {
            return Self { end: None, line: None };
        }
        let (end, ended) = channel();
        let line = std::thread::spawn(move || draw(doing, &ended, &mut stderr()));
        Self { end: Some(end), line: Some(line) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(line) = self.line.take() {
            // A thread that failed has drawn nothing that matters.
            let _ = line.join();
        }
    }
}

/// Draws until the other end is gone. A terminal that takes no more is left alone.
fn draw(doing: &str, ended: &Receiver<()>, to: &mut impl Write) {
    let start = Instant::now();
    let mut wait = PATIENCE;
    let mut drawn = false;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let _ = write!(to, "\r{doing} … {} s", start.elapsed().as_secs());
        let _ = to.flush();
        drawn = true;
        wait = BEAT;
    }
    if drawn {
        let _ = write!(to, "\r\x1b[K");
        let _ = to.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_is_done_at_once_draws_nothing() {
        let (end, ended) = channel();
        drop(end);
        let mut drawn = Vec::new();
        draw("checking", &ended, &mut drawn);
        assert_eq!(drawn, b"");
    }

    #[test]
    fn a_line_is_drawn_and_wiped() {
        /// Ends the work once something has been written.
        struct Screen(Vec<u8>, Option<Sender<()>>);
        impl Write for Screen {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.1 = None;
                self.0.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (end, ended) = channel();
        let mut screen = Screen(Vec::new(), Some(end));
        draw("checking", &ended, &mut screen);
        let drawn = String::from_utf8(screen.0).unwrap();
        assert!(
            drawn.starts_with("\rchecking … 0 s") && drawn.ends_with("\r\u{1b}[K"),
            "{drawn:?}"
        );
    }
}
