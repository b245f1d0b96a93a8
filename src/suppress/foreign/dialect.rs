//! Patterns of other regular expression dialects, rewritten in that of the `regex` crate.
//!
//! Only what reads differently is rewritten: braces that are no repetition, brackets within classes, set operators that
//! only Rust has, escapes, and in POSIX patterns repeated and misplaced operators. What has no counterpart is left for
//! the compiler to refuse.

/// Whose regular expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Go's `regexp`, which gitleaks uses. Its `\w`, `\d`, `\s` and `\b` know ASCII only.
    Go,
    /// Python's `re`, which detect-secrets uses.
    Python,
    /// Extended regular expressions of GNU grep in the C locale, which git-secrets uses.
    Posix,
}

/// Rewrites `pattern`.
pub(super) fn translate(dialect: Dialect, pattern: &str) -> Result<String, String> {
    let mut translation = Translation {
        dialect,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        groups: Vec::new(),
        atom: None,
        is_repeated: false,
    };
    while let Some(next) = translation.rest.chars().next() {
        translation.step(next)?;
    }
    Ok(translation.out)
}

struct Translation<'p> {
    dialect: Dialect,
    rest: &'p str,
    out: String,
    /// Where each open group starts in `out`.
    groups: Vec<usize>,
    /// Where what a repetition would repeat starts in `out`.
    atom: Option<usize>,
    /// Whether that ends in a repetition already.
    is_repeated: bool,
}

impl<'p> Translation<'p> {
    fn step(&mut self, next: char) -> Result<(), String> {
        match next {
            '\\' => return self.escape(),
            '[' => return self.class(),
            '{' => match repetition(self.rest) {
                Some((length, text)) => self.repeat(length, &text),
                None => self.literal(1, '{'),
            },
            '*' | '+' | '?' => self.repeat(1, next.encode_utf8(&mut [0; 4])),
            '(' => {
                self.groups.push(self.out.len());
                self.plain(next);
                self.atom = None;
            }
            ')' => {
                let start = self.groups.pop();
                self.plain(next);
                self.atom = start;
            }
            '|' => {
                self.plain(next);
                self.atom = None;
            }
            '}' | ']' => self.literal(1, next),
            _ => self.plain(next),
        }
        Ok(())
    }

    /// Takes the next character over as it stands.
    fn plain(&mut self, next: char) {
        self.atom(next.len_utf8(), next.encode_utf8(&mut [0; 4]));
    }

    /// Puts `text` for the next `length` bytes.
    fn atom(&mut self, length: usize, text: &str) {
        self.rest = &self.rest[length..];
        self.atom = Some(self.out.len());
        self.is_repeated = false;
        self.out.push_str(text);
    }

    fn literal(&mut self, length: usize, character: char) {
        let mut buffer = [0; 4];
        let escaped = regex_syntax::escape(character.encode_utf8(&mut buffer));
        self.atom(length, &escaped);
    }

    /// Puts a repetition. In POSIX patterns one that has nothing to repeat is passed over, and a second one repeats
    /// the first (`a+?` is no lazy `a+`), as grep takes them.
    fn repeat(&mut self, length: usize, text: &str) {
        self.rest = &self.rest[length..];
        if self.dialect == Dialect::Posix {
            let Some(atom) = self.atom else { return };
            if self.is_repeated {
                self.out.insert_str(atom, "(?:");
                self.out.push(')');
            }
        }
        self.out.push_str(text);
        self.is_repeated = true;
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(escaped) = self.rest[1..].chars().next() else {
            return Err("the pattern ends in a backslash".into());
        };
        let length = 1 + escaped.len_utf8();
        if self.dialect == Dialect::Posix {
            match escaped {
                '<' | '>' | 'b' | 'B' | 'w' | 'W' | 's' | 'S' => self.take(length),
                '`' => self.atom(length, r"\A"),
                '\'' => self.atom(length, r"\z"),
                '1'..='9' => return Err("back-references are not supported".into()),
                _ => self.literal(length, escaped),
            }
            return Ok(());
        }
        match escaped {
            'Q' if self.dialect == Dialect::Go => {
                let quoted = &self.rest[2..];
                let end = quoted.find("\\E").unwrap_or(quoted.len());
                let text = regex_syntax::escape(&quoted[..end]);
                self.atom((2 + end + 2).min(self.rest.len()), &text);
            }
            'Z' if self.dialect == Dialect::Python => self.atom(length, r"\z"),
            _ => match self.ascii(escaped) {
                Some(text) => self.atom(length, text),
                None if escaped.is_ascii_punctuation() => self.literal(length, escaped),
                None => self.take(length),
            },
        }
        Ok(())
    }

    fn take(&mut self, length: usize) {
        let rest: &'p str = self.rest;
        self.atom(length, &rest[..length]);
    }

    /// Go's shorthands.
    fn ascii(&self, escaped: char) -> Option<&'static str> {
        if self.dialect != Dialect::Go {
            return None;
        }
        Some(match escaped {
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => r"[\t\n\x0c\r ]",
            'S' => r"[^\t\n\x0c\r ]",
            'b' => r"(?-u:\b)",
            'B' => r"(?-u:\B)",
            _ => return None,
        })
    }

    /// A bracket expression. Rust's classes nest and have operators (`&&`, `--`, `~~`): here these are characters.
    fn class(&mut self) -> Result<(), String> {
        const OPEN: &str = "the pattern cannot be used: a class is not closed";
        let mut rest = &self.rest[1..];
        let mut class = String::from("[");
        if let Some(after) = rest.strip_prefix('^') {
            class.push('^');
            rest = after;
        }
        let mut is_first = true;
        // Whether the last item can start a range, and whether a range waits for its end.
        let (mut can_start, mut is_range) = (false, false);
        loop {
            let next = rest.chars().next().ok_or(OPEN)?;
            if next == ']' && !is_first {
                break;
            }
            is_first = false;
            if next == '-' && can_start && !rest[1..].starts_with(']') {
                class.push('-');
                rest = &rest[1..];
                (can_start, is_range) = (false, true);
                continue;
            }
            let (length, item, is_character) = self.class_item(rest)?;
            class.push_str(&item);
            rest = &rest[length..];
            can_start = is_character && !is_range;
            is_range = false;
        }
        class.push(']');
        let length = self.rest.len() - rest.len() + 1;
        self.atom(length, &class);
        Ok(())
    }

    /// The next member of a class: its length, what stands for it, and whether it is a single character.
    fn class_item(&self, rest: &str) -> Result<(usize, String, bool), String> {
        let next = rest.chars().next().unwrap_or_default();
        if next == '[' {
            if let Some(named) = rest.strip_prefix("[:") {
                let end =
                    named.find(":]").ok_or("the pattern cannot be used: a class is not closed")?;
                return Ok((end + 4, rest[..end + 4].to_owned(), false));
            }
            if self.dialect == Dialect::Posix && (rest.starts_with("[.") || rest.starts_with("[="))
            {
                return Err("collating elements are not supported".into());
            }
        }
        if next == '\\' && self.dialect != Dialect::Posix {
            let Some(escaped) = rest[1..].chars().next() else {
                return Err("the pattern ends in a backslash".into());
            };
            let length = 1 + escaped.len_utf8();
            if escaped.is_ascii_punctuation() {
                return Ok((length, regex_syntax::escape(&rest[1..length]), true));
            }
            if escaped == 'b' && self.dialect == Dialect::Python {
                return Ok((length, r"\x08".into(), true));
            }
            if let Some(text) = self.ascii(escaped).filter(|text| text.starts_with('[')) {
                return Ok((length, text.into(), false));
            }
            let length = length + escape_tail(escaped, &rest[length..]);
            return Ok((length, rest[..length].into(), !"wWdDsSpP".contains(escaped)));
        }
        let text: String = match next {
            '[' | ']' | '&' | '~' | '-' | '^' | '\\' => format!("\\{next}"),
            _ => next.to_string(),
        };
        Ok((next.len_utf8(), text, true))
    }
}

/// How many bytes more than its letter an escape takes: `\x{41}`, `\x41`, `\p{Greek}`, `\pL`.
fn escape_tail(escaped: char, rest: &str) -> usize {
    match escaped {
        'x' | 'u' | 'U' | 'p' | 'P' if rest.starts_with('{') => {
            rest.find('}').map_or(0, |end| end + 1)
        }
        'p' | 'P' => rest.chars().next().map_or(0, char::len_utf8),
        'x' => rest.bytes().take(2).take_while(u8::is_ascii_hexdigit).count(),
        _ => 0,
    }
}

/// The repetition that `rest` starts with, if its brace is one: its length and how Rust writes it.
fn repetition(rest: &str) -> Option<(usize, String)> {
    let inner = &rest[1..rest.find('}')?];
    let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_open = inner.contains(',') && most.is_empty();
    // Only grep and Python know `{,3}`; where a program does not, it is text that nobody writes.
    let least = if least.is_empty() && is_number(most) { "0" } else { least };
    (is_number(least) && (is_open || is_number(most))).then(|| {
        let text = if inner.contains(',') {
            format!("{{{least},{most}}}")
        } else {
            format!("{{{least}}}")
        };
        (inner.len() + 2, text)
    })
}

#[cfg(test)]
mod tests {
    use regex::bytes::RegexBuilder;

    use super::*;

    fn fits(dialect: Dialect, pattern: &str, text: &str) -> bool {
        let translated = translate(dialect, pattern).unwrap();
        RegexBuilder::new(&translated)
            .unicode(dialect != Dialect::Posix)
            .build()
            .unwrap_or_else(|error| panic!("{pattern} as {translated}: {error}"))
            .is_match(text.as_bytes())
    }

    #[test]
    fn posix_reads_as_grep_does() {
        // Each line was tried with `grep -E` (GNU grep 3.8) in the C locale.
        for (pattern, text, expected) in [
            ("a{2}", "aa", true),
            ("^a{,2}$", "aa", true),
            ("^a{,2}$", "aaa", false),
            ("a{x}", "a{x}", true),
            ("a{", "a{", true),
            ("*.md", "README.md", true),
            ("(*a)", "a", true),
            ("^(a+?)b$", "b", true),
            ("^a**$", "aaa", true),
            (r"\d", "7", false),
            (r"[\d]", "\\", true),
            (r"\<key\>", "a key b", true),
            (r"\<key\>", "akey", false),
            (r"\w\s\W", "a !", true),
            ("[]x]", "]", true),
            ("[^]x]", "]", false),
            ("[[:digit:]]", "5", true),
            ("[a&&b]", "&", true),
            ("[a&&b]", "a", true),
            ("[[a]", "[", true),
            ("[a-]", "-", true),
            ("[+--]", ",", true),
            ("^[+--]$", "*", false),
            (r"\/\-\:", "/-:", true),
            ("a|^b", "xb", false),
        ] {
            assert_eq!(fits(Dialect::Posix, pattern, text), expected, "{pattern} on {text}");
        }
        assert!(translate(Dialect::Posix, r"(a)\1").unwrap_err().contains("back-references"));
        assert!(translate(Dialect::Posix, "[[.a.]]").unwrap_err().contains("collating"));
        assert!(translate(Dialect::Posix, "[a").is_err());
        assert!(translate(Dialect::Posix, "a\\").is_err());
    }

    #[test]
    fn go_reads_as_go_does() {
        for (pattern, text, expected) in [
            (r"\Qa.b\E+", "a.bbb", true),
            (r"\Qa.b\E", "axb", false),
            (r"\Qa.b", "a.b", true),
            ("${FOO}", "x", false),
            (r"\${FOO}", "${FOO}", true),
            ("{{.*}}", "{{ x }}", true),
            (r"^\w+$", "é", false),
            (r"^[\w-]+$", "a-b_9", true),
            (r"^[\W]$", "é", true),
            (r"[[a]", "[", true),
            (r"[a~~b]", "~", true),
            (r"\<a\>", "<a>", true),
            (r"\_\-\/", "_-/", true),
            (r"^[\x41-\x43]$", "B", true),
            (r"^[\x{41}-C]$", "B", true),
            (r"^\pL[\p{Greek}]$", "éα", true),
            ("(?i)abc", "ABC", true),
            (r"a\b", "a é", true),
            ("^a{2,}$", "aaa", true),
        ] {
            assert_eq!(fits(Dialect::Go, pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn python_reads_as_python_does() {
        for (pattern, text, expected) in [
            (r"^\w+\Z", "é", true),
            (r"[\b]", "\u{8}", true),
            (r"(?P<n>a)", "a", true),
            (r".*\.lock$", "Cargo.lock", true),
            ("a{,2}b", "b", true),
        ] {
            assert_eq!(fits(Dialect::Python, pattern, text), expected, "{pattern} on {text}");
        }
    }
}
