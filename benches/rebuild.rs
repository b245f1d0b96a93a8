//! Inflates and rebuilds all blobs of a repository without looking at them: the floor under `keylint history`. Where it
//! finds something and says since when, it reads trees and commits, too: the floor under that is `all`.
//!
//!     cargo bench --bench rebuild -- REPOSITORY [THREADS [all]]
//!
//! Prints objects, bytes and seconds, and whatever could not be read.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use keylint::model::blob::Content;
use keylint::sources::git::probe;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench tells people its figures")]
fn main() -> ExitCode {
    // Cargo adds options of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let Some(repository) = args.first() else {
        // `cargo bench` without arguments runs all benches.
        eprintln!("rebuild: no repository was given");
        return ExitCode::SUCCESS;
    };
    let threads = args.get(1).and_then(|threads| threads.parse().ok()).unwrap_or(2);
    let kinds: fn(&str) -> bool = match args.get(2).map(String::as_str) {
        None => |kind| kind == "blob",
        Some("all") => |_| true,
        Some(other) => {
            eprintln!("rebuild: not a kind of objects: {other}");
            return ExitCode::from(2);
        }
    };
    let (objects, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
    let started = Instant::now();
    let unread = probe::each(Path::new(repository), threads, kinds, &|_, _, content| {
        let length = match content {
            Content::Bytes(data) => data.len() as u64,
            Content::Seekable(_) => unreachable!("objects are no files"),
            Content::Stream(stream) => {
                std::io::copy(stream, &mut std::io::sink()).unwrap_or_default()
            }
        };
        objects.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(length, Ordering::Relaxed);
    });
    let seconds = started.elapsed().as_secs_f64();
    println!("{} objects, {} bytes, {seconds:.3} s", objects.into_inner(), bytes.into_inner());
    match unread {
        Ok(unread) if unread.is_empty() => ExitCode::SUCCESS,
        Ok(unread) => {
            for what in unread {
                eprintln!("{what}");
            }
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{repository}: {error}");
            ExitCode::from(2)
        }
    }
}
