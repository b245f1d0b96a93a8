//! How findings are graded, classed and merged: severity, confidence, notes, and which run an ID is joined with.
//!
//! Texts hold placeholders; what those do not offer (malformed IDs, tokens of other services, expired sessions) is put
//! together here at run time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use keylint::decode::text::{Encoding, View};
use keylint::detect::{BlobScan, Detector};
use keylint::model::blob::Origin;
use keylint::model::finding::{Class, Confidence, Finding, PartKind, Severity};
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::{Kind, expand, value};

/// All that is found in `text` (placeholders expanded) as the file `path`, at the end of the year 2030.
fn scan_as(path: &str, text: &str) -> Vec<Finding> {
    const END_OF_2030: u64 = 1_924_991_999;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(END_OF_2030);
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap())).at(now);
    let origin = Origin::Stdin { name: PathBuf::from(path) };
    let (text, _) = expand(text);
    let mut scan = BlobScan::new(&detector, &origin);
    scan.window(&View::new(text.as_bytes(), 0, Encoding::Bytes), 0..text.len(), true);
    scan.finish().findings
}

fn scan(text: &str) -> Vec<Finding> {
    scan_as("notes", text)
}

#[track_caller]
fn one(text: &str) -> Finding {
    let mut found = scan(text);
    assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    found.remove(0)
}

/// What a scan with default settings shows.
fn shown(text: &str) -> Vec<Finding> {
    let shown = |finding: &Finding| {
        finding.confidence >= Confidence::Medium && finding.class == Class::Leak
    };
    scan(text).into_iter().filter(shown).collect()
}

fn notes(finding: &Finding) -> Vec<&str> {
    finding.notes.iter().map(keylint::model::finding::Evidence::as_str).collect()
}

/// The exposed values of the parts of a kind, in order of place.
fn values(finding: &Finding, kind: PartKind) -> Vec<String> {
    let of_kind = finding.parts.iter().filter(|part| part.kind == kind);
    of_kind.map(|part| String::from_utf8(part.value.expose().to_vec()).unwrap()).collect()
}

fn secret(number: u32) -> String {
    value(Kind::AwsSecretAccessKey, number)
}

/// A key ID with the given account, made as AWS makes them.
fn id_of_account(prefix: &str, account: u64) -> String {
    let bits = (1u128 << 79) | (u128::from(account) << 39) | 0x0035_a7c9_1d63;
    let character = |index: u32| {
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits >> (75 - 5 * index)) as usize & 31])
    };
    format!("{prefix}{}", (0..16).map(character).collect::<String>())
}

#[test]
fn severity_follows_what_is_there() {
    use Severity::{High, Low, Medium};
    let id = "aws_access_key_id = {{aws-access-key-id:1}}\n";
    let temporary_id = "aws_access_key_id = {{aws-temporary-key-id:1}}\n";
    let secret = "aws_secret_access_key = {{aws-secret-access-key:1}}\n";
    let token = "aws_session_token = {{aws-session-token:1}}\n";
    for (parts, severity) in [
        (&[id, secret][..], Severity::Critical),
        (&[secret], High),
        (&[temporary_id, secret, token], High),
        (&[temporary_id, secret], Medium),
        (&[id], Medium),
        (&[temporary_id], Low),
        (&[temporary_id, token], Low),
        (&[token], Low),
    ] {
        let text = parts.concat();
        assert_eq!(one(&text).severity, severity, "{text}");
    }
}

#[test]
fn root_key_files_say_what_they_are() {
    let text = "AWSAccessKeyId={{aws-access-key-id:1}}\nAWSSecretKey={{aws-secret-access-key:1}}\n";
    let found = scan_as("Downloads/rootkey.csv", text);
    assert_eq!(found[0].severity, Severity::Critical);
    assert!(notes(&found[0]).iter().any(|note| note.contains("root")), "{:?}", notes(&found[0]));
    assert_eq!(found[0].advice.place, "root-key-file");
    assert!(notes(&scan(text)[0]).is_empty());
}

#[test]
fn malformed_ids_are_reported_in_context_only() {
    for digit in ["0", "1", "8", "9"] {
        let id = format!("AKIA{}{digit}{}", "Q3EGRIWX", "TZ2MLPB");
        for (text, confidence) in [
            (format!("aws_access_key_id = {id}\n"), Confidence::Medium),
            (format!("AccessKey: \"{id}\"\n"), Confidence::Medium),
            (format!("{id} {}\n", secret(1)), Confidence::Medium),
            (format!("part number {id}\n"), Confidence::Low),
            (format!("{id}\n"), Confidence::Low),
        ] {
            let found = one(&text);
            assert_eq!(found.confidence, confidence, "{text}");
            assert_eq!(notes(&found), ["not a well-formed AWS key ID"], "{text}");
            assert_eq!(found.account, None);
        }
    }
}

#[test]
fn a_malformed_id_takes_nothing_from_a_named_secret() {
    let id = format!("AKIA{}", "Q3EGRIWX8TZ2MLPB");
    let text = format!("aws_access_key_id={id}\naws_secret_access_key={}\n", secret(1));
    let found = one(&text);
    assert_eq!((found.confidence, found.parts.len()), (Confidence::High, 2));
}

#[test]
fn impossible_accounts_are_graded_down() {
    let impossible = id_of_account("AKIA", 1_099_511_627_775);
    let named = one(&format!("aws_access_key_id = {impossible}"));
    assert_eq!((named.confidence, named.account), (Confidence::Medium, None));
    let bare = one(&format!("see {impossible}"));
    assert_eq!(bare.confidence, Confidence::Low);
    let possible = one(&format!("see {}", id_of_account("AKIA", 999_999_999_999)));
    assert_eq!(possible.confidence, Confidence::High);
    assert_eq!(possible.account.as_deref(), Some("999999999999"));
}

#[test]
fn accounts_keep_their_leading_zeros() {
    let found = one(&id_of_account("AKIA", 29_608_264_753));
    assert_eq!(found.account.as_deref(), Some("029608264753"));
}

#[test]
fn canary_tokens_are_named() {
    let canary = id_of_account("AKIA", 534_261_010_715);
    let found = one(&format!("aws_access_key_id={canary}\naws_secret_access_key={}", secret(3)));
    assert_eq!(found.severity, Severity::Critical);
    assert!(notes(&found)[0].contains("canary token (canarytokens.org"), "{:?}", notes(&found));
    assert!(notes(&found)[0].contains("do not test it"));
}

#[test]
fn words_are_no_ids() {
    for word in ["PACIFICSOUTHEAST", "PACIFICNORTHWEST", "NDEVELOPMENTBANK", "NSTOCKEXCHANGESS"] {
        assert!(scan(&format!("REGION = \"ASIA{word}\"")).is_empty(), "{word}");
    }
}

#[test]
fn emulators_keys_are_examples_whole() {
    let id = id_of_account("ASIA", 0);
    let text = format!(
        "<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{{{{aws-session-token:1}}}}</SessionToken></Credentials>",
        secret(1)
    );
    assert!(shown(&text).is_empty());
    let found = one(&text);
    assert_eq!((found.class, found.parts.len()), (Class::Example, 3));
    assert_eq!(notes(&found), ["an emulator's key"]);
    assert!(shown(&format!("aws_access_key_id = {id}")).is_empty());
}

#[test]
fn expired_credentials_are_of_interest_only() {
    let session = |expiration: &str| {
        format!(
            "{{\"AccessKeyId\": \"{{{{aws-temporary-key-id:1}}}}\", \
             \"SecretAccessKey\": \"{{{{aws-secret-access-key:1}}}}\", \
             \"SessionToken\": \"{{{{aws-session-token:1}}}}\", \"Expiration\": \"{expiration}\"}}"
        )
    };
    let expired = one(&session("2030-12-31T11:59:58Z"));
    assert_eq!(expired.severity, Severity::Info);
    assert!(notes(&expired)[0].contains("2030-12-31T11:59:58Z"), "{:?}", notes(&expired));
    assert_eq!(one(&session("2031-01-01T12:00:00+00:00")).severity, Severity::High);
    assert_eq!(one(&session("soon")).severity, Severity::High);
    let long_term = session("2020-01-01T00:00:00Z")
        .replace("aws-temporary-key-id", "aws-access-key-id")
        .replace("\"SessionToken\": \"{{aws-session-token:1}}\", ", "");
    assert_eq!(one(&long_term).severity, Severity::Critical, "long-term keys do not expire");
}

#[test]
fn hex_is_no_secret_whatever_its_name() {
    let digest = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    assert!(scan(&format!("aws_secret_access_key = {digest}")).is_empty());
    assert!(scan(&format!("aws_secret_access_key = {}", digest.to_uppercase())).is_empty());
    let with_id = one(&format!(
        "aws_access_key_id = {{{{aws-access-key-id:1}}}}\naws_secret_access_key = {digest}"
    ));
    assert_eq!(with_id.rule.as_str(), "aws-access-key-id");
}

#[test]
fn a_secrets_name_decides_its_confidence() {
    use Confidence::{High, Low, Medium};
    for (before, confidence) in [
        ("aws_secret_access_key = ", High),
        ("s3_secret=", High),
        ("secret_key: ", Medium),
        ("[aws]\nsecret = ", High),
        ("aws:\n  region: us-east-1\n  secret: ", High),
        ("import boto3\n\nsecret = ", Medium),
        ("secret = ", Low),
        ("dropbox_secret = ", Low),
        ("client_secret = ", Low),
        ("AWS_ACCESS_KEY=", Medium),
        ("password = ", Low),
        ("\"s3\": {\n  \"password\": \"", Medium),
        ("", Low),
        ("the AWS one is ", Medium),
    ] {
        let found = one(&format!("{before}{}\n", secret(1)));
        assert_eq!(found.confidence, confidence, "{before}");
        assert_eq!(found.rule.as_str(), "aws-secret-access-key");
    }
}

#[test]
fn other_values_beside_aws_words_are_not_shown() {
    let run = secret(7);
    for text in [
        format!("\"AWS_SSE_CUSTOMER_KEY\": \"{run}\""),
        format!("\"sse_customer_key\": \"===={run}\" # s3"),
        format!("aws s3api head-object ... {{\"ETag\": \"{run}\", \"VersionId\": \"{run}\"}}"),
        format!("s3 x-amz-request-id: {run}"),
        format!("s3.putObject({{ContentMD5: '{run}'}})"),
        format!("https://d1.cloudfront.net/a?Signature={run}&Key-Pair-Id=K1"),
        format!("https://d1.cloudfront.net/a?token={run}"),
        format!("https://sqs.us-east-1.amazonaws.com/1/q?NextToken={run}"),
        format!("{{\"bucket\":\"s3\",\"sentryKey\":\"{run}\",\"x\":1}}"),
        format!("{{\"host\":\"x.execute-api.us-east-1.amazonaws.com\",\"x-api-key\":\"{run}\"}}"),
        format!("aws_secret_access_key_sha256 = {run}"),
        format!("aws secret digest: {run}"),
        format!("eyJhbGciOiJIUzI1NiJ9.{run}.x s3"),
        format!("figma_secret: {run}"),
    ] {
        assert!(shown(&text).is_empty(), "{text}");
    }
}

#[test]
fn another_providers_endpoint_lowers_a_secret_without_an_id() {
    let text = "endpoint = https://s3.wasabisys.com\nsecret_key = {{aws-secret-access-key:1}}\n";
    assert_eq!(one(text).confidence, Confidence::Low);
    let with_id = format!("access_key = {{{{aws-access-key-id:1}}}}\n{text}");
    assert_eq!(one(&with_id).confidence, Confidence::High);
}

#[test]
fn an_id_is_joined_with_the_run_that_is_named_a_secret() {
    let real = secret(1);
    let other = secret(50);
    for text in [
        format!("aws_access_key_id = ID\nchecksum = {other}\naws_secret_access_key = {real}\n"),
        format!("token={other}\nkey=ID\nregion=x\nsecret={real}\n"),
        format!(
            "sentry_key: {other}\naccess_key: ID\nbucket: x\nendpoint: y\nsecret_key: {real}\n"
        ),
        format!(
            "{{\"etag\":\"{other}\",\"accessKeyId\":\"ID\",\"a\":1,\"secretAccessKey\":\"{real}\"}}"
        ),
        format!("client_secret = {other}\nAWS_KEY = ID\nMORE = 1\nAWS_SECRET = {real}\n"),
    ] {
        let text = text.replace("ID", "{{aws-access-key-id:1}}");
        let pair = scan(&text).into_iter().find(|found| found.severity == Severity::Critical);
        let pair = pair.expect(&text);
        assert_eq!(values(&pair, PartKind::SecretAccessKey), [real.as_str()], "{text}");
        assert_eq!(shown(&text).len(), 1, "{text}");
    }
    // Without a name of its own, the other one may be a secret as well.
    let bare =
        format!("key = {{{{aws-access-key-id:1}}}}\n{other}\naws_secret_access_key = {real}\n");
    let found = shown(&bare);
    assert_eq!(found.len(), 2);
    assert_eq!(values(&found[0], PartKind::SecretAccessKey), [real.as_str()]);
}

#[test]
fn a_value_that_says_what_else_it_is_is_joined_with_no_id() {
    for name in ["signature", "etag", "content_md5", "SseCustomerKey"] {
        let text = format!("key = {{{{aws-access-key-id:1}}}}\n{name} = {}\n", secret(9));
        let found = shown(&text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].rule.as_str(), "aws-access-key-id", "{text}");
    }
}

#[test]
fn copies_are_one_finding_with_all_places() {
    let pair = "AWS_ACCESS_KEY_ID={{aws-access-key-id:1}}\nAWS_SECRET_ACCESS_KEY={{aws-secret-access-key:1}}\n";
    let gap = "x\n".repeat(30);
    let found = one(&format!("{pair}{gap}{pair}{gap}{pair}"));
    assert_eq!(found.parts.len(), 6);
    let lines: Vec<u64> = found.parts.iter().map(|part| part.start.line).collect();
    assert_eq!(lines, [1, 2, 33, 34, 65, 66]);
}

#[test]
fn parts_elsewhere_belong_to_the_whole_credential() {
    let gap = "x\n".repeat(30);
    let text = format!(
        "rotated {{{{aws-access-key-id:1}}}}\n{gap}\
         id={{{{aws-access-key-id:1}}}}\nsecret_key={{{{aws-secret-access-key:1}}}}\n{gap}\
         old_secret: {{{{aws-secret-access-key:1}}}}\n"
    );
    let found = one(&text);
    assert_eq!(found.severity, Severity::Critical);
    assert_eq!(values(&found, PartKind::AccessKeyId).len(), 2);
    assert_eq!(values(&found, PartKind::SecretAccessKey).len(), 2);
}

#[test]
fn one_credential_in_two_files_is_two_findings() {
    let text = "aws_secret_access_key = {{aws-secret-access-key:1}}";
    let (one, other) = (scan_as("a.env", text), scan_as("b.env", text));
    assert_ne!(one[0].fingerprint, other[0].fingerprint);
    assert_eq!(one[0].credential, other[0].credential);
}

#[test]
fn rows_of_slashes_are_common_in_session_tokens() {
    let token = value(Kind::AwsSessionToken, 1);
    let real = format!("{}////////////{}", &token[..18], &token[30..]);
    let found = one(&format!("aws_session_token = {real}"));
    assert_eq!((found.class, found.rule.as_str()), (Class::Leak, "aws-session-token"));
    let filler = format!("{}{}", &token[..18], "x".repeat(300));
    assert_eq!(one(&format!("aws_session_token = {filler}")).class, Class::Example);
}

#[test]
fn lone_runs_are_bounded_and_crowd_nothing_out() {
    let runs: String = (0..2_500).map(|number| secret(number + 10) + "\n").collect();
    let pair = "aws_access_key_id={{aws-access-key-id:1}}\naws_secret_access_key={{aws-secret-access-key:1}}\n";
    let gap = "x\n".repeat(20_000);
    let found = scan(&format!("{runs}{gap}{pair}"));
    assert_eq!(found.len(), 2_001);
    assert_eq!(found[2_000].severity, Severity::Critical);
    let shown = shown(&format!("{runs}{gap}{pair}"));
    assert_eq!(shown.len(), 1);
}

#[test]
fn evidence_says_why() {
    let found = one(
        "[default]\naws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}",
    );
    let evidence: Vec<&str> =
        found.parts[1].evidence.iter().map(keylint::model::finding::Evidence::as_str).collect();
    assert!(evidence[0].starts_with("40-character run, entropy "), "{evidence:?}");
    assert!(evidence.contains(&"named aws_secret_access_key"), "{evidence:?}");
    assert!(evidence.contains(&"paired with the access key ID one line above"), "{evidence:?}");
    let inside = one("s3:\n  secret: {{aws-secret-access-key:1}}");
    assert!(inside.parts[0].evidence.iter().any(|evidence| evidence.as_str() == "inside s3:"));
}
