//! The TOML shape of a rule file. Unknown fields are errors.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::finding::Severity;

/// A whole rule file: rules of one provider with the advice they share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuleFile {
    /// The provider's name for readers, such as "AWS".
    pub provider: String,
    /// The rules, in the order in which `keylint rules` lists them.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
    /// What to do instead, by the place a finding stands in. The entry for `other` is the fallback.
    #[serde(default, rename = "advice")]
    pub advice: Vec<PlaceAdvice>,
    /// What to do about a key that has leaked.
    #[serde(default)]
    pub steps: Steps,
    /// Accounts that issue canary tokens, for annotation.
    #[serde(default)]
    pub canary_accounts: Vec<CanaryAccounts>,
}

/// One rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Kebab case, unique; reads as "allow ⟨id⟩".
    pub id: String,
    /// One line for a report's heading.
    pub title: String,
    /// The severity of a finding of this rule, unless its parts say otherwise (see `detect::pair`).
    pub severity: Severity,
    /// Literals of which at least one stands in every match; the prefilter looks for nothing else. May be empty only
    /// for the named matchers that need none.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Whether keywords match in any ASCII case.
    #[serde(default)]
    pub ignore_case: bool,
    /// A regular expression with at least one capture group; the group named `secret`, or else the first, is the
    /// credential. Exactly one of `pattern` and `matcher` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A matcher written in code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matcher: Option<Matcher>,
    /// A structural check on the value, without network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<Validator>,
    /// Shannon entropy floor in bits per character; values below it are placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_entropy: Option<f32>,
    /// What it is, in a sentence or two.
    pub what: String,
    /// Why it is bad to have it there.
    pub why: String,
    /// What to do instead, whatever the place.
    pub instead: String,
    /// Links for further reading.
    pub references: Vec<String>,
    /// Texts in which this rule finds something; credentials stand as placeholders (`rules::placeholder`).
    pub hits: Vec<String>,
    /// Look-alikes in which this rule finds nothing.
    pub misses: Vec<String>,
}

/// Matchers written in code, named by rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Matcher {
    /// Isolated `AKIA`/`ASIA` key IDs.
    AwsAccessKeyId,
    /// Isolated runs of 40 base64 characters.
    AwsSecretAccessKey,
    /// Session tokens by their decoded prefix.
    AwsSessionToken,
    /// A long-term key ID joined with its secret.
    AwsLongTermPair,
    /// A temporary key ID joined with its secret, its token, or both.
    AwsTemporarySet,
}

/// Structural checks, one file each in `detect::validate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Validator {
    /// Base32 body, generation bit, possible account number.
    AwsKeyId,
    /// The shape gate for uniformly random base64 of 40 characters.
    AwsSecretShape,
    /// A decoded prefix that STS is known to issue.
    AwsTokenPrefix,
}

/// What to do instead at one kind of place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlaceAdvice {
    /// The kind of place.
    pub place: Place,
    /// One to three sentences in the imperative.
    pub instead: String,
    /// Where that is documented.
    pub link: String,
}

/// What to do about a leaked key, in order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Steps {
    /// For a long-term key, or a secret whose key ID is unknown.
    #[serde(default)]
    pub long_term: Vec<String>,
    /// For temporary credentials.
    #[serde(default)]
    pub temporary: Vec<String>,
    /// For the keys of a root user.
    #[serde(default)]
    pub root: Vec<String>,
}

/// A group of accounts known to issue canary tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CanaryAccounts {
    /// Who runs them.
    pub issuer: String,
    /// 12-digit account numbers.
    pub accounts: Vec<String>,
}

/// The kind of place a credential stands in, as far as it changes what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// JavaScript that is shipped to a browser, HTML, public-prefix environment variables.
    BrowserCode,
    /// Code or resources of a mobile app.
    MobileApp,
    /// Source code that calls an SDK.
    SdkCode,
    /// AWS's own shared files: `~/.aws/credentials`, `~/.aws/config`, `.boto`.
    SharedCredentialsFile,
    /// `.env` and other dotfiles, shell profiles and histories.
    Dotfile,
    /// Shell, PowerShell and batch scripts.
    ShellScript,
    /// Pipeline definitions.
    ContinuousIntegration,
    /// Terraform, OpenTofu and Packer sources, variables and state.
    Terraform,
    /// CloudFormation, SAM, CDK and Serverless templates.
    CloudFormation,
    /// Ansible, Chef, Puppet, Salt and Vagrant.
    ConfigurationManagement,
    /// Kubernetes manifests and Helm values.
    Kubernetes,
    /// Dockerfiles and Compose files.
    Docker,
    /// Hadoop, Spark, Flink, Trino, Kafka Connect, Logstash and the like.
    DataTool,
    /// s3cmd, s3fs, rclone, restic and other storage tools.
    StorageTool,
    /// The application's own configuration files.
    ApplicationConfig,
    /// A key file downloaded from the console.
    DownloadedKeyFile,
    /// A root user's key file.
    RootKeyFile,
    /// SQL scripts and dumps.
    Database,
    /// Jupyter notebooks.
    Notebook,
    /// Documentation, wikis and tickets.
    Documentation,
    /// Logs, dumps and API responses.
    LogOrDump,
    /// Anything else.
    Other,
}

impl Place {
    /// All places, in the order of the documentation.
    pub const ALL: [Self; 22] = [
        Self::BrowserCode,
        Self::MobileApp,
        Self::SdkCode,
        Self::SharedCredentialsFile,
        Self::Dotfile,
        Self::ShellScript,
        Self::ContinuousIntegration,
        Self::Terraform,
        Self::CloudFormation,
        Self::ConfigurationManagement,
        Self::Kubernetes,
        Self::Docker,
        Self::DataTool,
        Self::StorageTool,
        Self::ApplicationConfig,
        Self::DownloadedKeyFile,
        Self::RootKeyFile,
        Self::Database,
        Self::Notebook,
        Self::Documentation,
        Self::LogOrDump,
        Self::Other,
    ];

    /// The name used in rule files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BrowserCode => "browser-code",
            Self::MobileApp => "mobile-app",
            Self::SdkCode => "sdk-code",
            Self::SharedCredentialsFile => "shared-credentials-file",
            Self::Dotfile => "dotfile",
            Self::ShellScript => "shell-script",
            Self::ContinuousIntegration => "continuous-integration",
            Self::Terraform => "terraform",
            Self::CloudFormation => "cloud-formation",
            Self::ConfigurationManagement => "configuration-management",
            Self::Kubernetes => "kubernetes",
            Self::Docker => "docker",
            Self::DataTool => "data-tool",
            Self::StorageTool => "storage-tool",
            Self::ApplicationConfig => "application-config",
            Self::DownloadedKeyFile => "downloaded-key-file",
            Self::RootKeyFile => "root-key-file",
            Self::Database => "database",
            Self::Notebook => "notebook",
            Self::Documentation => "documentation",
            Self::LogOrDump => "log-or-dump",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
