//! The standard streams: messages on standard error, colour, width, closed pipes, and panics that say nothing of what
//! was scanned.
//!
//! Nobody reads a message about standard error not being writable, so writing to it never fails here.

use std::env;
use std::io::{self, IsTerminal, Write};

use keylint::config::settings::Verbosity;
use keylint::config::values::Color;
use keylint::report::escape::escape;
use terminal_size::{Width, terminal_size_of};

/// Says what went wrong.
pub(crate) fn error(message: &str) {
    line(&format!("keylint: error: {message}"));
}

/// Says what may not be what the user meant.
pub(crate) fn warning(message: &str) {
    line(&format!("keylint: warning: {message}"));
}

/// Says something by the way.
pub(crate) fn note(message: &str) {
    line(&format!("keylint: {message}"));
}

/// Writes text that has its own lines to standard error, each made harmless to look at.
pub(crate) fn lines(text: &str) {
    text.lines().for_each(line);
}

/// One message is one line: a line end inside it comes from a path or the like, and could pose as a message.
fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escape(text));
}

/// Replaces the report of a panic by one that leaves out its message, which may quote scanned text.
pub(crate) fn hush_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
        error(&format!("internal error at {place}; this is a bug in keylint, please report it"));
    }));
}

/// Whether an error is only that nobody reads standard output any more.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Whether to colour text for standard output (or, if not `to_stdout`, for a file).
///
/// The environment is asked as <https://bixense.com/clicolors/> has it: `NO_COLOR` goes before `CLICOLOR_FORCE`, and a
/// choice on the command line before both.
pub(crate) fn use_color(choice: Color, to_stdout: bool) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            to_stdout && colors_wanted(|name| env::var_os(name), || io::stdout().is_terminal())
        }
    }
}

fn colors_wanted(
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
    is_terminal: impl Fn() -> bool,
) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    let refused = set("CLICOLOR").is_some_and(|value| value == "0")
        || set("TERM").is_some_and(|value| value == "dumb");
    !refused && is_terminal()
}

/// Columns of a text report on standard output: what `COLUMNS` says, or else the terminal, within what is pleasant to
/// read. If there is none, and in a file (not `to_stdout`), whatever the terminal of whoever has it written: 80.
pub(crate) fn width(to_stdout: bool) -> usize {
    const NARROWEST: usize = 40;
    const WIDEST: usize = 120;
    const ELSEWHERE: usize = 80;
    if !to_stdout {
        return ELSEWHERE;
    }
    let said = || env::var("COLUMNS").ok()?.parse().ok();
    let is = || terminal_size_of(io::stdout()).map(|(Width(columns), _)| usize::from(columns));
    said().or_else(is).unwrap_or(ELSEWHERE).clamp(NARROWEST, WIDEST)
}

/// Sends what the library logs to standard error: warnings, and with `--verbose` the details.
pub(crate) fn install_logger(verbosity: Verbosity) {
    static LOGGER: Logger = Logger;
    let level = match verbosity {
        Verbosity::Quiet => log::LevelFilter::Error,
        Verbosity::Normal => log::LevelFilter::Warn,
        Verbosity::Verbose => log::LevelFilter::Debug,
    };
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level);
    }
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        // The details of other crates are of no use to a user of this one.
        metadata.target().starts_with("keylint")
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = record.args().to_string();
        match record.level() {
            log::Level::Error => error(&message),
            log::Level::Warn => warning(&message),
            log::Level::Info | log::Level::Debug | log::Level::Trace => note(&message),
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_about_colour_in_order() {
        let wanted = |variables: &[(&str, &str)], terminal: bool| {
            colors_wanted(
                |name| {
                    let found = variables.iter().find(|(known, _)| *known == name);
                    found.map(|(_, value)| value.into())
                },
                || terminal,
            )
        };
        assert!(wanted(&[], true));
        assert!(!wanted(&[], false));
        assert!(!wanted(&[("NO_COLOR", "1")], true));
        assert!(wanted(&[("NO_COLOR", "")], true));
        assert!(wanted(&[("CLICOLOR_FORCE", "1")], false));
        assert!(!wanted(&[("CLICOLOR_FORCE", "0")], false));
        assert!(!wanted(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true));
        assert!(!wanted(&[("CLICOLOR", "0")], true));
        assert!(!wanted(&[("TERM", "dumb")], true));
    }
}
