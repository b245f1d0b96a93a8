//! How a commit is named in a report.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::escape::escape;
use super::redact::Redactor;
use crate::model::blob::Commit;

/// Digits of an object id that tell commits apart for people.
const SHORT: usize = 12;

/// The commit, its author and the day, made harmless to look at.
pub(super) fn described(commit: &Commit, redactor: &Redactor) -> String {
    let author = redactor.words(&commit.author);
    let date = date(commit);
    let day = date.as_deref().and_then(|date| date.split('T').next());
    let on = day.map(|day| format!(" on {day}")).unwrap_or_default();
    format!("{} by {}{on}", short(commit), escape(&author))
}

/// The first digits of its object id.
pub(super) fn short(commit: &Commit) -> &str {
    commit.id.get(..SHORT).unwrap_or(&commit.id)
}

/// When it was authored, as RFC 3339 has it and in the author's own time; `None` for a time that no calendar has, which
/// anyone can write into a commit.
pub(super) fn date(commit: &Commit) -> Option<String> {
    let offset = Offset::from_seconds(commit.offset.checked_mul(60)?).ok()?;
    let time = Timestamp::from_second(commit.seconds).ok()?;
    Some(time.display_with_offset(offset).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_in_the_author_s_time_and_odd_ones_are_none() {
        let date = |seconds, offset| {
            date(&Commit { id: "1a".into(), author: String::new(), seconds, offset })
        };
        assert_eq!(date(0, 0).as_deref(), Some("1970-01-01T00:00:00+00:00"));
        assert_eq!(date(1_700_000_000, 330).as_deref(), Some("2023-11-15T03:43:20+05:30"));
        assert_eq!(date(1_700_000_000, -480).as_deref(), Some("2023-11-14T14:13:20-08:00"));
        assert_eq!(date(i64::MAX, 0), None);
        assert_eq!(date(0, i32::MAX), None);
    }
}
