//! `.gitleaksignore`: one fingerprint a line, `file:rule:line` or `commit:file:rule:line`.
//!
//! Such an entry names a place, not a value. It goes on to silence that line when another secret comes to stand there;
//! that is what gitleaks does with it, and what `keylint migrate` mends.

use super::Problem;
use super::carry::Carry;
use super::list::{Concern, ForeignList};

pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            add(line, number, list).map_err(|problem| (number, problem))?;
        }
    }
    Ok(())
}

/// Adds one entry. Read from the end: a path may hold colons.
pub(super) fn add(entry: &str, number: u64, list: &mut ForeignList) -> Result<(), String> {
    const EXPECTED: &str = "expected `file:rule:line` or `commit:file:rule:line`";
    let mut fields = entry.rsplitn(3, ':');
    let (Some(line), Some(rule), Some(place)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err(EXPECTED.into());
    };
    let line: u64 = line.parse().map_err(|_| EXPECTED.to_owned())?;
    let is_commit =
        |id: &str| matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (commit, path) = match place.split_once(':') {
        Some((commit, path)) if is_commit(commit) => (Some(commit), path),
        _ => (None, place),
    };
    if path.is_empty() || rule.is_empty() {
        return Err(EXPECTED.into());
    }
    let Some(concern) = Concern::of_gitleaks_rule(rule) else {
        list.pass_over(number, format!("rule {rule} of gitleaks"));
        return Ok(());
    };
    let number = list.push(
        number,
        entry,
        None,
        Carry::Findings { commit: commit.map(str::to_owned), anywhere: false },
    );
    list.at_line(number, path, line, commit, concern);
    if concern == Concern::Secrets {
        list.mark_general(number);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::list;
    use super::*;
    use crate::suppress::List;

    fn read(text: &str) -> Result<ForeignList, Problem> {
        let mut list = list();
        parse(text, &mut list).map(|()| list)
    }

    #[test]
    fn what_is_no_fingerprint_is_an_error_with_its_line() {
        assert_eq!(read("# note\n\n a.py:aws-access-token:3 \r\n").unwrap().len(), 1);
        assert_eq!(read("a:b.py:aws-access-token:3\n").unwrap().len(), 1);
        assert_eq!(read("a.py:stripe:3\n").unwrap().passed_over().len(), 1);
        for (text, line) in [
            ("a.py\n", 1),
            ("\n\na.py:aws-access-token\n", 3),
            ("#\na.py:aws-access-token:x\n", 2),
            (":aws-access-token:1\n", 1),
            ("a.py:aws-access-token:-1\n", 1),
        ] {
            assert_eq!(read(text).err().unwrap().0, line, "{text}");
        }
    }
}
