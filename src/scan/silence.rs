//! What users said about findings, held against them: comments blob by blob, lists after the scan.

use crate::model::blob::{AddedLines, Origin};
use crate::model::coverage::Warning;
use crate::model::finding::Finding;
use crate::model::silenced::{Entry, Unused};
use crate::rules::load::RuleSet;
use crate::suppress::marks::Marks;
use crate::suppress::{Directive, foreign, inline};

/// A finding, and what silences it.
pub(super) struct Judged {
    pub(super) finding: Finding,
    pub(super) silenced_by: Option<Entry>,
}

/// The comments of one blob.
pub(super) struct Comments {
    directives: Vec<(Directive, bool)>,
    /// Comments that are not understood.
    pub(super) warnings: Vec<Warning>,
}

impl Comments {
    /// Reads the comments at `marks` in the blob of `origin`.
    pub(super) fn read(marks: &Marks, origin: &Origin, rules: &RuleSet) -> Self {
        let (mut directives, malformed) =
            inline::directives(&marks.marks, &|rule| rules.get(rule).is_some());
        directives.extend(foreign::inline::directives(&marks.marks, origin.path()));
        let warnings = malformed
            .into_iter()
            .map(|one| Warning {
                path: origin.path().to_owned(),
                line: one.line,
                message: one.problem,
            })
            .collect();
        Self { directives: directives.into_iter().map(|one| (one, false)).collect(), warnings }
    }

    /// Finds the comment that silences the finding; the first, if several do. All of them count as used. `added` are the
    /// lines that the scanned change adds, if it is one.
    pub(super) fn judge(&mut self, finding: Finding, added: Option<&AddedLines>) -> Judged {
        let mut silenced_by = None;
        for (directive, used) in self.directives.iter_mut().filter(|(one, _)| one.fits(&finding)) {
            *used = true;
            if silenced_by.is_none() {
                let is_new = added.is_some_and(|lines| lines.touch(directive.line, directive.line));
                silenced_by = Some(directive.clone().entry(finding.origin.path(), is_new));
            }
        }
        Judged { finding, silenced_by }
    }

    /// The comments that silenced nothing.
    pub(super) fn unused(self, origin: &Origin) -> impl Iterator<Item = Unused> {
        let unused = self.directives.into_iter().filter(|(_, used)| !used);
        unused.map(|(directive, _)| Unused {
            entry: directive.entry(origin.path(), false),
            is_expired: false,
        })
    }
}
