//! The command line, through the real binary: usage, help, configuration, where reports go, exit statuses.

use std::fs;

use crate::harness::Sandbox;

/// A long-term pair: critical, high confidence.
const PAIR: &str = "[default]\naws_access_key_id = {{aws-access-key-id:1}}\n\
                    aws_secret_access_key = {{aws-secret-access-key:1}}\n";

/// A long-term key ID alone: medium.
const LONE_ID: &str = "aws_access_key_id = {{aws-access-key-id:2}}\n";

/// AWS's own documentation example.
const EXAMPLE: &str = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
                       aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";

mod usage {
    use super::*;

    #[test]
    fn mistakes_are_named_and_end_with_2() {
        let sandbox = Sandbox::new();
        for (args, complaint) in [
            (&["scan", "--nope"][..], "--nope"),
            (&["scna"], "scan"),
            (&["scan", "--format", "xml"], "[possible values: text, json, jsonl, sarif]"),
            (&["scan", "--fail-on", "severe"], "never"),
            (&["scan", "--min-confidence", "none"], "--min-confidence"),
            (&["scan", "--color", "green"], "--color"),
            (&["scan", "--threads", "-1"], "-1"),
            (&["scan", "--threads", "many"], "--threads"),
            (&["scan", "--max-file-size", "10Q"], "such as 500000, 64K, 10M or 1G, or none"),
            (&["scan", "--exclude", ""], "--exclude"),
            (&["scan", "--exclude", "a["], "unclosed character class"),
            (&["scan", ""], "value"),
            (&["scan", "--"], "no path follows `--`"),
            (&["scan", "-", "-"], "once only"),
            (&["scan", "--stdin-filename", "x"], "without `-`"),
            (&["scan", "--output", "a", "--output", "b"], "2 --output for 1"),
            (&["scan", "--format", "json", "--format", "text"], "cannot be told apart"),
            (
                &["scan", "--format=json", "--output=a", "--format=text", "--output=a"],
                "two reports for one file",
            ),
            (&["rules", "--format", "sarif"], "sarif"),
            (&["rules", "--check", "--format", "json"], "cannot be used with"),
            (&["explain"], "RULE"),
            (&["generate"], "completions"),
            (&["generate", "completions", "sh"], "bash"),
        ] {
            let run = sandbox.keylint(args).run().expect(2).complains(complaint);
            assert!(run.stdout.is_empty(), "{args:?}: {run}");
        }
        assert!(sandbox.list(".").is_empty());
    }

    #[test]
    fn without_a_command_the_help_is_shown_as_an_error() {
        Sandbox::new().run("").expect(2).complains("Usage: keylint <COMMAND>");
    }

    #[test]
    fn arguments_are_made_harmless_in_messages() {
        let run = Sandbox::new().keylint(["scan", "--thr\u{1b}[31m\u{202e}"]).run().expect(2);
        assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{run}");
    }

    #[test]
    fn the_version_is_that_of_the_package() {
        let version = format!("keylint {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(Sandbox::new().run("--version").expect(0).stdout, version);
    }

    #[test]
    fn help() {
        let sandbox = Sandbox::new();
        insta::assert_snapshot!("help", sandbox.run("--help").expect(0).stdout);
        insta::assert_snapshot!("help_scan", sandbox.run("scan --help").expect(0).stdout);
        assert_eq!(sandbox.run("scan -h").expect(0).stdout, sandbox.run("scan --help").stdout);
    }
}

mod configuration {
    use super::*;

    #[test]
    fn the_nearest_file_above_the_first_path_applies() {
        let sandbox = Sandbox::repository();
        sandbox.write("keylint.toml", "");
        sandbox.write("near/keylint.toml", "");
        sandbox.directory("near/deep");
        sandbox.directory("far");
        let check = |line: &str, file: &str| {
            sandbox.run(line).expect(0).complains(&format!("configuration: {file}\n"));
        };
        check("scan -v near/deep", "[ROOT]/near/keylint.toml");
        check("scan -v near/deep far", "[ROOT]/near/keylint.toml");
        check("scan -v far near/deep", "[ROOT]/keylint.toml");
        check("scan -v", "[ROOT]/keylint.toml");
        check("scan -v - far", "[ROOT]/keylint.toml");
        check("scan -v --no-config", "none");
        check("scan -v --config near/keylint.toml", "near/keylint.toml");
    }

    #[test]
    fn nothing_above_the_repository_or_above_a_lone_directory_applies() {
        let sandbox = Sandbox::new();
        sandbox.write("keylint.toml", "nonsense = 1");
        sandbox.directory("lone");
        sandbox.directory("repository/.git");
        sandbox.directory("repository/sub");
        sandbox.run("scan lone").expect(0);
        sandbox.run("scan repository/sub").expect(0);
        sandbox.keylint(["scan"]).current_dir("lone").run().expect(0);
        sandbox.run("scan .").expect(2).complains("nonsense");
    }

    #[test]
    fn mistakes_are_named_with_file_line_column_and_key() {
        let sandbox = Sandbox::new();
        for (text, complaint) in [
            ("# fine\nthread = 1\n", "[ROOT]/keylint.toml:2:1: unknown key `thread`"),
            ("threads = \"2\"\n", "[ROOT]/keylint.toml:1:11: `threads` must be a whole number"),
            ("\n fail-on = 'bad'\n", "[ROOT]/keylint.toml:2:12: `fail-on` must be \"info\""),
            ("exclude = [\n  'ok',\n  'a[',\n]", "[ROOT]/keylint.toml:3:3: `exclude` must be"),
            ("no-ignore = true", "[ROOT]/keylint.toml:1:1: unknown key `no-ignore`: write `ignore"),
            ("show-secrets = true", "`show-secrets` can only be given on the command line"),
            ("output = '/tmp/x'", "`output` can only be given on the command line"),
            ("hidden = \n", "[ROOT]/keylint.toml:1:10: not TOML"),
        ] {
            sandbox.write("keylint.toml", text);
            let run = sandbox.run("scan").expect(2).complains(complaint);
            assert!(run.stdout.is_empty(), "{run}");
            sandbox.run("scan --no-config").expect(0);
        }
    }

    #[test]
    fn a_file_that_is_asked_for_must_be_there() {
        let sandbox = Sandbox::new();
        sandbox
            .run("scan --config absent.toml")
            .expect(2)
            .complains("absent.toml: the configuration");
        sandbox.run("scan --config .").expect(2).complains("cannot be read");
    }

    #[test]
    fn of_config_and_no_config_the_last_counts() {
        let sandbox = Sandbox::new();
        sandbox.write("bad.toml", "nonsense = 1");
        sandbox.run("scan --config bad.toml --no-config").expect(0);
        sandbox.run("scan --no-config --config bad.toml").expect(2).complains("nonsense");
    }

    #[test]
    fn a_credentials_file_taken_for_a_configuration_is_not_quoted() {
        let sandbox = Sandbox::new();
        let path = sandbox.write("credentials", PAIR);
        let run = sandbox.run("scan --config credentials").expect(2);
        let text = fs::read_to_string(path).unwrap();
        let values = text.lines().filter_map(|line| line.split_once(" = "));
        assert_eq!(values.clone().count(), 2);
        for (_, value) in values {
            assert!(!run.stderr.contains(value), "{run}");
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let sandbox = Sandbox::new();
        sandbox.write("sub/keylint.toml", "format = \"json\"\nquiet = true\n");
        let run = sandbox.run("scan sub").expect(0);
        assert!(run.json().is_object(), "{run}");
        assert!(!sandbox.run("scan sub --format text").expect(0).stdout.starts_with('{'));
        let json = sandbox.run("scan sub --output r").expect(0);
        assert!(json.stdout.is_empty() && sandbox.read("r").starts_with('{'));
    }

    #[test]
    fn every_switch_of_the_file_has_an_effect_and_an_opposite() {
        let sandbox = Sandbox::repository();
        sandbox.write(".gitignore", "ignored\n");
        let shown = |setting: &str, args: &str| {
            sandbox.write("keylint.toml", setting);
            let run = sandbox
                .keylint(["scan", "--format=json"].into_iter().chain(args.split_whitespace()));
            run.run().stdout.contains("aws-")
        };
        sandbox.write(".hidden", PAIR);
        assert!(shown("", ""));
        assert!(!shown("hidden = false", ""));
        assert!(shown("hidden = false", "--hidden"));
        assert!(!shown("exclude = ['.hidden']", ""));
        assert!(!shown("exclude = ['/.hidden']", "."));
        assert!(!shown("max-file-size = 3", ""));
        assert!(shown("max-file-size = 3", "--max-file-size none"));
        fs::remove_file(sandbox.path(".hidden")).unwrap();

        sandbox.write("ignored", PAIR);
        assert!(!shown("", ""));
        assert!(shown("ignore = false", ""));
        assert!(!shown("ignore = false", "--ignore"));
        fs::remove_file(sandbox.path("ignored")).unwrap();

        sandbox.write("example", EXAMPLE);
        assert!(!shown("", ""));
        assert!(shown("include-examples = true", ""));
        assert!(!shown("include-examples = true", "--no-include-examples"));
    }

    #[test]
    fn excludes_of_the_file_are_relative_to_its_directory() {
        let sandbox = Sandbox::repository();
        sandbox.write("keylint.toml", "exclude = ['/sub/secret']\n");
        sandbox.write("sub/secret", PAIR);
        sandbox.run("scan").expect(0);
        sandbox.run("scan sub").expect(0);
        sandbox.keylint(["scan"]).current_dir("sub").run().expect(0);
        sandbox.run("scan --no-config").expect(1);
    }

    #[test]
    fn excludes_of_the_file_hold_however_the_path_is_spelled() {
        let sandbox = Sandbox::repository();
        sandbox.write("keylint.toml", "exclude = ['/sub/secret']\n");
        sandbox.write("sub/secret", PAIR);
        sandbox.keylint(["scan", "../sub"]).current_dir("sub").run().expect(0);
        sandbox.keylint(["scan", ".."]).current_dir("sub").run().expect(0);
        sandbox.run("scan sub/../sub").expect(0);
    }

    #[cfg(unix)]
    #[test]
    fn excludes_of_the_file_hold_behind_a_link() {
        let sandbox = Sandbox::repository();
        sandbox.write("keylint.toml", "exclude = ['/sub/secret']\n");
        sandbox.write("sub/secret", PAIR);
        std::os::unix::fs::symlink("sub", sandbox.path("link")).unwrap();
        sandbox.run("scan link/").expect(0);
    }
}

mod outputs {
    use super::*;

    #[test]
    fn a_report_goes_to_a_file_and_replaces_it() {
        let sandbox = Sandbox::new();
        sandbox.write("report.json", "old");
        sandbox.directory("empty");
        let run = sandbox.run("scan empty --format json --output report.json").expect(0);
        assert!(run.stdout.is_empty(), "{run}");
        assert!(sandbox.read("report.json").starts_with('{'));
        assert_eq!(sandbox.list("."), ["empty", "report.json"]);
    }

    #[test]
    fn a_report_in_a_file_is_not_as_narrow_as_the_terminal() {
        let sandbox = Sandbox::new();
        sandbox.write("a", "id = {{aws-access-key-id:1}}\n");
        let widest = |text: &str| {
            let breakable = text.lines().filter(|line| !line.contains("://"));
            breakable.map(|line| line.chars().count()).max().unwrap()
        };
        let scan =
            |line: &str| sandbox.keylint(line.split(' ')).env("COLUMNS", "44").run().expect(1);
        assert!(widest(&scan("scan a --quiet").stdout) <= 44);
        scan("scan a --quiet --output report");
        assert!((45..=80).contains(&widest(&sandbox.read("report"))));
    }

    #[test]
    fn formats_and_outputs_go_in_pairs() {
        let sandbox = Sandbox::new();
        let run = sandbox
            .run("scan --format sarif --output s.json --format json --output j.json --format text")
            .expect(0);
        assert!(!run.stdout.is_empty() && !run.stdout.starts_with('{'), "{run}");
        assert!(sandbox.read("s.json").contains("\"2.1.0\""));
        assert!(!sandbox.read("j.json").contains("\"2.1.0\""));
        let run =
            sandbox.run("scan --format json --output - --format text --output t.txt").expect(0);
        assert!(run.json().is_object());
        assert!(!sandbox.read("t.txt").starts_with('{'));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_before_the_scan() {
        let sandbox = Sandbox::new();
        sandbox.directory("directory");
        sandbox.write("file", "");
        for place in ["absent/report", "directory", "file/report"] {
            let run = sandbox
                .keylint(["scan", "--format=json", "--output", place, "--format=text"])
                .run()
                .expect(2)
                .complains(&format!("{place}: the report cannot be written: "));
            assert!(run.stdout.is_empty(), "{run}");
        }
        assert_eq!(sandbox.list("."), ["directory", "file"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_must_lead_somewhere() {
        let sandbox = Sandbox::new();
        sandbox.write("real/report", "old");
        std::os::unix::fs::symlink("real/report", sandbox.path("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", sandbox.path("broken")).unwrap();
        sandbox.run("scan real --format json --output link").expect(0);
        assert!(sandbox.read("real/report").starts_with('{'));
        assert!(fs::symlink_metadata(sandbox.path("link")).unwrap().is_symlink());
        sandbox.run("scan real --output broken").expect(2).complains("leads nowhere");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_no_file_is_written_to_and_not_replaced() {
        let sandbox = Sandbox::new();
        sandbox.run("scan --format json --output /dev/null").expect(0);
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        sandbox
            .run("scan --output /dev/full")
            .expect(2)
            .complains("/dev/full: the report cannot be");
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        sandbox
            .keylint(["scan"])
            .run_into(full)
            .expect(2)
            .complains("the report cannot be written");
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        let sandbox = Sandbox::new();
        sandbox.write("file", "nothing here");
        let closed = || {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer
        };
        for line in
            ["rules", "explain aws-access-key-id", "generate man", "generate schema", "--help"]
        {
            let run = sandbox.keylint(line.split_whitespace()).run_into(closed()).expect(0);
            assert!(run.stderr.is_empty(), "{line}: {run}");
        }
        for format in ["text", "json", "jsonl", "sarif"] {
            let run =
                sandbox.keylint(["scan", "-q", "--format", format]).run_into(closed()).expect(0);
            assert!(run.stderr.is_empty(), "{format}: {run}");
        }
    }

    #[test]
    fn a_closed_pipe_does_not_change_the_status() {
        let sandbox = Sandbox::new();
        sandbox.write("file", PAIR);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = sandbox.keylint(["scan"]).run_into(writer).expect(1);
        assert!(run.stderr.is_empty(), "{run}");
    }

    #[test]
    fn the_report_itself_is_not_in_the_way() {
        let sandbox = Sandbox::new();
        sandbox.write("file", PAIR);
        sandbox.run("scan --format json --output report.json").expect(1);
        let first = sandbox.read("report.json").matches("\"fingerprint\"").count();
        sandbox.run("scan --format json --output report.json").expect(1);
        assert_eq!(sandbox.read("report.json").matches("\"fingerprint\"").count(), first);
    }
}

mod color {
    use super::*;

    fn colored(args: &str, variables: &[(&str, &str)]) -> bool {
        let sandbox = Sandbox::new();
        sandbox.write("file", PAIR);
        let mut keylint = sandbox.keylint(["scan"].into_iter().chain(args.split_whitespace()));
        for (name, value) in variables {
            keylint = keylint.env(name, value);
        }
        let run = keylint.run().expect(1);
        run.stdout.contains('\u{1b}')
    }

    #[test]
    fn the_command_line_goes_before_the_environment() {
        assert!(!colored("", &[]));
        assert!(colored("--color always", &[]));
        assert!(colored("--color always", &[("NO_COLOR", "1")]));
        assert!(!colored("--color never", &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn the_environment_is_asked() {
        assert!(colored("", &[("CLICOLOR_FORCE", "1")]));
        assert!(!colored("", &[("CLICOLOR_FORCE", "0")]));
        assert!(!colored("", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(!colored("--format json", &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn files_are_coloured_only_on_request() {
        let sandbox = Sandbox::new();
        sandbox.write("file", PAIR);
        sandbox.keylint(["scan", "--output", "r"]).env("CLICOLOR_FORCE", "1").run().expect(1);
        assert!(!sandbox.read("r").contains('\u{1b}'));
        sandbox.run("scan --output r --color always").expect(1);
        assert!(sandbox.read("r").contains('\u{1b}'));
    }
}

mod status {
    use super::*;

    #[test]
    fn an_empty_directory_is_clean_and_said_to_be_empty() {
        let sandbox = Sandbox::new();
        sandbox.run("scan").expect(0).complains("warning: there was no file to scan");
        sandbox.run("scan --threads 0").expect(0);
        let run = sandbox.run("scan --quiet").expect(0);
        assert!(run.stderr.is_empty(), "{run}");
    }

    #[test]
    fn a_directory_whose_entries_are_all_left_out_is_said_to_be_so() {
        let sandbox = Sandbox::new();
        sandbox.write("a.txt", PAIR);
        sandbox.write("b.txt", PAIR);
        let run = sandbox.run("scan --exclude *.txt").expect(0);
        run.complains("no file to scan: 2 entries were left out");
    }

    #[test]
    fn findings_give_1_from_the_threshold_on() {
        let sandbox = Sandbox::new();
        sandbox.write("pair", PAIR);
        sandbox.write("lone", LONE_ID);
        sandbox.run("scan pair").expect(1).says("pair:");
        sandbox.run("scan pair --fail-on critical").expect(1);
        sandbox.run("scan pair --fail-on never").expect(0).says("pair:");
        sandbox.run("scan lone").expect(1);
        sandbox.run("scan lone --fail-on high").expect(0).says("lone:");
        for format in ["json", "jsonl", "sarif"] {
            sandbox.keylint(["scan", "pair", "--format", format]).run().expect(1).says("aws-");
        }
    }

    #[test]
    fn a_clean_tree_gives_0() {
        let sandbox = Sandbox::new();
        sandbox.write("file", "nothing here\n");
        let run = sandbox.run("scan").expect(0);
        assert!(run.stderr.is_empty(), "{run}");
    }

    #[test]
    fn examples_never_fail_a_run() {
        let sandbox = Sandbox::new();
        sandbox.write("file", EXAMPLE);
        assert!(!sandbox.run("scan").expect(0).stdout.contains("file:"));
        sandbox.run("scan --include-examples --fail-on info").expect(0).says("file:");
    }

    #[test]
    fn what_is_missing_gives_2_and_findings_are_printed() {
        let sandbox = Sandbox::new();
        sandbox.write("file", PAIR);
        sandbox.run("scan absent").expect(2).says("absent");
        sandbox.run("scan absent file").expect(2).says("file:");
        let run =
            sandbox.run("scan absent file --format json").expect(2).complains("keylint: absent: ");
        assert!(run.stdout.contains("aws-"), "{run}");
        let run = sandbox.run("scan absent --output r").expect(2).complains("keylint: absent: ");
        assert!(run.stdout.is_empty(), "{run}");
    }

    #[test]
    fn any_number_of_threads_gives_the_same_report() {
        let sandbox = Sandbox::new();
        for index in 0..40 {
            sandbox.write(format!("{index}/file"), PAIR);
        }
        let report =
            |threads: &str| sandbox.keylint(["scan", "--threads", threads]).run().expect(1).stdout;
        assert_eq!(report("0"), report("1"));
        assert_eq!(report("7"), report("1"));
    }
}

mod stdin {
    use super::*;

    #[test]
    fn standard_input_is_reported_under_its_name() {
        let sandbox = Sandbox::new();
        let scan = |args: &[&str]| sandbox.keylint(["scan"].iter().chain(args)).stdin(PAIR).run();
        scan(&["-"]).expect(1).says("<stdin>:");
        scan(&["--stdin-filename", "some/name.ini", "-"]).expect(1).says("some/name.ini:");
        scan(&["--stdin-filename", "x", "-", "absent"]).expect(2).says("x:");
    }

    #[test]
    fn a_file_called_dash_is_not_standard_input() {
        let sandbox = Sandbox::new();
        sandbox.write("-", PAIR);
        sandbox.run("scan ./-").expect(1);
        sandbox.run("scan -").expect(0);
    }
}

mod secrets {
    use super::*;
    use keylint::rules::placeholder::{self, Kind};

    #[test]
    fn no_report_holds_a_secret_unless_asked_to() {
        let sandbox = Sandbox::new();
        sandbox.write("file", PAIR);
        let secret = placeholder::value(Kind::AwsSecretAccessKey, 1);
        for format in ["text", "json", "jsonl", "sarif"] {
            let scan = |more: &[&str]| {
                let args = ["scan", "--verbose", "--format", format];
                sandbox.keylint(args.iter().chain(more)).run().expect(1)
            };
            let run = scan(&[]);
            assert!(
                !run.stdout.contains(&secret) && !run.stderr.contains(&secret),
                "{format}: {run}"
            );
            scan(&["--show-secrets"]).says(&secret);
            let run = scan(&["--show-secrets", "--no-show-secrets"]);
            assert!(!run.stdout.contains(&secret), "{format}: {run}");
        }
    }
}

mod rules {
    use super::*;
    use keylint::rules::load::RuleSet;

    #[test]
    fn every_rule_is_listed_and_explained() {
        let sandbox = Sandbox::new();
        let set = RuleSet::builtin().unwrap();
        let text = sandbox.run("rules").expect(0).stdout;
        let json = sandbox.run("rules --format json").expect(0).json();
        assert_eq!(text.lines().count(), set.rules().len());
        assert_eq!(json["schema"], "keylint-rules-1");
        for (index, rule) in set.rules().iter().enumerate() {
            assert!(text.lines().nth(index).unwrap().starts_with(&rule.id), "{text}");
            assert_eq!(json["rules"][index]["id"], rule.id);
            let run = sandbox.keylint(["explain", &rule.id]).run().expect(0);
            for part in ["What it is", "Why it is bad", "Example", "What to do instead"] {
                assert!(run.stdout.contains(part), "{part}: {run}");
            }
            assert!(!run.stdout.contains("{{aws-"), "{run}");
        }
    }

    #[test]
    fn an_unknown_rule_is_answered_with_the_nearest() {
        let run = Sandbox::new().run("explain aws-acess-key-id").expect(2);
        run.complains("no rule `aws-acess-key-id`; did you mean `aws-access-key-id`?");
    }

    #[test]
    fn an_explanation_holds_no_credential() {
        let sandbox = Sandbox::new();
        let complete = regex::Regex::new("(AKIA|ASIA)[A-Z2-7]{16}").unwrap();
        for rule in RuleSet::builtin().unwrap().rules() {
            let run = sandbox.keylint(["explain", &rule.id]).run();
            assert!(!complete.is_match(&run.stdout.replace("AKIAIOSFODNN7EXAMPLE", "")), "{run}");
        }
    }

    #[test]
    fn the_rules_hold_against_their_examples() {
        Sandbox::new().run("rules --check").expect(0).says("as they should be");
    }
}

mod generate {
    use super::*;

    /// The long options that `keylint scan --help` lists.
    fn options() -> Vec<String> {
        let help = Sandbox::new().run("scan --help").stdout;
        let option = regex::Regex::new(r"(?m)^ +(?:-\w, )?--([a-z-]+)").unwrap();
        option.captures_iter(&help).map(|found| found[1].to_owned()).collect()
    }

    #[test]
    fn man_page_and_completions_know_every_option() {
        let sandbox = Sandbox::new();
        let options = options();
        assert!(options.len() > 15, "{options:?}");
        let man = sandbox.run("generate man").expect(0).stdout;
        assert!(man.starts_with(".ie") || man.contains(".TH keylint 1"), "{man}");
        assert!(man.contains("KEYLINT SCAN") && man.contains("Exit status"), "{man}");
        let man = man.replace("\\-", "-");
        for option in &options {
            assert!(man.contains(&format!("--{option}")), "{option}: {man}");
        }
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = sandbox.keylint(["generate", "completions", shell]).run().expect(0).stdout;
            for option in &options {
                assert!(script.contains(option.as_str()), "{shell}: {option}");
            }
        }
    }

    #[test]
    fn schemas_are_schemas() {
        let sandbox = Sandbox::new();
        for line in ["generate schema", "generate schema json", "generate schema jsonl"] {
            let schema = sandbox.run(line).expect(0).json();
            assert!(schema["$schema"].is_string(), "{schema}");
            jsonschema::validator_for(&schema).unwrap();
        }
    }

    #[test]
    fn reports_fit_their_schemas() {
        let sandbox = Sandbox::new();
        let schema = sandbox.run("generate schema").expect(0).json();
        sandbox.write("file", PAIR);
        let report = sandbox.run("scan --format json").json();
        if let Err(error) = jsonschema::validate(&schema, &report) {
            panic!("{error}: {report}");
        }
    }
}
