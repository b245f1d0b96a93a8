//! What stands beside a value: its name, its line, its section, its column, and the blocks around it.

pub(crate) mod blocks;
pub(crate) mod lead;
pub(crate) mod lines;
pub(crate) mod names;
pub(crate) mod path;
pub(crate) mod siblings;
pub(crate) mod surroundings;
pub(crate) mod table;
