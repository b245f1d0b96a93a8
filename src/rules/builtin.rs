//! The explicit list of embedded rule files. A test asserts that every file in `rules/` is listed.

/// Name and text of every embedded rule file.
pub const FILES: &[(&str, &str)] = &[("aws.toml", include_str!("../../rules/aws.toml"))];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_file_is_listed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        found.sort();
        let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(found, listed);
    }
}
