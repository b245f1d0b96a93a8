//! The allow-lists of `.gitleaks.toml`: of the whole file, of single rules, and of a file that it extends.
//!
//! gitleaks' own configuration, which most files extend, allows whole kinds of files. That is gitleaks' say-so and not the
//! user's, and is not taken over. Keys are read whatever their case, as gitleaks does.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::carry::{self, Carry, Conditions};
use super::dialect::Dialect;
use super::list::{Concern, ForeignList};
use super::pattern::{Allow, Compiler, Condition, Pattern, Target};

/// More than any configuration holds; a tree of it takes many times its size.
const MAX_BYTES: usize = 4 << 20;

type Value<'t> = Spanned<DeValue<'t>>;

/// Reads the file. Gives the path of the file that it extends, as written, and the line.
pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<Option<(u64, PathBuf)>, Problem> {
    if text.len() > MAX_BYTES {
        return Err((1, format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (line_of(text, at), format!("not TOML: {}", error.message()))
    })?;
    let mut reader = Reader { text, compiler: Compiler::new(Dialect::Go), list };
    let root = root.get_ref();
    for allow in reader.lists(root)? {
        let targets = reader.strings(allow, "targetRules")?;
        reader.global(allow, &targets)?;
    }
    for rule in reader.tables(root, "rules")? {
        let id = reader.string(rule, "id")?.map(|(_, id)| id).unwrap_or_default();
        for allow in reader.lists(rule)? {
            reader.add(allow, &[id.to_owned()])?;
        }
    }
    let Some(extend) = get(root, "extend") else { return Ok(None) };
    let DeValue::Table(extend) = extend.get_ref() else { return Ok(None) };
    let path = reader.string(extend, "path")?.filter(|(_, path)| !path.is_empty());
    Ok(path.map(|(line, path)| (line, Path::new(path).to_owned())))
}

fn line_of(text: &str, at: usize) -> u64 {
    memchr::memchr_iter(b'\n', &text.as_bytes()[..at.min(text.len())]).count() as u64 + 1
}

fn get<'t, 'v>(table: &'v DeTable<'t>, key: &str) -> Option<&'v Value<'t>> {
    table
        .iter()
        .find(|(known, _)| known.get_ref().eq_ignore_ascii_case(key))
        .map(|(_, value)| value)
}

struct Reader<'r> {
    text: &'r str,
    compiler: Compiler,
    list: &'r mut ForeignList,
}

impl Reader<'_> {
    fn fail<T>(&self, value: &Value<'_>, problem: impl Into<String>) -> Result<T, Problem> {
        Err((line_of(self.text, value.span().start), problem.into()))
    }

    /// The tables under a key, which may be one or several.
    fn tables<'t, 'v>(
        &self,
        table: &'v DeTable<'t>,
        key: &str,
    ) -> Result<Vec<&'v DeTable<'t>>, Problem> {
        let Some(value) = get(table, key) else { return Ok(Vec::new()) };
        match value.get_ref() {
            DeValue::Table(one) => Ok(vec![one]),
            DeValue::Array(several) => several
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::Table(table) => Ok(table),
                    _ => self.fail(item, format!("`{key}` must hold tables")),
                })
                .collect(),
            _ => self.fail(value, format!("`{key}` must be a table")),
        }
    }

    /// The allow-lists of a file or a rule, in the new form and the old.
    fn lists<'t, 'v>(&self, table: &'v DeTable<'t>) -> Result<Vec<&'v DeTable<'t>>, Problem> {
        let mut lists = self.tables(table, "allowlists")?;
        lists.extend(self.tables(table, "allowlist")?);
        Ok(lists)
    }

    fn string<'v>(
        &self,
        table: &'v DeTable<'_>,
        key: &str,
    ) -> Result<Option<(u64, &'v str)>, Problem> {
        let Some(value) = get(table, key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => {
                Ok(Some((line_of(self.text, value.span().start), text.as_ref())))
            }
            _ => self.fail(value, format!("`{key}` must be a string")),
        }
    }

    /// The strings of the list under a key, each with its line.
    fn lined<'v>(&self, table: &'v DeTable<'_>, key: &str) -> Result<Vec<(u64, &'v str)>, Problem> {
        let Some(value) = get(table, key) else { return Ok(Vec::new()) };
        let DeValue::Array(items) = value.get_ref() else {
            return self.fail(value, format!("`{key}` must be a list of strings"));
        };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Ok((line_of(self.text, item.span().start), text.as_ref())),
                _ => self.fail(item, format!("`{key}` must be a list of strings")),
            })
            .collect()
    }

    fn strings(&self, table: &DeTable<'_>, key: &str) -> Result<Vec<String>, Problem> {
        Ok(self.lined(table, key)?.into_iter().map(|(_, text)| text.to_owned()).collect())
    }

    /// An allow-list of the whole file, which may name the rules that it is for.
    fn global(&mut self, allow: &DeTable<'_>, targets: &[String]) -> Result<(), Problem> {
        if targets.is_empty() {
            return self.add_for(allow, Concern::Any);
        }
        self.add(allow, targets)
    }

    /// An allow-list for these rules.
    fn add(&mut self, allow: &DeTable<'_>, rules: &[String]) -> Result<(), Problem> {
        let mut concerns: Vec<Concern> = Vec::new();
        for concern in rules.iter().filter_map(|rule| Concern::of_gitleaks_rule(rule)) {
            if !concerns.contains(&concern) {
                concerns.push(concern);
            }
        }
        if concerns.is_empty() {
            let line = self.line_of_table(allow);
            self.list.pass_over(line, format!("rule {} of gitleaks", rules.join(", ")));
        }
        concerns.into_iter().try_for_each(|concern| self.add_for(allow, concern))
    }

    fn line_of_table(&self, table: &DeTable<'_>) -> u64 {
        let first = table.iter().map(|(key, _)| key.span().start).min();
        line_of(self.text, first.unwrap_or(0))
    }

    fn add_for(&mut self, allow: &DeTable<'_>, concern: Concern) -> Result<(), Problem> {
        let written = self.written(allow)?;
        let line = self.line_of_table(allow);
        if written.is_empty() {
            return Err((line, "an allow-list needs commits, paths, regexes or stopwords".into()));
        }
        // An entry of keylint's has no way to say that it is about key IDs alone.
        let carry = written.carry().filter(|_| concern == Concern::Any);
        let lower = |words: &[(u64, &str)]| -> Vec<String> {
            words.iter().map(|(_, word)| word.trim().to_lowercase()).collect()
        };
        let allowed = Allow {
            concern,
            condition: written.condition,
            commits: lower(&written.commits).into_iter().collect(),
            paths: self.patterns(&written.paths)?,
            target: written.target,
            texts: self.patterns(&written.texts)?,
            stopwords: lower(&written.words),
        };
        let reason = self.string(allow, "description")?.map(|(_, text)| text.to_owned());
        let carry = carry.unwrap_or_else(Carry::findings);
        let entry = self.list.push(line, "an allow-list", reason, carry);
        self.list.mark_general(entry);
        self.list.allow(entry, allowed);
        Ok(())
    }

    fn written<'v>(&self, allow: &'v DeTable<'_>) -> Result<Written<'v>, Problem> {
        let condition = match self.string(allow, "condition")? {
            None => Condition::One,
            Some((line, word)) => match word.to_ascii_uppercase().as_str() {
                "" | "OR" | "||" => Condition::One,
                "AND" | "&&" => Condition::All,
                _ => return Err((line, "`condition` must be `AND` or `OR`".into())),
            },
        };
        let target = match self.string(allow, "regexTarget")? {
            None => Target::Value,
            Some((line, word)) => match word {
                "" | "secret" => Target::Value,
                "match" => Target::Match,
                "line" => Target::Line,
                _ => {
                    return Err((line, "`regexTarget` must be `secret`, `match` or `line`".into()));
                }
            },
        };
        Ok(Written {
            condition,
            target,
            commits: self.lined(allow, "commits")?,
            paths: self.lined(allow, "paths")?,
            texts: self.lined(allow, "regexes")?,
            words: self.lined(allow, "stopwords")?,
        })
    }

    fn patterns(&mut self, patterns: &[(u64, &str)]) -> Result<Vec<Pattern>, Problem> {
        let compiled = patterns.iter().map(|(line, pattern)| {
            self.compiler.compile(pattern).map_err(|problem| (*line, problem))
        });
        compiled.collect()
    }
}

/// An allow-list as written, each criterion with its line.
struct Written<'v> {
    condition: Condition,
    target: Target,
    commits: Vec<(u64, &'v str)>,
    paths: Vec<(u64, &'v str)>,
    texts: Vec<(u64, &'v str)>,
    words: Vec<(u64, &'v str)>,
}

impl Written<'_> {
    fn is_empty(&self) -> bool {
        [&self.commits, &self.paths, &self.texts, &self.words].iter().all(|list| list.is_empty())
    }

    /// The same as `[[allow]]` entries, if all of it can be said so.
    fn carry(&self) -> Option<Carry> {
        let Self { condition, target, commits, paths, texts, words } = self;
        let two_of_value = *condition == Condition::All && !texts.is_empty() && !words.is_empty();
        if two_of_value || (!texts.is_empty() && *target != Target::Value) {
            return None;
        }
        let of_word = |word: &str| {
            let plain = word.len() < 16 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
            plain.then(|| format!("(?i).*{word}.*"))
        };
        let texts = texts.iter().map(|(_, text)| carry::value(text));
        let values: Vec<String> =
            texts.chain(words.iter().map(|(_, word)| of_word(word))).collect::<Option<_>>()?;
        let globs: Vec<String> =
            paths.iter().map(|(_, path)| carry::glob(path)).collect::<Option<_>>()?;
        let commits: Vec<String> = commits.iter().map(|(_, id)| (*id).to_owned()).collect();
        let entries = match condition {
            Condition::One => Conditions::each(&globs, &values, &commits),
            Condition::All => Conditions::all(&globs, &values, &commits)?,
        };
        Some(Carry::Conditions(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::list;
    use super::*;
    use crate::suppress::List;

    fn read(text: &str) -> Result<ForeignList, Problem> {
        let mut list = list();
        parse(text, &mut list).map(|_| list)
    }

    #[test]
    fn all_places_of_allow_lists_are_read() {
        let list = read(
            "[allowlist]\npaths = ['a']\n\n[[allowLists]]\nstopwords = ['b']\ntargetRules = ['aws-access-token']\n\n[[rules]]\n\
             id = 'aws-access-token'\n[rules.allowlist]\nregexes = ['c']\n[[rules]]\nid = 'stripe'\n[[rules.allowlists]]\npaths = ['d']\n",
        )
        .unwrap();
        assert_eq!((list.len(), list.passed_over().len()), (3, 1));
    }

    #[test]
    fn what_cannot_be_used_is_an_error_with_its_line() {
        for (text, line, said) in [
            ("[allowlist]\npaths = [\n'a',\n'(?!b)']\n", 4, "look-around"),
            ("[allowlist]\n", 1, "needs"),
            ("[allowlist]\npaths = 'a'\n", 2, "list of strings"),
            ("[allowlist]\npaths = ['a']\ncondition = 'xor'\n", 3, "AND"),
            ("[allowlist]\nregexes = ['a']\nregexTarget = 'file'\n", 3, "regexTarget"),
            ("[allowlist]\npaths = ['a'\n", 2, "TOML"),
            ("allowlist = 3\n", 1, "table"),
        ] {
            let (at, problem) = read(text).err().unwrap();
            assert!(at == line && problem.contains(said), "{text}: {at}: {problem}");
        }
    }

    #[test]
    fn an_allow_list_is_carried_if_all_of_it_can_be_said() {
        let carried = |text: &str| read(text).unwrap().carry(0).clone();
        let path = |glob: &str| Conditions { path: Some(glob.into()), ..Conditions::default() };
        assert_eq!(
            carried("[allowlist]\npaths = ['^a/', '^b/']\n"),
            Carry::Conditions(vec![path("/a/**"), path("/b/**")])
        );
        assert_eq!(
            carried("[allowlist]\ncondition = 'AND'\npaths = ['^a/']\nregexes = ['EXAMPLE$']\n"),
            Carry::Conditions(vec![Conditions {
                value: Some(".*EXAMPLE".into()),
                ..path("/a/**")
            }])
        );
        assert_eq!(carried("[allowlist]\npaths = ['a(b|c)']\n"), Carry::findings());
        assert_eq!(
            carried("[allowlist]\nregexTarget = 'line'\nregexes = ['a']\n"),
            Carry::findings()
        );
    }
}
