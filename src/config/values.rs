//! The values that a key may have: choices of a few, patterns of paths, and sizes.

use std::fmt;
use std::str::FromStr;

use ignore::gitignore::GitignoreBuilder;
use serde::Deserialize;

use crate::model::finding::Severity;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One versioned object.
    Json,
    /// One finding a line, then the summary.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Text, Self::Json, Self::Jsonl, Self::Sarif];

    /// The name used on the command line and in the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Sarif => "sarif",
        }
    }
}

/// When a report is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// When it goes to a terminal and the environment does not object.
    Auto,
    /// Always, wherever it goes.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Always, Self::Never];

    /// The name used on the command line and in the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// From which severity on a run with findings ends with status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum FailOn {
    /// Findings of this severity and above.
    Severity(Severity),
    /// Findings never change the exit status.
    Never,
}

impl FailOn {
    /// All thresholds, strictest first.
    pub const ALL: [Self; 6] = [
        Self::Severity(Severity::Info),
        Self::Severity(Severity::Low),
        Self::Severity(Severity::Medium),
        Self::Severity(Severity::High),
        Self::Severity(Severity::Critical),
        Self::Never,
    ];

    /// The name used on the command line and in the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Severity(severity) => severity.as_str(),
            Self::Never => "never",
        }
    }

    /// Whether a finding of `severity` reaches the threshold.
    pub fn is_reached_by(self, severity: Severity) -> bool {
        match self {
            Self::Severity(threshold) => severity >= threshold,
            Self::Never => false,
        }
    }
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for FailOn {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::ALL
            .into_iter()
            .find(|threshold| threshold.as_str() == name)
            .ok_or("neither a severity nor `never`")
    }
}

/// A pattern of paths in `.gitignore` syntax, known to be one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Glob(String);

impl Glob {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(glob: &str) -> Result<Self, String> {
        if glob.trim().is_empty() || glob.starts_with('#') {
            return Err("the pattern is empty and would match nothing".into());
        }
        // Without brackets, braces and backslashes it always is one, and there may be ten thousand of them.
        if glob.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.*?".contains(&byte)) {
            return Ok(Self(glob.into()));
        }
        // Git takes an unclosed `[` for itself; in a pattern typed for keylint it is a slip.
        GitignoreBuilder::new("").allow_unclosed_class(false).add_line(None, glob).map_err(
            |error| match error {
                ignore::Error::Glob { err, .. } => err,
                other => other.to_string(),
            },
        )?;
        Ok(Self(glob.into()))
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(glob: String) -> Result<Self, String> {
        glob.parse()
    }
}

/// The largest file that is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub enum SizeLimit {
    /// Any size.
    None,
    /// Up to this many bytes.
    Bytes(u64),
}

impl SizeLimit {
    /// The number of bytes, if there is a limit.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

impl FromStr for SizeLimit {
    type Err = &'static str;

    /// Bytes, or a number with `K`, `M` or `G` for 2^10, 2^20 or 2^30 bytes, or `none`.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "expected a number of bytes, such as 500000, 64K, 10M or 1G, or none";
        if text == "none" {
            return Ok(Self::None);
        }
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit: u64 = match &text[digits.len()..] {
            "" => 1,
            "K" | "k" => 1 << 10,
            "M" | "m" => 1 << 20,
            "G" | "g" => 1 << 30,
            _ => return Err(EXPECTED),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(EXPECTED);
        }
        let bytes = digits.parse().ok().and_then(|number: u64| number.checked_mul(unit));
        bytes.map(Self::Bytes).ok_or("the size is beyond 2^64 bytes")
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl TryFrom<NumberOrText> for SizeLimit {
    type Error = &'static str;

    fn try_from(value: NumberOrText) -> Result<Self, Self::Error> {
        match value {
            NumberOrText::Number(bytes) => Ok(Self::Bytes(bytes)),
            NumberOrText::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_taken_for_a_pattern_unseen_is_one(glob in "[a/_.*?-]{1,9}") {
            let mut builder = GitignoreBuilder::new("");
            builder.allow_unclosed_class(false);
            proptest::prop_assert!(builder.add_line(None, &glob).is_ok());
        }
    }

    #[test]
    fn thresholds() {
        assert!(FailOn::Severity(Severity::Medium).is_reached_by(Severity::Medium));
        assert!(!FailOn::Severity(Severity::Medium).is_reached_by(Severity::Low));
        assert!(!FailOn::Never.is_reached_by(Severity::Critical));
    }

    #[test]
    fn sizes() {
        let size = |text: &str| text.parse::<SizeLimit>().ok();
        assert_eq!(size("0"), Some(SizeLimit::Bytes(0)));
        assert_eq!(size("64K"), Some(SizeLimit::Bytes(65_536)));
        assert_eq!(size("2g"), Some(SizeLimit::Bytes(2 << 30)));
        assert_eq!(size("none"), Some(SizeLimit::None));
        for bad in
            ["", "K", "1KB", "-1", "+1", "1.5M", "18446744073709551616", "17179869184G", "1 K"]
        {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}
