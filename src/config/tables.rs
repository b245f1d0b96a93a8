//! The tables of `keylint.toml`: `[[allow]]`, `[rules.ID]`, `[accounts]` and, in a policy, `[repository]`.
//!
//! They are read key by key, so that every mistake in them is told with its own line, column and key. As everywhere in
//! a configuration, no value is ever quoted.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::allow;
use crate::model::allow::Allow;
use crate::model::finding::Severity;

/// What the tables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The `[[allow]]` entries, in their order.
    pub allow: Vec<Allow>,
    /// The `[rules.ID]` tables, by identifier.
    pub rules: Vec<RuleOverride>,
    /// The accounts that are the user's own, 12 digits each.
    pub own_accounts: BTreeSet<String>,
    /// The severity of findings in other accounts, where the account is known.
    pub others: Option<Severity>,
    /// What the repository's own word counts for; only a policy says that.
    pub repository: Option<Repository>,
}

/// A `[rules.ID]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOverride {
    /// The rule's identifier.
    pub id: String,
    /// Where it is named.
    pub line: u64,
    /// Whether the rule is looked for.
    pub enabled: Option<bool>,
    /// The severity of all of its findings.
    pub severity: Option<Severity>,
}

/// What a policy says of a repository's own word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Which kinds of it count.
    pub may: BTreeSet<May>,
    /// Where the table begins.
    pub line: u64,
    /// Whether suppressions that the scanned change itself adds count.
    pub own_additions: bool,
}

/// A kind of a repository's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum May {
    /// keylint's comments.
    Inline,
    /// `[[allow]]` entries.
    Allow,
    /// Its baseline.
    Baseline,
    /// Other tools' comments and files.
    Foreign,
    /// What is not scanned, or not wholly: `exclude`, `ignore`, `hidden`, `max-file-size`, `decode`, `archives`, all
    /// `archive-...` limits and `allow-incomplete`.
    Exclude,
    /// `[rules.ID]` and `[accounts]`.
    Rules,
    /// `fail-on`, `min-confidence` and all other keys.
    Settings,
}

impl May {
    /// All kinds, with their names in a policy.
    pub const ALL: [(&'static str, Self); 7] = [
        ("inline", Self::Inline),
        ("allow", Self::Allow),
        ("baseline", Self::Baseline),
        ("foreign", Self::Foreign),
        ("exclude", Self::Exclude),
        ("rules", Self::Rules),
        ("settings", Self::Settings),
    ];
}

/// The keys that hold tables, and what they must be.
pub(super) const TABLES: [(&str, &str); 4] = [
    ("allow", "must be a list of tables: write [[allow]]"),
    ("rules", "must be tables of rules: write [rules.ID]"),
    ("accounts", "must be a table: write [accounts]"),
    ("repository", "must be a table: write [repository]"),
];

/// A mistake: what it is, and which bytes of the file it concerns.
pub(super) type Mistake = (Range<usize>, String);

pub(super) type Table<'i> = DeTable<'i>;
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

impl Tables {
    /// Takes the tables out of `table`, the whole of the file. `line` says in which line an offset lies.
    pub(super) fn take(
        table: &mut Table<'_>,
        line: &dyn Fn(usize) -> u64,
    ) -> Result<Self, Mistake> {
        let mut tables = Self::default();
        for (name, expected) in TABLES {
            let Some(value) = table.remove(name) else { continue };
            let wrong = |span: Range<usize>| (span, format!("`{name}` {expected}"));
            let span = value.span();
            match (name, value.into_inner()) {
                ("allow", DeValue::Array(entries)) => {
                    for entry in entries {
                        let span = entry.span();
                        let DeValue::Table(entry) = entry.into_inner() else {
                            return Err(wrong(span));
                        };
                        tables.allow.push(allow::read(&entry, span, line)?);
                    }
                }
                ("rules", DeValue::Table(rules)) => {
                    for (id, value) in rules {
                        let line = line(id.span().start);
                        let DeValue::Table(rule) = value.get_ref() else {
                            return Err(wrong(value.span()));
                        };
                        tables.rules.push(rule_override(id.get_ref(), line, rule)?);
                    }
                    tables.rules.sort_by_key(|rule| rule.line);
                }
                ("accounts", DeValue::Table(accounts)) => accounts_of(&accounts, &mut tables)?,
                ("repository", DeValue::Table(rights)) => {
                    let line = line(start_of(&rights, &span));
                    tables.repository = Some(Repository { line, ..repository(&rights)? });
                }
                _ => return Err(wrong(span)),
            }
        }
        Ok(tables)
    }
}

/// Where a table begins: not at its header, which is not kept, but at its first key.
pub(super) fn start_of(table: &Table<'_>, span: &Range<usize>) -> usize {
    table.keys().map(|key| key.span().start).min().unwrap_or(span.start)
}

fn rule_override(id: &str, line: u64, table: &Table<'_>) -> Result<RuleOverride, Mistake> {
    let mut rule = RuleOverride { id: id.to_owned(), line, enabled: None, severity: None };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "enabled" => rule.enabled = Some(boolean("rules", key, value)?),
            "severity" => rule.severity = Some(severity("rules", key, value)?),
            _ => return Err(unknown("rules", key, &["enabled", "severity"])),
        }
    }
    Ok(rule)
}

fn accounts_of(table: &Table<'_>, tables: &mut Tables) -> Result<(), Mistake> {
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "own" => {
                let wrong = |value| expectation("accounts", key, value, LIST_OF_ACCOUNTS);
                let DeValue::Array(accounts) = value.get_ref() else { return Err(wrong(value)) };
                for account in accounts {
                    let text = account.get_ref().as_str().filter(|text| is_account(text));
                    let text = text.ok_or_else(|| wrong(account))?;
                    tables.own_accounts.insert(text.to_owned());
                }
            }
            "others" => tables.others = Some(severity("accounts", key, value)?),
            _ => return Err(unknown("accounts", key, &["own", "others"])),
        }
    }
    Ok(())
}

fn repository(table: &Table<'_>) -> Result<Repository, Mistake> {
    let mut repository = Repository::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "may" => {
                let names = May::ALL.map(|(name, _)| format!("\"{name}\"")).join(", ");
                let expected = format!("must be a list of {names}");
                let wrong = |value| expectation("repository", key, value, &expected);
                let DeValue::Array(kinds) = value.get_ref() else { return Err(wrong(value)) };
                for kind in kinds {
                    let name = kind.get_ref().as_str();
                    let known = May::ALL.iter().find(|(known, _)| Some(*known) == name);
                    repository.may.insert(known.ok_or_else(|| wrong(kind))?.1);
                }
            }
            "own-additions" => repository.own_additions = boolean("repository", key, value)?,
            _ => return Err(unknown("repository", key, &["may", "own-additions"])),
        }
    }
    Ok(repository)
}

const LIST_OF_ACCOUNTS: &str = "must be a list of accounts' numbers, 12 digits in quotes each";

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) type Key<'i> = Spanned<toml::de::DeString<'i>>;

pub(super) fn expectation(
    table: &str,
    key: &Key<'_>,
    value: &Value<'_>,
    expected: &str,
) -> Mistake {
    (value.span(), format!("`{table}.{}` {expected}", key.get_ref()))
}

fn boolean(table: &str, key: &Key<'_>, value: &Value<'_>) -> Result<bool, Mistake> {
    let DeValue::Boolean(yes) = value.get_ref() else {
        return Err(expectation(table, key, value, "must be true or false"));
    };
    Ok(*yes)
}

fn severity(table: &str, key: &Key<'_>, value: &Value<'_>) -> Result<Severity, Mistake> {
    let name = value.get_ref().as_str();
    let severity = Severity::ALL.into_iter().find(|severity| Some(severity.as_str()) == name);
    let expected = "must be \"info\", \"low\", \"medium\", \"high\" or \"critical\"";
    severity.ok_or_else(|| expectation(table, key, value, expected))
}

pub(super) fn unknown(table: &str, key: &Key<'_>, known: &[&str]) -> Mistake {
    let known = known.join(", ");
    let name = key.get_ref();
    let said = if super::schema::is_nameable(name) {
        format!("unknown key `{table}.{name}`; known are {known}")
    } else {
        format!("unknown key in `{table}`; known are {known}")
    };
    (key.span(), said)
}
