//! What stands beside a value: its name, its line, its section, its column.

pub(crate) mod lead;
pub(crate) mod names;
pub(crate) mod path;
pub(crate) mod surroundings;
pub(crate) mod table;
