//! Rules as a tool with rules for every provider has them, generated: half of them look for a fixed prefix and a run of
//! some class of characters, half for a provider's name, an operator and a value.

use std::fmt::Write;

use crate::corpora::Random;

/// Names of services that hand out keys and tokens, and words that stand beside such things.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "adafruit", "adobe", "airtable", "algolia", "asana", "atlassian", "azure", "beamer", "bitbucket", "bittrex",
    "braintree", "buildkite", "cloudflare", "codecov", "coinbase", "confluent", "contentful", "databricks",
    "datadog", "discord", "doppler", "droneci", "dropbox", "dynatrace", "easypost", "etsy", "facebook",
    "fastly", "figma", "finnhub", "firebase", "flickr", "freshbooks", "gitter", "grafana", "harness",
    "hashicorp", "heroku", "hubspot", "intercom", "jenkins", "jfrog", "kraken", "kucoin", "launchdarkly",
    "linear", "linkedin", "mailchimp", "mailgun", "mapbox", "mattermost", "messagebird", "mongodb", "netlify",
    "newrelic", "notion", "nytimes", "okta", "openai", "pagerduty", "paypal", "plaid", "planetscale", "postman",
    "prefect", "pulumi", "rapidapi", "readme", "rollbar", "rubygems", "scalingo", "segment", "sendbird",
    "sendgrid", "sentry", "shippo", "shopify", "slack", "snyk", "sonar", "spotify", "square", "squarespace",
    "stripe", "sumologic", "tailscale", "telegram", "travis", "trello", "twilio", "twitch", "twitter",
    "typeform", "vault", "vercel", "webflow", "yandex", "zapier", "zendesk", "zoho", "token", "secret",
    "api_key", "apikey", "passwd", "password", "access_token", "client_secret", "private_key", "credential",
];

const SUFFIXES: &[&str] = &["", "_key", "_token", "_secret", "-api-key"];

/// Beginnings of prefixed tokens; the rest are made of them.
#[rustfmt::skip]
const PREFIXES: &[&str] = &[
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glptt-", "gldt-", "glrt-", "xoxb-",
    "xoxp-", "xapp-", "sk_live_", "sk_test_", "rk_live_", "pk_live_", "whsec_", "AIza", "ya29.", "GOCSPX-",
    "npm_", "pypi-", "dop_v1_", "doo_v1_", "dp.pt.", "dp.st.", "hvs.", "hvb.", "shpat_", "shpss_", "EAAC",
    "sq0atp-", "sq0csp-", "lin_api_", "LTAI", "p8e-", "NRAK-", "NRJS-", "PMAK-", "pnu_", "rdme_", "tfp_",
    "glsa_", "glc_", "sntrys_", "dapi", "dt0c01.", "EZAK", "FLWSECK", "duffel_", "fio-u-", "hf_", "sk-ant-",
    "sk-proj-", "gsk_", "xai-", "pplx-", "nvapi-", "clojars_", "sbp_", "tskey-", "ntn_", "figd_", "bkua_",
    "CCIPAT_", "ATATT3", "ATBB", "AKCp", "xkeysib-", "pcsk_", "fo1_", "fm2_", "dckr_pat_", "phc_", "rpa_",
];

const CLASSES: &[&str] =
    &["[0-9a-zA-Z]", "[0-9a-f]", "[0-9a-z]", "[A-Z2-7]", "[0-9A-Za-z_-]", "[A-Za-z0-9+/]"];

/// A rule file with `count` rules, every other one of each sort.
pub(crate) fn rule_file(count: usize) -> String {
    let mut random = Random(6);
    let mut text = String::from("provider = \"Generated\"\n");
    for number in 0..count {
        let (class, len) = (random.pick(CLASSES), 16 + 4 * random.below(9));
        let (keyword, pattern) = if number % 2 == 0 {
            let keyword = numbered(PREFIXES, number / 2, &["", "v2_", "live_", "test_", "eu_"]);
            let pattern =
                format!("\\b({}{class}{{{len}}})(?:[^0-9A-Za-z_-]|$)", keyword.replace('.', "\\."));
            (keyword, pattern)
        } else {
            let keyword = numbered(NAMES, number / 2, SUFFIXES);
            let pattern = format!(
                "(?i){keyword}[\\w.-]{{0,20}}[\"']?[ \\t]{{0,3}}(?:=|:|:=|=>|,)[ \\t]{{0,3}}[\"']?({class}{{{len}}})\\b",
            );
            (keyword, pattern)
        };
        write!(
            text,
            "\n[[rule]]\nid = \"generated-{number}\"\ntitle = \"Generated\"\nseverity = \"high\"\n\
             keywords = ['{keyword}']\nignore-case = {}\npattern = '''{pattern}'''\nmin-entropy = 3.0\n\
             what = \"A value.\"\nwhy = \"A measure.\"\ninstead = \"Nothing.\"\n\
             references = []\nhits = [\"none\"]\nmisses = []\n",
            number % 2 == 1,
        )
        .expect("writing to a string does not fail");
    }
    text
}

/// The word with this number; words after the last are earlier ones with a suffix.
fn numbered(words: &[&str], number: usize, suffixes: &[&str]) -> String {
    let round = number / words.len();
    let suffix =
        suffixes.get(round).map_or_else(|| format!("_{round}"), |suffix| (*suffix).to_owned());
    format!("{}{suffix}", words[number % words.len()])
}
