//! Any text as `keylint.toml`: it is taken, or the error names file, line and column on one line and quotes no value.

#![no_main]

use std::path::Path;

use keylint::config::schema::Options;
use keylint::config::settings::Settings;
use libfuzzer_sys::fuzz_target;

/// Stands in values, and may not stand in an error.
const VALUE: &str = "Zq7Zq7Zq";

fuzz_target!(|text: &str| {
    let read = |text: &str| Options::parse(Path::new("dir/keylint.toml"), text);
    match read(text) {
        Ok(options) => {
            let mut settings = Settings::default();
            settings.update(&options, Path::new("dir"));
            let once = settings.clone();
            settings.update(&Options { exclude: Vec::new(), ..options }, Path::new("dir"));
            assert_eq!(settings, once, "a second time changes nothing");
        }
        Err(error) => {
            let said = error.to_string();
            let mut place =
                said.strip_prefix("dir/keylint.toml:").expect("the file is named").splitn(3, ':');
            let line: usize =
                place.next().and_then(|line| line.parse().ok()).expect("the line is named");
            let column: usize =
                place.next().and_then(|column| column.parse().ok()).expect("the column is named");
            assert!(line >= 1 && line <= text.matches('\n').count() + 1, "{said}");
            assert!(column >= 1 && column <= text.chars().count() + 1, "{said}");
        }
    }
    for quoted in [format!("\"{VALUE}\""), format!("'{VALUE}'"), VALUE.to_owned()] {
        if let Err(error) = read(&text.replace("\"\"", &quoted)) {
            let said = error.to_string();
            assert!(!said.contains(VALUE), "{said}");
        }
    }
});
