//! `keylint history` on repositories that git itself made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use keylint::config::settings::Settings;
use keylint::decode::text::{self, View};
use keylint::detect::{BlobScan, Detector};
use keylint::model::blob::Origin;
use keylint::model::finding::{Confidence, Finding};
use keylint::rules::load::RuleSet;
use keylint::scan::{self, Input};
use keylint::sources::git::history::Narrowing;
use rawzip::CompressionMethod;
use serde_json::{Value, json};

use crate::containers::{tar, zip};
use crate::encodings::unfold;
use crate::harness::{Run, Sandbox};

const PAIR: &str = "aws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n";
const ID: &str = "aws_access_key_id = {{aws-access-key-id:2}}\n";

/// A repository with one commit, of a file `old` that holds nothing.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    commit(&sandbox, "old", "nothing\n");
    sandbox
}

/// Writes a file and commits it; returns the commit's id.
fn commit(sandbox: &Sandbox, path: &str, text: &str) -> String {
    sandbox.write(path, text);
    sandbox.git("add --all");
    sandbox.git(&format!("commit --quiet -m {path}"));
    head(sandbox)
}

fn head(sandbox: &Sandbox) -> String {
    sandbox.git("rev-parse HEAD").trim().to_owned()
}

/// Of each finding, its places: path, first commit or null, whether at HEAD, what keeps it, number of objects.
fn places(run: &Run) -> Vec<Vec<Value>> {
    let report = run.json();
    let of = |finding: &Value| {
        let places = finding["history"]["places"].as_array().unwrap().iter();
        let place = |place: &Value| {
            let first = &place["first_commit"]["id"];
            json!([place["path"], first, place["at_head"], place["kept_by"], place["objects"]])
        };
        places.map(place).collect()
    };
    report["findings"].as_array().unwrap().iter().map(of).collect()
}

/// The places of the one credential that there is.
#[track_caller]
fn of_one(sandbox: &Sandbox, line: &str) -> Vec<Value> {
    let run = sandbox.run(line).expect(1);
    let mut all = places(&run);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn a_removed_key_is_one_finding_with_all_its_versions() {
    let sandbox = repository();
    let added = commit(&sandbox, "keys", PAIR);
    commit(&sandbox, "keys", &format!("{PAIR}# more\n"));
    commit(&sandbox, "keys", "removed\n");
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found, [json!(["keys", added, false, "ref", 2])]);
    let since = format!("= in history: keys since {} by A <a@example.org> on ", &added[..12]);
    sandbox.run("history").expect(1).says(&since).says(", no longer at HEAD, in 2 versions");
}

#[test]
fn a_key_that_moves_is_one_finding_at_every_path() {
    let sandbox = repository();
    let first = commit(&sandbox, "a", PAIR);
    sandbox.git("mv a b");
    sandbox.git("commit --quiet -m move");
    let second = head(&sandbox);
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found, [json!(["a", first, false, "ref", 1]), json!(["b", second, true, "ref", 1])]);
}

#[test]
fn an_id_alone_belongs_to_the_pair_that_stands_elsewhere() {
    let sandbox = repository();
    let alone = commit(&sandbox, "id", "aws_access_key_id = {{aws-access-key-id:1}}\n");
    let both = commit(&sandbox, "pair", PAIR);
    let run = sandbox.run("history --format json").expect(1);
    assert_eq!(
        places(&run),
        [[json!(["id", alone, true, "ref", 1]), json!(["pair", both, true, "ref", 1])]]
    );
    assert_eq!(run.json()["findings"][0]["parts"].as_array().unwrap().len(), 2);
    assert_eq!(run.json()["findings"][0]["path"], "pair");
}

#[test]
fn two_ids_of_one_secret_are_both_told() {
    let sandbox = repository();
    let secret = "aws_secret_access_key = {{aws-secret-access-key:1}}\n";
    let one = commit(&sandbox, "one", PAIR);
    let two = commit(&sandbox, "two", &format!("{ID}{secret}"));
    let alone = commit(&sandbox, "alone", secret);
    let run = sandbox.run("history --format json").expect(1);
    let first = vec![json!(["one", one, true, "ref", 1]), json!(["alone", alone, true, "ref", 1])];
    assert_eq!(places(&run), [first, vec![json!(["two", two, true, "ref", 1])]]);
}

#[test]
fn what_only_a_merge_brings_is_found() {
    let sandbox = repository();
    sandbox.git("checkout --quiet -b side");
    commit(&sandbox, "side", "nothing\n");
    sandbox.git("checkout --quiet main");
    commit(&sandbox, "main", "nothing\n");
    sandbox.git("merge --quiet --no-commit side");
    let merge = commit(&sandbox, "keys", PAIR);
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found, [json!(["keys", merge, true, "ref", 1])]);
}

#[test]
fn messages_of_commits_and_tags_are_searched() {
    let sandbox = repository();
    sandbox.write("message", &format!("subject\n\n{PAIR}"));
    sandbox.git("commit --quiet --allow-empty --file message");
    let id = head(&sandbox);
    let name = format!("<message of commit {}>", &id[..12]);
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found, [json!([name, id, true, "ref", 1])]);

    sandbox.write("message", ID);
    sandbox.git("tag --annotate --file message v1");
    let run = sandbox.run("history --format json").expect(1);
    let tag = json!(["<message of tag v1>", null, false, "ref", 1]);
    assert_eq!(places(&run)[1], [tag]);
}

#[test]
fn what_keeps_an_object_is_named() {
    let sandbox = repository();
    // A stash, whose commit no branch has.
    sandbox.write("old", PAIR);
    sandbox.git("stash --quiet");
    let stash = sandbox.git("rev-parse refs/stash").trim().to_owned();
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0][0], "old");
    assert_eq!(found[0][3], "stash");
    // Dropped, nothing keeps it.
    sandbox.git("stash drop --quiet");
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found, [json!(["old", stash, false, "dangling", 1])]);
    sandbox.run("history --reachable-only").expect(0);
}

#[test]
fn an_amended_commit_is_kept_by_the_reflog() {
    let sandbox = repository();
    let first = commit(&sandbox, "keys", PAIR);
    sandbox.write("keys", "nothing\n");
    sandbox.git("commit --quiet --all --amend -m keys");
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found, [json!(["keys", first, false, "reflog", 1])]);
    sandbox.run("history").expect(1).says("kept by a reflog only");
    sandbox.run("history --reachable-only").expect(0);
}

#[test]
fn notes_staged_files_and_lost_blobs_are_found() {
    let sandbox = repository();
    sandbox.write("note", PAIR);
    sandbox.git("notes add --file note");
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found[0][3], "notes");
    sandbox.git("update-ref -d refs/notes/commits");

    sandbox.write("staged", PAIR);
    sandbox.git("add staged");
    let found = of_one(&sandbox, "history --format json");
    assert!(found.contains(&json!(["staged", null, false, "index", 1])), "{found:?}");
    sandbox.git("rm --quiet --cached staged");
    sandbox.git("prune --expire=now");
    sandbox.run("history").expect(0);

    let id = sandbox.git("hash-object -w staged").trim().to_owned();
    let found = of_one(&sandbox, "history --format json");
    let name = format!("<blob {}>", &id[..12]);
    assert_eq!(found, [json!([name, null, false, "dangling", 1])]);
}

#[test]
fn a_history_can_be_narrowed() {
    let sandbox = repository();
    sandbox.write("keys", PAIR);
    sandbox.git("add keys");
    sandbox.git("-c user.name=B commit --quiet --date=2001-01-01T00:00:00Z -m keys");
    sandbox.git("tag with");
    sandbox.git("checkout --quiet -b side");
    let side = commit(&sandbox, "side", ID);
    sandbox.git("checkout --quiet main");

    assert_eq!(places(&sandbox.run("history --format json").expect(1)).len(), 2);
    let found = of_one(&sandbox, "history --format json --since with");
    assert_eq!(found, [json!(["side", side, false, "ref", 1])]);
    // A line that is added beside an old key makes the key no newer.
    commit(&sandbox, "keys", &format!("{PAIR}# more\n"));
    let found = of_one(&sandbox, "history --format json --since with");
    assert_eq!(found, [json!(["side", side, false, "ref", 1])]);
    let found = of_one(&sandbox, "history --format json --branch main");
    assert_eq!(found[0][0], "keys");
    sandbox.run("history --since 2100-01-01").expect(0);
    sandbox.run("history --since side").expect(0);
    assert_eq!(places(&sandbox.run("history --format json --since 2002-01-01")).len(), 2);
    sandbox.run("history --branch nowhere").expect(2).complains("unknown revision `nowhere`");
    sandbox.run("history --exclude keys --exclude side").expect(0);
}

#[test]
fn a_file_s_name_tells_what_it_holds() {
    let sandbox = repository();
    commit(&sandbox, "secrets/aws_secret_access_key", "{{aws-secret-access-key:1}}\n");
    let run = sandbox.run("scan . --format json").expect(1);
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found[0][0], run.json()["findings"][0]["path"]);
}

#[test]
fn the_name_of_a_file_tells_what_a_wrapped_value_in_it_is() {
    for directive in ["base64", "hex"] {
        let sandbox = repository();
        let text = unfold(&format!("{{{{{directive}|{{{{aws-secret-access-key:1}}}}}}}}\n")).0;
        let added = commit(&sandbox, "aws_secret_access_key", &text);
        sandbox.run("scan aws_secret_access_key").expect(1);
        let found = of_one(&sandbox, "history --format json");
        assert_eq!(found, [json!(["aws_secret_access_key", added, true, "ref", 1])]);
    }
}

#[test]
fn the_name_of_a_member_tells_what_a_wrapped_value_in_it_is() {
    let sandbox = repository();
    let text = unfold("{{base64|{{aws-secret-access-key:1}}}}\n").0;
    for packed in [
        zip(&[("aws_secret_access_key", text.as_bytes())], CompressionMethod::DEFLATE),
        tar(&[("aws_secret_access_key", text.as_bytes())]),
    ] {
        std::fs::write(sandbox.path("packed.bin"), packed).unwrap();
        sandbox.git("add --all");
        sandbox.git("commit --quiet -m packed");
        for command in ["scan packed.bin", "history"] {
            sandbox.run(command).expect(1).says("packed.bin!aws_secret_access_key");
        }
    }
}

#[test]
fn packs_loose_objects_and_alternates_are_all_read() {
    let sandbox = repository();
    commit(&sandbox, "one", PAIR);
    sandbox.git("gc --quiet");
    commit(&sandbox, "two", ID);
    assert_eq!(places(&sandbox.run("history --format json").expect(1)).len(), 2);
    sandbox.git("clone --quiet --shared . other");
    sandbox.git("-C other checkout --quiet --orphan empty");
    let run = sandbox.run("history other --format json").expect(1);
    assert_eq!(places(&run).len(), 2);
    sandbox.git("clone --quiet --bare . bare.git");
    assert_eq!(places(&sandbox.run("history bare.git --format json").expect(1)).len(), 2);
    sandbox.git("worktree add --quiet linked");
    assert_eq!(places(&sandbox.run("history linked --format json").expect(1)).len(), 2);
}

#[test]
fn what_a_shallow_or_partial_clone_lacks_is_said() {
    let sandbox = repository();
    commit(&sandbox, "one", PAIR);
    commit(&sandbox, "one", "nothing\n");
    let url = format!("file://{}", sandbox.path(".").display());
    sandbox.git(&format!("clone --quiet --depth 1 {url} shallow"));
    let run = sandbox.run("history shallow").expect(2);
    run.says("the history is cut off at 1 commits");
    sandbox.run("history shallow --allow-incomplete").expect(0);

    sandbox.git("config uploadpack.allowFilter true");
    sandbox.git(&format!("clone --quiet --bare --filter=blob:none {url} partial"));
    sandbox.run("history partial").expect(2).says("a partial clone");
    sandbox.run("history partial --allow-incomplete").expect(0);
}

#[test]
fn a_missing_commit_is_a_problem() {
    let sandbox = repository();
    let lost = commit(&sandbox, "one", "1\n");
    commit(&sandbox, "two", "2\n");
    std::fs::remove_file(sandbox.path(format!(".git/objects/{}/{}", &lost[..2], &lost[2..])))
        .unwrap();
    sandbox.run("history").expect(2).says(&format!("names {lost}, which is not there"));
    sandbox.run("history --allow-incomplete").expect(2);
}

#[test]
fn a_missing_tree_is_a_problem_where_places_are_looked_up() {
    let sandbox = repository();
    commit(&sandbox, "conf/deep/keys", PAIR);
    let tree = sandbox.git("rev-parse HEAD:conf").trim().to_owned();
    std::fs::remove_file(sandbox.path(format!(".git/objects/{}/{}", &tree[..2], &tree[2..])))
        .unwrap();
    sandbox.run("history").expect(2).says(&format!("tree {tree} is not there"));
}

#[test]
fn what_libgit2_cannot_read_is_reported_with_what_was_found() {
    let sandbox = repository();
    commit(&sandbox, "keys", PAIR);
    let tree = sandbox.git("rev-parse HEAD^{tree}").trim().to_owned();
    sandbox.write("odd", &format!("tree {tree}\n\nneither author nor date"));
    let odd = sandbox.git("hash-object -t commit -w --literally odd").trim().to_owned();
    std::fs::write(sandbox.path(".git/refs/heads/main"), format!("{odd}\n")).unwrap();
    sandbox.git("reflog expire --expire=now --all");
    let run = sandbox.run("history --format json").expect(2);
    assert_eq!(places(&run)[0].len(), 1);
    assert!(run.stdout.contains("its author cannot be read"), "{}", run.stdout);
}

#[test]
fn what_another_working_tree_has_staged_is_told_as_staged() {
    let sandbox = repository();
    sandbox.git("worktree add --quiet linked");
    sandbox.write("linked/staged", PAIR);
    sandbox.git("-C linked add staged");
    let found = of_one(&sandbox, "history --format json");
    assert_eq!(found, [json!(["staged", null, false, "index", 1])]);
}

#[test]
fn a_blob_that_is_not_scanned_is_named_by_its_path_and_can_be_excluded() {
    let sandbox = repository();
    commit(&sandbox, "large/file", &"x".repeat(2000));
    let run = sandbox.run("history --max-file-size 1K").expect(2);
    run.says("large/file: larger than the limit");
    sandbox.run("history --max-file-size 1K --exclude large/").expect(0);
}

#[test]
fn what_is_no_repository_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.run("history").expect(2).complains("no git repository");
    sandbox.run("history nowhere").expect(2).complains("nowhere: no git repository");
}

/// Every file below a directory, with its content and time of change.
fn files(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            } else {
                let modified = entry.metadata().unwrap().modified().unwrap();
                files.insert(entry.path(), (std::fs::read(entry.path()).unwrap(), modified));
            }
        }
    }
    files
}

#[test]
fn no_command_writes_to_the_repository_or_runs_what_it_configures() {
    let sandbox = repository();
    commit(&sandbox, "one", PAIR);
    sandbox.git("gc --quiet");
    commit(&sandbox, "two", ID);
    sandbox.write("three", ID);
    sandbox.git("add three");
    sandbox.write(".gitattributes", "* filter=bad diff=bad\n");
    let ran = sandbox.path("ran");
    for key in ["filter.bad.clean", "filter.bad.smudge", "diff.bad.textconv", "core.fsmonitor"] {
        sandbox.git(&format!("config {key} touch\u{a0}{}", ran.display()).replace('\u{a0}', "\t"));
    }
    let before = files(&sandbox.path("."));
    for line in ["history", "staged", "diff HEAD~1", "scan ."] {
        sandbox.run(line).expect(1);
    }
    assert!(before == files(&sandbox.path(".")), "the repository was changed");
}

/// Kinds and values of all parts of all findings.
type Values = BTreeSet<(String, Vec<u8>)>;

fn values<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Values {
    let parts = findings.into_iter().flat_map(|finding| &finding.parts);
    parts.map(|part| (format!("{:?}", part.kind), part.value.expose().to_vec())).collect()
}

/// What stands in the blobs and messages of a repository, by the simplest loop that there is: libgit2's object
/// database, one object after the other, each a blob without a name.
fn plain_loop(repository: &Path, detector: &Detector) -> Values {
    let repository = git2::Repository::open(repository).unwrap();
    let objects = repository.odb().unwrap();
    let mut found = Values::new();
    let mut ids = Vec::new();
    objects
        .foreach(|id| {
            ids.push(*id);
            true
        })
        .unwrap();
    for id in ids {
        let object = objects.read(id).unwrap();
        let data = match object.kind() {
            git2::ObjectType::Tree => continue,
            git2::ObjectType::Blob => object.data(),
            _ => {
                let text = object.data();
                let end = text.windows(2).position(|pair| pair == b"\n\n");
                end.map_or(&[][..], |end| &text[end + 2..])
            }
        };
        let origin = Origin::Stdin { name: "blob".into() };
        let (encoding, mark) = text::sniff(data);
        let view = View::new(&data[mark..], mark as u64, encoding);
        let core = view.text_range(0..data.len() - mark);
        let mut scan = BlobScan::new(detector, &origin);
        scan.window(&view, core, true);
        found.extend(values(&scan.finish().findings));
    }
    found
}

/// What `keylint history` finds, of every confidence, examples included; archives stay closed, as in a plain loop.
fn by_history(repository: &Path, detector: &Detector) -> Values {
    let mut settings =
        Settings { min_confidence: Confidence::Low, include_examples: true, ..Settings::default() };
    settings.archives.unpack = false;
    let repository = Some(repository.to_owned());
    let inputs = [Input::History { repository, narrowing: Narrowing::default() }];
    let outcome = scan::run(&inputs, &settings, detector, &AtomicBool::new(false)).unwrap();
    assert_eq!(outcome.coverage.problems, []);
    // A plain loop knows nothing of comments.
    values(outcome.findings.iter().chain(outcome.silenced.iter().map(|silenced| &silenced.finding)))
}

#[test]
fn findings_are_those_of_a_plain_loop_over_all_objects() {
    let sandbox = repository();
    commit(&sandbox, "keys", PAIR);
    commit(&sandbox, "ids", &format!("{ID}key = AKIAIOSFODNN7EXAMPLE\n"));
    sandbox.git("gc --quiet");
    commit(&sandbox, "keys", "{{aws-secret-access-key:3}}\n");
    commit(&sandbox, "token", "aws_session_token = {{aws-session-token:4}}\n");
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let expected = plain_loop(&sandbox.path("."), &detector);
    assert_eq!(by_history(&sandbox.path("."), &detector), expected);
    assert_eq!(expected.len(), 6, "{expected:?}");
}

/// `KEYLINT_REPOSITORIES=/a:/b cargo test --release --test it public -- --ignored --nocapture`
#[test]
#[ignore = "takes large repositories that are not here"]
#[allow(clippy::print_stdout, reason = "figures for people")]
fn findings_are_those_of_a_plain_loop_over_public_repositories() {
    let repositories = std::env::var("KEYLINT_REPOSITORIES").expect("paths, with colons between");
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    for repository in repositories.split(':').map(Path::new) {
        let expected = plain_loop(repository, &detector);
        let found = by_history(repository, &detector);
        // The name of a file may tell more; nothing may be told by less.
        let lost: Vec<_> = expected.difference(&found).collect();
        println!("{}: {} values, {}", repository.display(), expected.len(), found.len());
        assert!(lost.is_empty(), "{}: {} values are lost", repository.display(), lost.len());
    }
}

/// Versions of a large file that git stores as what each changes in another one. Whatever stands in what is copied, in
/// what is inserted or on a seam is found as if each version were read by itself.
#[test]
fn versions_that_are_packed_as_changes_are_searched_as_what_they_are() {
    let line = |number: u32| format!("line {number}: {}\n", u64::from(number).pow(5));
    let filler = |from: u32| (from..from + 400).map(line).collect::<Vec<_>>().concat();
    let (front, back) = (filler(0), filler(1000));
    let pair = |number: u32| PAIR.replace(":1}}", &format!(":{number}}}}}"));
    let secret = "{{aws-secret-access-key:1}}";
    let versions = [
        format!("{front}{back}"),
        format!("{front}{}{back}", pair(1)),
        // The same further on, and something in front of it.
        format!("new\n{front}{}{back}more\n", pair(1)),
        // Glued to what makes neither part one.
        format!("{front}{}{back}", pair(1).replace("= ", "= x").replace('\n', "x\n")),
        // Another one beside it, and one at each end.
        format!("{}{front}{}{}{back}{}", pair(2), pair(3), pair(1), pair(4)),
        // The secret without the ID, and copied to another place.
        format!("{front}{back}aws_secret_access_key = {secret}\n{front}"),
    ];
    let sandbox = repository();
    let commits = versions.map(|text| commit(&sandbox, "large", &text));
    sandbox.git("gc --quiet");
    let index = std::fs::read_dir(sandbox.path(".git/objects/pack")).unwrap();
    let mut packs = index.map(|entry| entry.unwrap().path());
    let index = packs.find(|path| path.extension().is_some_and(|end| end == "idx")).unwrap();
    let listed = sandbox.git(&format!("verify-pack -v {}", index.display()));
    let is_delta = |commit: &String| {
        let blob = sandbox.git(&format!("rev-parse {commit}:large"));
        let line = listed.lines().find(|line| line.starts_with(blob.trim())).unwrap();
        line.split_whitespace().count() > 5
    };
    assert!(commits.iter().filter(|commit| is_delta(commit)).count() >= 4, "{listed}");

    let run = sandbox.run("history --format json").expect(1);
    let found = places(&run);
    let of = |first: usize, at_head: bool, objects: u32| {
        vec![json!(["large", commits[first], at_head, "ref", objects])]
    };
    assert_eq!(found, [of(1, true, 4), of(4, false, 1), of(4, false, 1), of(4, false, 1)]);
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let expected = plain_loop(&sandbox.path("."), &detector);
    assert_eq!(by_history(&sandbox.path("."), &detector), expected);
}

#[test]
fn a_comment_holds_as_the_file_stands_and_not_as_it_stood() {
    let silent = format!("{} # keylint:allow\n", ID.trim_end());
    for (versions, status) in [
        // What is at HEAD decides,
        (vec![silent.as_str(), ID], 1),
        (vec![ID, &silent], 0),
        (vec![&silent, ID, &silent], 0),
        // and where nothing is left, the last version that had it.
        (vec![&silent, ID, "gone\n"], 1),
        (vec![ID, &silent, "gone\n"], 0),
    ] {
        let sandbox = repository();
        for text in &versions {
            commit(&sandbox, "keys", text);
        }
        let run = sandbox.run("history");
        assert_eq!(run.status, Some(status), "{versions:?}\n{run}");
    }
}

#[test]
fn a_comment_that_no_commit_has_says_nothing_of_what_one_has() {
    let sandbox = repository();
    commit(&sandbox, "keys", ID);
    commit(&sandbox, "keys", &format!("{} # keylint:allow\n", ID.trim_end()));
    sandbox.git("reset --quiet --hard HEAD~1");
    commit(&sandbox, "keys", "gone\n");
    sandbox.run("history").expect(1);
}

#[test]
fn comments_that_are_not_understood_are_warned_of() {
    let sandbox = repository();
    commit(&sandbox, "keys", &format!("{} # keylint:allow[nope]\n", ID.trim_end()));
    sandbox.run("history").expect(1).says("warning: keys:1: keylint:allow[...] names an unknown");
}

#[test]
fn a_copy_without_context_is_a_place_of_the_credential_that_stands_elsewhere() {
    let sandbox = repository();
    let both = commit(&sandbox, "pair", PAIR);
    let alone = commit(&sandbox, "copy", "# minio\nMINIO_SECRET_KEY={{aws-secret-access-key:1}}\n");
    sandbox.run("scan copy").expect(0);
    let found = of_one(&sandbox, "history --format json");
    let expected = [json!(["pair", both, true, "ref", 1]), json!(["copy", alone, true, "ref", 1])];
    assert_eq!(found, expected);
}
