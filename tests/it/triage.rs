//! `keylint triage`, with its answers from a pipe.

use crate::harness::Sandbox;

/// A repository with three findings.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    for number in 1..=3 {
        let text = format!("id = {{{{aws-access-key-id:{number}}}}}\n");
        sandbox.write(format!("file{number}"), &text);
    }
    sandbox
}

#[test]
fn each_answer_is_written_down_and_not_asked_again() {
    let sandbox = sandbox();
    let run = sandbox.keylint(["triage"]).stdin("r\nx\nf\nit's a \"test\"\nb\n").run().expect(0);
    let run = run
        .says("3 to go through, 0 called real before")
        .says("--- 2 of 3")
        .says("file1:1:6")
        .says("written to keylint.toml")
        .says("written to .keylint-baseline.json");
    let (value, _) = keylint::rules::placeholder::expand("{{aws-access-key-id:1}}");
    assert!(!run.stdout.contains(&value), "{run}");
    let config = sandbox.read("keylint.toml");
    assert!(
        config.starts_with("# aws-access-key-id in file2\n[[allow]]\nfingerprint = \""),
        "{config}"
    );
    // What is real stays reported; the rest is silent.
    sandbox
        .run("scan --show-silenced")
        .expect(1)
        .says("1 credential found")
        .says("file1:1:6")
        .says("reason: it's a \"test\"")
        .says("[[allow]] (1), baseline (1)");
    sandbox.keylint(["triage"]).run().expect(0).says("0 to go through, 1 called real before");
}

#[test]
fn it_can_be_left_and_taken_up_again() {
    let sandbox = sandbox();
    sandbox.write("keylint.toml", "fail-on = 'low'");
    sandbox.keylint(["triage"]).stdin("l\nf\nfirst reason\nq\n").run().expect(0);
    assert!(sandbox.read("keylint.toml").starts_with("fail-on = 'low'\n\n# aws"));
    sandbox
        .keylint(["triage"])
        .stdin("f\nsecond reason\n")
        .run()
        .expect(0)
        .says("2 to go through")
        .says("--- 2 of 2");
    sandbox.run("scan").expect(1).says("[[allow]] (2)").says("1 credential found");
}

#[test]
fn an_end_of_the_input_writes_nothing_half() {
    let sandbox = sandbox();
    sandbox.keylint(["triage"]).stdin("f\n").run().expect(0);
    sandbox.keylint(["triage"]).stdin("").run().expect(0).says("3 to go through");
    assert_eq!(sandbox.list("."), [".git", "file1", "file2", "file3"]);
}

#[test]
fn a_configuration_that_takes_no_entry_is_left_alone() {
    let sandbox = sandbox();
    let text = "allow = [{ path = 'x', reason = 'y' }]\n";
    sandbox.write("keylint.toml", text);
    sandbox
        .keylint(["triage"])
        .stdin("f\nreason\n")
        .run()
        .expect(2)
        .complains("with the new entries it could not be read");
    assert_eq!(sandbox.read("keylint.toml"), text);
}
