//! How what another tool was told goes into keylint's own form: entry by entry, and pattern by pattern.

/// How an entry is carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carry {
    /// As `[[allow]]` entries under these conditions.
    Conditions(Vec<Conditions>),
    /// As one `[[allow]]` entry for each finding that it silences: what the entry says of a value or a line cannot be
    /// said in keylint's form, and the finding can.
    Findings {
        /// The commit in which to look for it, if the entry names one.
        commit: Option<String>,
        /// Whether it is about a value wherever that stands.
        anywhere: bool,
    },
}

/// The conditions of an `[[allow]]` entry, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// A glob of paths.
    pub path: Option<String>,
    /// A pattern of the whole value.
    pub value: Option<String>,
    /// A commit.
    pub commit: Option<String>,
    /// The fingerprint of a finding, or of a credential.
    pub fingerprint: Option<String>,
}

impl Carry {
    /// By the findings, each in its file.
    pub(super) fn findings() -> Self {
        Self::Findings { commit: None, anywhere: false }
    }

    /// By the credentials, in all files.
    pub(super) fn credentials() -> Self {
        Self::Findings { commit: None, anywhere: true }
    }

    /// As a path.
    pub(super) fn path(glob: &str) -> Self {
        let path = Some(glob.to_owned());
        Self::Conditions(vec![Conditions { path, ..Conditions::default() }])
    }

    /// As a path, if a glob says the same as this regular expression.
    pub(super) fn path_pattern(pattern: &str) -> Self {
        glob(pattern).map_or_else(Self::findings, |glob| Self::path(&glob))
    }

    /// As a value; a pattern that is no plain text may mean something else in keylint's dialect.
    pub(super) fn value_pattern(pattern: &str) -> Self {
        value(pattern).map_or_else(Self::findings, |value| {
            Self::Conditions(vec![Conditions { value: Some(value), ..Conditions::default() }])
        })
    }
}

impl Conditions {
    /// An entry for each of the criteria.
    pub(super) fn each(paths: &[String], values: &[String], commits: &[String]) -> Vec<Self> {
        let path = |path: &String| Self { path: Some(path.clone()), ..Self::default() };
        let value = |value: &String| Self { value: Some(value.clone()), ..Self::default() };
        let commit = |commit: &String| Self { commit: Some(commit.clone()), ..Self::default() };
        let (paths, values) = (paths.iter().map(path), values.iter().map(value));
        paths.chain(values).chain(commits.iter().map(commit)).collect()
    }

    /// An entry for each way to take one criterion of every kind that there is; `None` if these are too many.
    pub(super) fn all(
        paths: &[String],
        values: &[String],
        commits: &[String],
    ) -> Option<Vec<Self>> {
        /// Nobody would want to read more of them, and a hostile list would make millions.
        const MOST: usize = 100;
        let ways = [paths, values, commits].into_iter().map(|texts| texts.len().max(1));
        if ways.fold(1, usize::saturating_mul) > MOST {
            return None;
        }
        let each = |texts: &[String]| -> Vec<Option<String>> {
            if texts.is_empty() { vec![None] } else { texts.iter().cloned().map(Some).collect() }
        };
        let mut entries = Vec::new();
        for path in each(paths) {
            for value in each(values) {
                for commit in each(commits) {
                    let (path, value) = (path.clone(), value.clone());
                    entries.push(Self { path, value, commit, ..Self::default() });
                }
            }
        }
        Some(entries)
    }
}

/// What a pattern that is searched for in a value says of the whole value, if it is simple enough to be sure, and holds
/// no whole value itself.
pub(super) fn value(pattern: &str) -> Option<String> {
    /// From this length on, plain text may be a credential, which does not belong into another file.
    const LONGEST: usize = 16;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '+' | '=');
    let (from_start, body) =
        pattern.strip_prefix('^').map_or((false, pattern), |body| (true, body));
    let (to_end, body) = body.strip_suffix('$').map_or((false, body), |body| (true, body));
    let longest = body.split(|c| !plain(c)).map(str::len).max().unwrap_or(0);
    if body.is_empty() || longest >= LONGEST {
        return None;
    }
    // `.` and `.*` mean the same everywhere; other operators are left to the eye of whoever migrates.
    if !body.chars().all(|c| plain(c) || matches!(c, '.' | '*')) || body.starts_with('*') {
        return None;
    }
    let before = if from_start { "" } else { ".*" };
    let after = if to_end { "" } else { ".*" };
    Some(format!("{before}{body}{after}"))
}

/// The glob that says the same as a regular expression searched for in a path, if there is one: plain text, `\.`, and
/// `.*` or `[^/]*` in it.
pub(super) fn glob(pattern: &str) -> Option<String> {
    let (anchored, mut rest) = match pattern {
        _ if pattern.starts_with("(^|/)") => (false, &pattern[5..]),
        _ if pattern.starts_with("(?:^|/)") => (false, &pattern[7..]),
        _ if pattern.starts_with("^.*/") => (false, &pattern[4..]),
        _ if pattern.starts_with('^') => (true, &pattern[1..]),
        // Anything may stand before it, also within a name: `test/` fits `latest/x`.
        _ => {
            let name = pattern.strip_prefix(".*").unwrap_or(pattern).strip_suffix('$')?;
            return literal(name).filter(|name| !name.contains('/')).map(|name| format!("*{name}"));
        }
    };
    let is_prefix = !rest.ends_with('$') && {
        rest = rest.strip_suffix(".*").unwrap_or(rest);
        true
    };
    rest = rest.strip_suffix('$').unwrap_or(rest);
    let mut glob = String::new();
    for piece in rest.split_inclusive("[^/]*") {
        match piece.strip_suffix("[^/]*") {
            Some(text) => {
                glob.push_str(&literal(text)?);
                glob.push('*');
            }
            None => glob.push_str(&literal(piece)?),
        }
    }
    if is_prefix {
        // Only a whole directory is certain to mean the same.
        glob.push_str(if glob.ends_with('/') { "**" } else { return None });
    }
    Some(if anchored { format!("/{glob}") } else { format!("**/{glob}") })
}

/// The text that a regular expression without operators stands for.
fn literal(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = pattern.chars();
    while let Some(next) = characters.next() {
        match next {
            '\\' => match characters.next()? {
                escaped @ ('.' | '/' | '-' | '_') => text.push(escaped),
                _ => return None,
            },
            '/' | '-' | '_' | ' ' => text.push(next),
            _ if next.is_alphanumeric() => text.push(next),
            _ => return None,
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_say_the_same_as_their_patterns_or_are_none() {
        for (pattern, expected) in [
            (r"^docs/", Some("/docs/**")),
            (r"^docs/.*", Some("/docs/**")),
            (r"(^|/)test/", Some("**/test/**")),
            (r"^src/a\.py$", Some("/src/a.py")),
            (r"^src/[^/]*\.py$", Some("/src/*.py")),
            (r"\.lock$", Some("*.lock")),
            (r".*\.lock$", Some("*.lock")),
            (r"test/", None),
            (r"^docs", None),
            (r"(.*?)(jpg|gif)$", None),
            (r"a.c$", None),
            ("", None),
        ] {
            assert_eq!(glob(pattern).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn values_are_whole_in_keylints_form() {
        assert_eq!(value("EXAMPLE$").as_deref(), Some(".*EXAMPLE"));
        assert_eq!(value("^AKIA.*TEST").as_deref(), Some("AKIA.*TEST.*"));
        assert_eq!(value("(a|b)"), None);
        assert_eq!(value("AKIAIOSFODNN7EXAMPLE"), None);
    }
}
