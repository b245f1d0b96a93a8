//! `keylint triage`, with its answers from a pipe and from a terminal.

use crate::harness::Sandbox;

/// A repository with three findings.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    for number in 1..=3 {
        let text = format!("id = {{{{aws-access-key-id:{number}}}}}\n");
        sandbox.write(format!("file{number}"), &text);
    }
    sandbox
}

#[test]
fn each_answer_is_written_down_and_not_asked_again() {
    let sandbox = sandbox();
    let run = sandbox.keylint(["triage"]).stdin("r\nx\nf\nit's a \"test\"\nb\n").run().expect(0);
    let run = run
        .says("3 to go through, 0 called real before")
        .says("--- 2 of 3")
        .says("file1:1:6")
        .says("written to keylint.toml")
        .says("written to .keylint-baseline.json");
    let (value, _) = keylint::rules::placeholder::expand("{{aws-access-key-id:1}}");
    assert!(!run.stdout.contains(&value), "{run}");
    let config = sandbox.read("keylint.toml");
    assert!(
        config.starts_with("# aws-access-key-id in file2\n[[allow]]\nfingerprint = \""),
        "{config}"
    );
    // What is real stays reported; the rest is silent.
    sandbox
        .run("scan --show-silenced")
        .expect(1)
        .says("1 credential found")
        .says("file1:1:6")
        .says("reason: it's a \"test\"")
        .says("[[allow]] (1), baseline (1)");
    sandbox.keylint(["triage"]).run().expect(0).says("0 to go through, 1 called real before");
}

#[test]
fn it_can_be_left_and_taken_up_again() {
    let sandbox = sandbox();
    sandbox.write("keylint.toml", "fail-on = 'low'");
    sandbox.keylint(["triage"]).stdin("l\nf\nfirst reason\nq\n").run().expect(0);
    assert!(sandbox.read("keylint.toml").starts_with("fail-on = 'low'\n\n# aws"));
    sandbox
        .keylint(["triage"])
        .stdin("f\nsecond reason\n")
        .run()
        .expect(0)
        .says("2 to go through")
        .says("--- 2 of 2");
    sandbox.run("scan").expect(1).says("[[allow]] (2)").says("1 credential found");
}

#[test]
fn an_end_of_the_input_writes_nothing_half() {
    let sandbox = sandbox();
    sandbox.keylint(["triage"]).stdin("f\n").run().expect(0);
    sandbox.keylint(["triage"]).stdin("").run().expect(0).says("3 to go through");
    assert_eq!(sandbox.list("."), [".git", "file1", "file2", "file3"]);
}

#[test]
fn a_configuration_that_takes_no_entry_is_left_alone() {
    let sandbox = sandbox();
    let text = "allow = [{ path = 'x', reason = 'y' }]\n";
    sandbox.write("keylint.toml", text);
    sandbox
        .keylint(["triage"])
        .stdin("f\nreason\n")
        .run()
        .expect(2)
        .complains("with the new entries it could not be read");
    assert_eq!(sandbox.read("keylint.toml"), text);
}

#[cfg(unix)]
mod on_a_terminal {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::process::{Child, ExitStatus, Stdio};
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

    use keylint::rules::placeholder::expand;
    use rustix::pty::{self, OpenptFlags};
    use rustix::termios::{self, Winsize};

    use super::sandbox;
    use crate::harness::Sandbox;

    /// Far more than any step takes.
    const TIME_LIMIT: Duration = Duration::from_secs(60);

    /// keylint on a terminal of its own, from which this is the other end.
    struct Terminal {
        keyboard: File,
        screen: Receiver<Vec<u8>>,
        child: Child,
        /// What was not waited for yet.
        shown: String,
    }

    impl Terminal {
        fn start(sandbox: &Sandbox, columns: u16, variables: &[(&str, &str)]) -> Self {
            let own = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            pty::grantpt(&own).unwrap();
            pty::unlockpt(&own).unwrap();
            let path = pty::ptsname(&own, Vec::new()).unwrap().into_string().unwrap();
            let keyboard = File::from(own);
            let mut screen = keyboard.try_clone().unwrap();
            let other = File::options().read(true).write(true).open(path).unwrap();
            let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
            termios::tcsetwinsize(&other, size).unwrap();
            let run = sandbox.keylint(["triage"]).env("TERM", "xterm");
            let run = variables.iter().fold(run, |run, (name, value)| run.env(name, value));
            let end = || Stdio::from(other.try_clone().unwrap());
            let child =
                run.into_command().stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
            let (sender, receiver) = mpsc::channel();
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                // Linux tells the end of the last process on a terminal as an error.
                while let Ok(read @ 1..) = screen.read(&mut piece) {
                    if sender.send(piece[..read].to_vec()).is_err() {
                        return;
                    }
                }
            });
            Self { keyboard, screen: receiver, child, shown: String::new() }
        }

        /// Waits until `text` is shown behind what was waited for before, and types `answer`. What is shown until then.
        fn answer(&mut self, text: &str, answer: &str) -> String {
            let end = loop {
                if let Some(at) = self.shown.find(text) {
                    break at + text.len();
                }
                let piece = self.screen.recv_timeout(TIME_LIMIT);
                let piece =
                    piece.unwrap_or_else(|error| panic!("no `{text}`: {error}: {}", self.shown));
                self.shown.push_str(&String::from_utf8_lossy(&piece));
            };
            self.keyboard.write_all(answer.as_bytes()).unwrap();
            self.shown.drain(..end).collect()
        }

        fn wait(mut self) -> ExitStatus {
            self.child.wait().unwrap()
        }
    }

    const QUESTION: &str = "[q]uit? ";

    #[test]
    fn keys_are_answers_and_what_was_answered_is_not_asked_again() {
        let sandbox = sandbox();
        let mut terminal = Terminal::start(&sandbox, 80, &[]);
        let shown = terminal.answer(QUESTION, "f\r");
        assert!(shown.contains("--- 1 of 3") && shown.contains("\u{1b}[1;33m"), "{shown}");
        terminal.answer("why is it none? ", "arrow \u{1b}[D\r");
        terminal.answer("once more", "no key\r");
        assert!(terminal.answer(QUESTION, "r\r").contains("written to keylint.toml"));
        // The end of the input.
        terminal.answer(QUESTION, "\u{4}");
        assert_eq!(terminal.wait().code(), Some(0));
        assert!(sandbox.read("keylint.toml").ends_with("reason = \"no key\"\n"));

        let mut terminal = Terminal::start(&sandbox, 80, &[]);
        let shown = terminal.answer(QUESTION, "q\r");
        assert!(shown.contains("1 to go through, 1 called real before"), "{shown}");
        assert_eq!(terminal.wait().code(), Some(0));
    }

    #[test]
    fn an_interrupt_at_a_question_ends_it_and_keeps_what_was_answered() {
        let sandbox = sandbox();
        let mut terminal = Terminal::start(&sandbox, 80, &[]);
        terminal.answer(QUESTION, "b\r");
        terminal.answer("written to .keylint-baseline.json", "");
        terminal.answer(QUESTION, "f\r");
        terminal.answer("why is it none? ", "half a rea");
        // What the driver of a controlling terminal makes of Ctrl-C.
        let id = rustix::process::Pid::from_child(&terminal.child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        let mode = termios::tcgetattr(&terminal.keyboard).unwrap().local_modes;
        assert!(mode.contains(termios::LocalModes::ICANON | termios::LocalModes::ECHO));
        assert_eq!(terminal.wait().code(), Some(130));
        assert_eq!(
            sandbox.list("."),
            [".git", ".keylint-baseline.json", "file1", "file2", "file3"]
        );
        sandbox.run("scan").expect(1).says("2 credentials found");
    }

    #[test]
    fn a_narrow_terminal_without_colour_shows_no_secret_and_obeys_no_escape() {
        let sandbox = Sandbox::new();
        let line = "id = {{aws-access-key-id:1}} \u{1b}]0;title\u{7}\u{202e}\u{1b}[2J\n";
        sandbox.write("dir\u{1b}[31m/evil\u{202e}", line);
        let mut terminal = Terminal::start(&sandbox, 50, &[("NO_COLOR", "1")]);
        let shown = terminal.answer(QUESTION, "q\r");
        assert_eq!(terminal.wait().code(), Some(0));
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
        assert!(shown.contains("evil\\u{202e}:1:6"), "{shown}");
        assert!(!shown.contains(&expand("{{aws-access-key-id:1}}").0), "{shown}");
        let instead = shown.lines().filter(|line| line.starts_with("             "));
        assert!(instead.clone().count() > 4, "{shown}");
        assert!(instead.clone().all(|line| line.trim_end().len() <= 50), "{shown}");
    }
}
