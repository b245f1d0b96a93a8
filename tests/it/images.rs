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

    let index = br#"{"schemaVersion": 2, "manifests": [{"digest": "sha256:0a"}]}"#;
    let blobs = br#"{"layers": [{"digest": "sha256:01"}, {"digest": "sha256:02"}]}"#;
    let (one, two) = (Wrap::Gzip.wrap("", &lower), Wrap::Zstd.wrap("", &upper));
    let layout = tar(&[
        ("oci-layout", br#"{"imageLayoutVersion": "1.0.0"}"#),
        ("index.json", index),
        ("blobs/sha256/0a", blobs),
        ("blobs/sha256/01", &one),
        ("blobs/sha256/02", &two),
    ]);
    for (image, layer) in [(&saved, "1/layer.tar"), (&layout, "blobs/sha256/01")] {
        for image in [image.clone(), Wrap::Gzip.wrap("", image)] {
            let folder = Sandbox::new();
            std::fs::write(folder.path("image"), image).unwrap();
            let report = folder.run("scan image --format json").expect(1).json();
            check_fates(&report, &format!("image!{layer}"));
        }
    }
}
