//! The first look at a text: where keywords and long runs stand. All that is found is found from there.
//!
//! Whether a sign stands at a place depends on the bytes close to it, and on nothing else. So what a text has in common
//! with another one has the same signs there, and only the rest has to be looked at.

use std::ops::Range;

use super::compile::{Compiled, Owner};
use super::runs::{Run, for_each_run, for_each_run_or_start};
use crate::decode::nested;
use crate::model::traces::{Copied, Trace, Traces};

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// An isolated run of the length of a secret access key.
    Key,
    /// The start of a run that is at least as long.
    LongRun,
    /// A slash as JSON may write it.
    Slash,
    /// A keyword of the owner with this number.
    Keyword(usize),
}

impl Sign {
    fn number(self) -> u32 {
        match self {
            Self::Key => 0,
            Self::LongRun => 1,
            Self::Slash => 2,
            Self::Keyword(owner) => 3 + owner as u32,
        }
    }

    /// The sign that a trace is of, and its place.
    fn of(trace: Trace) -> (Self, usize) {
        let sign = match trace.sign & !VAIN {
            0 => Self::Key,
            1 => Self::LongRun,
            2 => Self::Slash,
            number => Self::Keyword(number as usize - 3),
        };
        (sign, trace.at as usize)
    }

    /// Whether nothing comes of the sign at `at`. Known only of what looks no further than [`nested::REACH_OF_PIECE`].
    fn is_vain(self, rules: &Compiled, text: &[u8], at: usize) -> bool {
        let Self::Keyword(owner) = self else { return false };
        match rules.owner(owner) {
            Owner::Piece(piece) => piece.stretch(text, at).is_none(),
            _ => false,
        }
    }
}

/// Says of a trace that nothing came of it, and that nothing can as long as the bytes around stay the same. The names of
/// secrets, most of all signs, hardly ever come to something, and versions of a file all have the same.
const VAIN: u32 = 1 << 31;

/// The signs that these traces are of, with their places, but for those of which nothing comes.
pub(crate) fn of(traces: &Traces) -> impl Iterator<Item = (Sign, usize)> {
    traces.0.iter().filter(|trace| trace.sign & VAIN == 0).map(|trace| Sign::of(*trace))
}

/// How far from a sign's place on a run that it is the sign of is looked at, in bytes: an escape that is glued to it, the
/// run of a key, and what stands beside these.
const REACH_OF_RUN: usize = 64;

/// How far before a sign's place text decides whether it is one, in bytes: what is glued to a run, and what stands before
/// that. Keywords depend on nothing before them.
const REACH_BACK: usize = 16;

/// Stretches between changes that are at most this long are looked at again, in bytes: each look by itself costs as
/// much as one at two hundred bytes.
const TOO_SHORT: usize = 256;

/// Signs that are noted of any text. One with more, and with more than one in [`MIN_DISTANCE`] bytes, is looked at as a
/// whole whatever it has in common with another one, since notes are held as long as the text.
const MAX_NOTED: usize = 1024;

/// The least bytes for each sign of a text that are noted however many there are: notes take an eighth of the memory
/// that the text takes.
const MIN_DISTANCE: usize = 64;

/// Calls `sign` with every sign in `text` and its place, in no order.
pub(crate) fn look(rules: &Compiled, text: &[u8], sign: impl FnMut(Sign, usize)) {
    look_around(rules, text, &(0..text.len()), sign);
}

/// The same for those in `region` of `text`, each kind looked for as far as it may reach. Some lie beside the region, and
/// a run that starts far before it is told of as if it started [`REACH_BACK`] before: these are for the caller to leave out.
fn look_around(
    rules: &Compiled,
    text: &[u8],
    region: &Range<usize>,
    mut sign: impl FnMut(Sign, usize),
) {
    let start = region.start;
    let reaching = |reach: usize| text.len().min(region.end + reach);
    let keywords = &text[start..reaching(rules.longest_keyword())];
    rules.prefilter(keywords, |owner, at| sign(Sign::Keyword(owner), start + at));
    if !rules.secret_keys() {
        return;
    }
    let low = start.saturating_sub(REACH_BACK);
    let runs = &text[low..reaching(REACH_OF_RUN)];
    if !rules.looks_inside() {
        return for_each_run(runs, |run| sign(Sign::Key, low + run.start));
    }
    for_each_run_or_start(runs, |run| match run {
        Run::OfKey(range) => sign(Sign::Key, low + range.start),
        Run::Start(start) => sign(Sign::LongRun, low + start),
    });
    for slash in rules.slashes(&text[start..reaching(nested::SLASH_PROBE.len())]) {
        sign(Sign::Slash, start + slash);
    }
}

/// The signs in `text`, in order of place, if there are not too many. Only what the text does not have in common with
/// the one that it was made of is looked at, if that one's signs are known.
pub(crate) fn traces(
    rules: &Compiled,
    text: &[u8],
    base: Option<(&Traces, &[Copied])>,
) -> Option<Traces> {
    u32::try_from(text.len()).ok()?;
    let most = MAX_NOTED.max(text.len() / MIN_DISTANCE);
    let mut traces = Vec::new();
    let mut take = |trace: Trace, is_vain: bool| {
        // One more than are noted says that there are too many.
        if traces.len() <= most {
            let (sign, at) = Sign::of(trace);
            let is_vain = is_vain || sign.is_vain(rules, text, at);
            let sign = sign.number() | if is_vain { VAIN } else { 0 };
            traces.push(Trace { sign, ..trace });
        }
    };
    let reach = REACH_OF_RUN.max(rules.longest_keyword());
    let (known, copies) = base.map_or((&[][..], &[][..]), |(base, copies)| (&base.0[..], copies));
    let mut from = 0;
    for copied in copies.iter().filter_map(|copied| inner(copied, reach)) {
        look_at(rules, text, from..copied.to, &mut take);
        let first = known.partition_point(|trace| (trace.at as usize) < copied.from);
        let end = copied.from + copied.len;
        let has_all_around =
            (copied.from + nested::REACH_OF_PIECE)..=end.saturating_sub(nested::REACH_OF_PIECE);
        for trace in known[first..].iter().take_while(|trace| (trace.at as usize) < end) {
            let is_vain = trace.sign & VAIN != 0 && has_all_around.contains(&(trace.at as usize));
            let at = (trace.at as usize - copied.from + copied.to) as u32;
            take(Trace { at, ..*trace }, is_vain);
        }
        from = copied.to + copied.len;
    }
    look_at(rules, text, from..text.len(), &mut take);
    traces.sort_unstable();
    traces.shrink_to_fit();
    (traces.len() <= most).then_some(Traces(traces))
}

/// That part of a copied stretch in which every sign lies whole, if it is worth its while.
fn inner(copied: &Copied, reach: usize) -> Option<Copied> {
    let len = copied.len.checked_sub(REACH_BACK + reach).filter(|len| *len > TOO_SHORT)?;
    Some(Copied { from: copied.from + REACH_BACK, to: copied.to + REACH_BACK, len })
}

/// Takes the signs in `region` of `text`.
fn look_at(
    rules: &Compiled,
    text: &[u8],
    region: Range<usize>,
    take: &mut impl FnMut(Trace, bool),
) {
    if region.is_empty() {
        return;
    }
    look_around(rules, text, &region, |sign, at| {
        if region.contains(&at) {
            take(Trace { at: at as u32, sign: sign.number() }, false);
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::compile::Probes;
    use crate::detect::matcher;
    use crate::rules::builtin;
    use crate::rules::load::RuleSet;
    use crate::rules::placeholder::expand;

    fn rules() -> Compiled {
        Compiled::new(&RuleSet::builtin().unwrap(), Probes::On)
    }

    /// The rules and two of one value, with keywords that are a part of each other and longer than a run.
    fn more_rules() -> Compiled {
        let rule = |id: &str, keyword: &str, ignore_case: bool| {
            format!(
                r#"
                [[rule]]
                id = "{id}"
                title = "A title"
                severity = "high"
                keywords = ["{keyword}"]
                ignore-case = {ignore_case}
                pattern = '(?i)acme_[a-z_]{{0,100}}=(?P<secret>[a-z0-9]{{8}})'
                what = "What."
                why = "Why."
                instead = "Instead."
                references = ["https://example.org"]
                hits = ["x"]
                misses = []
                "#
            )
        };
        let rules = rule("acme-key", LONG, true) + &rule("acme", "acme_", false);
        let text = format!("provider = \"Acme\"\n{rules}");
        let files = builtin::FILES.iter().copied().chain([("acme.toml", text.as_str())]);
        Compiled::new(&RuleSet::from_files(files).unwrap(), Probes::On)
    }

    const LONG: &str = "acme_key_of_the_secret_storage_that_has_a_rather_long_name_in_all_of_its_settings_everywhere";

    #[test]
    fn the_same_is_found_at_signs_that_are_known() {
        let rules = more_rules();
        let text = format!(
            "{LONG}=12345678 ACME_x {}=abcdefgh {{{{aws-access-key-id:1}}}}",
            LONG.to_uppercase()
        );
        let text = expand(&text).0.into_bytes();
        let none = |_, message| panic!("{message}");
        let expected = matcher::matches(&rules, &text, 0..text.len(), none);
        let signs = traces_of(&rules, &text, None);
        let found = matcher::matches_at(&rules, &text, of(&signs), none);
        assert_eq!(found, expected);
        assert_eq!(found.0.len(), 4, "{found:?}");
    }

    fn traces_of(rules: &Compiled, text: &[u8], base: Option<(&Traces, &[Copied])>) -> Traces {
        traces(rules, text, base).unwrap()
    }

    #[test]
    fn a_sign_is_noted_and_read_again() {
        let text = expand("id={{aws-access-key-id:1}} s={{aws-secret-access-key:1}} \\/").0;
        let rules = rules();
        let noted = traces_of(&rules, text.as_bytes(), None);
        let noted: Vec<_> = noted.0.iter().copied().map(Sign::of).collect();
        let mut seen = Vec::new();
        look(&rules, text.as_bytes(), |sign, at| seen.push((sign, at)));
        seen.sort_by_key(|(sign, at)| (*at, sign.number()));
        assert_eq!(noted, seen);
        assert!(noted.contains(&(Sign::Slash, text.len() - 2)));
        assert!(noted.len() >= 4, "{noted:?}");
    }

    #[test]
    fn a_text_with_too_many_signs_leaves_none() {
        let rules = rules();
        for (count, between, is_noted) in
            [(MAX_NOTED, 0, true), (MAX_NOTED + 1, 0, false), (2 * MAX_NOTED, MIN_DISTANCE, true)]
        {
            let text = format!("\\/ {}", " ".repeat(between)).repeat(count);
            assert_eq!(traces(&rules, text.as_bytes(), None).is_some(), is_noted);
        }
    }

    /// Asserts that a text that `inserted` makes of `base` at `change` has the same signs whether they are inherited or
    /// not, and gives them.
    fn changed(rules: &Compiled, base: &[u8], change: usize, inserted: &str) -> Traces {
        let text = [&base[..change], inserted.as_bytes(), &base[change..]].concat();
        let to = change + inserted.len();
        let rest = Copied { from: change, to, len: base.len() - change };
        let copies = [Copied { from: 0, to: 0, len: change }, rest];
        let known = traces_of(rules, base, None);
        let inherited = traces_of(rules, &text, Some((&known, &copies)));
        assert_eq!(inherited, traces_of(rules, &text, None), "{inserted} at {change}");
        inherited
    }

    #[test]
    fn what_is_glued_to_a_run_is_seen_again_when_it_changes() {
        let (rules, far) = (rules(), ". ".repeat(500));
        let run = "kA+7".repeat(10);
        for glue in ["\\u0022", "\\n", "\\x22", "%3D", "=3D", "[1;33m", "[133m", "\n+", "", "k"] {
            let base = format!("{far}{glue}{run}{far}").into_bytes();
            let mut others = 0;
            for change in far.len() - 20..far.len() + 120 {
                for inserted in ["k", ";", "\\", "%", "kkk kkk"] {
                    others += u32::from(changed(&rules, &base, change, inserted).0.len() != 2);
                }
            }
            assert!(others > 50, "{glue}: {others}");
        }
    }

    #[test]
    fn what_comes_of_a_name_is_seen_again_when_something_near_it_changes() {
        let rules = rules();
        let far = ". ".repeat(1000);
        let mut others = 0;
        for (pad, inserted) in [(0, "join("), (60, "join("), (148, "join("), (148, "'"), (0, "b")] {
            let pad = "-".repeat(pad);
            let base = format!("{far}tAccessK{pad}a', 'b{far}").into_bytes();
            let signs = of(&traces_of(&rules, &base, None)).count();
            for change in far.len() - 250..far.len() + 450 {
                let text = changed(&rules, &base, change, inserted);
                others += u32::from(of(&text).count() != signs);
            }
        }
        assert!(others > 100, "{others}");
    }

    /// Texts in which signs are frequent, and so are those that a neighbour makes longer, shorter or none.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[ -~]{0,40}",
            4 => "[.\n]{100,3000}",
            2 => "[kA+]{38,48}",
            2 => "[kA0/+]{0,90}",
            1 => "k{80,400}",
            2 => r"\\[0nrtkbu/]|%[0-9aFk]{2}|\\x[0-9aFk]{2}|\\u00[0-9aFk]{2}|\\+|=3D|\[1;3[0-9]m",
            1 => Just("{{aws-access-key-id:1}}".to_owned()),
            1 => Just("{{aws-secret-access-key:1}}".to_owned()),
            1 => Just("{{aws-session-token:1}}".to_owned()),
            1 => Just("QUtJQ".to_owned()),
            3 => r#"(ECRET_|t_access_k|tAccessK|KIA|AKI|"IA|[a-z]['"`]|[ ,+.=]{1,3}|join\(|[a-z ]{1,90}){2,9}"#,
            1 => Just(LONG.to_uppercase()),
            1 => Just(format!("{LONG}=12345678")),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Copy(prop::sample::Index, prop::sample::Index),
        Insert(String),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (any::<prop::sample::Index>(), any::<prop::sample::Index>())
                .prop_map(|(from, to)| Step::Copy(from, to)),
            1 => piece().prop_map(Step::Insert),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_was_copied_has_the_signs_it_had(
            pieces in prop::collection::vec(piece(), 1..14),
            steps in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..4),
            is_more in any::<bool>(),
        ) {
            let rules = if is_more { more_rules() } else { rules() };
            let mut base = expand(&pieces.concat()).0.into_bytes();
            let mut known = traces_of(&rules, &base, None);
            for steps in steps {
                let (mut text, mut copies) = (Vec::new(), Vec::new());
                for step in steps {
                    match step {
                        Step::Insert(piece) => text.extend(expand(&piece).0.into_bytes()),
                        Step::Copy(one, other) => {
                            let ends = [one.index(base.len() + 1), other.index(base.len() + 1)];
                            let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                            copies.push(Copied { from, to: text.len(), len: to - from });
                            text.extend_from_slice(&base[from..to]);
                        }
                    }
                }
                let inherited = traces_of(&rules, &text, Some((&known, &copies)));
                prop_assert_eq!(&inherited, &traces_of(&rules, &text, None));
                (base, known) = (text, inherited);
            }
        }
    }
}
