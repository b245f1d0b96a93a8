//! Allow-lists by pattern: of the path, the value, the text around it, the line.
//!
//! Patterns come in three dialects (Go's, Python's, POSIX's with GNU's extensions) and are compiled by the `regex`
//! crate, which takes time linear in the text whatever the pattern. What it has no equal for is an error.

use std::collections::HashSet;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{HirKind, Look};

use super::dialect::{self, Dialect};
use super::list::Concern;
use crate::model::finding::{Part, PartKind};

/// Bytes of memory one compiled pattern may take.
const SIZE_LIMIT: usize = 256 << 10;

/// Bytes of one pattern as written.
const LENGTH_LIMIT: usize = 16 << 10;

/// Patterns of one file that are more than plain text. With [`SIZE_LIMIT`] this bounds what a hostile file costs.
const COUNT_LIMIT: usize = 512;

/// Patterns of one file, plain text included: each is tried on each finding.
const TOTAL_LIMIT: usize = 10_000;

/// How much before a value a match of gitleaks' generic rule may start.
const LEAD: usize = 100;

/// One pattern.
#[derive(Debug)]
pub(super) enum Pattern {
    /// Plain text, found anywhere.
    Literal(Vec<u8>),
    Regex {
        regex: Regex,
        /// Whether it speaks of the text's start or end, which is not known of a line that was cut.
        anchored: (bool, bool),
    },
}

impl Pattern {
    /// Whether the pattern fits somewhere in `text`, of which the start or the end may be missing.
    pub(super) fn fits(&self, text: &[u8], (cut_before, cut_after): (bool, bool)) -> bool {
        match self {
            Self::Literal(literal) => memchr::memmem::find(text, literal).is_some(),
            Self::Regex { anchored: (start, end), .. }
                if (*start && cut_before) || (*end && cut_after) =>
            {
                false
            }
            Self::Regex { regex, .. } => regex.is_match(text),
        }
    }
}

/// Compiles the patterns of one file.
pub(super) struct Compiler {
    dialect: Dialect,
    total: usize,
    /// Those that are more than plain text.
    count: usize,
}

impl Compiler {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, total: 0, count: 0 }
    }

    /// Compiles one pattern. The error says what is wrong without quoting it: patterns hold credentials at times.
    pub(super) fn compile(&mut self, pattern: &str) -> Result<Pattern, String> {
        self.total += 1;
        if self.total > TOTAL_LIMIT {
            return Err(format!("there are more than {TOTAL_LIMIT} patterns"));
        }
        if pattern.len() > LENGTH_LIMIT {
            return Err(format!("the pattern is longer than {} KiB", LENGTH_LIMIT >> 10));
        }
        let pattern = dialect::translate(self.dialect, pattern)?;
        let unicode = self.dialect != Dialect::Posix;
        let parsed = regex_syntax::ParserBuilder::new()
            .unicode(unicode)
            .utf8(false)
            .build()
            .parse(&pattern)
            .map_err(|error| describe(&error))?;
        if let HirKind::Literal(literal) = parsed.kind() {
            return Ok(Pattern::Literal(literal.0.to_vec()));
        }
        self.count += 1;
        if self.count > COUNT_LIMIT {
            return Err(format!(
                "there are more than {COUNT_LIMIT} patterns that are not plain text"
            ));
        }
        let looks = parsed.properties().look_set();
        let has = |wanted: [Look; 3]| wanted.into_iter().any(|look| looks.contains(look));
        let anchored = (
            has([Look::Start, Look::StartLF, Look::StartCRLF]),
            has([Look::End, Look::EndLF, Look::EndCRLF]),
        );
        let regex = RegexBuilder::new(&pattern)
            .unicode(unicode)
            .size_limit(SIZE_LIMIT)
            .build()
            .map_err(|_| "the pattern is too large when compiled".to_owned())?;
        Ok(Pattern::Regex { regex, anchored })
    }
}

fn describe(error: &regex_syntax::Error) -> String {
    use regex_syntax::ast::ErrorKind;
    let what = match error {
        regex_syntax::Error::Parse(error) => match error.kind() {
            ErrorKind::UnsupportedLookAround => "look-around is not supported".to_owned(),
            ErrorKind::UnsupportedBackreference => "back-references are not supported".to_owned(),
            kind => kind.to_string(),
        },
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        _ => "not understood".to_owned(),
    };
    format!("the pattern cannot be used: {what}")
}

/// Which text an allow-list's patterns are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The value.
    Value,
    /// The value with what names it, as far as gitleaks' generic rule takes it in.
    Match,
    /// The line that the value starts in.
    Line,
    /// `path:number:line`, as `git grep` prints it, with the commit before it in a history.
    Located,
}

/// Whether one of the criteria is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    One,
    All,
}

/// An allow-list: criteria of four kinds, each of which may be absent.
#[derive(Debug)]
pub(super) struct Allow {
    pub(super) concern: Concern,
    pub(super) condition: Condition,
    /// Full object ids in lower case.
    pub(super) commits: HashSet<String>,
    pub(super) paths: Vec<Pattern>,
    pub(super) target: Target,
    pub(super) texts: Vec<Pattern>,
    /// In lower case.
    pub(super) stopwords: Vec<String>,
}

impl Allow {
    /// One of `texts` is enough.
    pub(super) fn of_text(target: Target, texts: Vec<Pattern>) -> Self {
        Self { target, texts, ..Self::empty() }
    }

    /// One of `paths` is enough.
    pub(super) fn of_path(paths: Vec<Pattern>) -> Self {
        Self { paths, ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            concern: Concern::Any,
            condition: Condition::One,
            commits: HashSet::new(),
            paths: Vec::new(),
            target: Target::Value,
            texts: Vec::new(),
            stopwords: Vec::new(),
        }
    }

    /// Whether the list allows `part`, which stands in the file at `path` of the commit of this id.
    pub(super) fn fits(&self, part: &Part, path: Option<&str>, commit: Option<&str>) -> bool {
        if !self.concern.covers(part.kind) {
            return false;
        }
        let by_commit = || commit.is_some_and(|commit| self.commits.contains(commit));
        let by_path = || path.is_some_and(|path| any(&self.paths, path.as_bytes(), (false, false)));
        let by_text = || self.fits_text(part, path, commit);
        let by_word = || {
            let value = String::from_utf8_lossy(part.value.expose()).to_ascii_lowercase();
            self.stopwords.iter().any(|word| value.contains(word.as_str()))
        };
        let criteria: [(bool, &dyn Fn() -> bool); 4] = [
            (!self.commits.is_empty(), &by_commit),
            (!self.paths.is_empty(), &by_path),
            (!self.texts.is_empty(), &by_text),
            (!self.stopwords.is_empty(), &by_word),
        ];
        let mut given = criteria.iter().filter(|(is_given, _)| *is_given).peekable();
        match self.condition {
            Condition::One => given.any(|(_, holds)| holds()),
            Condition::All => given.peek().is_some() && given.all(|(_, holds)| holds()),
        }
    }

    fn fits_text(&self, part: &Part, path: Option<&str>, commit: Option<&str>) -> bool {
        let excerpt = &part.excerpt;
        let line = excerpt.expose();
        let cut = (excerpt.cut_before(), excerpt.cut_after());
        match self.target {
            Target::Value => any(&self.texts, part.value.expose(), (false, false)),
            Target::Match if part.kind == PartKind::AccessKeyId => {
                any(&self.texts, part.value.expose(), (false, false))
            }
            Target::Match => {
                let value = excerpt.part();
                let start = value.start.saturating_sub(LEAD);
                let end = (value.end + 1).min(line.len());
                any(&self.texts, &line[start..end], (true, true))
            }
            Target::Line => any(&self.texts, line, cut),
            Target::Located => {
                let located = |commit: Option<&str>| {
                    let mut text = Vec::with_capacity(line.len() + 120);
                    for piece in commit.into_iter().chain(path) {
                        text.extend_from_slice(piece.as_bytes());
                        text.push(b':');
                    }
                    text.extend_from_slice(format!("{}:", part.start.line).as_bytes());
                    if cut.0 {
                        // What was cut out here is not to be bridged by a `.*`.
                        text.push(b'\n');
                    }
                    text.extend_from_slice(line);
                    any(&self.texts, &text, (false, cut.1))
                };
                located(None) || commit.is_some_and(|commit| located(Some(commit)))
            }
        }
    }
}

fn any(patterns: &[Pattern], text: &[u8], cut: (bool, bool)) -> bool {
    patterns.iter().any(|pattern| pattern.fits(text, cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_too_much_is_refused() {
        let refused = |pattern: &str| Compiler::new(Dialect::Posix).compile(pattern).unwrap_err();
        assert!(refused("(a{999}){999}").contains("too large"));
        assert!(refused(&"a".repeat(LENGTH_LIMIT + 1)).contains("longer"));
        assert!(refused(&format!("a{}", "+*".repeat(1000))).contains("cannot be used"));
        let mut compiler = Compiler::new(Dialect::Posix);
        assert!((0..COUNT_LIMIT).all(|_| compiler.compile("a.b").is_ok()));
        assert!(compiler.compile("plain").is_ok());
        assert!(compiler.compile("a.b").unwrap_err().contains("plain text"));
        let mut compiler = Compiler::new(Dialect::Go);
        assert!((0..TOTAL_LIMIT).all(|_| compiler.compile("plain").is_ok()));
        assert!(compiler.compile("plain").is_err());
    }

    #[test]
    fn no_error_quotes_a_pattern() {
        for pattern in ["(hunter2", "[hunter2", "hunter2\\", "a{hunter2}(?<hunter2", "(?P=hunter2)"]
        {
            for dialect in [Dialect::Go, Dialect::Python, Dialect::Posix] {
                if let Err(said) = Compiler::new(dialect).compile(pattern) {
                    assert!(!said.contains("hunter2"), "{said}");
                }
            }
        }
    }

    #[test]
    fn a_cut_line_has_no_known_ends() {
        let fits = |pattern: &str, cut| {
            Compiler::new(Dialect::Go).compile(pattern).unwrap().fits(b"key = 1", cut)
        };
        assert!(fits("^key", (false, true)) && !fits("^key", (true, false)));
        assert!(fits("1$", (true, false)) && !fits("(?m)1$", (false, true)));
        assert!(fits("k.y", (true, true)) && fits("key", (true, true)));
    }
}
