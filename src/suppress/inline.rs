//! keylint's own comments: `keylint:allow`, `-next-line`, `-start` with `-end`, and `-file`, in whatever the language
//! of the file takes for a comment.

use super::{Directive, Malformed, Mark};
use crate::model::finding::RuleId;
use crate::model::silenced::Form;

/// What such comments are found by.
pub(super) const TOKEN: &str = "keylint:allow";

/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 200;

/// What ends a comment that ends before its line does; text behind it is no reason, and may be a credential.
const CLOSERS: [&str; 7] = ["*/", "-->", "#}", "%>", "}}", "\"", "`"];

/// The comments at these marks, which are sorted by place, and those that are not understood. `is_rule` says whether
/// there is a rule of that name.
pub fn directives(
    marks: &[Mark],
    is_rule: &dyn Fn(&str) -> bool,
) -> (Vec<Directive>, Vec<Malformed>) {
    let mut read = Reading::default();
    for mark in marks.iter().filter(|mark| mark.token == TOKEN && is_used(mark)) {
        match Comment::parse(&mark.after, is_rule) {
            Ok(comment) => read.take(mark, comment),
            Err(problem) => read.malformed.push(Malformed { line: mark.line, problem }),
        }
    }
    let Reading { mut directives, mut malformed, open } = read;
    malformed.extend(open.into_iter().map(|start| Malformed {
        line: start.line,
        problem: format!("{TOKEN}-start without {TOKEN}-end: it silences nothing"),
    }));
    directives.sort_by_key(|directive| directive.line);
    malformed.sort();
    (directives, malformed)
}

/// Whether the token stands for itself: not as a part of a word, nor in backticks, where it is only spoken of.
fn is_used(mark: &Mark) -> bool {
    mark.before.last().is_none_or(|&byte| {
        !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'`'))
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    SameLine,
    NextLine,
    Start,
    End,
    File,
}

impl Extent {
    const ALL: [(&'static str, Self); 5] = [
        ("", Self::SameLine),
        ("-next-line", Self::NextLine),
        ("-start", Self::Start),
        ("-end", Self::End),
        ("-file", Self::File),
    ];
}

/// What stands behind the token.
struct Comment {
    extent: Extent,
    what: String,
    rules: Vec<RuleId>,
    reason: Option<String>,
}

impl Comment {
    fn parse(after: &[u8], is_rule: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        let text = String::from_utf8_lossy(after);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        // `keylint:allow--reason` and `keylint:allow-->` are no names.
        let name = text[..end].split("--").next().unwrap_or_default();
        let name = if name == "-" { "" } else { name };
        let extent = Extent::ALL.iter().find(|(suffix, _)| *suffix == name);
        let Some((suffix, extent)) = extent else {
            return Err(format!(
                "unknown comment {TOKEN}{name}: known are {TOKEN}, -next-line, -start, -end and -file"
            ));
        };
        let mut rest = &text[name.len()..];
        let mut what = format!("{TOKEN}{suffix}");
        let mut rules = Vec::new();
        if let Some(list) = rest.strip_prefix('[') {
            let (inner, behind) = list
                .split_once(']')
                .ok_or_else(|| format!("{what}[ without ]: it silences nothing"))?;
            for rule in inner.split(',').map(str::trim) {
                if !is_rule(rule) {
                    return Err(unknown_rule(&what, rule));
                }
                rules.push(RuleId::new(rule));
            }
            if *extent == Extent::End {
                return Err(format!("{what} takes no rules: it ends what {TOKEN}-start began"));
            }
            let names: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
            what = format!("{what}[{}]", names.join(","));
            rest = behind;
        }
        Ok(Self { extent: *extent, what, rules, reason: reason(rest) })
    }
}

/// A rule's name may be quoted if it can be one; other text may be anything.
fn unknown_rule(what: &str, rule: &str) -> String {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !rule.is_empty() && rule.len() <= 64 && rule.chars().all(is_name) {
        format!("{what}[...] names an unknown rule, `{rule}`: it silences nothing")
    } else {
        format!("{what}[...] names something that is no rule: it silences nothing")
    }
}

fn reason(rest: &str) -> Option<String> {
    let end = CLOSERS.iter().filter_map(|closer| rest.find(closer)).min().unwrap_or(rest.len());
    let is_separator = |c: char| c.is_whitespace() || matches!(c, ':' | '-' | '–' | '—');
    let reason = rest[..end].trim_start_matches(is_separator).trim_end();
    (!reason.is_empty()).then(|| reason.chars().take(LONGEST_REASON).collect())
}

#[derive(Default)]
struct Reading {
    directives: Vec<Directive>,
    malformed: Vec<Malformed>,
    /// Starts whose end has not come yet; what is open last ends first.
    open: Vec<Directive>,
}

impl Reading {
    fn take(&mut self, mark: &Mark, comment: Comment) {
        let line = mark.line;
        let directive = |lines| Directive {
            form: Form::INLINE,
            line,
            what: comment.what,
            lines,
            rules: comment.rules,
            before: None,
            reason: comment.reason,
        };
        match comment.extent {
            Extent::SameLine => self.directives.push(directive((line, line))),
            Extent::File => self.directives.push(directive((1, u64::MAX))),
            Extent::NextLine => {
                self.directives.push(directive((line + 1, line + 1)));
                self.move_down(line);
            }
            Extent::Start => self.open.push(directive((line, line))),
            Extent::End => match self.open.pop() {
                Some(mut start) => {
                    start.lines.1 = line;
                    self.directives.push(start);
                }
                None => self.malformed.push(Malformed {
                    line,
                    problem: format!("{TOKEN}-end without {TOKEN}-start"),
                }),
            },
        }
    }

    /// Comments on the next line that stand in `line`, one above the other, all mean the line below the last of them.
    fn move_down(&mut self, line: u64) {
        for above in self.directives.iter_mut().rev().skip(1) {
            if above.lines != (line, line) || above.line == line {
                break;
            }
            above.lines = (line + 1, line + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::span::LineCursor;
    use crate::suppress::marks::{Marks, Search};

    fn read(text: &str) -> (Vec<Directive>, Vec<Malformed>) {
        let mut marks = Marks::default();
        Search::new(true, false).unwrap().collect(
            text.as_bytes(),
            0..text.len(),
            LineCursor::default(),
            |at| at as u64,
            &mut marks,
        );
        directives(&marks.marks, &|rule| matches!(rule, "a" | "b-c"))
    }

    /// Lines, rules and reason of the one comment there is.
    fn one(text: &str) -> ((u64, u64), String, Option<String>) {
        let (mut directives, malformed) = read(text);
        assert_eq!((directives.len(), malformed.len()), (1, 0), "{text}: {malformed:?}");
        let directive = directives.remove(0);
        let rules: Vec<&str> = directive.rules.iter().map(RuleId::as_str).collect();
        (directive.lines, rules.join(" "), directive.reason)
    }

    #[test]
    fn extents() {
        let all = u64::MAX;
        assert_eq!(one("x # keylint:allow").0, (1, 1));
        assert_eq!(one("\n// keylint:allow-next-line\nx").0, (3, 3));
        assert_eq!(one("\n\n<!-- keylint:allow-file -->").0, (1, all));
        assert_eq!(one("\n# keylint:allow-start\nx\ny\n# keylint:allow-end").0, (2, 5));
    }

    #[test]
    fn rules_and_reasons_in_any_comment() {
        let reason = |text: &str| one(text).2;
        assert_eq!(one("# keylint:allow[a, b-c] why").1, "a b-c");
        assert_eq!(reason("# keylint:allow[a] why not").as_deref(), Some("why not"));
        assert_eq!(reason("/* keylint:allow: test key */ x").as_deref(), Some("test key"));
        assert_eq!(reason("<!-- keylint:allow -- test key -->").as_deref(), Some("test key"));
        assert_eq!(reason("<!-- keylint:allow-->"), None);
        assert_eq!(reason("{\"_\": \"keylint:allow test\", \"key\": 1}").as_deref(), Some("test"));
        assert_eq!(reason("-- keylint:allow --it's one").as_deref(), Some("it's one"));
        assert_eq!(reason("# keylint:allow").as_deref(), None);
    }

    #[test]
    fn comments_on_the_next_line_may_be_stacked() {
        let (directives, _) = read(
            "# keylint:allow-next-line[a]\n# keylint:allow-next-line[b-c]\nx\n# keylint:allow-next-line\ny",
        );
        let lines: Vec<_> = directives.iter().map(|directive| directive.lines).collect();
        assert_eq!(lines, [(3, 3), (3, 3), (5, 5)]);
    }

    #[test]
    fn blocks_nest() {
        let (directives, malformed) = read(
            "keylint:allow-start\nkeylint:allow-start[a]\nkeylint:allow-end\nx\nkeylint:allow-end",
        );
        let lines: Vec<_> = directives.iter().map(|directive| directive.lines).collect();
        assert_eq!(lines, [(1, 5), (2, 3)]);
        assert!(malformed.is_empty());
    }

    #[test]
    fn what_is_not_understood_silences_nothing() {
        for (text, line, problem) in [
            ("# keylint:allow[nope]", 1, "unknown rule, `nope`"),
            ("# keylint:allow[a,]", 1, "no rule"),
            ("# keylint:allow[]", 1, "no rule"),
            ("# keylint:allow[HUNTER2]", 1, "no rule"),
            ("# keylint:allow[a", 1, "without ]"),
            ("\n# keylint:allow-line", 2, "unknown comment keylint:allow-line"),
            ("# keylint:allowed", 1, "unknown comment"),
            ("\n# keylint:allow-start", 2, "-start without"),
            ("# keylint:allow-end", 1, "-end without"),
            ("# keylint:allow-start\n# keylint:allow-end[a]", 2, "takes no rules"),
        ] {
            let (directives, malformed) = read(text);
            assert!(directives.is_empty(), "{text}: {directives:?}");
            assert!(
                malformed.iter().any(|one| one.line == line && one.problem.contains(problem)),
                "{text}: {malformed:?}"
            );
        }
    }

    #[test]
    fn what_is_only_spoken_of_is_no_comment() {
        for text in ["`keylint:allow` silences", "xkeylint:allow", "docs/keylint.keylint:allow"] {
            assert_eq!(read(text), (Vec::new(), Vec::new()), "{text}");
        }
    }
}
