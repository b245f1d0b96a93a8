//! How far a long scan is, on a terminal's standard error: one line that is rewritten until the scan is done.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{sync::Arc, thread};

use keylint::scan::Progress;

/// How often the line is written anew. Short scans never get to see it.
const PERIOD: Duration = Duration::from_millis(250);

/// Back to the line's start, and clear the rest of it.
const CLEAR: &str = "\r\x1b[K";

/// Shows progress until it is dropped.
pub(crate) struct Display {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Shows `progress` if standard error is a terminal, and it is wanted.
    pub(crate) fn start(progress: &Arc<Progress>, wanted: bool) -> Self {
        if !wanted || !io::stderr().is_terminal() {
            return Self { done: None, thread: None };
        }
        let progress = Arc::clone(progress);
        let (done, is_done) = mpsc::channel();
        let started = Instant::now();
        let thread = thread::spawn(move || {
            while is_done.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                // A history alone says how much there is.
                if progress.objects.load(Ordering::Relaxed) > 0 {
                    show(&line(&progress, started.elapsed()));
                }
            }
            show("");
        });
        Self { done: Some(done), thread: Some(thread) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            // A display that failed is nothing to stop for.
            let _ = thread.join();
        }
    }
}

fn show(line: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{CLEAR}{line}").and_then(|()| stderr.flush());
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let value = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let megabytes = value(&progress.bytes) as f64 / 1e6;
    let rate = megabytes / elapsed.as_secs_f64().max(0.001);
    format!(
        "{} of at most {} objects, {megabytes:.0} MB, {rate:.0} MB/s, {} findings",
        value(&progress.read),
        value(&progress.objects),
        value(&progress.suspects),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_and_how_fast() {
        let progress = Progress::default();
        progress.objects.store(300, Ordering::Relaxed);
        progress.read.store(20, Ordering::Relaxed);
        progress.bytes.store(5_000_000, Ordering::Relaxed);
        progress.suspects.store(1, Ordering::Relaxed);
        assert_eq!(
            line(&progress, Duration::from_secs(2)),
            "20 of at most 300 objects, 5 MB, 2 MB/s, 1 findings"
        );
    }
}
