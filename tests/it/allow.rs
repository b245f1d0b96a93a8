//! `[[allow]]` entries, rules, own accounts and policies: what a configuration says of findings.

use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::rules::schema::Rule;
use rawzip::CompressionMethod;

use crate::containers::{Wrap, zip};
use crate::encodings::base64;
use crate::harness::{Run, Sandbox};

const ID: &str = "{{aws-access-key-id:1}}";
const SECRET: &str = "{{aws-secret-access-key:1}}";

/// A repository with a key pair in `src/app.env` and a key ID in `docs/note`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::repository();
    sandbox.write(
        "src/app.env",
        &format!("aws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n"),
    );
    sandbox.write("docs/note", "id = {{aws-access-key-id:2}}\n");
    sandbox
}

/// A scan with an entry of these conditions; the paths that are still reported.
fn reported(sandbox: &Sandbox, conditions: &str) -> Vec<String> {
    sandbox.write("keylint.toml", &format!("[[allow]]\n{conditions}\nreason = 'known'\n"));
    paths(&sandbox.run("scan --format json"))
}

fn paths(run: &Run) -> Vec<String> {
    let json = run.json();
    let findings = json["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["path"].as_str().unwrap().to_owned()).collect()
}

/// A field of the finding in this file.
fn field(sandbox: &Sandbox, path: &str, field: &str) -> String {
    let json = sandbox.run("scan --format json --no-config").json();
    let findings = json["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["path"] == path).unwrap();
    finding[field].as_str().unwrap().to_owned()
}

#[test]
fn each_condition_silences_what_it_says_and_nothing_else() {
    let sandbox = sandbox();
    let (app, note) = ("src/app.env", "docs/note");
    let account = field(&sandbox, app, "account");
    let fingerprint = field(&sandbox, app, "fingerprint");
    let credential = field(&sandbox, app, "credential");
    for (conditions, left) in [
        ("rule = 'aws-access-key-id'".to_owned(), vec![app]),
        ("rule = 'aws-session-token'".to_owned(), vec![note, app]),
        ("path = 'src'".to_owned(), vec![note]),
        ("path = '/src/'".to_owned(), vec![note]),
        ("path = 'src/**'".to_owned(), vec![note]),
        ("path = '*.env'".to_owned(), vec![note]),
        ("path = 'app.env'".to_owned(), vec![note]),
        ("path = '/app.env'".to_owned(), vec![note, app]),
        ("path = 's*/app.*'".to_owned(), vec![note]),
        ("path = 'sr/*'".to_owned(), vec![note, app]),
        (format!("fingerprint = '{fingerprint}'"), vec![note]),
        (format!("fingerprint = '{credential}'"), vec![note]),
        (format!("account = '{account}'"), vec![note]),
        ("value = 'A(KIA|SIA)[A-Z2-7]{16}'".to_owned(), vec![]),
        ("value = 'A(KIA|SIA)[A-Z2-7]{15}'".to_owned(), vec![note, app]),
        ("value = '[A-Z2-7]{16}'".to_owned(), vec![note, app]),
        ("value = 'AKIA.*'\npath = 'docs'".to_owned(), vec![app]),
        ("rule = 'aws-access-key-id'\npath = 'src'".to_owned(), vec![note, app]),
    ] {
        assert_eq!(reported(&sandbox, &conditions), left, "{conditions}");
    }
}

#[test]
fn paths_are_relative_to_the_file_however_the_scan_is_called() {
    let sandbox = sandbox();
    sandbox.write("src/keylint.toml", "[[allow]]\npath = '/app.env'\nreason = 'known'\n");
    for (line, folder) in [("scan src", "."), ("scan .", "src"), ("scan ../src/app.env", "docs")] {
        sandbox.keylint(line.split(' ')).current_dir(folder).run().expect(0);
    }
}

#[test]
fn commits_can_be_allowed() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("old", "nothing\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.write("new", &format!("id = {ID}\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m second");
    let commit = sandbox.git("rev-parse HEAD").trim().to_owned();
    let entry = |id: &str| format!("[[allow]]\ncommit = '{id}'\nreason = 'revoked'\n");
    sandbox.write("keylint.toml", &entry(&commit[..10]));
    sandbox.run("diff HEAD~1").expect(0).says("known finding: [[allow]] (1)");
    sandbox.write("keylint.toml", &entry("abcdef0123"));
    sandbox.run("diff HEAD~1").expect(1);
}

#[test]
fn after_its_day_an_entry_lets_the_finding_return_with_a_note() {
    let sandbox = sandbox();
    let entry = |date: &str| {
        format!(
            "[[allow]]\npath = '/'\nreason = 'until moved'\nowner = 'infra'\nexpires = {date}\n"
        )
        .replace("'/'", "'*'")
    };
    sandbox.write("keylint.toml", &entry("2999-12-31"));
    sandbox
        .run("scan --show-silenced")
        .expect(0)
        .says("by keylint.toml:2: [[allow]]: path = \"*\"; reason: until moved; owner: infra; until 2999-12-31");
    sandbox.write("keylint.toml", &entry("'2001-01-31'"));
    sandbox
        .run("scan")
        .expect(1)
        .says("was allowed until 2001-01-31 by keylint.toml:2 (until moved, infra)");
    sandbox
        .run("scan --report-unused")
        .expect(1)
        .says("keylint.toml:2: [[allow]]: path = \"*\": expired on 2001-01-31");
}

#[test]
fn entries_that_silence_nothing_are_listed_on_request() {
    let sandbox = sandbox();
    sandbox.write(
        "keylint.toml",
        "[[allow]]\npath = 'src'\nreason = 'used'\n\n[[allow]]\npath = 'gone'\nreason = 'not used'\n",
    );
    let run = sandbox.run("scan --report-unused").expect(1);
    assert!(
        run.stdout.contains("  keylint.toml:6: [[allow]]: path = \"gone\": silences nothing\n"),
        "{run}"
    );
    assert!(!run.stdout.contains("path = \"src\""), "{run}");
}

#[test]
fn silencing_and_leaving_out_are_counted_apart() {
    let sandbox = sandbox();
    sandbox
        .write("keylint.toml", "exclude = ['docs']\n[[allow]]\npath = 'src'\nreason = 'known'\n");
    sandbox
        .run("scan")
        .expect(0)
        .says("left out: excluded (1)")
        .says("not shown: 1 known finding: [[allow]] (1)");
}

#[test]
fn mistakes_are_told_with_file_line_and_key() {
    let sandbox = sandbox();
    for (text, said) in [
        ("[[allow]]\nreason = 'x'\n", "keylint.toml:1:1: `allow` needs at least one condition"),
        ("[[allow]]\npath = 'x'\n", "`allow` needs a `reason`"),
        ("[[allow]]\npath = 'x'\nreason = ' '\n", "keylint.toml:3:10: `allow.reason` must say why"),
        (
            "[[allow]]\npaths = 'x'\nreason = 'x'\n",
            "keylint.toml:2:1: unknown key `allow.paths`; known are rule, path,",
        ),
        (
            "[[allow]]\npath = '!x'\nreason = 'x'\n",
            "keylint.toml:2:8: `allow.path` must be a pattern",
        ),
        ("[[allow]]\nvalue = '('\nreason = 'x'\n", "`allow.value` must be a regular expression"),
        (
            "[[allow]]\nreason = 'x'\nvalue = '\\w{900}'\n",
            "keylint.toml:3:9: `allow.value` must be a smaller regular expression",
        ),
        (
            "[[allow]]\nvalue = 'a)|(b'\nreason = 'x'\n",
            "`allow.value` must be a regular expression",
        ),
        ("[[allow]]\nfingerprint = '12'\nreason = 'x'\n", "`allow.fingerprint` must be 32 hex"),
        (
            "[[allow]]\naccount = 12\nreason = 'x'\n",
            "keylint.toml:2:11: `allow.account` must be a string",
        ),
        ("[[allow]]\ncommit = 'abc'\nreason = 'x'\n", "`allow.commit` must be the first digits"),
        (
            "[[allow]]\npath = 'x'\nreason = 'x'\nexpires = 2027\n",
            "keylint.toml:4:11: `allow.expires` must be a date",
        ),
        (
            "[[allow]]\npath = 'x'\nreason = 'x'\nexpires = '2027-02-30'\n",
            "`allow.expires` must be a date",
        ),
        (
            "[[allow]]\nrule = 'nope'\nreason = 'x'\n",
            "keylint.toml:2: there is no rule of the name",
        ),
        ("allow = 1\n", "keylint.toml:1:9: `allow` must be a list of tables"),
        ("[rules.nope]\nenabled = false\n", "keylint.toml:1: there is no rule of the name"),
        (
            "[rules.aws-access-key-id]\nenable = false\n",
            "unknown key `rules.enable`; known are enabled, severity",
        ),
        ("[rules.aws-access-key-id]\nseverity = 'bad'\n", "`rules.severity` must be \"info\""),
        (
            "[accounts]\nown = ['123']\n",
            "keylint.toml:2:8: `accounts.own` must be a list of accounts",
        ),
        ("[repository]\nmay = []\n", "keylint.toml:2: `repository` belongs into a policy"),
    ] {
        sandbox.write("keylint.toml", text);
        sandbox.run("scan").expect(2).complains(said);
    }
}

#[test]
fn no_mistake_quotes_a_value() {
    let sandbox = sandbox();
    for text in [
        "[[allow]]\nvalue = 'hunter2['\nreason = 'x'\n",
        "[[allow]]\naccount = 'hunter2'\nreason = 'x'\n",
        "[[allow]]\nhunter2 = 'x'\nreason = 'x'\n",
        "[[allow]]\nrule = 'hunter2'\nreason = 'x'\n",
        "[accounts]\nown = 'hunter2'\n",
    ] {
        sandbox.write("keylint.toml", text);
        let run = sandbox.run("scan").expect(2);
        assert!(!run.stderr.contains("hunter2"), "{run}");
    }
}

#[test]
fn rules_can_be_graded_and_disabled_but_not_all_of_them() {
    let sandbox = sandbox();
    sandbox.write("keylint.toml", "[rules.aws-access-key-id]\nenabled = false\n");
    let run = sandbox.run("scan --format json").expect(1);
    assert_eq!(paths(&run), ["src/app.env"]);
    assert_eq!(run.json()["scan"]["disabled"], 1);
    sandbox.run("scan").says("not shown: 1 finding of rules that the configuration disables");
    sandbox.write(
        "keylint.toml",
        "[rules.aws-access-key-id]\nseverity = 'low'\n[rules.aws-long-term-credentials]\nseverity = 'info'\n",
    );
    sandbox.run("scan").expect(0).says("low[aws-access-key-id]").says("info[aws-long-term");
    let rules = RuleSet::builtin().unwrap();
    let disabled = |rule: &Rule| format!("[rules.{}]\nenabled = false\n", rule.id);
    let all: String = rules.rules().iter().map(disabled).collect();
    sandbox.write("keylint.toml", &all);
    sandbox.run("scan").expect(2).complains("no rule is enabled");
}

#[test]
fn own_accounts_are_told_from_others() {
    let sandbox = sandbox();
    let account = field(&sandbox, "src/app.env", "account");
    sandbox.write("keylint.toml", &format!("[accounts]\nown = ['{account}']\nothers = 'info'\n"));
    let run = sandbox.run("scan").expect(1);
    run.says("note: in an account of your own");
    sandbox.write("keylint.toml", "[accounts]\nown = ['000000000000']\nothers = 'info'\n");
    sandbox
        .run("scan src")
        .expect(0)
        .says("info[aws-long-term-credentials]")
        .says("note: in an account that is not among your own");
}

#[test]
fn a_policy_goes_before_the_repository() {
    let sandbox = sandbox();
    sandbox.write("docs/note", &format!("id = {ID} # keylint:allow\n"));
    sandbox.write(
        "keylint.toml",
        "fail-on = 'never'\nexclude = ['docs']\n[[allow]]\npath = 'src'\nreason = 'known'\n",
    );
    sandbox.run("scan").expect(0).says("no credentials found");
    let policy = |text: &str| {
        sandbox.write("../policy.toml", text);
        sandbox.run("scan --format json --policy ../policy.toml")
    };
    let none: [&str; 0] = [];
    assert_eq!(paths(&policy("").expect(1)), ["docs/note", "src/app.env"]);
    assert_eq!(paths(&policy("[repository]\nmay = ['inline']\n").expect(1)), ["src/app.env"]);
    assert_eq!(paths(&policy("[repository]\nmay = ['allow']\n").expect(1)), ["docs/note"]);
    assert_eq!(paths(&policy("[repository]\nmay = ['exclude']\n").expect(1)), ["src/app.env"]);
    assert_eq!(
        paths(&policy("[repository]\nmay = ['exclude', 'settings']\n").expect(0)),
        ["src/app.env"]
    );
    let own = "fail-on = 'high'\n[repository]\nmay = ['settings']\n[[allow]]\npath = '/docs'\nreason = 'x'\n";
    let run = policy(own).expect(1);
    assert_eq!(paths(&run), ["src/app.env"]);
    assert_eq!(run.json()["scan"]["silenced"]["policy"], 1);
    let all = "[repository]\nmay = ['inline', 'allow', 'exclude', 'settings']\n";
    assert_eq!(paths(&policy(all).expect(0)), none);
    sandbox.run("scan --no-repo-config").expect(1).says("aws-long-term-credentials");
}

#[test]
fn what_a_change_allows_itself_is_told_and_can_be_refused() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("keylint.toml", "[[allow]]\npath = 'old'\nreason = 'known'\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.write("old", &format!("id = {ID}\n"));
    sandbox.write("new", "id = {{aws-access-key-id:2}}\n");
    sandbox.write("line", "id = {{aws-access-key-id:3}} # keylint:allow\n");
    sandbox.write(
        "keylint.toml",
        "[[allow]]\npath = 'old'\nreason = 'known'\n\n[[allow]]\npath = 'new'\nreason = 'trust me'\n",
    );
    sandbox.git("add .");
    for line in ["staged", "diff HEAD~1"] {
        sandbox.run(line).expect(0).says(
            "3 known findings: [[allow]] (2), keylint:allow (1); 2 by what this change adds itself",
        );
        sandbox.git("commit --quiet --allow-empty -m second");
    }
    sandbox.write("../policy.toml", "[repository]\nmay = ['inline', 'allow']\n");
    sandbox
        .run("diff HEAD~2 --policy ../policy.toml")
        .expect(1)
        .says("2 credentials found")
        .says("not shown: 1 known finding: [[allow]] (1)")
        .says("keylint:allow at line:1 does not count: this change adds it")
        .says("[[allow]] at keylint.toml:6 does not count: this change adds it");
    sandbox
        .write("../policy.toml", "[repository]\nmay = ['inline', 'allow']\nown-additions = true\n");
    sandbox.run("diff HEAD~2 --policy ../policy.toml").expect(0);
}

/// An archive with a key ID in its one member.
fn archive(text: &str) -> Vec<u8> {
    zip(&[("c.env", expand(text).0.as_bytes())], CompressionMethod::STORE)
}

#[test]
fn members_of_archives_stand_where_the_archives_do() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    for folder in ["fixtures", "prod", "sub"] {
        sandbox.directory(folder);
    }
    for path in ["fixtures/a.zip", "prod/a.zip"] {
        std::fs::write(sandbox.path(path), archive(&format!("id = {ID}\n"))).unwrap();
    }
    sandbox.write("sub/x", "");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.write("keylint.toml", "[[allow]]\npath = '/fixtures/**'\nreason = 'made up'\n");
    for folder in [".", "sub"] {
        let run = |line: &str| sandbox.keylint(line.split(' ')).current_dir(folder).run();
        run("history").expect(1).says("1 credential found");
    }
    sandbox.write("keylint.toml", "[[allow]]\npath = '/*/a.zip!c.env'\nreason = 'made up'\n");
    for folder in [".", "sub"] {
        let run = |line: &str| sandbox.keylint(line.split(' ')).current_dir(folder).run();
        run("history").expect(0);
    }
    sandbox.write("new", "");
    std::fs::write(sandbox.path("prod/a.zip"), archive(&format!("\nid = {ID}\n"))).unwrap();
    sandbox.git("add .");
    sandbox.keylint(["staged"]).current_dir("sub").run().expect(0);
    sandbox.git("commit --quiet -m second");
    sandbox.keylint(["diff", "HEAD~1"]).current_dir("sub").run().expect(0);
}

#[test]
fn what_a_repository_may_exclude_are_all_keys_that_leave_something_unscanned() {
    let sandbox = Sandbox::repository();
    let text = expand(&format!("id = {ID}\n")).0;
    std::fs::write(sandbox.path("a.gz"), Wrap::Gzip.wrap("", text.as_bytes())).unwrap();
    let run = |own: &str, may: &str| {
        sandbox.write("keylint.toml", own);
        sandbox.write("../policy.toml", &format!("[repository]\nmay = ['{may}']\n"));
        sandbox.run("scan --policy ../policy.toml")
    };
    let none = "archives = false\n";
    run(none, "exclude").expect(0);
    run(none, "settings").expect(1);
    let limits = "archive-depth = 0\nallow-incomplete = true\n";
    run(limits, "exclude").expect(2);
    run(limits, "settings").expect(1);
    std::fs::remove_file(sandbox.path("a.gz")).unwrap();
    let encoded = String::from_utf8(base64(text.as_bytes())).unwrap();
    sandbox.write("encoded", &format!("data: {encoded}\n"));
    run("decode = false\n", "exclude").expect(0);
    run("decode = false\n", "settings").expect(1);
}

#[test]
fn nothing_that_a_change_adds_counts_for_itself() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("old", &format!("id = {ID} # keylint:allow\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.write("../policy.toml", "[repository]\nmay = ['inline']\n");
    let policy = "--policy ../policy.toml";
    let own = "does not count:";

    sandbox.write("old", &format!("id = {ID} # keylint:allow\nnew\n"));
    sandbox.write("new", "id = {{aws-access-key-id:2}} # keylint:allow\n");
    sandbox.git("add .");
    let line = format!("staged --whole-files {policy}");
    sandbox.run(&line).expect(1).says("1 credential found").says(&format!("new:1 {own}"));
    sandbox.git("reset --quiet --hard");

    let text = "id = {{aws-access-key-id:3}} # keylint:allow\n";
    std::fs::write(sandbox.path("a.zip"), archive(text)).unwrap();
    sandbox.git("add .");
    sandbox.run("staged").expect(0).says("1 by what this change adds itself");
    let line = format!("staged {policy}");
    sandbox.run(&line).expect(1).says(&format!("a.zip!c.env:1 {own}"));
    sandbox.git("commit --quiet -m second");

    sandbox.write("../message", "id = {{aws-access-key-id:4}} keylint:allow\n");
    sandbox.git("commit --quiet --allow-empty -F ../message");
    sandbox.run("diff HEAD~1").expect(0).says("1 by what this change adds itself");
    sandbox.run(&format!("diff HEAD~1 {policy}")).expect(1).says(own);
}
