//! Words on a value's line, the section it stands in, and other providers nearby.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::lines::{is_section_header, line_at};
use crate::model::span::line_around;

/// How much of a line counts as beside the value, in bytes to each side: lines of minified code hold everything.
const LINE_REACH: usize = 300;

/// How far above a value its section's header is looked for, in bytes.
pub(crate) const SECTION_REACH: usize = 8 * 1024;

/// How far around a value an AWS word counts for a name that says half, in bytes to each side.
const NEAR_REACH: usize = 1024;

/// How far around a value another provider's endpoint counts, in bytes to each side.
pub(crate) const PROVIDER_REACH: usize = 1024;

/// Words that speak of AWS wherever they stand.
const LONG_WORDS: [&str; 5] = ["amazon", "boto", "dynamodb", "cloudfront", "aws"];
/// Words that speak of AWS only when they stand alone.
const SHORT_WORDS: [&str; 6] = ["s3", "iam", "ec2", "sts", "sqs", "ses"];

/// An AWS word on the line of `value`.
pub(crate) fn aws_word_on_line(text: &[u8], value: &Range<usize>) -> Option<&'static str> {
    let line = line_around(text, value.start, LINE_REACH);
    let (before, after) =
        (&text[line.start..value.start], &text[value.end.min(line.end)..line.end]);
    aws_word(before).or_else(|| aws_word(after))
}

/// Whether an AWS word stands anywhere near `value`.
pub(crate) fn aws_word_near(text: &[u8], value: &Range<usize>) -> bool {
    let before = &text[value.start.saturating_sub(NEAR_REACH)..value.start];
    let after = &text[value.end..text.len().min(value.end + NEAR_REACH)];
    aws_word(before).or_else(|| aws_word(after)).is_some()
}

/// The first AWS word in `text`.
pub(crate) fn aws_word(text: &[u8]) -> Option<&'static str> {
    static WORDS: LazyLock<AhoCorasick> =
        LazyLock::new(|| automaton(LONG_WORDS.iter().chain(&SHORT_WORDS)));
    // Within a longer run of letters, "aws" is part of `draws`, `laws`, `jaws`.
    let starts = |at: usize| at == 0 || !text[at - 1].is_ascii_alphabetic();
    let ends = |at: usize| text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    WORDS.find_overlapping_iter(text).find_map(|found| {
        let index = found.pattern().as_usize();
        let word = match index.checked_sub(LONG_WORDS.len()) {
            None => LONG_WORDS[index],
            Some(short) => SHORT_WORDS[short],
        };
        let is_long = index < LONG_WORDS.len();
        (starts(found.start()) && (is_long || ends(found.end()))).then_some(word)
    })
}

fn automaton<'w>(words: impl Iterator<Item = &'w &'w str>) -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(words)
        .expect("a few short words make a small automaton")
}

/// Finds the section header, such as `[profile prod]`, that an offset stands under. Offsets come in ascending order, so
/// that each line is looked at once.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    /// Every line that ends before this offset has been looked at, as far back as the reach goes.
    passed: usize,
    last: Option<Range<usize>>,
}

impl Sections {
    /// The line of the header that `at` stands under.
    pub(crate) fn header(&mut self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let low = at.saturating_sub(SECTION_REACH);
        let line_start = memchr::memrchr(b'\n', &text[low..at]).map(|newline| low + newline + 1)?;
        let floor = low.max(self.passed);
        let mut end = line_start;
        while end > floor {
            let newline = memchr::memrchr(b'\n', &text[floor..end - 1]);
            if newline.is_none() && floor > self.passed {
                break;
            }
            let start = newline.map_or(floor, |newline| floor + newline + 1);
            if is_section_header(&text[start..end], line_at(text, end)) {
                self.last = Some(start..end);
                break;
            }
            end = start;
        }
        self.passed = self.passed.max(line_start);
        self.last.clone().filter(|header| header.start >= low && header.end <= at)
    }
}

/// Endpoints of S3-compatible services and emulators: a 40-character secret beside one of these, without an AWS key
/// ID, is not AWS's.
const PROVIDERS: [(&str, &str); 24] = [
    ("wasabisys.com", "Wasabi"),
    ("digitaloceanspaces.com", "DigitalOcean Spaces"),
    ("linodeobjects.com", "Linode"),
    ("r2.cloudflarestorage.com", "Cloudflare R2"),
    ("backblazeb2.com", "Backblaze B2"),
    ("storage.googleapis.com", "Google Cloud Storage"),
    ("aliyuncs.com", "Alibaba Cloud"),
    ("myhuaweicloud", "Huawei Cloud"),
    ("bcebos", "Baidu Cloud"),
    ("myqcloud.com", "Tencent Cloud"),
    ("vultrobjects.com", "Vultr"),
    ("your-objectstorage.com", "Hetzner"),
    ("oraclecloud.com", "Oracle Cloud"),
    ("appdomain.cloud", "IBM Cloud"),
    ("scw.cloud", "Scaleway"),
    ("storjshare.io", "Storj"),
    ("upcloudobjects.com", "UpCloud"),
    ("ncloudstorage.com", "Naver Cloud"),
    ("dream.io", "DreamHost"),
    ("contabostorage.com", "Contabo"),
    ("yandexcloud.net", "Yandex Cloud"),
    ("minio", "MinIO"),
    ("localstack", "LocalStack"),
    ("localhost:4566", "LocalStack"),
];

/// The name of another provider whose endpoint stands near `value`.
pub(crate) fn other_provider(text: &[u8], value: &Range<usize>) -> Option<&'static str> {
    static MARKS: LazyLock<AhoCorasick> =
        LazyLock::new(|| automaton(PROVIDERS.iter().map(|(mark, _)| mark)));
    let near =
        value.start.saturating_sub(PROVIDER_REACH)..text.len().min(value.end + PROVIDER_REACH);
    MARKS.find(&text[near]).map(|found| PROVIDERS[found.pattern().as_usize()].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_words_stand_alone_or_long() {
        assert_eq!(aws_word(b"upload to S3 with"), Some("s3"));
        assert_eq!(aws_word(b"my-aws-key"), Some("aws"));
        assert_eq!(aws_word(b"he draws and laws"), None);
        assert_eq!(aws_word(b"class3 ec20"), None);
    }

    #[test]
    fn sections() {
        let text = b"[default]\nregion = x\n\n[profile prod]\na = [1]\nkey = @";
        let mut sections = Sections::default();
        let mut header = |at: usize| {
            let line = sections.header(text, at).map(|line| text[line].trim_ascii());
            line.map(|line| String::from_utf8_lossy(line).into_owned())
        };
        assert_eq!(header(3), None);
        assert_eq!(header(12).as_deref(), Some("[default]"));
        assert_eq!(header(text.len() - 1).as_deref(), Some("[profile prod]"));
        assert_eq!(Sections::default().header(b"key = @", 6), None);
        let far = format!("[a]\n{}@", "x = 1\n".repeat(SECTION_REACH));
        assert_eq!(Sections::default().header(far.as_bytes(), far.len() - 1), None);
    }

    #[test]
    fn other_providers() {
        let text = b"endpoint = https://s3.wasabisys.com\nsecret_key = @";
        assert_eq!(other_provider(text, &(text.len() - 1..text.len())), Some("Wasabi"));
        assert_eq!(other_provider(b"secret_key = @", &(13..14)), None);
    }
}
