//! Images of containers: which layer deletes what an earlier one holds.
//!
//! An image is an archive of layers, each an archive itself, and JSON that says in which order they lie on each other:
//! what `docker save` writes (`manifest.json`) and the OCI layout (`index.json`, and manifests among the blobs). A file
//! is deleted by an empty file beside it whose name starts with `.wh.`; `.wh..wh..opq` deletes all that lower layers
//! have in its folder. What was deleted still is in the image, for whoever has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Larger files are no manifests.
pub const LARGEST_MANIFEST: usize = 4 << 20;

/// Bytes that are kept of manifests and of deletions. An image that has more is none that anyone runs; its findings then
/// lack a label, and nothing else.
const MOST_KEPT: usize = 32 << 20;

const MARK: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What an archive that may be an image shows as it is unpacked.
#[derive(Debug, Default)]
pub struct Image {
    /// Members that may be manifests, by name.
    manifests: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What each layer deletes, by the layer's name.
    deleted: BTreeMap<Vec<u8>, BTreeSet<Deletion>>,
    kept: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deletion {
    /// This path, and what lies below it.
    Path(Vec<u8>),
    /// What lies below this path.
    Below(Vec<u8>),
}

/// Whether a member of the archive itself may be a manifest, by its name.
pub fn may_be_manifest(name: &[u8]) -> bool {
    let name = normal(name);
    name == b"manifest.json" || name == b"index.json" || name.starts_with(b"blobs/")
}

impl Image {
    /// Takes a member that may be a manifest.
    pub fn manifest(&mut self, name: &[u8], content: Vec<u8>) {
        if matches!(content.trim_ascii_start(), [b'{' | b'[', ..]) && self.keep(content.len()) {
            self.manifests.insert(normal(name).to_vec(), content);
        }
    }

    /// Takes a member of the archive called `layer` within the archive. Says whether it deletes something.
    pub fn member(&mut self, layer: &[u8], path: &[u8]) -> bool {
        let path = normal(path);
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&path[..0], path),
        };
        let deletion = match name.strip_prefix(MARK) {
            None => return false,
            Some(_) if name == OPAQUE => Deletion::Below(folder.to_vec()),
            Some(deleted) if folder.is_empty() => Deletion::Path(deleted.to_vec()),
            Some(deleted) => Deletion::Path([folder, b"/", deleted].concat()),
        };
        if self.keep(layer.len() + path.len()) {
            self.deleted.entry(normal(layer).to_vec()).or_default().insert(deletion);
        }
        true
    }

    fn keep(&mut self, bytes: usize) -> bool {
        let is_kept = self.kept + bytes <= MOST_KEPT;
        self.kept += if is_kept { bytes } else { 0 };
        is_kept
    }

    /// Whether it deletes anything: only then is it worth asking.
    pub fn deletes(&self) -> bool {
        !self.deleted.is_empty() && !self.manifests.is_empty()
    }

    /// The layers of each image in the archive, the lowest first, by name.
    pub fn orders(&self) -> Vec<Vec<Vec<u8>>> {
        let mut orders = Vec::new();
        if let Some(saved) = self.read::<Vec<Saved>>(b"manifest.json") {
            orders.extend(saved.into_iter().map(|image| {
                image.layers.into_iter().map(|layer| normal(layer.as_bytes()).to_vec()).collect()
            }));
        }
        if let Some(index) = self.read::<Manifest>(b"index.json") {
            let mut seen = BTreeSet::new();
            let mut waiting = vec![index];
            while let Some(manifest) = waiting.pop() {
                if !manifest.layers.is_empty() {
                    orders.push(manifest.layers.iter().map(Descriptor::name).collect());
                }
                // An index may list indexes, one for each platform, and a hostile one itself.
                let below = manifest.manifests.iter().map(Descriptor::name);
                let unseen: Vec<_> = below.filter(|name| seen.insert(name.clone())).collect();
                waiting.extend(unseen.iter().filter_map(|name| self.read::<Manifest>(name)));
            }
        }
        orders
    }

    fn read<'a, T: Deserialize<'a>>(&'a self, name: &[u8]) -> Option<T> {
        serde_json::from_slice(self.manifests.get(name)?).ok()
    }

    /// Whether a layer that lies on `layer` in one of `orders` deletes what `layer` has at `path`.
    pub fn is_deleted(&self, orders: &[Vec<Vec<u8>>], layer: &[u8], path: &[u8]) -> bool {
        let (layer, path) = (normal(layer), normal(path));
        orders.iter().any(|order| {
            let Some(at) = order.iter().position(|name| name == layer) else { return false };
            order[at + 1..]
                .iter()
                .filter_map(|above| self.deleted.get(above))
                .any(|deletions| covers(deletions, path))
        })
    }
}

/// Whether one of `deletions` concerns `path`: itself or a folder that it lies in.
fn covers(deletions: &BTreeSet<Deletion>, path: &[u8]) -> bool {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    deletions.contains(&Deletion::Path(path.to_vec()))
        || deletions.contains(&Deletion::Below(Vec::new()))
        || ends.into_iter().any(|end| {
            let folder = path[..end].to_vec();
            deletions.contains(&Deletion::Path(folder.clone()))
                || deletions.contains(&Deletion::Below(folder))
        })
}

/// A path as images name it in one way or another: without `./` or `/` at its start.
fn normal(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    path.strip_prefix(b"/").unwrap_or(path)
}

/// An image in the `manifest.json` of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    #[serde(default)]
    layers: Vec<String>,
}

/// An index or a manifest of the OCI image format.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Descriptor {
    /// Where the layout has what it describes.
    fn name(&self) -> Vec<u8> {
        format!("blobs/{}", self.digest.replacen(':', "/", 1)).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(deletions: &[(&str, &str)]) -> Image {
        let mut image = Image::default();
        let manifest =
            br#"[{"Config": "c.json", "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar"]}]"#;
        image.manifest(b"manifest.json", manifest.to_vec());
        for (layer, path) in deletions {
            image.member(layer.as_bytes(), path.as_bytes());
        }
        image
    }

    #[test]
    fn only_later_layers_delete() {
        let image = image(&[("2/layer.tar", "etc/.wh.keys"), ("2/layer.tar", "etc/passwd")]);
        let orders = image.orders();
        for (layer, path, expected) in [
            ("1/layer.tar", "etc/keys", true),
            ("1/layer.tar", "./etc/keys", true),
            ("1/layer.tar", "etc/keys/one", true),
            ("1/layer.tar", "etc/keys2", false),
            ("1/layer.tar", "etc/passwd", false),
            ("2/layer.tar", "etc/keys", false),
            ("3/layer.tar", "etc/keys", false),
            ("4/layer.tar", "etc/keys", false),
        ] {
            let is_deleted = image.is_deleted(&orders, layer.as_bytes(), path.as_bytes());
            assert_eq!(is_deleted, expected, "{path} of {layer}");
        }
    }

    #[test]
    fn opaque_folders_hide_what_is_below() {
        let image = image(&[("3/layer.tar", "home/.wh..wh..opq")]);
        let orders = image.orders();
        assert!(image.is_deleted(&orders, b"2/layer.tar", b"home/me/keys"));
        assert!(!image.is_deleted(&orders, b"2/layer.tar", b"home"));
        assert!(!image.is_deleted(&orders, b"2/layer.tar", b"homes/me"));
    }

    #[test]
    fn layouts_are_read_through_their_indexes() {
        let mut image = Image::default();
        image.manifest(b"index.json", br#"{"manifests": [{"digest": "sha256:aa"}]}"#.to_vec());
        image.manifest(b"blobs/sha256/aa", br#"{"manifests": [{"digest": "sha256:bb"}]}"#.to_vec());
        let layers = br#"{"layers": [{"digest": "sha256:cc"}, {"digest": "sha256:dd"}]}"#;
        image.manifest(b"blobs/sha256/bb", layers.to_vec());
        image.member(b"blobs/sha256/dd", b".wh.keys");
        assert!(image.deletes());
        assert!(image.is_deleted(&image.orders(), b"blobs/sha256/cc", b"keys"));
    }

    #[test]
    fn indexes_that_list_themselves_end() {
        let mut image = Image::default();
        let index = br#"{"manifests": [{"digest": "sha256:aa"}, {"digest": "sha256:aa"}]}"#;
        image.manifest(b"index.json", index.to_vec());
        image.manifest(b"blobs/sha256/aa", index.to_vec());
        assert!(image.orders().is_empty());
    }
}
