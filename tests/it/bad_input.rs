//! Input that cannot be read, or not whole, or should not be: each has a defined result, and none ends as clean
//! unless it was left out on purpose.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
#[cfg(target_os = "linux")]
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

#[cfg(target_os = "linux")]
use flate2::{Compression, write::ZlibEncoder};
use keylint::rules::placeholder;

use crate::harness::{Run, Sandbox};

const PAIR: &str = "[default]\naws_access_key_id = {{aws-access-key-id:1}}\n\
                    aws_secret_access_key = {{aws-secret-access-key:1}}\n";

fn fifo(sandbox: &Sandbox, name: &str) {
    assert!(Command::new("mkfifo").arg(sandbox.path(name)).status().unwrap().success());
}

/// Writes `text` into a FIFO from a thread: opening it waits for the reader.
fn feed(sandbox: &Sandbox, name: &str, text: &str) {
    let (path, text) = (sandbox.path(name), placeholder::expand(text).0);
    std::thread::spawn(move || fs::write(path, text).unwrap());
}

/// Asserts that the run names `path` as not scanned, in every format, and ends with 2.
#[track_caller]
fn is_problem(sandbox: &Sandbox, args: &[&str], path: &str) -> Run {
    let json = sandbox.keylint(["scan", "--format", "json"].iter().chain(args)).run().expect(2);
    let json = json.complains(&format!("keylint: {path}: "));
    let quoted = serde_json::to_string(path).unwrap();
    assert!(json.stdout.contains(&quoted), "{json}");
    sandbox.keylint(["scan"].iter().chain(args)).run().expect(2).says(path)
}

#[test]
fn an_unreadable_file_is_named_and_the_rest_is_scanned() {
    let sandbox = Sandbox::new();
    let path = sandbox.write("closed", PAIR);
    sandbox.write("open", PAIR);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        eprintln!("skipped: this user reads everything");
        return;
    }
    is_problem(&sandbox, &["."], "closed").says("open:");
}

#[test]
fn an_unreadable_directory_is_named_and_the_rest_is_scanned() {
    let sandbox = Sandbox::new();
    sandbox.write("open", PAIR);
    let path = sandbox.directory("closed");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&path).is_ok() {
        eprintln!("skipped: this user reads everything");
        return;
    }
    is_problem(&sandbox, &["."], "closed").says("open:");
}

/// Reading this file fails for every user, root included.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fails_while_it_is_read_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("open", PAIR);
    is_problem(&sandbox, &["/proc/self/mem", "open"], "/proc/self/mem").says("open:");
}

#[test]
fn a_missing_path_is_named_and_the_rest_is_scanned() {
    let sandbox = Sandbox::new();
    sandbox.write("open", PAIR);
    is_problem(&sandbox, &["absent", "open"], "absent").says("open:");
    is_problem(&sandbox, &["open/below", "open"], "open/below").says("open:");
}

#[test]
fn a_file_that_vanishes_is_named_or_was_scanned() {
    let sandbox = Sandbox::new();
    for index in 0..2000 {
        sandbox.write(format!("{:02}/{index}", index % 50), "nothing\n");
    }
    let run = sandbox.keylint(["scan", "--format", "json", "--threads", "1"]).start();
    for index in (0..50).rev() {
        fs::remove_dir_all(sandbox.path(format!("{index:02}"))).unwrap();
    }
    let run = run.wait();
    assert!(matches!(run.status, Some(0 | 2)), "{run}");
    assert_eq!(run.status == Some(2), run.stderr.contains("keylint: "), "{run}");
}

#[test]
fn links_are_left_out_unless_followed_or_given() {
    let sandbox = Sandbox::new();
    sandbox.write("outside/file", PAIR);
    sandbox.directory("tree");
    symlink("../outside/file", sandbox.path("tree/link")).unwrap();
    symlink("../outside", sandbox.path("tree/directory")).unwrap();
    let run = sandbox.run("scan tree --format json").expect(0);
    assert_eq!(left_out(&run, "symbolic_link"), 2, "{run}");
    sandbox.run("scan tree --follow").expect(1).says("tree/link:").says("tree/directory/file:");
    sandbox.run("scan tree/link").expect(1).says("tree/link:");
    sandbox.run("scan tree/directory").expect(1).says("tree/directory/file:");
}

#[test]
fn a_broken_link_is_a_problem_where_it_is_to_be_read() {
    let sandbox = Sandbox::new();
    sandbox.write("file", PAIR);
    symlink("nowhere", sandbox.path("broken")).unwrap();
    sandbox.run("scan").expect(1);
    is_problem(&sandbox, &["broken"], "broken");
    is_problem(&sandbox, &["--follow"], "broken").says("file:");
}

#[test]
fn a_cyclic_link_is_a_problem_where_it_is_to_be_read() {
    let sandbox = Sandbox::new();
    sandbox.write("deep/file", PAIR);
    symlink("..", sandbox.path("deep/up")).unwrap();
    sandbox.run("scan").expect(1);
    is_problem(&sandbox, &["--follow", "."], "deep/up").says("deep/file:");
    symlink("itself", sandbox.path("itself")).unwrap();
    is_problem(&sandbox, &["itself"], "itself");
}

#[test]
fn special_files_of_a_tree_are_left_out() {
    let sandbox = Sandbox::new();
    fifo(&sandbox, "fifo");
    let _listener = UnixListener::bind(sandbox.path("socket")).unwrap();
    sandbox.write("file", "nothing\n");
    let run = sandbox.run("scan --format json").expect(0);
    assert_eq!(left_out(&run, "special_file"), 2, "{run}");
    sandbox.run("scan --follow").expect(0);
}

#[cfg(target_os = "linux")]
#[test]
fn special_files_behind_followed_links_are_left_out() {
    let sandbox = Sandbox::new();
    symlink("/dev/zero", sandbox.path("endless")).unwrap();
    sandbox.write("file", "nothing\n");
    let run = sandbox.run("scan --follow --format json").expect(0);
    assert_eq!(left_out(&run, "special_file"), 1, "{run}");
}

#[test]
fn a_fifo_that_is_given_is_read() {
    let sandbox = Sandbox::new();
    fifo(&sandbox, "fifo");
    feed(&sandbox, "fifo", PAIR);
    sandbox.run("scan fifo").expect(1).says("fifo:");
}

#[test]
fn a_socket_that_is_given_is_a_problem() {
    let sandbox = Sandbox::new();
    let _listener = UnixListener::bind(sandbox.path("socket")).unwrap();
    is_problem(&sandbox, &["socket"], "socket");
}

#[cfg(target_os = "linux")]
#[test]
fn devices_and_files_of_proc_that_are_given_are_read() {
    let sandbox = Sandbox::new();
    sandbox.run("scan /dev/null").expect(0);
    let environment = sandbox
        .keylint(["scan", "/proc/self/environ"])
        .env("AWS_ACCESS_KEY_ID", &placeholder::expand("{{aws-access-key-id:1}}").0)
        .env("AWS_SECRET_ACCESS_KEY", &placeholder::expand("{{aws-secret-access-key:1}}").0);
    environment.run().expect(1).says("/proc/self/environ:");
}

#[test]
fn a_path_that_is_not_utf_8_is_scanned_and_shown() {
    let sandbox = Sandbox::new();
    let name = OsStr::from_bytes(b"caf\xe9.env");
    if fs::write(sandbox.path(name), "").is_err() {
        eprintln!("skipped: this file system takes no such name");
        return;
    }
    sandbox.write(name, PAIR);
    for format in ["text", "json", "jsonl", "sarif"] {
        sandbox.keylint(["scan", "--format", format]).run().expect(1).says("caf");
    }
    let given = [OsStr::new("scan"), name];
    sandbox.keylint(given).run().expect(1).says("caf");
}

#[test]
fn paths_that_would_move_the_cursor_are_made_harmless() {
    let sandbox = Sandbox::new();
    let name = "a\nkeylint: clean\u{1b}[2J\u{202e}b";
    sandbox.write(name, PAIR);
    symlink("nowhere", sandbox.path("broken\u{1b}[2J\n")).unwrap();
    for format in ["text", "json", "jsonl", "sarif"] {
        let args = ["scan", "--follow", "--verbose", "--format", format];
        let run = sandbox.keylint(args).run().expect(2);
        for output in [&run.stdout, &run.stderr] {
            assert!(!output.contains(['\u{1b}', '\u{202e}']), "{format}: {run}");
            assert!(!output.lines().any(|line| line.starts_with("keylint: clean")), "{run}");
        }
    }
    let json = sandbox.run("scan --format json").expect(1).json();
    let found = json.to_string();
    assert!(found.contains(serde_json::to_string(name).unwrap().trim_matches('"')), "{found}");
}

#[test]
fn a_file_over_the_limit_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("large", &"x".repeat(1025));
    sandbox.write("small", &"x".repeat(1024));
    let run = is_problem(&sandbox, &["--max-file-size", "1K"], "large");
    assert!(!run.stdout.contains("small"), "{run}");
    sandbox.run("scan --max-file-size 2K").expect(0);
}

/// A stream has no size to ask for: the limit is met while it is read.
#[test]
fn a_stream_over_the_limit_is_named() {
    let sandbox = Sandbox::new();
    fifo(&sandbox, "fifo");
    feed(&sandbox, "fifo", &"x".repeat(1025));
    sandbox.run("scan fifo --max-file-size 1K").expect(2).says("fifo");
    let run =
        sandbox.keylint(["scan", "-", "--max-file-size", "1K"]).stdin(&"x".repeat(1025)).run();
    run.expect(2).says("<stdin>");
}

#[test]
fn a_directory_of_git_is_not_entered() {
    let sandbox = Sandbox::repository();
    sandbox.write(".git/config", PAIR);
    let run = sandbox.run("scan --no-ignore --format json").expect(0);
    assert_eq!(left_out(&run, "git_directory"), 1, "{run}");
}

#[test]
fn a_configuration_that_would_block_is_an_error() {
    let sandbox = Sandbox::new();
    fifo(&sandbox, "keylint.toml");
    sandbox
        .run("scan")
        .expect(2)
        .complains("[ROOT]/keylint.toml: the configuration cannot be read");
    symlink("nowhere", sandbox.directory("sub").join("keylint.toml")).unwrap();
    sandbox.run("scan sub").expect(2).complains("[ROOT]/sub/keylint.toml: the configuration");
}

#[test]
fn a_baseline_that_would_block_is_an_error() {
    let sandbox = Sandbox::repository();
    fifo(&sandbox, ".keylint-baseline.json");
    let problem = ".keylint-baseline.json: cannot be read: it is no file";
    for line in ["scan", "baseline update", "triage"] {
        sandbox.run(line).expect(2).complains(problem);
    }
    fifo(&sandbox, "other");
    let problem = "other: cannot be read: it is no file";
    sandbox.run("scan --baseline other").expect(2).complains(problem);
}

#[test]
fn a_broken_baseline_is_told_before_standard_input_ends() {
    let sandbox = Sandbox::repository();
    sandbox.write(".keylint-baseline.json", "{}");
    let (reader, _writer) = std::io::pipe().unwrap();
    let run = sandbox.keylint(["scan", "-"]).start_from(reader);
    run.wait().expect(2).complains(".keylint-baseline.json:1: not a baseline");
}

#[test]
fn the_first_interrupt_ends_the_scan_with_what_was_found() {
    let sandbox = Sandbox::new();
    sandbox.write("file", PAIR);
    fifo(&sandbox, "fifo");
    let run = sandbox.keylint(["scan", "--threads", "1", "file", "fifo"]).start();
    let _writer = once_read(&sandbox.path("fifo"));
    run.signal("INT");
    run.wait().expect(2).says("file:").says("interrupted");
}

#[test]
fn an_interrupt_ends_a_scan_that_waits_for_standard_input() {
    let sandbox = Sandbox::new();
    let (reader, _writer) = std::io::pipe().unwrap();
    let run = sandbox.keylint(["scan", "--format", "json", "-"]).start_from(reader);
    std::thread::sleep(Duration::from_millis(500));
    run.signal("TERM");
    run.wait().expect(2).says("\"interrupted\"");
}

#[test]
fn an_interrupt_ends_the_scan_of_a_tree() {
    let sandbox = Sandbox::new();
    for index in 0..3000 {
        sandbox.write(format!("{:02}/{index}", index % 60), PAIR);
    }
    fifo(&sandbox, "fifo");
    let args = ["scan", "--format", "json", "--threads", "1", "fifo", "."];
    let run = sandbox.keylint(args).start();
    let writer = once_read(&sandbox.path("fifo"));
    run.signal("INT");
    drop(writer);
    let run = run.wait().expect(2).complains("interrupted");
    assert!(run.json().is_object());
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_the_reading_of_a_history_with_what_was_found() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("keys", PAIR);
    sandbox.git("add keys");
    sandbox.git("commit --quiet -m keys");
    let blob = sandbox.git("rev-parse HEAD:keys").trim().to_owned();
    // Packs are read before loose objects, of which this one takes longer than anyone waits.
    sandbox.git("gc --quiet");
    let last = sandbox.directory(".git/objects/ff").canonicalize().unwrap().join("f".repeat(38));
    fs::write(&last, zeros(4 << 30)).unwrap();
    let run = sandbox.keylint(["history", "--threads", "1"]).start();
    run.wait_until_open(&last);
    run.signal("INT");
    let run = run.wait().expect(2).says("aws-long-term-credentials").says("interrupted");
    run.says(&format!("<object {blob}>:2:21")).says("not looked up");
}

/// A loose object of so many zeros, deflated without its end.
#[cfg(target_os = "linux")]
fn zeros(size: u64) -> Vec<u8> {
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
    let piece = vec![0; 4 << 20];
    write!(deflated, "blob {size}\0").unwrap();
    // Each piece but the first is deflated to the same bytes.
    for _ in 0..2 {
        deflated.write_all(&piece).unwrap();
        deflated.flush().unwrap();
    }
    let first = deflated.get_ref().len();
    deflated.write_all(&piece).unwrap();
    deflated.flush().unwrap();
    let mut start = deflated.get_ref().clone();
    let again = start.split_off(first);
    let times = (size / piece.len() as u64) as usize;
    [start, again.repeat(times)].concat()
}

/// Whatever the first interrupt came to, the second one is the end.
#[test]
fn the_second_interrupt_ends_the_process() {
    let sandbox = Sandbox::new();
    fifo(&sandbox, "fifo");
    let run = sandbox.keylint(["scan", "fifo"]).start();
    let _writer = once_read(&sandbox.path("fifo"));
    // Signals that come before the first is handled become one with it.
    for _ in 0..3 {
        run.signal("INT");
        std::thread::sleep(Duration::from_millis(300));
    }
    let run = run.wait();
    assert!(matches!(run.status, Some(2 | 130)), "{run}");
}

/// The writing end of a FIFO as soon as it is being read: the scan has started, and waits as long as this is held.
fn once_read(path: &Path) -> fs::File {
    let (opened, receiver) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || opened.send(fs::File::options().write(true).open(path).unwrap()));
    receiver.recv_timeout(Duration::from_secs(30)).expect("keylint opens the FIFO")
}

/// How many entries a JSON report says were left out for a reason.
fn left_out(run: &Run, reason: &str) -> u64 {
    let report = run.json();
    let reasons = &report["scan"]["left_out"];
    reasons[reason].as_u64().unwrap_or_else(|| panic!("no count of {reason} in {reasons}"))
}
