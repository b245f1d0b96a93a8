//! `keylint history`: every object of a repository.

use std::path::Path;

use anyhow::bail;
use clap::ArgMatches;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use keylint::scan::Input;
use keylint::sources::git::history::{Narrowing, Since};

use crate::args::HistoryArgs;
use crate::exit::Status;
use crate::job;

/// Runs the command. An error is something that kept it from scanning at all.
pub(crate) fn run(args: &HistoryArgs, matches: &ArgMatches) -> anyhow::Result<Status> {
    let since = args.since.as_deref().map(|text| since(text, Timestamp::now())).transpose()?;
    let narrowing =
        Narrowing { reachable_only: args.reachable_only, since, branch: args.branch.clone() };
    let repository = args.repository.clone();
    let first = repository.clone().unwrap_or_else(|| Path::new(".").to_owned());
    let inputs = [Input::History { repository, narrowing }];
    job::run(&inputs, &first, &args.options(), &args.run, matches)
}

/// A date, a time, a time span such as `2 weeks ago`, or else a revision. Dates and times without a zone are in UTC.
fn since(text: &str, now: Timestamp) -> anyhow::Result<Since> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Since::Time(time.as_second()));
    }
    let at =
        |time: DateTime| Ok(Since::Time(time.to_zoned(TimeZone::UTC)?.timestamp().as_second()));
    if let Ok(time) = text.parse::<DateTime>() {
        return at(time);
    }
    if let Ok(date) = text.parse::<Date>() {
        return at(date.at(0, 0, 0, 0));
    }
    if let Ok(span) = text.parse::<Span>() {
        if span.is_positive() {
            bail!("--since {text}: that is in the future; say `{text} ago`");
        }
        let time = now.to_zoned(TimeZone::UTC).checked_add(span)?;
        return Ok(Since::Time(time.timestamp().as_second()));
    }
    Ok(Since::Revision(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_revisions() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let since = |text: &str| since(text, now).unwrap();
        assert_eq!(since("2023-11-14"), Since::Time(1_699_920_000));
        assert_eq!(since("2023-11-14T22:13:20Z"), Since::Time(1_700_000_000));
        assert_eq!(since("2023-11-14 22:13:20"), Since::Time(1_700_000_000));
        assert_eq!(since("2 weeks ago"), Since::Time(1_794_139_200));
        assert_eq!(since("v1.0"), Since::Revision("v1.0".into()));
        assert_eq!(since("HEAD~3"), Since::Revision("HEAD~3".into()));
    }

    #[test]
    fn a_time_to_come_is_an_error() {
        let error = since("2 weeks", Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(error.to_string().contains("2 weeks ago"), "{error}");
    }
}
