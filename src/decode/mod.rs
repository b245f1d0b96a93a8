//! Bytes → searchable text, with a way back to the original offsets.
//!
//! [`text`] settles a blob's character encoding; [`nested`] undoes what is wrapped inside a text: escapes, base64, and so
//! on.

pub mod nested;
pub mod text;
