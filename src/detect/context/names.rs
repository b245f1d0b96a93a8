//! The names that people give to the parts of a credential.
//!
//! Names are compared after [`normalise`]: lower case, letters and digits only. Prefixes and suffixes of a project
//! (`PROD_`, `REACT_APP_`, `spring.cloud.`) are allowed for by looking for the known names inside. Sources: section 4
//! of the credential reference, which lists where each name was seen.

/// Which part a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// The access key ID.
    Id,
    /// The secret access key.
    Secret,
    /// The session token.
    Token,
}

/// How much a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Strength {
    /// Says so only beside its counterpart: `user`, `password`, `key`.
    Generic,
    /// Names a secret of another kind: `client_secret`, `jwt_secret`.
    Foreign,
    /// Says secret and not of what: `secret`, `backup_secret`.
    Secret,
    /// Used for keys of several clouds: `secret_key`, `access_key`.
    Key,
    /// AWS's own vocabulary: `aws_secret_access_key`, `SecretAccessKey`, `s3_secret`.
    Aws,
}

/// A name found beside a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// As it is written, for evidence.
    pub(crate) written: String,
    /// What it stands for.
    pub(crate) role: Role,
    /// How much it says.
    pub(crate) strength: Strength,
    /// What is left without the vocabulary: `prod` of `PROD_AWS_ACCESS_KEY_ID`. Parts of one credential share it.
    pub(crate) stem: String,
}

impl Name {
    /// The name written as `written`, if it is one of a credential's part.
    pub(crate) fn parse(written: &[u8]) -> Option<Self> {
        let normal = normalise(written);
        let (role, strength) = classify(&normal)?;
        Some(Self { written: shortened(written), role, strength, stem: stem(&normal) })
    }
}

/// A name as evidence quotes it: the last 64 bytes, where it says most.
fn shortened(written: &[u8]) -> String {
    let tail = &written[written.len().saturating_sub(64)..];
    String::from_utf8_lossy(tail).into_owned()
}

/// Lower case, letters and digits only.
pub(crate) fn normalise(written: &[u8]) -> String {
    written
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

/// What ends a name that is not a credential's, though the words before may be: `secret_key_md5`, `sse_customer_key`.
const ANOTHER_KIND: [&str; 37] = [
    "md5",
    "sha",
    "sha1",
    "sha256",
    "sha512",
    "crc32",
    "hash",
    "digest",
    "checksum",
    "integrity",
    "fingerprint",
    "thumbprint",
    "signature",
    "sig",
    "hmac",
    "etag",
    "nonce",
    "salt",
    "cursor",
    "marker",
    "customerkey",
    "encryptionkey",
    "datakey",
    "kmskey",
    "publickey",
    "sitekey",
    "ciphertext",
    "certificate",
    "versionid",
    "requestid",
    "amzid2",
    "hostid",
    "uploadid",
    "messageid",
    "receipthandle",
    "continuationtoken",
    "nexttoken",
];

/// Whether a name (normalised) says that its value is something else than a part of a credential.
pub(crate) fn is_of_another_kind(normal: &str) -> bool {
    ANOTHER_KIND.iter().any(|word| normal.ends_with(word))
}

/// Secrets of other kinds that share the word "secret".
const FOREIGN_SECRETS: [&str; 22] = [
    "clientsecret",
    "jwtsecret",
    "secretkeybase",
    "sessionsecret",
    "cookiesecret",
    "appsecret",
    "apisecret",
    "apikeysecret",
    "consumersecret",
    "webhooksecret",
    "sharedsecret",
    "oauth",
    "recaptcha",
    "captcha",
    "signingsecret",
    "tokensecret",
    "accesstokensecret",
    "totp",
    "stripe",
    "github",
    "flask",
    "django",
];

/// Names that hold "secret" and name it, where it is kept or what it is for, and not its value.
const ABOUT_SECRETS: [&str; 9] = [
    "secretname",
    "secretarn",
    "secretref",
    "secretversion",
    "secretsmanager",
    "secretid",
    "secretpath",
    "secretmanager",
    "secrets",
];

const AWS_SECRETS: [&str; 15] = [
    "secretaccesskey",
    "awssecret",
    "awssec",
    "awss3secret",
    "amazonsecret",
    "s3secret",
    "s3asecret",
    "s3nsecret",
    "ec2secret",
    "s3keysecret",
    "awskeysecret",
    "awsaccesssecret",
    "sessecret",
    "sqssecret",
    "dynamodbsecret",
];

const AWS_IDS: [&str; 12] = [
    "awsaccesskey",
    "accesskeyid",
    "awskey",
    "awsid",
    "amazonaccesskey",
    "ec2accesskey",
    "s3accesskey",
    "s3aaccesskey",
    "s3naccesskey",
    "s3key",
    "awsaccessid",
    "awsuser",
];

const TOKENS: [&str; 3] = ["sessiontoken", "securitytoken", "awstoken"];

fn classify(normal: &str) -> Option<(Role, Strength)> {
    let has = |words: &[&str]| words.iter().any(|word| normal.contains(word));
    if is_of_another_kind(normal) {
        return None;
    }
    if has(&TOKENS) {
        return Some((Role::Token, Strength::Aws));
    }
    if has(&AWS_SECRETS) && !has(&ABOUT_SECRETS[..6]) {
        return Some((Role::Secret, Strength::Aws));
    }
    if normal.contains("secret") {
        if has(&FOREIGN_SECRETS) {
            let of_aws = has(&["aws", "amazon"]) && !has(&["cognito"]);
            let strength = if of_aws { Strength::Key } else { Strength::Foreign };
            return Some((Role::Secret, strength));
        }
        if has(&["secretkey", "accesssecret", "accesskeysecret", "keysecret", "secretaccess"]) {
            return Some((Role::Secret, Strength::Key));
        }
        if has(&ABOUT_SECRETS) {
            return None;
        }
        let ends = normal.ends_with("secret");
        let strength = if ends { Strength::Secret } else { Strength::Generic };
        return Some((Role::Secret, strength));
    }
    if has(&AWS_IDS) {
        return Some((Role::Id, Strength::Aws));
    }
    if normal.contains("accesskey") {
        return Some((Role::Id, Strength::Key));
    }
    match normal {
        // Short names are whole words: "akid" stands in "speakIdNum" too.
        "akid" => Some((Role::Id, Strength::Aws)),
        "stoken" => Some((Role::Token, Strength::Aws)),
        "token" | "accesstoken" => Some((Role::Token, Strength::Generic)),
        "sk" | "password" | "passwd" | "pwd" | "pass" => Some((Role::Secret, Strength::Generic)),
        "key" | "keyid" | "id" | "ak" | "username" | "user" | "uid" | "login" | "accessid" => {
            Some((Role::Id, Strength::Generic))
        }
        _ if normal.ends_with("password")
            || normal.ends_with("pass")
            || normal.ends_with("pwd") =>
        {
            Some((Role::Secret, Strength::Generic))
        }
        _ if normal.ends_with("keyid") || normal.ends_with("accessid") => {
            Some((Role::Id, Strength::Generic))
        }
        _ => None,
    }
}

/// The vocabulary, longest first, so that what is left of a name is the owner's.
const VOCABULARY: [&str; 24] = [
    "secretaccesskey",
    "securitytoken",
    "sessiontoken",
    "accesskeysecret",
    "accesskeyid",
    "accesssecret",
    "accesskey",
    "secretkey",
    "keysecret",
    "password",
    "username",
    "amazon",
    "secret",
    "access",
    "keyid",
    "token",
    "login",
    "user",
    "pass",
    "awssec",
    "aws",
    "key",
    "s3",
    "id",
];

fn stem(normal: &str) -> String {
    let mut rest = normal.to_owned();
    for word in VOCABULARY {
        if let Some(at) = rest.find(word) {
            rest.replace_range(at..at + word.len(), "");
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(written: &str) -> Option<(Role, Strength)> {
        Name::parse(written.as_bytes()).map(|name| (name.role, name.strength))
    }

    #[test]
    fn names_of_the_reference_are_known() {
        let ids = "awsaccesskeyid accesskeyid awsaccesskey accesskey awskey awskeyid keyid key awsid akid \
                   amazonaccesskeyid ec2accesskey s3accesskey s3key fss3aaccesskey";
        for name in ids.split_whitespace() {
            assert_eq!(of(name).map(|(role, _)| role), Some(Role::Id), "{name}");
        }
        let secrets = "awssecretaccesskey secretaccesskey awssecretkey secretkey awssecret secret \
                       amazonsecretaccesskey ec2secretkey s3secret s3secretkey fss3asecretkey awssecretaccesskeyid \
                       accesskeysecret";
        for name in secrets.split_whitespace() {
            let (role, strength) = of(name).unwrap();
            assert_eq!(role, Role::Secret, "{name}");
            assert!(strength >= Strength::Secret, "{name}");
        }
        for name in "awssessiontoken sessiontoken awssecuritytoken securitytoken token accesstoken"
            .split_whitespace()
        {
            assert_eq!(of(name).map(|(role, _)| role), Some(Role::Token), "{name}");
        }
    }

    #[test]
    fn prefixes_and_spellings_do_not_matter() {
        assert_eq!(of("REACT_APP_AWS_SECRET_ACCESS_KEY"), Some((Role::Secret, Strength::Aws)));
        assert_eq!(
            of("spring.cloud.aws.credentials.secret-key"),
            Some((Role::Secret, Strength::Key))
        );
        assert_eq!(of("Secret Access key"), Some((Role::Secret, Strength::Aws)));
        assert_eq!(of("fs.s3n.awsAccessKeyId"), Some((Role::Id, Strength::Aws)));
        assert_eq!(of("client_secret"), Some((Role::Secret, Strength::Foreign)));
        assert_eq!(of("AWS_API_SECRET"), Some((Role::Secret, Strength::Key)));
        assert_eq!(of("backup_secret"), Some((Role::Secret, Strength::Secret)));
        assert_eq!(of("secretName"), None);
        assert_eq!(of("aws_secret_access_key_sha256"), None);
        assert_eq!(of("sse_customer_key"), None);
        assert_eq!(of("commit"), None);
        assert_eq!(of("speak_idnum"), None);
        assert_eq!(of("hosts_token"), None);
    }

    #[test]
    fn stems_pair_names() {
        let stem = |written: &str| Name::parse(written.as_bytes()).unwrap().stem;
        assert_eq!(stem("PROD_AWS_ACCESS_KEY_ID"), stem("PROD_AWS_SECRET_ACCESS_KEY"));
        assert_ne!(stem("PROD_AWS_ACCESS_KEY_ID"), stem("DEV_AWS_SECRET_ACCESS_KEY"));
        assert_eq!(stem("aws_access_key_id"), "");
        assert_eq!(stem("s3_key"), stem("s3_secret"));
    }
}
