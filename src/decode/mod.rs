//! Bytes → searchable text, with a way back to the original offsets.
//!
//! [`text`] settles a blob's character encoding; [`nested`] undoes what is wrapped inside a text: escapes, base64, and so
//! on; [`notebook`] tells the cells of a notebook apart.

pub mod nested;
pub mod notebook;
pub mod text;
