//! Colours of the text format.

use colored::{ColoredString, Colorize, control};

use crate::model::finding::Severity;
use crate::report::Color;

/// Colours words, or leaves them as they are.
#[derive(Clone, Copy)]
pub(super) struct Paint(Color);

/// What a piece of text is, as far as its colour goes.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// The severity of a finding and the caret under its first part.
    Severity(Severity),
    /// Line numbers, rulers, arrows, underlines of further parts.
    Frame,
    /// Labels and headings.
    Strong,
    /// What must not be overlooked.
    Alarm,
    /// What all is well with.
    Calm,
}

impl Paint {
    /// A painter for one report.
    ///
    /// `colored` decides for the whole process whether it colours, and would look at standard output and the
    /// environment for it. Here that is the caller's decision, so it is only ever told to colour; plain text never
    /// passes through it.
    pub(super) fn new(color: Color) -> Self {
        if color == Color::Ansi {
            control::set_override(true);
        }
        Self(color)
    }

    /// `text` in the colour of its role.
    pub(super) fn paint(self, role: Role, text: &str) -> String {
        match self.0 {
            Color::Plain => text.to_owned(),
            Color::Ansi => dye(role, text).to_string(),
        }
    }
}

fn dye(role: Role, text: &str) -> ColoredString {
    match role {
        Role::Severity(Severity::Critical | Severity::High) | Role::Alarm => text.red().bold(),
        Role::Severity(Severity::Medium) => text.yellow().bold(),
        Role::Severity(Severity::Low | Severity::Info) => text.cyan().bold(),
        Role::Frame => text.blue().bold(),
        Role::Strong => text.bold(),
        Role::Calm => text.green().bold(),
    }
}
