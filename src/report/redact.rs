//! How much of a secret anyone may see, in every format, snippets included.
