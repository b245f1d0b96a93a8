//! `.gitallowed` of git-secrets: one extended regular expression a line, held against `path:number:line`.

use super::Problem;
use super::carry::Carry;
use super::dialect::Dialect;
use super::list::ForeignList;
use super::pattern::{Allow, Compiler, Target};

pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let mut compiler = Compiler::new(Dialect::Posix);
    for (number, line) in (1..).zip(text.lines()) {
        // A pattern keeps the blanks around it; only what is a comment is told without them.
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let regex = compiler.compile(line).map_err(|problem| (number, problem))?;
        let entry = list.push(number, "a pattern of lines", None, Carry::findings());
        list.mark_general(entry);
        list.allow(entry, Allow::of_text(Target::Located, vec![regex]));
    }
    Ok(())
}
