//! What it costs to know 10,000 allow entries and a baseline of 100,000: a scan with them and without.
//!
//! The tree has one finding in every hundred files, half of which are known. `configuration` and
//! `baseline` are the part of it that does not depend on the tree.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use jiff::civil::date;
use keylint::config::discover;
use keylint::config::settings::Settings;
use keylint::detect::Detector;
use keylint::model::silenced::Form;
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::scan::{self, Input, silence};
use keylint::suppress::Suppressions;
use keylint::suppress::allow::AllowList;
use keylint::suppress::baseline::Baseline;
use tempfile::TempDir;

const ALLOW: usize = 10_000;
const KNOWN: usize = 100_000;
const FILES: usize = 5_000;

fn main() {
    divan::main();
}

/// The tree, with its configuration and its baseline.
static TREE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is room for a tree");
    let write = |path: String, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    };
    let code = "    let total = items.iter().map(|item| item.price * item.count).sum::<u64>();\n"
        .repeat(500);
    for number in 0..FILES {
        let key = if number % 100 == 0 {
            expand("id = {{aws-access-key-id:1}}\n").0
        } else {
            String::new()
        };
        write(format!("src/module{}/file{number}.rs", number % 70), &format!("{key}{code}"));
    }
    write("keylint.toml".into(), &configuration_text());
    write(".keylint-baseline.json".into(), &baseline_text());
    folder
});

/// Paths, globs, fingerprints and values, in equal parts.
fn configuration_text() -> String {
    let mut text = String::new();
    for number in 0..ALLOW {
        let condition = match number % 4 {
            0 => format!("path = \"src/module{}/file{number}.rs\"", number % 70),
            1 => format!("path = \"vendor/lib{number}/**/*.py\""),
            2 => format!("fingerprint = \"{number:032x}\""),
            _ => format!("value = \"[a-z]+{number}[A-Z]{{3}}\"\nrule = \"aws-access-key-id\""),
        };
        writeln!(text, "[[allow]]\n{condition}\nreason = \"entry {number}\"\n").expect("memory");
    }
    text
}

fn baseline_text() -> String {
    let mut text = format!(
        "{{\n  \"schema\": \"keylint-baseline-1\",\n  \"key\": \"{:064x}\",\n  \"findings\": [\n",
        7
    );
    let values = (0..KNOWN as u128).map(|number| number << 110 | number.wrapping_mul(0x9e37_79b9));
    for (number, value) in values.enumerate() {
        writeln!(
            text,
            "    {{\"value\": \"{value:032x}\", \"rule\": \"aws-access-key-id\", \"path\": \"src/a/file{number}.rs\"}},"
        )
        .expect("memory");
    }
    text.push_str("    null\n  ]\n}\n");
    text
}

fn load(root: &Path) -> Suppressions {
    let mut suppressions = Suppressions::new(date(2026, 1, 1));
    suppressions.add(Box::new(load_configuration(root)));
    suppressions.add(Box::new(load_baseline(root)));
    suppressions
}

fn load_configuration(root: &Path) -> AllowList {
    let file = root.join("keylint.toml");
    let options = discover::read(&file).expect("it is in order");
    AllowList::new(Form::ALLOW, &file, root, options.tables.allow)
}

fn load_baseline(root: &Path) -> Baseline {
    Baseline::read(&root.join(".keylint-baseline.json")).expect("it is in order")
}

fn scan(root: PathBuf, suppressions: impl FnOnce() -> Option<Suppressions>) -> usize {
    let rules = Arc::new(RuleSet::builtin().expect("they are in order"));
    let settings = Settings::default();
    let suppressions = suppressions();
    let (inputs, never) = ([Input::Path(root)], AtomicBool::new(false));
    let mut outcome =
        scan::run(&inputs, &settings, &Detector::new(rules), &never).expect("it can be scanned");
    if let Some(mut suppressions) = suppressions {
        silence::apply(&mut outcome, &mut suppressions, &settings);
    }
    outcome.findings.len()
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn configuration(bencher: Bencher<'_, '_>) {
    let root = TREE.path();
    bencher.bench(|| load_configuration(root));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn baseline(bencher: Bencher<'_, '_>) {
    let root = TREE.path();
    bencher.bench(|| load_baseline(root));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn without(bencher: Bencher<'_, '_>) {
    let root = TREE.path().join("src");
    bencher.bench(|| scan(root.clone(), || None));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn with(bencher: Bencher<'_, '_>) {
    let root = TREE.path();
    bencher.bench(|| scan(root.join("src"), || Some(load(root))));
}
