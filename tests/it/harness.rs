//! Runs the real binary in a directory of its own, with an environment that nothing leaks into, and a time limit.
//!
//! Text written into a [`Sandbox`] has its placeholders expanded (`keylint::rules::placeholder`). Output comes back
//! with the sandbox's path as `[ROOT]` and durations as `[TIME]`.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keylint::rules::placeholder;
use regex::Regex;

/// Far more than any test takes; what takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// An empty directory to run keylint in.
pub(crate) struct Sandbox {
    _folder: tempfile::TempDir,
    root: PathBuf,
    home: PathBuf,
}

impl Sandbox {
    /// A directory that lies in no repository.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (root, home) = (base.join("tree"), base.join("home"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&home).unwrap();
        Self { _folder: folder, root, home }
    }

    /// A directory that is the root of a repository, as far as keylint looks.
    pub(crate) fn repository() -> Self {
        let sandbox = Self::new();
        sandbox.directory(".git");
        sandbox
    }

    /// Runs git in it, with nobody's configuration but its own, and returns what it prints.
    ///
    /// `line` is split at spaces.
    pub(crate) fn git(&self, line: &str) -> String {
        let (succeeded, stdout, stderr) = self.try_git(line);
        assert!(succeeded, "git {line}: {stdout}{stderr}");
        stdout
    }

    /// The same for what may fail: whether it did not, and what it prints on standard output and on standard error.
    pub(crate) fn try_git(&self, line: &str) -> (bool, String, String) {
        let output = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
            .args(["-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false"])
            .args(["-c", "protocol.file.allow=always"])
            .args(line.split(' '))
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git is installed: tests of repositories need it");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    /// A path in it.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Makes a directory and those above it.
    pub(crate) fn directory(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Writes a file, with directories as needed and placeholders expanded.
    pub(crate) fn write(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, placeholder::expand(text).0).unwrap();
        path
    }

    /// Writes a file as [`Self::write`] does, to be run.
    #[cfg(unix)]
    pub(crate) fn write_executable(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(path, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Reads a file.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// The names of the entries of a directory, sorted.
    pub(crate) fn list(&self, path: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// keylint, to be run with these arguments.
    pub(crate) fn keylint<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Keylint<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keylint"));
        // Colours, widths, locales, global git excludes: all of it would come in through the environment.
        command.env_clear().env("HOME", &self.home).env("PATH", "/usr/bin:/bin");
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command.current_dir(&self.root).args(args);
        Keylint { sandbox: self, command, input: None, source: None }
    }

    /// Runs keylint with these arguments, separated by spaces.
    pub(crate) fn run(&self, line: &str) -> Run {
        self.keylint(line.split_whitespace()).run()
    }

    fn normalized(&self, output: &[u8]) -> String {
        static TIME: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s)\b").unwrap());
        let text = String::from_utf8_lossy(output);
        let text = text.replace(self.root.to_str().unwrap(), "[ROOT]");
        TIME.replace_all(&text, "[TIME]").into_owned()
    }
}

/// A run that has not started.
pub(crate) struct Keylint<'s> {
    sandbox: &'s Sandbox,
    command: Command,
    input: Option<Vec<u8>>,
    source: Option<Stdio>,
}

impl<'s> Keylint<'s> {
    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in a directory of the sandbox other than its root.
    pub(crate) fn current_dir(mut self, path: &str) -> Self {
        self.command.current_dir(self.sandbox.path(path));
        self
    }

    /// Gives text, its placeholders expanded, to standard input, which is empty otherwise.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.input = Some(placeholder::expand(text).0.into_bytes());
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Run {
        self.start_with(None).wait()
    }

    /// Runs it to its end with standard output going to `stdout`.
    pub(crate) fn run_into(mut self, stdout: impl Into<Stdio>) -> Run {
        self.start_with(Some(stdout.into())).wait()
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Started<'s> {
        self.start_with(None)
    }

    /// The command itself, for a test that wires it up in its own way.
    #[cfg(unix)]
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Starts it with standard input coming from `stdin`.
    pub(crate) fn start_from(mut self, stdin: impl Into<Stdio>) -> Started<'s> {
        self.source = Some(stdin.into());
        self.start_with(None)
    }

    fn start_with(&mut self, stdout: Option<Stdio>) -> Started<'s> {
        let nothing_yet = if self.input.is_some() { Stdio::piped } else { Stdio::null };
        let stdin = self.source.take().unwrap_or_else(nothing_yet);
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(stdout.unwrap_or_else(Stdio::piped))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if let Some(input) = self.input.take() {
            let mut pipe = child.stdin.take().unwrap();
            // From a thread: more than a pipe holds would block. keylint may end without reading it all.
            std::thread::spawn(move || drop(pipe.write_all(&input)));
        }
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Started { sandbox: self.sandbox, child, stdout, stderr }
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// A run that goes on.
pub(crate) struct Started<'s> {
    sandbox: &'s Sandbox,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Started<'_> {
    /// Sends a signal, by its name without `SIG`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until it has a file open; `path` has no links in it.
    #[cfg(target_os = "linux")]
    pub(crate) fn wait_until_open(&self, path: &Path) {
        let started = Instant::now();
        let open = format!("/proc/{}/fd", self.child.id());
        let is_open = || {
            let mut links = std::fs::read_dir(&open).unwrap().flatten();
            links.any(|link| std::fs::read_link(link.path()).is_ok_and(|target| target == path))
        };
        while !is_open() {
            assert!(started.elapsed() < TIME_LIMIT, "keylint does not open {}", path.display());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Run {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > TIME_LIMIT {
                self.child.kill().unwrap();
                panic!("keylint did not end within {TIME_LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let text = |pipe: Option<JoinHandle<Vec<u8>>>| {
            let bytes = pipe.map(|pipe| pipe.join().unwrap()).unwrap_or_default();
            (self.sandbox.normalized(&bytes), bytes)
        };
        let (stdout, raw_stdout) = text(self.stdout);
        let (stderr, _) = text(self.stderr);
        Run { status: status.code(), stdout, stderr, raw_stdout }
    }
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// Standard output, normalised.
    pub(crate) stdout: String,
    /// Standard error, normalised.
    pub(crate) stderr: String,
    /// Standard output as it came.
    pub(crate) raw_stdout: Vec<u8>,
}

impl Run {
    /// Asserts the exit status, and shows the whole run if it is another.
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert!(self.status == Some(status), "expected status {status}:\n{self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.raw_stdout).unwrap_or_else(|error| panic!("{error}:\n{self}"))
    }

    /// Asserts that standard error holds `text`.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "expected on stderr: {text}\n{self}");
        self
    }

    /// Asserts that standard output holds `text`.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "expected on stdout: {text}\n{self}");
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, stdout, stderr, .. } = self;
        write!(f, "status: {status:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}
