//! Rules as data: what is looked for, why it matters, and what to do instead.
//!
//! A rule file is TOML ([`schema`]); the built-in ones stand in `rules/` at the top of the repository and are embedded
//! by [`builtin`]; [`load`] parses and checks them into a [`RuleSet`](load::RuleSet). How a rule is matched is
//! `detect`'s business.

pub mod builtin;
pub mod load;
pub mod placeholder;
pub mod schema;
