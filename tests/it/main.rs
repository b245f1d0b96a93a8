//! keylint's one integration target. A line per module says what belongs there.
