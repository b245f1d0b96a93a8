//! Images of containers: what a later layer hides is found, and said to be hidden.

use tar::EntryType;

use crate::containers::{Wrap, tar};
use crate::harness::Sandbox;
use crate::unpack::pair;

/// Two layers of an image, the lower first. The credentials of the lower one are deleted, overwritten, and left alone.
fn layers() -> (Vec<u8>, Vec<u8>) {
    let pair = pair();
    let lower = tar(&[
        ("home/.aws/credentials", &pair),
        ("srv/old.ini", &pair),
        ("srv/linked.ini", &pair),
        ("srv/now_a_folder", &pair),
        ("app/c.ini", &pair),
    ]);
    let mut upper = tar::Builder::new(Vec::new());
    for (path, kind) in [
        ("home/.aws/.wh.credentials", EntryType::Regular),
        ("srv/old.ini", EntryType::Regular),
        ("srv/linked.ini", EntryType::Symlink),
        ("srv/now_a_folder/", EntryType::Directory),
        ("app/", EntryType::Directory),
        ("app/new", EntryType::Regular),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        if kind == EntryType::Symlink {
            upper.append_link(&mut header, path, "/run/secrets/keys").unwrap();
        } else {
            upper.append_data(&mut header, path, &b""[..]).unwrap();
        }
    }
    (lower, upper.into_inner().unwrap())
}

/// What is said of the credentials in the lower of [`layers`], if it is known which lies on which.
const FATES: [(&str, Option<&str>); 5] = [
    ("home/.aws/credentials", Some(DELETED)),
    ("srv/old.ini", Some(OVERWRITTEN)),
    ("srv/linked.ini", Some(OVERWRITTEN)),
    ("srv/now_a_folder", Some(OVERWRITTEN)),
    ("app/c.ini", None),
];

const DELETED: &str = "deleted in a later layer, and still in the image";
const OVERWRITTEN: &str = "overwritten in a later layer, and still in the image";

/// The notes on the credential at a path.
fn notes(report: &serde_json::Value, path: &str) -> serde_json::Value {
    let mut findings = report["findings"].as_array().unwrap().iter();
    let found = findings.find(|found| found["path"] == path);
    found.unwrap_or_else(|| panic!("nothing at {path} in {report:#}"))["notes"].clone()
}

fn check_fates(report: &serde_json::Value, layer: &str) {
    for (path, fate) in FATES {
        let expected: Vec<&str> = fate.into_iter().collect();
        let path = format!("{layer}!{path}");
        assert_eq!(notes(report, &path), serde_json::json!(expected), "{path}");
    }
}

const SAVED: &[u8] =
    br#"[{"Config": "c.json", "RepoTags": ["a:b"], "Layers": ["1/layer.tar", "2/layer.tar"]}]"#;

#[test]
fn what_a_later_layer_hides_is_found_and_said_to_be_hidden() {
    let (lower, upper) = layers();
    let saved = tar(&[("2/layer.tar", &upper), ("1/layer.tar", &lower), ("manifest.json", SAVED)]);

    let blob = |number: u8| format!("blobs/sha256/{}", digest(number));
    let index = format!(r#"{{"manifests": [{{"digest": "sha256:{}"}}]}}"#, digest(10));
    let blobs = format!(
        r#"{{"layers": [{{"digest": "sha256:{}"}}, {{"digest": "sha256:{}"}}]}}"#,
        digest(1),
        digest(2)
    );
    let (one, two) = (Wrap::Gzip.wrap("", &lower), Wrap::Zstd.wrap("", &upper));
    let layout = tar(&[
        ("oci-layout", br#"{"imageLayoutVersion": "1.0.0"}"#),
        ("index.json", index.as_bytes()),
        (&blob(10), blobs.as_bytes()),
        (&blob(1), &one),
        (&blob(2), &two),
    ]);
    for (image, layer) in [(&saved, "1/layer.tar".to_owned()), (&layout, blob(1))] {
        for image in [image.clone(), Wrap::Gzip.wrap("", image)] {
            let folder = Sandbox::new();
            // The upper layer holds nothing to be found, and is read in each image all the same.
            std::fs::write(folder.path("image"), &image).unwrap();
            std::fs::write(folder.path("other"), image).unwrap();
            let report = folder.run("scan . --format json").expect(1).json();
            check_fates(&report, &format!("image!{layer}"));
            check_fates(&report, &format!("other!{layer}"));
        }
    }
}

#[test]
fn layers_may_have_any_name() {
    let (lower, upper) = layers();
    let manifest = br#"[{"Layers": ["lower", "upper"]}]"#;
    let image = tar(&[("lower", &lower), ("upper", &upper), ("manifest.json", manifest)]);
    let folder = Sandbox::new();
    for name in ["one", "two"] {
        std::fs::write(folder.path(name), &image).unwrap();
    }
    let report = folder.run("scan . --format json").expect(1).json();
    for image in ["one", "two"] {
        let deleted = notes(&report, &format!("{image}!lower!home/.aws/credentials"));
        assert_eq!(deleted, serde_json::json!([DELETED]));
    }
}

/// A layout of one image in the directory `layout`, whose layers are packed in two ways.
struct Layout {
    folder: Sandbox,
    /// The path of the lower layer.
    lower: String,
    /// The path of the upper one.
    upper: String,
    /// The path of the manifest.
    manifest: String,
}

impl Layout {
    fn new() -> Self {
        let (lower, upper) = layers();
        let lower = (digest(1), Wrap::Gzip.wrap("", &lower));
        let upper = (digest(2), Wrap::Zstd.wrap("", &upper));
        let config = r#"{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": ""}"#;
        let manifest = format!(
            r#"{{"config": {config}, "layers": [{{"digest": "sha256:{}"}}, {{"digest": "sha256:{}"}}]}}"#,
            lower.0, upper.0
        );
        // A list of two platforms, of which one is there.
        let index = format!(
            r#"{{"manifests": [{{"digest": "sha256:{}"}}, {{"digest": "sha256:{}"}}]}}"#,
            digest(3),
            digest(4)
        );
        let folder = Sandbox::new();
        folder.directory("layout/blobs/sha256");
        let path = |digest: &str| format!("layout/blobs/sha256/{digest}");
        let (lower_path, upper_path) = (path(&lower.0), path(&upper.0));
        let manifest_path = path(&digest(3));
        let version = r#"{"imageLayoutVersion": "1.0.0"}"#;
        std::fs::write(folder.path("layout/oci-layout"), version).unwrap();
        std::fs::write(folder.path("layout/index.json"), index).unwrap();
        std::fs::write(folder.path(&lower_path), lower.1).unwrap();
        std::fs::write(folder.path(&upper_path), upper.1).unwrap();
        std::fs::write(folder.path(&manifest_path), manifest).unwrap();
        Self { folder, lower: lower_path, upper: upper_path, manifest: manifest_path }
    }

    /// Writes another file into it.
    fn put(&self, path: &str, content: &[u8]) {
        std::fs::write(self.folder.path(path), content).unwrap();
    }

    /// Expects findings that say nothing of layers, and no more than that.
    fn expect_unknown(&self, command: &str) {
        let report = self.folder.run(&format!("{command} --format json")).expect(1).json();
        for (inner, _) in FATES {
            let path = format!("{}!{inner}", self.lower);
            assert_eq!(notes(&report, &path), serde_json::json!([]), "{path}");
        }
        assert_eq!(report["scan"]["problems"], serde_json::json!([]));
    }
}

fn digest(number: u8) -> String {
    format!("{number:064x}")
}

#[test]
fn layouts_that_are_directories_say_what_later_layers_hide() {
    let layout = Layout::new();
    let report = layout.folder.run("scan layout --format json").expect(1).json();
    check_fates(&report, &layout.lower);
    let inside = layout.folder.keylint(["scan", ".", "--format", "json"]).current_dir("layout");
    check_fates(&inside.run().expect(1).json(), layout.lower.strip_prefix("layout/").unwrap());
}

#[test]
fn a_saved_image_that_was_unpacked_says_what_later_layers_hide() {
    let (lower, upper) = layers();
    let folder = Sandbox::new();
    for (path, content) in
        [("a/1/layer.tar", &lower[..]), ("a/2/layer.tar", &upper[..]), ("a/manifest.json", SAVED)]
    {
        folder.directory(std::path::Path::new(path).parent().unwrap());
        std::fs::write(folder.path(path), content).unwrap();
    }
    let report = folder.run("scan a --format json").expect(1).json();
    check_fates(&report, "a/1/layer.tar");
    // What lies higher hides what lies lower, and not the other way round.
    std::fs::write(
        folder.path("a/manifest.json"),
        br#"[{"Layers": ["2/layer.tar", "1/layer.tar"]}]"#,
    )
    .unwrap();
    let report = folder.run("scan a --format json").expect(1).json();
    assert_eq!(notes(&report, "a/1/layer.tar!srv/old.ini"), serde_json::json!([]));
    // A page that can be installed has a file of this name, too.
    std::fs::write(folder.path("a/manifest.json"), br#"{"name": "a page"}"#).unwrap();
    let report = folder.run("scan a --format json").expect(1).json();
    assert_eq!(notes(&report, "a/1/layer.tar!srv/old.ini"), serde_json::json!([]));
}

#[test]
fn an_order_of_layers_that_is_not_known_costs_nothing_but_the_note() {
    let layout = Layout::new();
    let mut large = std::fs::read(layout.folder.path(&layout.manifest)).unwrap();
    large.resize(5 << 20, b' ');
    for manifest in [&b"{\"layers\": [{\"digest\": 7}]}"[..], &large] {
        layout.put(&layout.manifest, manifest);
        layout.expect_unknown("scan layout");
    }

    let layout = Layout::new();
    for index in [&b"{\"manifests\": "[..], b"[]", b"\xff"] {
        layout.put("layout/index.json", index);
        layout.expect_unknown("scan layout");
    }
    std::fs::remove_file(layout.folder.path("layout/index.json")).unwrap();
    layout.expect_unknown("scan layout");
    layout.folder.directory("layout/index.json");
    layout.folder.directory("layout/manifest.json");
    layout.expect_unknown("scan layout");

    let layout = Layout::new();
    std::fs::remove_file(layout.folder.path("layout/oci-layout")).unwrap();
    layout.expect_unknown("scan layout");

    let layout = Layout::new();
    std::fs::remove_file(layout.folder.path(&layout.upper)).unwrap();
    layout.expect_unknown("scan layout");
}

#[test]
fn only_what_is_scanned_is_read_for_a_note() {
    let layout = Layout::new();
    layout.expect_unknown(&format!("scan {}", layout.lower));
    layout.expect_unknown("scan layout/blobs");
    for left_out in ["index.json", "oci-layout", &digest(2), &digest(3), "layout/blobs/**/*2"] {
        layout.expect_unknown(&format!("scan layout --exclude {left_out}"));
    }
    // Larger than the lower layer, which holds what is found.
    let (_, upper) = layers();
    layout.put(&layout.upper, &upper);
    let limit = upper.len() - 1;
    let limited = format!("scan layout --format json --max-file-size {limit}");
    let report = layout.folder.run(&limited).expect(2).json();
    assert_eq!(report["scan"]["problems"].as_array().unwrap().len(), 1, "of the scan itself");
    assert_eq!(notes(&report, &format!("{}!srv/old.ini", layout.lower)), serde_json::json!([]));
    let report = layout.folder.run("scan layout --format json").expect(1).json();
    check_fates(&report, &layout.lower);
}

/// Of what only one of two images hides, the other one's users have it.
#[test]
fn a_layer_of_two_images_is_hidden_in_both_or_in_none() {
    let layout = Layout::new();
    let base = format!(r#"{{"layers": [{{"digest": "sha256:{}"}}]}}"#, digest(1));
    layout.put(&format!("layout/blobs/sha256/{}", digest(4)), base.as_bytes());
    layout.expect_unknown("scan layout");
}

/// An index that lists itself by as many names as it can is read once.
#[test]
fn layouts_that_are_hostile_end() {
    let layout = Layout::new();
    let aliases = |count: usize| {
        let name = |at: usize| {
            format!(r#"{{"digest": "sha256:{}index.json"}}"#, "../".repeat(2) + &"./".repeat(at))
        };
        (0..count).map(name).collect::<Vec<String>>().join(", ")
    };
    let real = format!(r#"{{"digest": "sha256:{}"}}"#, digest(3));
    let index = format!(r#"{{"manifests": [{real}, {}]}}"#, aliases(1000));
    layout.put("layout/index.json", index.as_bytes());
    let report = layout.folder.run("scan layout --format json").expect(1).json();
    check_fates(&report, &layout.lower);
}

/// A list of layers may name any file of the machine, and a link may lead to any.
#[cfg(unix)]
#[test]
fn a_layout_has_nothing_read_that_lies_elsewhere() {
    let layout = Layout::new();
    let (_, upper) = layers();
    layout.put("elsewhere", &upper);
    let up = format!(
        r#"{{"layers": [{{"digest": "sha256:{}"}}, {{"digest": "sha256:../../../elsewhere"}}]}}"#,
        digest(1)
    );
    layout.put(&layout.manifest, up.as_bytes());
    layout.expect_unknown("scan layout");

    let layout = Layout::new();
    layout.put("elsewhere", &upper);
    std::fs::remove_file(layout.folder.path(&layout.upper)).unwrap();
    let link = layout.folder.path(&layout.upper);
    std::os::unix::fs::symlink("../../../elsewhere", link).unwrap();
    layout.expect_unknown("scan layout");
    let report = layout.folder.run("scan layout --follow --format json").expect(1).json();
    check_fates(&report, &layout.lower);
}
