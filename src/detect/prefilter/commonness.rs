//! How common a few bytes are in what people commit, to look for the rarest part of a literal first.

/// What is known of four bytes: `None` stands for any byte. The two in the middle are known.
pub(super) type Pattern = [Option<u8>; 4];

/// How common pairs of bytes are, by the five low bits of each.
pub(super) struct Commonness([[f32; 32]; 32]);

impl Commonness {
    /// The numbers that [`PAIRS`] stands for.
    pub(super) fn new() -> Self {
        let weight = |digit: u8| 1.0 / (1 << char::from(digit).to_digit(16).unwrap_or(15)) as f32;
        Self(PAIRS.map(|row| row.map(weight)))
    }

    /// How often a text is expected to hold bytes that agree with `pattern` in the bits that make its index in the
    /// table of `windows`: five of each byte in the middle, three of the others. To be compared with each other only.
    pub(super) fn of(&self, pattern: Pattern) -> f32 {
        let [first, Some(second), Some(third), fourth] = pattern else { return f32::INFINITY };
        let (second, third) = (usize::from(second & 31), usize::from(third & 31));
        let before = |byte: usize| self.0[byte][second];
        let after = |byte: usize| self.0[third][byte];
        self.0[second][third] * share(before, first, 0x07) * share(after, fourth, 0x1c)
    }
}

/// The share of the weight of all numbers below 32 that falls on those which agree with `byte` in the bits of `mask`.
fn share(weight: impl Fn(usize) -> f32, byte: Option<u8>, mask: usize) -> f32 {
    byte.map_or(1.0, |byte| {
        let alike = (0..32).filter(|number| (number ^ usize::from(byte)) & mask == 0);
        alike.map(&weight).sum::<f32>() / (0..32).map(&weight).sum::<f32>()
    })
}

/// Row: the five low bits of a byte; column: those of the next. The hexadecimal digit `d` says that about one pair in
/// `2^(d + 4)` is of this kind. Counted over some 45 MB of Go, C, Python, JavaScript, Perl, Rust, HTML, JSON, XML and
/// Markdown, half of it from three large repositories.
const PAIRS: [&[u8; 32]; 32] = [
    b"04444445546755544744355567545497",
    b"5754597596873539594536779799a789",
    b"5567757775594766787666888759886a",
    b"5586848a578558738a67479a87999ab9",
    b"46775399747a78768967869a87889888",
    b"35544656666955375633496657678677",
    b"55888669749c78858a7876aa98baa8ca",
    b"58789598758a58679b65778ab98896a9",
    b"65667487847a87768a675799aba89ab9",
    b"5454465582494534685449698b767579",
    b"38869678a249a8967676687789c976bb",
    b"679aa5a9979a9a899b97a9bbddb9aab9",
    b"34786479644958758b96558ab66a9a99",
    b"64788488969a65755887779a98aa9b79",
    b"44644453655766545864366898798888",
    b"47654867777754345a35545699aaab77",
    b"64798499777a58654747568887978889",
    b"7989999bb98c9b7b7778867888babadb",
    b"44757376647766546855567886799798",
    b"376694885568684457753688976787a7",
    b"34667368336a66546945557874788866",
    b"87678588c689565a6845599999cdbbec",
    b"848aa59aa57eaa988887887989cbabb9",
    b"769987ab768c9a778977999899acbbcb",
    b"7889a89aa78c968a6896699988b9a9eb",
    b"58899899877c785859877998988aa9b8",
    b"4a8aa8bba97d7ab8abbaabccdc8c95ec",
    b"698a9aa9b94b9a7a8a979cbcddcba7bb",
    b"87868aaa98ac8a758db888aa7fcb8acb",
    b"4a58bbba965b5b9b9bb8adcdeda7977c",
    b"6aa99aaab95b999a9ba99bba9cb96b9b",
    b"88978789a8bb88888a778a8aadbacbc9",
];
