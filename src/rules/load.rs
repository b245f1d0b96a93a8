//! Rule files → [`RuleSet`]: parsed, checked, ready to be compiled by `detect`.

use std::collections::{BTreeMap, BTreeSet};

use super::builtin;
use super::schema::{Matcher, Place, PlaceAdvice, Rule, RuleFile, Steps};
use crate::model::finding::RuleId;

/// A rule file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The file is no TOML of the expected shape.
    #[error("{file}: {source}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What the parser says, with line, column and key.
        source: Box<toml::de::Error>,
    },
    /// A rule contradicts itself or another.
    #[error("{file}:{line}: rule `{rule}`: {problem}")]
    Rule {
        /// The file's name.
        file: String,
        /// The line of the rule's `id`, from 1; 0 when it was not found.
        line: usize,
        /// The rule's identifier.
        rule: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The shared parts of a file are not usable.
    #[error("{file}: {problem}")]
    File {
        /// The file's name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// No rule is left: a scan would find nothing, whatever it reads.
    #[error("no rules: nothing would be looked for")]
    Empty,
}

/// All rules of a run, checked, with the advice that goes with them.
#[derive(Clone, Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    ids: Vec<RuleId>,
    advice: BTreeMap<Place, PlaceAdvice>,
    steps: Steps,
    canaries: BTreeMap<u64, String>,
}

impl RuleSet {
    /// The rules that come with keylint.
    pub fn builtin() -> Result<Self, RuleError> {
        Self::from_files(builtin::FILES.iter().copied())
    }

    /// Parses and checks rule files, given as name and text.
    pub fn from_files<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RuleError> {
        let mut set = Self {
            rules: Vec::new(),
            ids: Vec::new(),
            advice: BTreeMap::new(),
            steps: Steps::default(),
            canaries: BTreeMap::new(),
        };
        let mut seen = BTreeSet::new();
        for (name, text) in files {
            let file: RuleFile = toml::from_str(text).map_err(|source| RuleError::Syntax {
                file: name.into(),
                source: Box::new(source),
            })?;
            for rule in &file.rules {
                let problem = check(rule).err().or_else(|| {
                    (!seen.insert(rule.id.clone()))
                        .then(|| "this id is used by another rule".to_owned())
                });
                if let Some(problem) = problem {
                    let line = line_of_id(text, &rule.id);
                    return Err(RuleError::Rule {
                        file: name.into(),
                        line,
                        rule: rule.id.clone(),
                        problem,
                    });
                }
            }
            set.take(name, file)?;
        }
        if set.rules.is_empty() {
            return Err(RuleError::Empty);
        }
        Ok(set)
    }

    /// The rules, in file order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of this identifier.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The identifier of the rule at `index` in [`rules`](Self::rules), cheap to clone.
    ///
    /// # Panics
    /// When there is no such rule.
    pub fn id(&self, index: usize) -> RuleId {
        self.ids[index].clone()
    }

    /// The first rule that names this matcher.
    pub fn by_matcher(&self, matcher: Matcher) -> Option<(RuleId, &Rule)> {
        let index = self.rules.iter().position(|rule| rule.matcher == Some(matcher))?;
        Some((self.id(index), &self.rules[index]))
    }

    /// What to do instead at `place`, or anywhere if nothing is said for that place.
    pub fn advice(&self, place: Place) -> Option<&PlaceAdvice> {
        self.advice.get(&place).or_else(|| self.advice.get(&Place::Other))
    }

    /// What to do about a leaked key.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Who issues canary tokens from this account, if it is known for that.
    pub fn canary_issuer(&self, account: u64) -> Option<&str> {
        self.canaries.get(&account).map(String::as_str)
    }

    fn take(&mut self, name: &str, file: RuleFile) -> Result<(), RuleError> {
        let fail = |problem: String| RuleError::File { file: name.into(), problem };
        for group in file.canary_accounts {
            for account in group.accounts {
                let number =
                    account.parse().ok().filter(|_| account.len() == 12).ok_or_else(|| {
                        fail(format!("canary-accounts: `{account}` is no 12-digit account number"))
                    })?;
                self.canaries.insert(number, group.issuer.clone());
            }
        }
        for advice in file.advice {
            let place = advice.place;
            if self.advice.insert(place, advice).is_some() {
                return Err(fail(format!("advice for `{place}` is given twice")));
            }
        }
        self.steps.long_term.extend(file.steps.long_term);
        self.steps.temporary.extend(file.steps.temporary);
        self.steps.root.extend(file.steps.root);
        self.ids.extend(file.rules.iter().map(|rule| RuleId::new(&rule.id)));
        self.rules.extend(file.rules);
        Ok(())
    }
}

/// What can be checked of a rule without compiling its pattern, which `detect::compile` does when it is first needed.
fn check(rule: &Rule) -> Result<(), String> {
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if rule.id.is_empty() || !rule.id.chars().all(kebab) {
        return Err("`id` is not in kebab case (a-z, 0-9 and -)".into());
    }
    match (&rule.pattern, rule.matcher) {
        (None, None) => return Err("neither `pattern` nor `matcher` is given".into()),
        (Some(_), Some(_)) => return Err("both `pattern` and `matcher` are given".into()),
        (Some(_), None) if rule.keywords.is_empty() => {
            return Err(
                "a rule with a `pattern` needs `keywords`: the prefilter looks for nothing else"
                    .into(),
            );
        }
        _ => {}
    }
    if let Some(short) = rule.keywords.iter().find(|keyword| keyword.len() < 3) {
        return Err(format!(
            "keyword `{short}` is shorter than 3 bytes and would stop the prefilter everywhere"
        ));
    }
    if rule.min_entropy.is_some_and(|floor| !(0.0..=8.0).contains(&floor)) {
        return Err("`min-entropy` is not between 0 and 8 bits per character".into());
    }
    if rule.hits.is_empty() {
        return Err("no `hits`: a rule without an example cannot be checked".into());
    }
    Ok(())
}

/// The line, from 1, on which a rule's `id` stands.
fn line_of_id(text: &str, id: &str) -> usize {
    let quoted = format!("\"{id}\"");
    text.lines()
        .position(|line| line.trim_start().starts_with("id") && line.contains(&quoted))
        .map_or(0, |index| index + 1)
}
