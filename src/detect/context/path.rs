//! What a blob's path says: whether it is a place for AWS credentials, and which kind of place for advice.

use std::path::Path;

use super::names::{Name, Role, Strength};
use crate::rules::schema::Place;

/// File names and endings that are made to hold AWS credentials.
const CREDENTIAL_FILES: [&str; 12] = [
    ".aws/credentials",
    ".aws/config",
    "rootkey.csv",
    "accesskeys.csv",
    "accesskey.csv",
    "credentials.csv",
    ".boto",
    "boto.cfg",
    ".s3cfg",
    "passwd-s3fs",
    "awscredentials.properties",
    "aws_credentials",
];

/// Paths that say as much of a file as a path can, of compressed ones, too: under no other one is its content surer to be
/// credentials.
pub const TELLING_PATHS: [&str; 3] =
    [".aws/credentials", ".aws/credentials.gz", "aws_secret_access_key.gz"];

/// Whether the path itself speaks of AWS credentials.
pub(crate) fn is_credential_file(path: &Path) -> bool {
    let folded = folded(path);
    CREDENTIAL_FILES.iter().any(|ending| folded.ends_with(ending))
}

/// The name that a file gives to the secret in it: environment directories and secret mounts hold one value a file.
pub(crate) fn name_of_secret(path: &Path) -> Option<Name> {
    let name = Name::parse(path.file_stem()?.as_encoded_bytes())?;
    (name.role == Role::Secret && name.strength == Strength::Aws).then_some(name)
}

/// Whether a path, or what a compressed file there holds, may make more of a content than there is without a path.
pub fn is_telling(path: &Path) -> bool {
    let content = path.with_extension("");
    [path, &content].iter().any(|path| is_credential_file(path) || name_of_secret(path).is_some())
}

/// Whether the file is one that the console hands out for a root user.
pub(crate) fn is_root_key_file(path: &Path) -> bool {
    name(&folded(path)).starts_with("rootkey")
}

fn folded(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/").to_ascii_lowercase()
}

fn name(folded: &str) -> &str {
    folded.rsplit('/').next().unwrap_or(folded)
}

/// What decides a place: in the order of the table below, the first entry that fits.
enum Sign {
    /// The file's whole name.
    Names(&'static [&'static str]),
    /// The beginning of the file's name.
    Starts(&'static [&'static str]),
    /// The end of the path.
    Ends(&'static [&'static str]),
    /// A part of the path.
    Has(&'static [&'static str]),
}

use Sign::{Ends, Has, Names, Starts};

const SIGNS: &[(Place, Sign)] = &[
    (Place::RootKeyFile, Starts(&["rootkey"])),
    (Place::SharedCredentialsFile, Has(&[".aws/"])),
    (
        Place::SharedCredentialsFile,
        Names(&[".boto", "boto.cfg", "aws_credentials", "awscredentials.properties"]),
    ),
    (
        Place::StorageTool,
        Names(&[".s3cfg", "s3cfg", "rclone.conf", "passwd-s3fs", ".passwd-s3fs", "litestream.yml"]),
    ),
    (Place::StorageTool, Has(&["rclone", "restic", "duplicity", "pgbackrest", "wal-g", "velero"])),
    (
        Place::ContinuousIntegration,
        Has(&[".github/workflows/", ".circleci/", ".gitlab-ci", ".buildkite/", ".gitea/"]),
    ),
    (
        Place::ContinuousIntegration,
        Names(&[".travis.yml", "travis.yml", "appveyor.yml", ".drone.yml", "circle.yml"]),
    ),
    (
        Place::ContinuousIntegration,
        Names(&["azure-pipelines.yml", "bitbucket-pipelines.yml", "cloudbuild.yaml"]),
    ),
    (Place::ContinuousIntegration, Starts(&["jenkinsfile", "buildspec"])),
    (Place::Docker, Starts(&["dockerfile", "docker-compose", "compose.y", "containerfile"])),
    (Place::Docker, Ends(&[".dockerfile", "/.docker/config.json"])),
    (
        Place::Terraform,
        Ends(&[
            ".tf",
            ".tfvars",
            ".tfvars.json",
            ".tf.json",
            ".tfstate",
            ".tfstate.backup",
            ".hcl",
        ]),
    ),
    (Place::Terraform, Ends(&[".pkr.json", ".tofu", "packer.json"])),
    (
        Place::CloudFormation,
        Names(&["cdk.json", "serverless.yml", "serverless.yaml", "samconfig.toml"]),
    ),
    (Place::CloudFormation, Has(&["cloudformation", "/cfn/", "sam-template"])),
    (Place::CloudFormation, Starts(&["template.y", "cfn-", "pulumi."])),
    (Place::Kubernetes, Has(&["kubernetes", "k8s", "/helm/", "/charts/", "/manifests/"])),
    (
        Place::Kubernetes,
        Starts(&["values.y", "deployment.y", "secret.y", "kustomization.y", "cronjob.y"]),
    ),
    (
        Place::ConfigurationManagement,
        Has(&["ansible", "playbook", "group_vars", "host_vars", "/puppet/", "/salt/", "/chef/"]),
    ),
    (Place::ConfigurationManagement, Names(&["vagrantfile", "knife.rb", "inventory.ini"])),
    (Place::ConfigurationManagement, Ends(&[".pp", ".sls"])),
    (
        Place::DataTool,
        Names(&["core-site.xml", "hive-site.xml", "hdfs-site.xml", "spark-defaults.conf"]),
    ),
    (
        Place::DataTool,
        Names(&["flink-conf.yaml", "fluent.conf", "td-agent.conf", "vector.toml", "telegraf.conf"]),
    ),
    (
        Place::DataTool,
        Has(&["logstash", "fluentd", "spark", "hadoop", "kafka", "trino", "flink", "/hive"]),
    ),
    (Place::Notebook, Ends(&[".ipynb"])),
    (Place::Dotfile, Starts(&[".env", ".bash", ".zsh", ".profile", ".netrc", ".envrc", ".fish"])),
    (Place::Dotfile, Ends(&[".env", "_history"])),
    (Place::Dotfile, Starts(&["dotenv"])),
    (
        Place::ShellScript,
        Ends(&[".sh", ".bash", ".zsh", ".fish", ".ksh", ".ps1", ".psm1", ".bat", ".cmd"]),
    ),
    (Place::DownloadedKeyFile, Ends(&[".csv", ".tsv"])),
    (Place::Database, Ends(&[".sql", ".ddl", ".dump"])),
    (
        Place::MobileApp,
        Names(&["strings.xml", "androidmanifest.xml", "info.plist", "gradle.properties"]),
    ),
    (Place::MobileApp, Ends(&[".swift", ".m", ".mm", ".dart", ".plist"])),
    (Place::MobileApp, Has(&["/android/", "/ios/", "react-native", "amplifyconfiguration"])),
    (
        Place::BrowserCode,
        Ends(&[".html", ".htm", ".vue", ".jsx", ".tsx", ".svelte", ".min.js", ".js.map", ".xhtml"]),
    ),
    (
        Place::BrowserCode,
        Has(&["/public/", "/static/", "/frontend/", "/browser/", "/client/", "aws-exports"]),
    ),
    (
        Place::SdkCode,
        Ends(&[
            ".js", ".mjs", ".cjs", ".ts", ".py", ".java", ".kt", ".kts", ".scala", ".go", ".rs",
            ".rb", ".php", ".cs", ".fs", ".vb", ".c", ".cc", ".cpp", ".h", ".hpp", ".ex", ".exs",
            ".clj", ".cljs", ".hs", ".erl", ".pl", ".pm", ".lua", ".r", ".jl", ".matlab",
            ".groovy", ".gradle", ".nim", ".cr", ".elm", ".ml", ".d",
        ]),
    ),
    (
        Place::Documentation,
        Ends(&[".md", ".rst", ".adoc", ".markdown", ".wiki", ".txt", ".org", ".tex"]),
    ),
    (Place::LogOrDump, Ends(&[".log", ".har", ".out", ".patch", ".diff", ".eml", ".dmp", ".core"])),
    (
        Place::ApplicationConfig,
        Ends(&[
            ".yml",
            ".yaml",
            ".json",
            ".json5",
            ".toml",
            ".ini",
            ".cfg",
            ".conf",
            ".config",
            ".properties",
            ".xml",
            ".resx",
            ".plist",
            ".reg",
            ".settings",
        ]),
    ),
];

/// The kind of place that `path` is.
pub(crate) fn place(path: &Path) -> Place {
    let folded = format!("/{}", folded(path));
    let name = name(&folded);
    SIGNS
        .iter()
        .find(|(_, sign)| match sign {
            Names(names) => names.contains(&name),
            Starts(starts) => starts.iter().any(|start| name.starts_with(start)),
            Ends(ends) => ends.iter().any(|end| folded.ends_with(end)),
            Has(parts) => parts.iter().any(|part| folded.contains(part)),
        })
        .map_or(Place::Other, |(place, _)| *place)
}

/// Names with these prefixes are compiled into what a browser is served.
const PUBLIC_PREFIXES: [&str; 6] =
    ["react_app_", "vite_", "next_public_", "nuxt_public_", "gatsby_", "vue_app_"];

/// The place that a name alone decides: a public-prefix variable ends up in the browser whatever file it stands in.
pub(crate) fn place_of_name(written: &str) -> Option<Place> {
    let folded = written.to_ascii_lowercase();
    PUBLIC_PREFIXES.iter().any(|prefix| folded.starts_with(prefix)).then_some(Place::BrowserCode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_paths_say_what_a_path_can() {
        let [file, _, name] = TELLING_PATHS.map(Path::new);
        assert!(is_credential_file(file));
        assert!(name_of_secret(name).is_some());
        // What a compressed file holds goes by its name without the ending.
        assert!(TELLING_PATHS.iter().any(|path| path.strip_suffix(".gz") == file.to_str()));
    }

    #[test]
    fn places() {
        for (path, expected) in [
            ("home/.aws/credentials", Place::SharedCredentialsFile),
            ("rootkey.csv", Place::RootKeyFile),
            ("alice_accessKeys.csv", Place::DownloadedKeyFile),
            (".github/workflows/ci.yml", Place::ContinuousIntegration),
            ("Dockerfile", Place::Docker),
            ("infra/main.tf", Place::Terraform),
            ("deploy/k8s/secret.yaml", Place::Kubernetes),
            ("web/public/app.js", Place::BrowserCode),
            ("src/App.tsx", Place::BrowserCode),
            ("lib/s3.js", Place::SdkCode),
            ("app/settings.py", Place::SdkCode),
            ("config/prod.env", Place::Dotfile),
            ("README.md", Place::Documentation),
            ("conf/application.yml", Place::ApplicationConfig),
            ("mystery", Place::Other),
        ] {
            assert_eq!(place(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn public_names() {
        assert_eq!(place_of_name("REACT_APP_AWS_SECRET"), Some(Place::BrowserCode));
        assert_eq!(place_of_name("AWS_SECRET"), None);
    }
}
