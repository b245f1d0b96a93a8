//! The encodings that a value may be wrapped in.

use std::fmt;

use serde::Serialize;

/// One encoding that was undone to see a value.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Layer {
    /// Backslash escapes of JSON, JavaScript, C and their kin, written out any number of times.
    Escapes,
    /// Character references of HTML and XML.
    Entities,
    /// Percent-encoding, any number of times.
    Percent,
    /// Quoted-printable, soft line breaks included.
    QuotedPrintable,
    /// Base64, standard or URL-safe, wrapped or not.
    Base64,
    /// Two hexadecimal digits a byte.
    Hex,
    /// Gzip.
    Gzip,
    /// ASCII in 16 bits a character, inside of something else.
    #[serde(rename = "utf-16")]
    Utf16,
    /// String literals that a program joins.
    SplitLiteral,
}

impl Layer {
    /// The name used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Escapes => "escapes",
            Self::Entities => "entities",
            Self::Percent => "percent",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Gzip => "gzip",
            Self::Utf16 => "utf-16",
            Self::SplitLiteral => "split-literal",
        }
    }

    /// A path of layers for readers, the outermost first: `base64 › percent`.
    pub fn path(layers: &[Self]) -> String {
        layers.iter().map(|layer| layer.as_str()).collect::<Vec<_>>().join(" › ")
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
