//! Views → findings; pure and deterministic: the same bytes give the same findings, in whatever windows they come and
//! on however many threads.
//!
//! [`Detector`] holds what all blobs share. [`BlobScan`] takes the windows of one blob, and makes findings of them at
//! the end. Its steps, in order: `prefilter` and `runs` find places at memory speed; `matcher` keeps values of the
//! right form; `inspect` drops look-alikes and notes what stands beside; `pair` joins parts; `score` grades;
//! `conclude` words it.

mod candidate;
mod cells;
pub mod check;
mod compile;
mod conclude;
mod context;
mod detector;
mod excerpt;
mod expiry;
mod inspect;
mod matcher;
mod merge;
mod near;
mod pair;
pub mod prefilter;
pub mod runs;
mod score;
mod signs;
mod validate;
mod wrapped;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use self::candidate::{Candidate, Kind, Spot, Wrapping};
use self::cells::Cells;
use self::conclude::{Evidenced, conclude};
use self::context::names::Role;
pub use self::context::path::{TELLING_PATHS, is_telling};
use self::context::surroundings::Sections;
use self::context::table::{self, Header};
pub use self::detector::Detector;
use self::excerpt::excerpt;
use self::inspect::{Inspected, Surrounds, inspect, is_alone_on_line};
use self::matcher::{Found, Match};
use self::merge::{Wrapped, merge};
use self::near::{Ids, Passed};
use self::pair::link::{self, End, Link, Rows, links};
use self::wrapped::{Explorer, Frame};
use crate::decode::nested::Hit;
use crate::decode::text::View;
use crate::model::blob::Origin;
use crate::model::finding::Finding;
use crate::model::notebook::CellPlace;
use crate::model::secret::Secret;
use crate::model::span::{LineCursor, Span};
use crate::model::traces::Inherited;

/// Text before a window's core that its detection may look at, in bytes.
pub const MARGIN_BEFORE: usize = 24 * 1024;

/// Text after a window's core that its detection may look at, in bytes: the reach of a pair, and after that the longest
/// session token.
pub const MARGIN_AFTER: usize = link::REACH + validate::aws_session_token::MAX_LEN + 4 * 1024;

/// Candidates kept of one blob. A blob with more is reported as not scanned whole: findings of a hostile file must not
/// fill the memory.
pub const MAX_CANDIDATES: usize = 20_000;

/// Bytes of values kept of one blob, for the same reason: a session token may have 64 KiB.
pub const MAX_VALUE_BYTES: usize = 8 << 20;

/// Runs of 40 characters without any context that are kept of one blob. Data may hold any number of them, and alone
/// they are of low confidence.
pub const MAX_LONE_RUNS: usize = 2_000;

/// What came of one blob.
#[derive(Debug, Default)]
pub struct Detected {
    /// Findings of every confidence and class, sorted by place.
    pub findings: Vec<Finding>,
    /// Why the blob was not searched whole, if it was not.
    pub shortcomings: Vec<String>,
    /// How many runs without context there were beyond [`MAX_LONE_RUNS`]: all of low confidence, and not listed.
    pub low_left_out: u64,
    /// Whether a value was passed over that the name of its file could have made a finding.
    pub depends_on_path: bool,
}

/// The detection in one blob, window by window.
pub struct BlobScan<'d> {
    detector: &'d Detector,
    origin: &'d Origin,
    candidates: Vec<Candidate>,
    links: Vec<Link>,
    lines: LineCursor,
    head: Option<Vec<u8>>,
    passed: Passed,
    value_bytes: usize,
    broken: BTreeMap<usize, String>,
    /// How many of the candidates are runs without context or ID.
    lone_runs: usize,
    low_left_out: u64,
    depends_on_path: bool,
    over_limit: bool,
    nested_over_limit: bool,
}

impl<'d> BlobScan<'d> {
    /// Starts on the blob from `origin`.
    pub fn new(detector: &'d Detector, origin: &'d Origin) -> Self {
        Self {
            detector,
            origin,
            candidates: Vec::new(),
            links: Vec::new(),
            lines: LineCursor::default(),
            head: None,
            passed: Passed::default(),
            value_bytes: 0,
            broken: BTreeMap::new(),
            lone_runs: 0,
            low_left_out: 0,
            depends_on_path: false,
            over_limit: false,
            nested_over_limit: false,
        }
    }

    /// The position that the windows so far have reached: where the next one's core starts. `None` once there was more
    /// than is kept: nothing is found from there on.
    pub fn reached(&self) -> Option<LineCursor> {
        (!self.over_limit).then(|| self.lines.clone())
    }

    /// Takes the next window. What starts within `core` (a range of the view's text) is found; the text around it is
    /// there to be looked at: at least [`MARGIN_BEFORE`] and [`MARGIN_AFTER`] of it, or up to the blob's ends. The
    /// cores of successive windows adjoin. `last` says that no window follows.
    ///
    /// A notebook that comes in one window has its cells told apart. One of up to
    /// [`LONGEST`](crate::decode::notebook::LONGEST) bytes should.
    pub fn window(&mut self, view: &View<'_>, core: Range<usize>, last: bool) {
        if self.over_limit {
            return;
        }
        let text = view.text();
        let region = core.start..text.len().min(core.end.saturating_add(link::REACH));
        let found = matcher::matches(&self.detector.compiled, text, region, |rule, message| {
            self.broken.entry(rule).or_insert(message);
        });
        self.take(view, core, found, last);
    }

    /// Takes the whole blob, as bytes as they are. What it has in common with the one that it was made of need not be
    /// looked at if that one's traces are known.
    pub fn whole(&mut self, view: &View<'_>, inherited: &mut Inherited<'_>) {
        let (compiled, text) = (&self.detector.compiled, view.text());
        let is_kin = inherited.base.is_some() || inherited.own.is_some();
        let traces = is_kin.then(|| signs::traces(compiled, text, inherited.base)).flatten();
        let Some(traces) = traces else { return self.window(view, 0..text.len(), true) };
        let found = matcher::matches_at(compiled, text, signs::of(&traces), |rule, message| {
            self.broken.entry(rule).or_insert(message);
        });
        if let Some(own) = &mut inherited.own {
            **own = Some(traces);
        }
        self.take(view, 0..text.len(), found, true);
    }

    /// Takes what was found in a window.
    fn take(&mut self, view: &View<'_>, core: Range<usize>, found: Found, last: bool) {
        let text = view.text();
        let (mut found, mut hits) = found;
        let is_whole = last && self.head.is_none();
        let mut cells = if is_whole && !(found.is_empty() && hits.is_empty()) {
            Cells::of(view)
        } else {
            Cells::default()
        };
        cells.drop_images(&mut found, &mut hits);
        let is_empty = found.is_empty() && hits.is_empty();
        if self.head.is_none() && !(last && is_empty) {
            self.head =
                Some(text[core.start..text.len().min(core.start + table::HEAD_LEN)].to_vec());
        }
        let mut done = core.start;
        let mut ids = Vec::new();
        if !is_empty {
            let head = self.head.take();
            let header = Header::of(head.as_deref().unwrap_or_default());
            let surrounds = Surrounds {
                path: self.origin.own_path(),
                header: &header,
                floors: self.detector.floors,
                sections: Sections::default(),
            };
            let (mut seen, overruled) = self.look_inside(view, &core, &hits, &header, &mut ids);
            seen.retain(|one| !cells.is_in_image(one.outer.start));
            ids.push(Ids { layers: Vec::new(), starts: starts_of_ids(&found) });
            let room = self.room().saturating_sub(seen.len());
            let inspected = self.inspect(text, &found, &core, surrounds, &ids, room);
            let ends: Vec<End<'_>> = inspected.iter().filter_map(End::of).collect();
            if ends.len() > 1 {
                let rows = if header.table().is_some() { Rows::Records } else { Rows::Lines };
                self.link(view, &ends, &core, rows, &overruled);
                self.links.extend(cells.links(view, &ends));
            }
            self.head = head;
            let plain = inspected.into_iter().filter(|one| core.contains(&one.range.start));
            for one in merge(text, plain, seen) {
                self.value_bytes += one.value.len();
                if self.value_bytes > MAX_VALUE_BYTES {
                    self.over_limit = true;
                    return;
                }
                self.lines.advance(&text[done..one.outer.start]);
                done = one.outer.start;
                self.keep(view, one, cells.place(done));
            }
        }
        if !last {
            self.lines.advance(&text[done..core.end]);
            self.passed.advance(&core, &ids);
        }
    }

    /// How many candidates may be added, runs without context aside.
    fn room(&self) -> usize {
        MAX_CANDIDATES.saturating_sub(self.candidates.len().saturating_sub(self.lone_runs))
    }

    /// Matches → what is worth keeping, as far as there is room for it. `ids` are those of the window.
    fn inspect(
        &mut self,
        text: &[u8],
        found: &[Match],
        core: &Range<usize>,
        mut surrounds: Surrounds<'_>,
        ids: &[Ids],
        mut room: usize,
    ) -> Vec<Inspected> {
        let mut ids: Vec<usize> = ids.iter().flat_map(|ids| &ids.starts).copied().collect();
        ids.sort_unstable();
        let mut inspected = Vec::new();
        for found in found {
            let Some(one) = inspect(text, found, &mut surrounds) else { continue };
            let is_in_core = core.contains(&one.range.start);
            let at = one.range.start;
            let is_near_id = || self.passed.is_near(at - core.start) || near::is_near(&ids, at);
            if one.is_lone_run() && !is_near_id() {
                self.depends_on_path |= is_in_core && is_alone_on_line(text, &one.range);
                if !is_in_core || one.kind == (Kind::SecretKey { random: false }) {
                    continue;
                }
                if self.lone_runs == MAX_LONE_RUNS {
                    self.low_left_out += 1;
                    continue;
                }
                self.lone_runs += 1;
            } else if room > 0 {
                room -= 1;
            } else {
                self.over_limit = true;
                break;
            }
            inspected.push(one);
        }
        inspected
    }

    /// What is wrapped in the text and starts in the core; adds to `ids` those that are wrapped, in the core or not.
    fn look_inside(
        &mut self,
        view: &View<'_>,
        core: &Range<usize>,
        hits: &[Hit],
        header: &Header<'_>,
        ids: &mut Vec<Ids>,
    ) -> (Vec<Wrapped>, HashMap<(Spot, Spot), usize>) {
        if hits.is_empty() {
            return Default::default();
        }
        let mut explorer = Explorer {
            compiled: &self.detector.compiled,
            path: self.origin.own_path(),
            floors: self.detector.floors,
            original: &|at| view.original(at),
            core_start: core.start,
            passed: &self.passed,
            room: wrapped::room(view.text().len()),
            seen: Vec::new(),
            ids,
            links: Vec::new(),
            overruled: HashMap::new(),
            depends_on_path: false,
            over_limit: false,
        };
        explorer.explore(&Frame::outermost(view.text(), core), hits, header);
        self.nested_over_limit |= explorer.over_limit;
        self.depends_on_path |= explorer.depends_on_path;
        self.links.extend(explorer.best_links());
        let Explorer { mut seen, overruled, .. } = explorer;
        let room = self.room();
        self.over_limit |= seen.len() > room;
        seen.truncate(room);
        (seen, overruled)
    }

    /// Links values in clear, but for pairs of which views tell more.
    fn link(
        &mut self,
        view: &View<'_>,
        ends: &[End<'_>],
        core: &Range<usize>,
        rows: Rows,
        overruled: &HashMap<(Spot, Spot), usize>,
    ) {
        let spot = |range: &Range<usize>| Spot { start: view.original(range.start), nth: 0 };
        let all = links(view.text(), ends, core, rows, spot).into_iter();
        self.links.extend(all.filter(|link| !overruled.contains_key(&(link.first, link.second))));
    }

    /// Keeps what was seen of a value; the line cursor stands at its start.
    fn keep(&mut self, view: &View<'_>, seen: Wrapped, cell: Option<CellPlace>) {
        let text = view.text();
        let Wrapped { inspected: one, outer, nths, value, layers } = seen;
        let raw = &text[outer.clone()];
        let start = self.lines.position();
        let mut after = self.lines.clone();
        after.advance(raw);
        let span = Span::new(view.original(outer.start), view.original(outer.end));
        self.candidates.push(Candidate {
            kind: one.kind,
            span,
            spot: Spot { start: span.start, nth: nths.start },
            wrapping: (!layers.is_empty()).then(|| Wrapping { layers, raw: Secret::new(raw) }),
            start,
            end: after.position(),
            cell,
            value,
            excerpt: excerpt(text, &outer, start.column),
            shape: one.shape,
            placeholder: one.placeholder,
            context: one.context,
        });
    }

    /// Makes findings of all that was seen.
    pub fn finish(self) -> Detected {
        let mut shortcomings: Vec<String> = self
            .broken
            .iter()
            .map(|(rule, message)| {
                format!("rule `{}` cannot be used: {message}", self.detector.rules.id(*rule))
            })
            .collect();
        if self.over_limit {
            shortcomings.push(format!(
                "more than {MAX_CANDIDATES} possible parts of credentials, or {MAX_VALUE_BYTES} bytes of them: the \
                 rest of it was not scanned"
            ));
        }
        if self.nested_over_limit {
            shortcomings.push(
                "too much is wrapped in it to be decoded whole: not all of that was scanned"
                    .to_owned(),
            );
        }
        if self.candidates.is_empty() {
            let depends_on_path = self.depends_on_path;
            return Detected { shortcomings, depends_on_path, ..Detected::default() };
        }
        let findings = conclude(&Evidenced {
            rules: &self.detector.rules,
            origin: &Arc::new(self.origin.clone()),
            candidates: &self.candidates,
            links: &self.links,
            now: self.detector.now,
        });
        Detected {
            findings,
            shortcomings,
            low_left_out: self.low_left_out,
            depends_on_path: self.depends_on_path,
        }
    }
}

fn starts_of_ids(found: &[Match]) -> Vec<usize> {
    let ids = found.iter().filter(|found| found.kind.role() == Some(Role::Id));
    ids.map(|id| id.range.start).collect()
}
