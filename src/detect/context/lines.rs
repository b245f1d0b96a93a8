//! Lines as they were before a diff, a mail or a comment put its mark in front of them.

/// A line without its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'t> {
    /// The mark's character; `None` for no mark, and for those of a diff, whose lines belong together.
    pub(crate) mark: Option<u8>,
    /// What follows on the mark and one space.
    pub(crate) body: &'t [u8],
}

impl<'t> Line<'t> {
    /// Takes the mark off: `+` and `-` of diffs, `>` of mails, `#`, `//`, `;` and `*` of comments. Marks stand at the
    /// very start of a line, or after one space in block comments.
    pub(crate) fn new(line: &'t [u8]) -> Self {
        let run = |mark: u8| line.iter().take_while(|byte| **byte == mark).count();
        let (mark, rest) = match line {
            // In lists, one space follows on the dash.
            [b'+' | b'-', rest @ ..]
                if rest.first() != Some(&b' ') || rest.get(1) == Some(&b' ') =>
            {
                return Self { mark: None, body: rest };
            }
            [mark @ (b'>' | b'#' | b';'), ..] => (*mark, &line[run(*mark)..]),
            [b'/', b'/', rest @ ..] => (b'/', rest),
            [b' ', b'*', rest @ ..] => (b'*', rest),
            _ => return Self { mark: None, body: line },
        };
        Self { mark: Some(mark), body: rest.strip_prefix(b" ").unwrap_or(rest) }
    }

    /// White space at the start.
    pub(crate) fn indent(&self) -> usize {
        self.body.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }
}

/// Whether `line` is a section header: `[name]` alone on its line but for a comment. No array: no quote at its start,
/// no comma, no brace. No attribute: what follows in `next` is no declaration.
pub(crate) fn is_section_header(line: &[u8], next: &[u8]) -> bool {
    let line = Line::new(line).body.trim_ascii();
    let [b'[', first, rest @ ..] = line else { return false };
    let Some(close) = rest.iter().position(|byte| *byte == b']') else { return false };
    let is_name = |byte: &u8| {
        (byte.is_ascii_graphic() || *byte == b' ' || *byte >= 0x80) && !b",;{}<>`".contains(byte)
    };
    let after = rest[close + 1..].trim_ascii_start();
    (first.is_ascii_alphanumeric() || matches!(first, b'[' | b'*' | b'_') || *first >= 0x80)
        && rest[..close].iter().all(is_name)
        && (after.is_empty() || matches!(after[0], b'#' | b';' | b']'))
        && !is_declaration(next)
}

/// `public string Key;`, `class A {`, `void F()`, and another attribute of the same.
fn is_declaration(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    match line.last() {
        Some(b';' | b'{') => true,
        Some(b')') => !line.contains(&b'='),
        Some(b']') => line.starts_with(b"["),
        _ => false,
    }
}

/// The line of `text` that starts at `start`, as far as it lies in a few hundred bytes.
pub(crate) fn line_at(text: &[u8], start: usize) -> &[u8] {
    const LONGEST: usize = 300;
    let rest = &text[start.min(text.len())..text.len().min(start + LONGEST)];
    memchr::memchr(b'\n', rest).map_or(rest, |newline| &rest[..newline])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_off() {
        let body = |line: &'static str| {
            let line = Line::new(line.as_bytes());
            (line.mark.map(char::from), std::str::from_utf8(line.body).unwrap())
        };
        assert_eq!(body("+  a"), (None, "  a"));
        assert_eq!(body("- a"), (None, "- a"));
        assert_eq!(body(">>  a"), (Some('>'), " a"));
        assert_eq!(body("# a"), (Some('#'), "a"));
        assert_eq!(body("//   a"), (Some('/'), "  a"));
        assert_eq!(body(" *  a"), (Some('*'), " a"));
        assert_eq!(body("  # a"), (None, "  # a"));
    }

    #[test]
    fn section_headers() {
        let is_header = |line: &str| is_section_header(line.as_bytes(), b"key = value");
        for header in [
            "[default]",
            "  [profile prod]\r",
            "[[servers]]",
            "+[default]",
            "# [default]",
            "> [default]",
            "[prod & legacy (eu-west-1)]",
            "[123456789012] # billing",
            "[storage \"primary\"]",
        ] {
            assert!(is_header(header), "{header}");
        }
        for other in ["[\"a\"]", "[1, 2]", "[link](target)", "[]", "x = [a]", "[a] b"] {
            assert!(!is_header(other), "{other}");
        }
    }

    #[test]
    fn attributes_head_no_section() {
        for next in ["public string Key = \"x\";", "class Keys {", "public void Test()"] {
            assert!(!is_section_header(b"    [SerializeField]", next.as_bytes()), "{next}");
        }
        assert!(is_section_header(b"[a]", b"greeting = call(me)"));
        assert!(!is_section_header(b"[Obsolete]", b"[JsonProperty(\"x\")]"));
    }
}
