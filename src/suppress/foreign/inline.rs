//! Other tools' comments, each with the reach that its tool gives it.
//!
//! | token | lines | what must hold |
//! |---|---|---|
//! | `gitleaks:allow`, `betterleaks:allow` | its own | nothing |
//! | `kingfisher:ignore` | its own, the one before, the one after | nothing |
//! | `trufflehog:ignore` | its own | it stands behind the value |
//! | `pragma: allowlist secret` | its own | it is a comment (detect-secrets), or stands behind the value (ripsecrets) |
//! | `pragma: allowlist nextline secret` | the next | it is a comment with nothing before it |
//! | `ggignore` | its own | it is a word |
//! | `secretlint-disable` | the next to `secretlint-enable` | no rules are named, or that for AWS |
//! | `secretlint-disable-line`, `-next-line` | its own, the next | the same |
//!
//! Upper and lower case are told apart, as the tools do.

use std::path::Path;

use crate::model::silenced::{Form, Kind};
use crate::suppress::{Directive, Mark};

const GITLEAKS: &str = "gitleaks:allow";
const BETTERLEAKS: &str = "betterleaks:allow";
const KINGFISHER: &str = "kingfisher:ignore";
const TRUFFLEHOG: &str = "trufflehog:ignore";
const PRAGMA: &str = "pragma: allowlist secret";
const GGIGNORE: &str = "ggignore";
const DISABLE: &str = "secretlint-disable";
const ENABLE: &str = "secretlint-enable";

/// The spellings that detect-secrets takes; what follows says which of its comments it is.
const PRAGMAS: [&str; 4] =
    ["pragma: allowlist", "pragma:allowlist", "pragma: whitelist", "pragma:whitelist"];

/// What such comments are found by. Matched as they stand, upper and lower case apart.
pub const TOKENS: &[&str] = &[
    GITLEAKS,
    BETTERLEAKS,
    KINGFISHER,
    TRUFFLEHOG,
    PRAGMAS[0],
    PRAGMAS[1],
    PRAGMAS[2],
    PRAGMAS[3],
    GGIGNORE,
    DISABLE,
    ENABLE,
];

/// The comments at these marks of the blob at `path`, which are sorted by place. Marks of other tokens are passed over.
pub fn directives(marks: &[Mark], path: &Path) -> Vec<Directive> {
    let mut directives: Vec<Directive> =
        marks.iter().filter_map(|mark| directive(mark, path)).collect();
    directives.extend(secretlint(marks));
    directives.sort_by_key(|directive| directive.line);
    directives
}

fn form(name: &'static str) -> Form {
    Form { name, kind: Kind::InSource }
}

fn on(mark: &Mark, name: &'static str, lines: (u64, u64)) -> Directive {
    Directive {
        form: form(name),
        line: mark.line,
        what: name.to_owned(),
        lines,
        rules: Vec::new(),
        before: None,
        reason: None,
    }
}

fn directive(mark: &Mark, path: &Path) -> Option<Directive> {
    let own = (mark.line, mark.line);
    match mark.token {
        GITLEAKS => Some(on(mark, GITLEAKS, own)),
        BETTERLEAKS => Some(on(mark, BETTERLEAKS, own)),
        KINGFISHER => Some(on(mark, KINGFISHER, (mark.line.saturating_sub(1), mark.line + 1))),
        TRUFFLEHOG => Some(Directive { before: Some(mark.at), ..on(mark, TRUFFLEHOG, own) }),
        GGIGNORE => {
            let of_word = |byte: Option<&u8>| {
                byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            };
            let is_word = !of_word(mark.before.last()) && !of_word(mark.after.first());
            is_word.then(|| on(mark, GGIGNORE, own))
        }
        token if PRAGMAS.contains(&token) => pragma(mark, path),
        _ => None,
    }
}

/// A comment of detect-secrets, or the same words behind a value for ripsecrets, which asks for no comment.
fn pragma(mark: &Mark, path: &Path) -> Option<Directive> {
    let starts_with = |text: &str| mark.after.starts_with(text.as_bytes());
    let is_allow = mark.token.ends_with("allowlist");
    // detect-secrets takes `.yaml` alone for YAML, and there `#` alone for a comment.
    let hash_only = path.extension().is_some_and(|extension| extension == "yaml");
    if starts_with(" secret") || starts_with("-secret") {
        let own = on(mark, PRAGMA, (mark.line, mark.line));
        if is_comment(mark, hash_only, false) {
            return Some(own);
        }
        let is_plain = mark.token == PRAGMAS[0] && starts_with(" secret");
        return is_plain.then_some(Directive { before: Some(mark.at), ..own });
    }
    let is_next = [" nextline secret", " nextline-secret", "-nextline secret", "-nextline-secret"]
        .into_iter()
        .any(starts_with);
    (is_allow && is_next && is_comment(mark, hash_only, true)).then(|| {
        let next = mark.line + 1;
        Directive {
            what: "pragma: allowlist nextline secret".to_owned(),
            ..on(mark, PRAGMA, (next, next))
        }
    })
}

/// Whether a pragma stands in one of the comments that detect-secrets knows, and, if it must be `alone`, with nothing
/// before the comment.
fn is_comment(mark: &Mark, hash_only: bool, alone: bool) -> bool {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let before = trim_end(&mark.before, blank);
    let rest = trim_end(&mark.after, blank);
    if mark.after.len() >= Mark::REACH || (alone && mark.before.len() >= Mark::REACH) {
        // The line goes on beyond what is known of it, and its ends decide.
        return false;
    }
    let is_free = |text: &[u8]| !alone || text.iter().all(blank);
    let starts = |sign: &[u8]| before.strip_suffix(sign).is_some_and(is_free);
    if starts(b"#") {
        return true;
    }
    if hash_only {
        return false;
    }
    let in_html = || {
        let padded = trim_end(before, |byte| matches!(byte, b'#' | b' ' | b'\t'));
        rest.ends_with(b"-->") && padded.strip_suffix(b"<!--").is_some_and(is_free)
    };
    starts(b"//")
        || starts(b"'")
        || starts(b"--")
        || (starts(b"/*") && rest.ends_with(b"*/"))
        || in_html()
}

fn trim_end(text: &[u8], is_blank: impl Fn(&u8) -> bool) -> &[u8] {
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// A `secretlint-disable` whose end has not come yet, or has.
struct Disabled {
    line: u64,
    rule: String,
    end: Option<(u64, u64)>,
}

/// secretlint's rule for AWS keys.
const SECRETLINT_RULE: &str = "@secretlint/secretlint-rule-aws";

fn is_for_aws(rule: &str) -> bool {
    rule == "*" || rule == SECRETLINT_RULE
}

fn secretlint(marks: &[Mark]) -> Vec<Directive> {
    let mut directives = Vec::new();
    let mut blocks: Vec<Disabled> = Vec::new();
    for mark in marks {
        let options = String::from_utf8_lossy(&mark.after);
        let options = options.as_ref();
        match mark.token {
            ENABLE => enable(&mut blocks, &rules(options), (mark.line, mark.at)),
            DISABLE => {
                let single = [("-line", 0), ("-next-line", 1)];
                let single = single.into_iter().find_map(|(suffix, further)| {
                    Some((options.strip_prefix(suffix)?, mark.line + further, suffix))
                });
                if let Some((options, line, suffix)) = single {
                    if rules(options).iter().any(|rule| is_for_aws(rule)) {
                        directives.push(Directive {
                            what: format!("{DISABLE}{suffix}"),
                            ..on(mark, DISABLE, (line, line))
                        });
                    }
                } else {
                    let opened = |rule| Disabled { line: mark.line, rule, end: None };
                    blocks.extend(rules(options).into_iter().map(opened));
                }
            }
            _ => {}
        }
    }
    directives.extend(blocks.iter().filter(|block| is_for_aws(&block.rule)).map(block));
    directives
}

/// A block as lines. What follows the comment on its own line is its options, so a value there is not meant.
fn block(block: &Disabled) -> Directive {
    let (last, before) = block.end.map_or((u64::MAX, None), |(line, at)| (line, Some(at)));
    Directive {
        form: form(DISABLE),
        line: block.line,
        what: DISABLE.to_owned(),
        lines: (block.line + 1, last.max(block.line + 1)),
        rules: Vec::new(),
        before,
        reason: None,
    }
}

/// Ends the blocks that an enabling comment speaks of: the last open one of each rule that it names, or all that the
/// last disabling comment opened.
fn enable(blocks: &mut [Disabled], named: &[String], end: (u64, u64)) {
    if named != ["*"] {
        for rule in named {
            let open =
                blocks.iter_mut().rev().find(|block| block.end.is_none() && block.rule == *rule);
            if let Some(block) = open {
                block.end = Some(end);
            }
        }
        return;
    }
    let last = blocks.iter().rev().find(|block| block.end.is_none()).map(|block| block.line);
    for block in blocks.iter_mut().filter(|block| Some(block.line) == last) {
        block.end.get_or_insert(end);
    }
}

/// The rules in the options of a comment, `*` for all; what follows ` -- ` is a reason.
fn rules(options: &str) -> Vec<String> {
    let listed = options.split("--").next().unwrap_or_default();
    let closed = listed.trim().trim_end_matches("*/");
    let rules: Vec<String> = closed
        .split(',')
        .map(|rule| rule.trim().to_owned())
        .filter(|rule| !rule.is_empty())
        .collect();
    if rules.is_empty() { vec!["*".to_owned()] } else { rules }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is silenced in a text, as `line` or `line<offset` for each directive's lines.
    fn reach(path: &str, text: &str) -> Vec<String> {
        let mut marks = Vec::new();
        let mut base = 0;
        for (line, content) in (1..).zip(text.split('\n')) {
            for (at, _) in content.char_indices() {
                let Some(token) = TOKENS.iter().find(|token| content[at..].starts_with(**token))
                else {
                    continue;
                };
                let (before, after) = (&content[..at], &content[at + token.len()..]);
                marks.push(Mark {
                    token,
                    line,
                    at: base + at as u64,
                    before: before.as_bytes().into(),
                    after: after.as_bytes().into(),
                });
            }
            base += content.len() as u64 + 1;
        }
        directives(&marks, Path::new(path))
            .iter()
            .map(|directive| {
                let (first, last) = directive.lines;
                let before =
                    directive.before.map(|before| format!("<{before}")).unwrap_or_default();
                match last {
                    u64::MAX => format!("{first}..{before}"),
                    _ if first == last => format!("{first}{before}"),
                    _ => format!("{first}-{last}{before}"),
                }
            })
            .collect()
    }

    #[test]
    fn every_comment_reaches_as_far_as_its_tool_lets_it() {
        for (path, text, expected) in [
            ("a", "\nx gitleaks:allow y", &["2"][..]),
            ("a", "GITLEAKS:ALLOW gitleaks: allow", &[]),
            ("a", "# betterleaks:allow", &["1"]),
            ("a", "\n\nkingfisher:ignore", &["2-4"]),
            ("a", "x trufflehog:ignore", &["1<2"]),
            ("a", "# ggignore", &["1"]),
            ("a", "# ggignored", &[]),
            ("a", "my_ggignore", &[]),
            ("a", "# ggignore ggignore-x", &["1", "1"]),
        ] {
            assert_eq!(reach(path, text), expected, "{text}");
        }
    }

    #[test]
    fn pragmas_reach_as_detect_secrets_1_5_lets_them() {
        for (path, text, expected) in [
            ("a.py", "    # pragma: allowlist nextline secret\n", &["2"][..]),
            ("b.py", "# pragma: allowlist-nextline-secret", &["2"]),
            ("c.py", "x  # pragma: allowlist secret because", &["1"]),
            ("e.yaml", "x  // pragma:allowlist-secret", &[]),
            ("e.yaml", "x  # pragma:allowlist-secret", &["1"]),
            ("f.yml", "x  // pragma:allowlist-secret", &["1"]),
            ("g.html", "<!-- pragma: allowlist nextline secret -->", &["2"]),
            ("g.html", "x <!-- # pragma: allowlist secret -->", &["1"]),
            ("h.c", "x /* pragma: whitelist-secret why */", &["1"]),
            ("h.c", "x /* pragma: whitelist secret */ int z;", &[]),
            ("i.py", "y = 1 # pragma: allowlist nextline secret", &[]),
            ("i.py", "# pragma: whitelist nextline secret", &[]),
            ("k.py", "x # note; pragma: whitelist secret", &[]),
            ("l.sql", "x -- pragma: allowlist secret", &["1"]),
            ("m.vb", "x ' pragma: allowlist secret", &["1"]),
        ] {
            assert_eq!(reach(path, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_comment_counts_behind_the_value_as_with_ripsecrets() {
        assert_eq!(reach("d.py", "x = 'y pragma: allowlist secret'"), ["1<7"]);
        assert_eq!(reach("d.py", "x = 'y pragma:allowlist secret'"), [""; 0]);
    }

    #[test]
    fn secretlint_blocks_open_and_close() {
        for (text, expected) in [
            ("secretlint-disable\nx\nsecretlint-enable\ny", &["2-3<21"][..]),
            ("x\n/* secretlint-disable */\ny", &["3.."]),
            ("secretlint-disable @secretlint/secretlint-rule-aws -- why", &["2.."]),
            ("secretlint-disable @secretlint/secretlint-rule-github", &[]),
            ("secretlint-disable-line", &["1"]),
            ("<!-- secretlint-disable-next-line -->", &["2"]),
            ("secretlint-disable-line other", &[]),
            (
                "secretlint-disable a, @secretlint/secretlint-rule-aws\n\nsecretlint-enable a",
                &["2.."],
            ),
            (
                "secretlint-disable @secretlint/secretlint-rule-aws\n\nsecretlint-enable @secretlint/secretlint-rule-aws",
                &["2-3<52"],
            ),
            ("secretlint-disable\nsecretlint-disable\n\nsecretlint-enable", &["2..", "3-4<39"]),
            ("secretlint-enable", &[]),
        ] {
            assert_eq!(reach("a.js", text), expected, "{text}");
        }
    }
}
