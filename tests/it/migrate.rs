//! `keylint migrate`: what it writes, what it says, and that it silences as before.

use crate::harness::Sandbox;

const PAIR: &str = "aws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n";
const OTHER: &str = "aws_access_key_id = {{aws-access-key-id:2}}\naws_secret_access_key = {{aws-secret-access-key:2}}\n";

/// Keys in four files, three of which other tools know.
fn tree() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("app.ini", PAIR);
    sandbox.write("test/keys.ini", OTHER);
    sandbox.write("new.ini", "aws_access_key_id = {{aws-access-key-id:4}}\n");
    sandbox.write(
        ".gitleaksignore",
        "app.ini:aws-access-token:1\ngone.ini:aws-access-token:9\na:jwt:1\n",
    );
    sandbox
        .write(".gitleaks.toml", "[allowlist]\ndescription = 'made up'\npaths = ['''^test/''']\n");
    sandbox.write(".secretsignore", "docs/\n[secrets]\n{{aws-access-key-id:3}}\n");
    sandbox.write("a.ini", "aws_access_key_id = {{aws-access-key-id:3}}\n");
    sandbox.write("b.ini", "aws_access_key_id = {{aws-access-key-id:3}}\n");
    sandbox
}

#[test]
fn entries_go_over_and_the_rest_is_told() {
    let sandbox = tree();
    let run = sandbox.run("migrate").expect(0);
    let run = run
        .says(".gitleaksignore: 2 entries, 1 about other things")
        .says("Added 4 entries to keylint.toml")
        .says(
            "  .gitleaksignore:2: gone.ini:aws-access-token:9: silences nothing that keylint would show",
        )
        .says("  .gitleaksignore:3: rule jwt of gitleaks: nothing that keylint looks for");
    assert!(!run.stdout.contains("app.ini:aws"), "{run}");
    let written = sandbox.read("keylint.toml");
    for expected in [
        "path = \"/test/**\"\nreason = \"made up (from .gitleaks.toml line 2)\"\n",
        "reason = \"from .gitleaksignore line 1\"\n",
        "path = \"docs/\"\nreason = \"from .secretsignore line 1\"\n",
        "reason = \"from .secretsignore line 3\"\n",
    ] {
        assert!(written.contains(expected), "{expected} in\n{written}");
    }
    assert_eq!(written.matches("fingerprint = ").count(), 2, "{written}");
}

#[test]
fn the_new_entries_silence_what_the_old_files_did_and_survive_an_edit() {
    let sandbox = tree();
    sandbox.run("scan").expect(1).says("1 credential found");
    sandbox.run("migrate").expect(0);
    sandbox.run("scan --no-foreign").expect(1).says("1 credential found").says("new.ini");
    sandbox.write("app.ini", &format!("# a line more\n\n{PAIR}"));
    sandbox.run("scan --no-foreign").expect(1).says("1 credential found");
    sandbox.write("app.ini", &format!("{PAIR}[other]\n{OTHER}"));
    sandbox.run("scan --no-foreign").expect(1).says("2 credentials found");
}

#[test]
fn a_second_run_adds_nothing() {
    let sandbox = tree();
    sandbox.write("keylint.toml", "# ours\nfail-on = \"low\"\n");
    sandbox.run("migrate").expect(0);
    let written = sandbox.read("keylint.toml");
    assert!(written.starts_with("# ours\nfail-on = \"low\"\n\n[[allow]]\n"), "{written}");
    sandbox.run("migrate").expect(0).says("Added 0 entries");
    assert_eq!(sandbox.read("keylint.toml"), written);
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = tree();
    sandbox.run("migrate --dry-run").expect(0).says("Would add 4 entries").says("[[allow]]");
    assert!(!sandbox.path("keylint.toml").exists());
}

#[test]
fn an_entry_about_a_commit_is_looked_for_in_the_history() {
    let sandbox = tree();
    sandbox.write(".gitleaksignore", "");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    let first = sandbox.git("rev-parse HEAD");
    sandbox.write("app.ini", "nothing\n");
    let entry = format!("{}:app.ini:aws-access-token:1\n", first.trim());
    sandbox.write(".gitleaksignore", &entry);
    sandbox.run("migrate").expect(0).says("Added 4 entries");
    assert!(sandbox.read("keylint.toml").contains("from .gitleaksignore line 1"));
}

#[test]
fn given_baselines_and_comments_are_told_of() {
    let sandbox = Sandbox::repository();
    sandbox.write("a.ini", "k = {{aws-access-key-id:1}} # gitleaks:allow\n");
    let report = "[{\"RuleID\": \"aws-access-token\", \"StartLine\": 9, \"File\": \"b.ini\",\n\
                  \"Secret\": \"{{aws-access-key-id:2}}\"}]";
    sandbox.write("report.json", report);
    sandbox.write("b.ini", "k = {{aws-access-key-id:2}}\n");
    sandbox
        .run("migrate report.json --dry-run")
        .expect(0)
        .says("Would add 1 entry")
        .says("from report.json line 1")
        .says("  a.ini:1: gitleaks:allow");
    sandbox.run("migrate a.ini").expect(2).complains("no report of gitleaks");
    sandbox.run("migrate absent").expect(2).complains("not there");
}

#[test]
fn what_cannot_be_read_stops_it() {
    let sandbox = tree();
    sandbox.write(".gitallowed", "(\n");
    sandbox.run("migrate").expect(2).complains(".gitallowed:1: the pattern cannot be used");
    assert!(!sandbox.path("keylint.toml").exists());
}

#[test]
fn nothing_to_migrate_is_said() {
    let sandbox = Sandbox::repository();
    sandbox.run("migrate").expect(0).says("No file of another tool was found.");
    assert!(!sandbox.path("keylint.toml").exists());
}
