//! Who may import whom in `src/`: the table of ARCHITECTURE.md, held against the sources.
//!
//! Paths are read off the tokens of each file (comments, strings and `#[cfg(test)]` modules left out), so that an
//! import is seen however it is written: `use crate::{a, b::c}`, `crate::a::b()`, `super::super::a`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every top-level module of the library and those that it may import.
const TABLE: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("rules", &["model"]),
    ("config", &["model"]),
    ("sources", &["model"]),
    ("decode", &["model"]),
    ("unpack", &["model"]),
    ("suppress", &["model"]),
    ("report", &["model", "rules"]),
    ("detect", &["model", "rules", "decode"]),
    ("scan", &["model", "rules", "config", "sources", "decode", "unpack", "suppress", "detect"]),
];

#[test]
fn the_table_has_no_cycle() {
    let mut placed = BTreeSet::new();
    while placed.len() < TABLE.len() {
        let before = placed.len();
        for (module, imports) in TABLE {
            if imports.iter().all(|import| placed.contains(import)) {
                placed.insert(module);
            }
        }
        assert!(placed.len() > before, "a cycle among the modules beside {placed:?}");
    }
}

#[test]
fn every_module_imports_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = TABLE.into_iter().collect();
    let mut wrong = Vec::new();
    for (path, module) in library_files() {
        let Some(allowed) = table.get(module[0].as_str()) else {
            wrong.push(format!("{}: `{}` is not in the table", path.display(), module[0]));
            continue;
        };
        for import in imports(&fs::read_to_string(&path).unwrap(), &module) {
            if import != module[0] && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{}: `{}` imports `{import}`", path.display(), module[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_binary_sees_only_the_public_api() {
    for path in rust_files(&source().join("bin")) {
        let tokens = tokens(&fs::read_to_string(&path).unwrap());
        let reached_in = tokens
            .windows(2)
            .any(|pair| pair == ["#", "path"] || pair == ["include", "!"] || pair == ["[", "path"]);
        assert!(!reached_in, "{} takes a file of the library for its own", path.display());
    }
    let library = tokens(&fs::read_to_string(source().join("lib.rs")).unwrap());
    assert!(!library.contains(&"hidden".to_owned()), "lib.rs hides a part of its public API");
}

#[test]
fn imports_are_seen_however_they_are_written() {
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
    for (text, inside, expected) in [
        ("use crate::model::span::Span;", "rules::load", &["model"][..]),
        ("use crate::{model::{span, blob}, detect};", "scan", &["detect", "model"]),
        ("fn f() { crate::report::json::write() }", "scan", &["report"]),
        ("pub(crate) fn f() {} pub(in crate::rules) fn g() {}", "scan", &["rules"]),
        ("use super::schema::Rule;", "rules::load", &["rules"]),
        ("use super::super::detect;", "rules::load", &["detect"]),
        ("use super::super::{detect, report as r};", "rules::load", &["detect", "report"]),
        ("use self::inner::X;", "rules::load", &["rules"]),
        ("use super::*;", "model", &["*"]),
        (
            "// crate::detect\n/* crate::scan /* x */ */ const S: &str = \"crate::scan\";",
            "model",
            &[],
        ),
        (
            "const S: &str = r#\"crate::\"scan\"#; const C: char = '\"'; use crate::rules;",
            "scan",
            &["rules"],
        ),
        (
            "#[cfg(test)]\nmod tests { use crate::scan; fn f() {} }\nuse crate::model;",
            "rules",
            &["model"],
        ),
        ("macro_rules! m { () => { $crate::scan::run() } }", "model", &["scan"]),
        ("const C: [char; 3] = ['\\u{1f}', '\\x1b', '\\'']; use crate::rules;", "scan", &["rules"]),
        ("fn g<'a, 'b>(x: &'a str) -> crate::detect::T<'b> {}", "model", &["detect"]),
        ("fn f<'a>(x: &'a str) -> crate::detect::T<'a> {}", "model", &["detect"]),
    ] {
        let found: Vec<String> = imports(text, &module(inside)).into_iter().collect();
        assert_eq!(found, expected, "{text}");
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files of the library, each with the path of the module that it is; `lib.rs` only lists the others.
fn library_files() -> Vec<(PathBuf, Vec<String>)> {
    let root = source();
    rust_files(&root)
        .into_iter()
        .filter(|path| !path.starts_with(root.join("bin")) && *path != root.join("lib.rs"))
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap().with_extension("");
            let mut module: Vec<String> =
                relative.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            if module.last().unwrap() == "mod" {
                module.pop();
            }
            (path, module)
        })
        .collect()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The top-level modules that a file names, given the path of the module that it is.
fn imports(text: &str, module: &[String]) -> BTreeSet<String> {
    let tokens = without_tests(&tokens(text));
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts_path = at == 0 || tokens[at - 1] != "::";
        let parent = match tokens[at].as_str() {
            "crate" if starts_path => Some(Vec::new()),
            "self" if starts_path => Some(module.to_vec()),
            "super" if starts_path => Some(module[..module.len() - 1].to_vec()),
            _ => None,
        };
        at += 1;
        let Some(mut parent) = parent else { continue };
        while tokens.get(at).is_some_and(|token| token == "::")
            && tokens.get(at + 1).is_some_and(|token| token == "super")
        {
            parent.pop();
            at += 2;
        }
        if tokens.get(at).is_some_and(|token| token == "::") {
            at += 1;
            match parent.first() {
                Some(top) => drop(found.insert(top.clone())),
                None => found.extend(firsts(&tokens[at..])),
            }
        }
    }
    found
}

/// The first names of what follows `crate::`: one name, or those of a group.
fn firsts(tokens: &[String]) -> Vec<String> {
    if tokens.first().is_none_or(|token| token != "{") {
        return tokens.first().cloned().into_iter().collect();
    }
    let mut depth = 0;
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            name if depth == 1 && matches!(tokens[at - 1].as_str(), "{" | ",") => {
                names.push(name.to_owned());
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Drops every item that `#[cfg(test)]` stands before.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].len() >= MARK.len() && tokens[at..at + MARK.len()] == MARK {
            let mut depth = 0;
            for (index, token) in tokens.iter().enumerate().skip(at + MARK.len()) {
                at = index + 1;
                match token.as_str() {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    ";" => {}
                    _ => continue,
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The words, `::` and other marks of Rust source, without comments, strings, characters and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    static TOKEN: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
        regex::Regex::new(
            r#"(?sx)
            (?P<skip> //[^\n]* | b?r"[^"]*" | b?r\#".*?"[\#] | b?r\#\#".*?"[\#][\#]
              | b?"(?:[^"\\]|\\.)*" | b?'(?:[^'\\]|\\x..|\\u\{[^}]*\}|\\.)' | '\w+ | \s+ )
            | (?P<open>/\*) | \w+ | :: | ."#,
        )
        .unwrap()
    });
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(found) = TOKEN.captures_at(text, at) {
        at = found.get(0).unwrap().end();
        if found.name("open").is_some() {
            at = end_of_comment(text, at);
        } else if found.name("skip").is_none() {
            tokens.push(found[0].to_owned());
        }
    }
    tokens
}

/// Block comments nest.
fn end_of_comment(text: &str, mut at: usize) -> usize {
    let mut depth = 1;
    while depth > 0 {
        let rest = &text[at..];
        let (open, close) = (rest.find("/*"), rest.find("*/").expect("a comment ends"));
        let opens = open.is_some_and(|open| open < close);
        depth = if opens { depth + 1 } else { depth - 1 };
        at += if opens { open.unwrap_or(close) } else { close } + 2;
    }
    at
}
