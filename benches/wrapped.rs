//! Bytes per second of unpackers, by format, and of looking into encodings, by encoding, on one core.
//!
//! `cargo bench --bench wrapped -- unpack` runs one half of it. For `unpack`, the bytes are those that come out, and
//! nothing is searched. For `decode`, they are those of the encoded text, and all of it is searched: `plain` is what the
//! same text costs that is not encoded, and `without` what the encoded one costs if nothing is decoded.

#![allow(
    clippy::unwrap_used,
    reason = "what the tests make containers of may panic here as it may there"
)]

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/containers.rs"]
mod containers;
mod corpora;
#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/encodings.rs"]
mod encodings;

fn main() {
    divan::main();
}

mod unpack {
    use std::io;
    use std::time::Duration;

    use divan::Bencher;
    use divan::counter::{BytesCount, ItemsCount};
    use keylint::model::blob::Content;
    use keylint::model::coverage::ProblemKind;
    use keylint::unpack::{self, Budget, Limits, Sink, Source};
    use rawzip::CompressionMethod;

    use crate::containers::{Wrap, newc, sevenz, tar, zip};
    use crate::corpora::Corpus;

    /// Reads members and keeps nothing of them.
    #[derive(Default)]
    struct Drain {
        members: u64,
        bytes: u64,
    }

    impl Sink for Drain {
        fn member(&mut self, _: &[u8], mut content: Content<'_>) {
            self.members += 1;
            self.bytes += io::copy(&mut content, &mut io::sink()).expect("the archive is sound");
        }

        fn own(&mut self, _: u64, mut bytes: Content<'_>) {
            io::copy(&mut bytes, &mut io::sink()).expect("the archive is sound");
        }

        fn problem(&mut self, _: Option<&[u8]>, kind: ProblemKind, message: String) {
            panic!("{kind:?}: {message}");
        }

        fn is_cancelled(&self) -> bool {
            false
        }
    }

    fn drain(packed: &[u8]) -> Drain {
        let budget = Budget::new(Limits {
            depth: 1,
            members: 1 << 20,
            member_size: 1 << 30,
            total_size: 1 << 30,
            ratio: 1000,
            ratio_free: 64 << 20,
            memory: 256 << 20,
            time: Duration::from_secs(600),
        });
        let format = unpack::sniff(packed).expect("it is a container");
        let mut drain = Drain::default();
        unpack::unpack(format, Source::Bytes(packed), &budget, &mut drain);
        drain
    }

    /// One large member. Of containers in containers (`Deb`, `TarGz`) this is the outer one.
    #[divan::bench(args = Wrap::ALL, sample_count = 10, sample_size = 1)]
    fn one(bencher: Bencher<'_, '_>, wrap: Wrap) {
        let packed = wrap.wrap("src/code.go", Corpus::Code.bytes());
        let bytes = drain(&packed).bytes;
        bencher.counter(BytesCount::new(bytes)).bench(|| drain(&packed).bytes);
    }

    /// An archive of many members.
    type Archive = fn(&[(&str, &[u8])]) -> Vec<u8>;

    const ARCHIVES: [(&str, Archive); 4] = [
        ("zip", |members| zip(members, CompressionMethod::DEFLATE)),
        ("tar", tar),
        ("cpio", newc),
        ("7z", sevenz),
    ];

    /// Many small members: what each of them costs. In the 7z each has a stream of its own.
    #[divan::bench(args = ARCHIVES.map(|(name, _)| name), sample_count = 10, sample_size = 1)]
    fn many(bencher: Bencher<'_, '_>, name: &str) {
        const COUNT: usize = 4096;
        let (_, archive) = ARCHIVES.iter().find(|(known, _)| *known == name).expect("it is listed");
        let names: Vec<String> =
            (0..COUNT).map(|number| format!("src/module{number}/code.go")).collect();
        let code = Corpus::Code.bytes().chunks_exact(1 << 10);
        let members: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(code).collect();
        let packed = archive(&members);
        let found = drain(&packed).members;
        assert_eq!(found, COUNT as u64);
        bencher.counter(ItemsCount::new(COUNT)).bench(|| drain(&packed).members);
    }
}

mod decode {
    use std::fmt;
    use std::sync::Arc;

    use divan::Bencher;
    use divan::counter::BytesCount;
    use keylint::decode::text::{Encoding, View};
    use keylint::detect::{BlobScan, Detector};
    use keylint::model::blob::Origin;
    use keylint::rules::load::RuleSet;
    use keylint::rules::placeholder::expand;

    use crate::corpora::Corpus;
    use crate::encodings::{self, Encode};

    /// A way to write a text.
    #[derive(Clone, Copy)]
    struct Way(&'static str, Encode);

    impl fmt::Display for Way {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    const WAYS: [Way; 13] = [
        Way("plain", <[u8]>::to_vec),
        Way("json", encodings::json),
        Way("unicode", encodings::unicode_escapes),
        Way("escapes", encodings::escapes),
        Way("percent", encodings::percent),
        Way("entities", encodings::entities),
        Way("quoted_printable", encodings::quoted_printable),
        Way("base64", encodings::base64),
        Way("base64_lines", encodings::base64_lines),
        Way("base64_url", encodings::base64_url),
        Way("hex", encodings::hex),
        Way("gzip_base64", encodings::gzip_base64),
        Way("base64_of_percent", |bytes| encodings::base64(&encodings::percent(bytes))),
    ];

    /// Bytes of code in one encoded piece.
    const PIECE: usize = 4 << 10;

    /// Code in pieces, each encoded by itself with `before` at its start, and the largest part of it that fits in
    /// 16 MiB.
    fn text(way: Way, before: &str) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in Corpus::Code.bytes().chunks(PIECE) {
            text.extend(way.1(&[before.as_bytes(), piece].concat()));
            text.extend_from_slice(b"\n\n");
            if text.len() > 16 << 20 {
                break;
            }
        }
        text
    }

    fn search(bencher: Bencher<'_, '_>, detector: &Detector, text: &[u8]) {
        let origin = Origin::Stdin { name: "corpus".into() };
        bencher.counter(BytesCount::of_slice(text)).bench(|| {
            let mut scan = BlobScan::new(detector, &origin);
            scan.window(&View::new(text, 0, Encoding::Bytes), 0..text.len(), true);
            scan.finish().findings.len()
        });
    }

    fn detector() -> Detector {
        Detector::new(Arc::new(RuleSet::builtin().expect("they are in order")))
    }

    /// Code without keys: what encoded files cost that hold nothing.
    #[divan::bench(args = WAYS, sample_count = 5, sample_size = 1)]
    fn clean(bencher: Bencher<'_, '_>, way: Way) {
        search(bencher, &detector(), &text(way, ""));
    }

    /// A pair at the start of each piece of 4 KiB: more than any file has.
    #[divan::bench(args = WAYS, sample_count = 5, sample_size = 1)]
    fn keys(bencher: Bencher<'_, '_>, way: Way) {
        let (pair, _) = expand(
            "[default]\naws_access_key_id = {{aws-access-key-id:1}}\n\
             aws_secret_access_key = {{aws-secret-access-key:1}}\n",
        );
        search(bencher, &detector(), &text(way, &pair));
    }

    /// What `clean` has, with nothing decoded.
    #[divan::bench(args = WAYS, sample_count = 5, sample_size = 1)]
    fn without(bencher: Bencher<'_, '_>, way: Way) {
        search(bencher, &detector().without_decoding(), &text(way, ""));
    }
}
