//! keylint finds leaked and hard-coded access keys.

pub mod config;
pub mod decode;
pub mod detect;
pub mod model;
pub mod report;
pub mod rules;
pub mod scan;
pub mod sources;
