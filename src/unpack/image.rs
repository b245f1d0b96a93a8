//! Images of containers: which layer hides what a lower one holds.
//!
//! An image is layers, each an archive, and JSON that says in which order they lie on each other: what `docker save`
//! writes (`manifest.json`) and the OCI layout (`index.json`, and manifests among the blobs). A file is deleted by an
//! empty file beside it whose name starts with `.wh.`; `.wh..wh..opq` deletes all that lower layers have in its folder;
//! and whatever has its path overwrites it. What was hidden still is in the image, for whoever has it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Larger files are no manifests.
pub const LARGEST_MANIFEST: usize = 4 << 20;

/// The list of images that `docker save` writes.
pub const SAVED: &[u8] = b"manifest.json";

/// The list of manifests of an OCI layout.
pub const INDEX: &[u8] = b"index.json";

/// Bytes that are kept of manifests and of layers. An image that has more is none that anyone runs; its findings then
/// lack a label, and nothing else.
const MOST_KEPT: usize = 32 << 20;

/// What an entry of a layer is counted as: a hash, and the room around it in a set.
const ENTRY: usize = 16;

/// Layers of an image. One that runs has at most 127: no kernel mounts more.
const MOST_LAYERS: usize = 128;

/// Images, or manifests, that are listed beside each other. Of more, nothing is said.
const MOST_IMAGES: usize = 64;

/// Hexadecimal digits of a digest, at least.
const SHORTEST_DIGEST: usize = 32;

const MARK: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What comes of a file in a layer by a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Something else has its path, or that of a folder it lies in.
    Overwritten,
    /// It is deleted, or a folder that it lies in.
    Deleted,
}

impl Fate {
    /// What is to be said of a finding in it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Overwritten => "overwritten in a later layer, and still in the image",
            Self::Deleted => "deleted in a later layer, and still in the image",
        }
    }
}

/// What an entry of a layer does to lower ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    /// Deletes what has this path, and what lies below.
    Delete,
    /// Deletes what lies below this path.
    Empty,
    /// Is a file or a link at this path: hides what lower layers have there, and below.
    Fill,
    /// Is a folder at this path: hides a file there, and joins a folder.
    Join,
}

/// The layers of one image, the lowest first, by name.
pub type Order = Vec<Vec<u8>>;

/// Gives manifests by their names, or whatever has these.
pub type Manifests<'r, 'm> = &'r dyn Fn(&[u8]) -> Option<Cow<'m, [u8]>>;

/// What something that may be an image shows as it is read.
#[derive(Debug, Default)]
pub struct Image {
    /// Files that may be manifests, by name.
    manifests: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the entries of each layer do, by the layer's name, as hashes: a large image has a million of them.
    layers: BTreeMap<Vec<u8>, HashSet<u64>>,
    hasher: RandomState,
    kept: usize,
}

/// Whether a member of the archive itself may be a manifest, by its name.
pub fn may_be_manifest(name: &[u8]) -> bool {
    let name = normal(name);
    name == SAVED || name == INDEX || name.starts_with(b"blobs/")
}

/// Whether a name is one that layers have in images: `blobs/sha256/DIGEST`, `ID/layer.tar`, `DIGEST.tar` and
/// `DIGEST.tar.gz`.
pub fn is_layer_name(name: &[u8]) -> bool {
    let is_digest = |name: &[u8]| {
        let digest = name.strip_prefix(b"sha256:").unwrap_or(name);
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digest.len() >= SHORTEST_DIGEST && digest.iter().all(is_hex)
    };
    let names: Vec<&[u8]> = normal(name).split(|byte| *byte == b'/').take(4).collect();
    match names[..] {
        [b"blobs", _, digest] => is_digest(digest),
        [_, b"layer.tar"] => true,
        [name] => {
            let name = name.strip_suffix(b".gz").unwrap_or(name);
            name.strip_suffix(b".tar").is_some_and(is_digest)
        }
        _ => false,
    }
}

/// Whether an entry of a layer, by its path, deletes something of a lower one.
pub fn deletes(path: &[u8]) -> bool {
    split(normal(path)).1.starts_with(MARK)
}

impl Image {
    /// Takes a file that may be a manifest.
    pub fn manifest(&mut self, name: &[u8], content: Vec<u8>) {
        if matches!(content.trim_ascii_start(), [b'{' | b'[', ..]) && self.keep(content.len()) {
            self.manifests.insert(normal(name).to_vec(), content);
        }
    }

    /// Takes a file or a link of the layer called `layer`.
    pub fn member(&mut self, layer: &[u8], path: &[u8]) {
        let path = normal(path);
        let (folder, name) = split(path);
        match name.strip_prefix(MARK) {
            None => self.entry(layer, Act::Fill, path),
            Some(_) if name == OPAQUE => self.entry(layer, Act::Empty, folder),
            Some(deleted) if folder.is_empty() => self.entry(layer, Act::Delete, deleted),
            Some(deleted) => self.entry(layer, Act::Delete, &[folder, b"/", deleted].concat()),
        }
    }

    /// Takes a folder of the layer called `layer`.
    pub fn folder(&mut self, layer: &[u8], path: &[u8]) {
        self.entry(layer, Act::Join, normal(path));
    }

    fn entry(&mut self, layer: &[u8], act: Act, path: &[u8]) {
        let layer = normal(layer);
        let entry = self.hasher.hash_one((act, path));
        if let Some(entries) = self.layers.get_mut(layer) {
            if self.kept + ENTRY <= MOST_KEPT && entries.insert(entry) {
                self.kept += ENTRY;
            }
        } else if self.keep(layer.len() + ENTRY) {
            self.layers.insert(layer.to_vec(), HashSet::from([entry]));
        }
    }

    fn keep(&mut self, bytes: usize) -> bool {
        let is_kept = self.kept + bytes <= MOST_KEPT;
        self.kept += if is_kept { bytes } else { 0 };
        is_kept
    }

    /// Whether it may be an image: only then is it worth asking.
    pub fn has_layers(&self) -> bool {
        !self.layers.is_empty() && !self.manifests.is_empty()
    }

    /// The layers of each image, as the manifests that were taken say.
    pub fn orders(&self) -> Vec<Order> {
        orders(&|name| self.manifests.get(name).map(|json| Cow::from(&json[..])))
    }

    /// What comes of the file at `path` in a layer by those [`above`] it: the least that comes of it in an image.
    pub fn fate(&self, above: &[&[Vec<u8>]], path: &[u8]) -> Option<Fate> {
        let path = normal(path);
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let folders = ends.map(|end| &path[..end]);
        let hidden_by = |act: Act, path: &[u8]| self.hasher.hash_one((act, path));
        let mut deletes = vec![hidden_by(Act::Delete, path), hidden_by(Act::Empty, b"")];
        let mut overwrites = vec![hidden_by(Act::Fill, path), hidden_by(Act::Join, path)];
        for folder in folders {
            deletes.extend([hidden_by(Act::Delete, folder), hidden_by(Act::Empty, folder)]);
            overwrites.push(hidden_by(Act::Fill, folder));
        }
        let hides = |layers: &[Vec<u8>], acts: &[u64]| {
            let mut entries = layers.iter().filter_map(|layer| self.layers.get(layer));
            entries.any(|entries| acts.iter().any(|act| entries.contains(act)))
        };
        let mut least = None;
        for layers in above {
            let fate = if hides(layers, &deletes) {
                Fate::Deleted
            } else if hides(layers, &overwrites) {
                Fate::Overwritten
            } else {
                return None;
            };
            least = Some(least.map_or(fate, |least| fate.min(least)));
        }
        least
    }
}

/// The layers that lie on `layer`, in each of the `orders` that has it.
pub fn above<'o>(orders: &'o [Order], layer: &[u8]) -> Vec<&'o [Vec<u8>]> {
    let layer = normal(layer);
    // A layer that is listed twice is there where it lies on top.
    let on_top = |order: &Order| order.iter().rposition(|name| name == layer);
    orders.iter().filter_map(|order| on_top(order).map(|at| &order[at + 1..])).collect()
}

/// The layers of each image that manifests list, which `read` gives by their names: each at most once. What is no
/// manifest lists none, and nothing is said where there are too many.
pub fn orders(read: Manifests<'_, '_>) -> Vec<Order> {
    let saved = parsed::<Vec<Saved>>(read, SAVED).unwrap_or_default();
    if saved.len() > MOST_IMAGES {
        return Vec::new();
    }
    let mut orders: Vec<Order> = saved.iter().map(Saved::order).collect();
    let mut names = vec![INDEX.to_vec()];
    let mut next = 0;
    while let Some(name) = names.get(next) {
        next += 1;
        let Some(manifest) = parsed::<Manifest>(read, name) else { continue };
        if manifest.is_image() {
            orders.push(manifest.order());
        }
        // An index may list indexes, one for each platform, and a hostile one itself.
        for name in manifest.manifests.iter().flatten().filter_map(Descriptor::name) {
            if !names.contains(&name) {
                names.push(name);
            }
            if names.len() > MOST_IMAGES {
                return Vec::new();
            }
        }
    }
    orders.retain(|order| order.len() <= MOST_LAYERS);
    orders
}

/// What the manifest of this name says, if it is one.
fn parsed<T: DeserializeOwned>(read: Manifests<'_, '_>, name: &[u8]) -> Option<T> {
    serde_json::from_slice(&read(name)?).ok()
}

/// A stream of which a copy is kept, unless it is too large for a manifest.
pub struct Copied<'a> {
    stream: &'a mut dyn Read,
    copy: Option<Vec<u8>>,
}

impl<'a> Copied<'a> {
    /// A copy of `stream` is kept as it is read.
    pub fn new(stream: &'a mut dyn Read) -> Self {
        Self { stream, copy: Some(Vec::new()) }
    }

    /// What was read, if it may be a manifest.
    pub fn copy(self) -> Option<Vec<u8>> {
        self.copy
    }
}

impl Read for Copied<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        // Layers lie beside manifests and are no JSON; they show it in their first byte.
        let is_json = |copy: &Vec<u8>| {
            copy.len() + read <= LARGEST_MANIFEST
                && matches!(
                    copy.first().or(buffer[..read].first()),
                    None | Some(b'{' | b'[' | b' ' | b'\n')
                )
        };
        self.copy = self.copy.take().filter(is_json);
        if let Some(copy) = &mut self.copy {
            copy.extend_from_slice(&buffer[..read]);
        }
        Ok(read)
    }
}

/// The folder of a path, and the name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&path[..0], path),
    }
}

/// A path as images name it in one way or another: without `./` or `/` at its start, or `/` at its end.
fn normal(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path)
}

/// An image in the `manifest.json` of `docker save`. Lists are left out or `null` where they are empty, here and below.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    layers: Option<Vec<String>>,
}

impl Saved {
    fn order(&self) -> Order {
        let layers = self.layers.iter().flatten().take(MOST_LAYERS + 1);
        layers.map(|layer| normal(layer.as_bytes()).to_vec()).collect()
    }
}

/// An index or a manifest of the OCI image format.
#[derive(Deserialize)]
struct Manifest {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Whether it has layers that lie on each other. Those of other artifacts (charts, signatures) are files of their
    /// own, which the type of their configuration tells.
    fn is_image(&self) -> bool {
        const IMAGES: [&str; 2] = [
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.docker.container.image.v1+json",
        ];
        let config = self.config.as_ref().map_or("", |config| config.media_type.as_str());
        self.layers.is_some() && (config.is_empty() || IMAGES.contains(&config))
    }

    fn order(&self) -> Order {
        let layers = self.layers.iter().flatten().filter_map(Descriptor::name);
        layers.take(MOST_LAYERS + 1).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
}

impl Descriptor {
    /// Where the layout has what it describes, by the one name that it has.
    fn name(&self) -> Option<Vec<u8>> {
        let (algorithm, digest) = self.digest.split_once(':')?;
        let is_plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z');
        let is_algorithm = algorithm.bytes().next().is_some_and(is_plain)
            && algorithm.bytes().all(|byte| is_plain(byte) || b"+._-".contains(&byte));
        let is_digest = !digest.is_empty()
            && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (is_algorithm && is_digest).then(|| format!("blobs/{algorithm}/{digest}").into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(entries: &[(&str, &str)]) -> Image {
        let mut image = Image::default();
        let manifest =
            br#"[{"Config": "c.json", "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar"]}]"#;
        image.manifest(b"manifest.json", manifest.to_vec());
        for (layer, path) in entries {
            match path.strip_suffix('/') {
                Some(folder) => image.folder(layer.as_bytes(), folder.as_bytes()),
                None => image.member(layer.as_bytes(), path.as_bytes()),
            }
        }
        image
    }

    fn fate(image: &Image, layer: &str, path: &str) -> Option<Fate> {
        let orders = image.orders();
        image.fate(&above(&orders, layer.as_bytes()), path.as_bytes())
    }

    #[test]
    fn only_later_layers_hide() {
        let image = image(&[
            ("2/layer.tar", "etc/.wh.keys"),
            ("2/layer.tar", "etc/passwd"),
            ("2/layer.tar", "etc/"),
        ]);
        for (layer, path, expected) in [
            ("1/layer.tar", "etc/keys", Some(Fate::Deleted)),
            ("1/layer.tar", "./etc/keys", Some(Fate::Deleted)),
            ("1/layer.tar", "etc/keys/one", Some(Fate::Deleted)),
            ("1/layer.tar", "etc/keys2", None),
            ("1/layer.tar", "etc/passwd", Some(Fate::Overwritten)),
            ("1/layer.tar", "etc/passwd/of/old", Some(Fate::Overwritten)),
            ("1/layer.tar", "etc", Some(Fate::Overwritten)),
            ("2/layer.tar", "etc/keys", None),
            ("2/layer.tar", "etc/passwd", None),
            ("3/layer.tar", "etc/keys", None),
            ("4/layer.tar", "etc/keys", None),
        ] {
            assert_eq!(fate(&image, layer, path), expected, "{path} of {layer}");
        }
    }

    #[test]
    fn layers_are_known_by_what_they_are_called() {
        let digest = "0123456789abcdef0123456789abcdef";
        for name in
            ["blobs/sha256/D", "./blobs/sha512/D", "D/layer.tar", "D.tar", "sha256:D.tar.gz"]
        {
            assert!(is_layer_name(name.replace('D', digest).as_bytes()), "{name}");
        }
        for name in ["layer.tar", "D", "D.gz", "a/D.tar", "a/blobs/sha256/D", "blobs/D", "a.tar"] {
            assert!(!is_layer_name(name.replace('D', digest).as_bytes()), "{name}");
        }
        assert!(!is_layer_name(b"blobs/sha256/0123"));
    }

    #[test]
    fn opaque_folders_hide_what_is_below() {
        let image = image(&[("3/layer.tar", "home/.wh..wh..opq"), ("3/layer.tar", "home/me/new")]);
        assert_eq!(fate(&image, "2/layer.tar", "home/me/keys"), Some(Fate::Deleted));
        assert_eq!(fate(&image, "2/layer.tar", "home"), None);
        assert_eq!(fate(&image, "2/layer.tar", "homes/me"), None);
    }

    #[test]
    fn a_layer_that_is_listed_twice_is_there_on_top() {
        let mut image = Image::default();
        image.manifest(b"manifest.json", br#"[{"Layers": ["1", "2", "1"]}]"#.to_vec());
        image.member(b"2", b".wh.keys");
        assert_eq!(fate(&image, "1", "keys"), None);
    }

    #[test]
    fn layouts_are_read_through_their_indexes() {
        let mut image = Image::default();
        image.manifest(b"index.json", br#"{"manifests": [{"digest": "sha256:aa"}]}"#.to_vec());
        let index = br#"{"manifests": [{"digest": "sha256:bb"}], "layers": null}"#;
        image.manifest(b"blobs/sha256/aa", index.to_vec());
        let layers = br#"{"layers": [{"digest": "sha256:cc"}, {"digest": "sha256:dd"}]}"#;
        image.manifest(b"blobs/sha256/bb", layers.to_vec());
        image.member(b"blobs/sha256/dd", b".wh.keys");
        assert_eq!(fate(&image, "blobs/sha256/cc", "keys"), Some(Fate::Deleted));
    }

    #[test]
    fn layers_of_what_is_no_image_do_not_lie_on_each_other() {
        let orders_of = |config: &str| {
            let mut image = Image::default();
            image.manifest(b"index.json", br#"{"manifests": [{"digest": "sha256:aa"}]}"#.to_vec());
            let json = format!(
                r#"{{"config": {{"mediaType": "{config}", "digest": "sha256:bb"}},
                     "layers": [{{"digest": "sha256:cc"}}, {{"digest": "sha256:dd"}}]}}"#
            );
            image.manifest(b"blobs/sha256/aa", json.into_bytes());
            image.orders().len()
        };
        assert_eq!(orders_of("application/vnd.cncf.helm.config.v1+json"), 0);
        assert_eq!(orders_of("application/vnd.oci.image.config.v1+json"), 1);
        assert_eq!(orders_of("application/vnd.docker.container.image.v1+json"), 1);
    }

    #[test]
    fn what_is_hidden_is_hidden_in_every_image_that_has_the_layer() {
        let fate_of = |manifest: &str| {
            let mut image = Image::default();
            image.manifest(b"manifest.json", manifest.as_bytes().to_vec());
            image.member(b"2", b".wh.keys");
            image.member(b"3", b"keys");
            fate(&image, "1", "keys")
        };
        let derived = r#"{"Layers": ["1", "2"]}"#;
        for (base, expected) in [
            (r#"{"Layers": ["1"]}"#, None),
            (r#"{"Layers": ["1", "4"]}"#, None),
            (r#"{"Layers": ["1", "3"]}"#, Some(Fate::Overwritten)),
            (r#"{"Layers": ["1", "2", "3"]}"#, Some(Fate::Deleted)),
            (r#"{"Layers": ["4"]}"#, Some(Fate::Deleted)),
        ] {
            assert_eq!(fate_of(&format!("[{derived}, {base}]")), expected, "{base}");
            assert_eq!(fate_of(&format!("[{base}, {derived}]")), expected, "{base}");
        }
    }

    #[test]
    fn images_of_more_layers_than_can_run_are_none() {
        let orders_of = |layers: usize| {
            let mut image = Image::default();
            let layers = vec![r#""1""#; layers].join(", ");
            image.manifest(b"manifest.json", format!(r#"[{{"Layers": [{layers}]}}]"#).into_bytes());
            image.orders().len()
        };
        assert_eq!((orders_of(MOST_LAYERS), orders_of(MOST_LAYERS + 1)), (1, 0));
    }

    #[test]
    fn each_manifest_is_read_once_and_by_one_name() {
        let reads = std::cell::RefCell::new(Vec::new());
        let index = [
            "sha256:aa",
            "sha256:/aa",
            "sha256:./aa",
            "sha256:aa/",
            "sha256:../sha256/aa",
            ".:sha256/aa",
            "..:aa",
            "sha256/aa",
            "sha256:AA",
            ":aa",
            "sha256:",
            "sha512:aa",
        ]
        .map(|digest| format!(r#"{{"digest": "{digest}"}}"#))
        .join(", ");
        let index = format!(r#"{{"manifests": [{index}]}}"#);
        orders(&|name| {
            reads.borrow_mut().push(String::from_utf8(name.to_vec()).unwrap());
            Some(index.as_bytes().into())
        });
        let expected = ["manifest.json", "index.json", "blobs/sha256/aa", "blobs/sha512/aa"];
        assert_eq!(*reads.borrow(), expected);
    }

    #[test]
    fn nothing_is_said_where_there_are_more_images_than_are_read() {
        let orders_of = |listed: usize| {
            let reads = std::cell::Cell::new(0);
            let index: Vec<String> =
                (0..listed).map(|at| format!(r#"{{"digest": "sha256:{at:x}"}}"#)).collect();
            let index = format!(r#"{{"manifests": [{}]}}"#, index.join(", "));
            let orders = orders(&|name| {
                reads.set(reads.get() + 1);
                let layers = br#"{"layers": [{"digest": "sha256:cc"}]}"#;
                Some(Cow::from(if name == INDEX { index.as_bytes() } else { layers }))
            });
            (orders.len(), reads.get())
        };
        let most = MOST_IMAGES - 1;
        assert_eq!(orders_of(most), (most, MOST_IMAGES + 1));
        assert_eq!(orders_of(100_000), (0, 2));
    }

    #[test]
    fn what_is_no_manifest_is_passed_over() {
        let orders = orders(&|name| {
            let json: &[u8] = match name {
                b"manifest.json" => br#"{"name": "a page that can be installed"}"#,
                b"index.json" => {
                    br#"{"manifests": [{"digest": "sha256:aa"}, {"digest": "sha256:bb"}, {"digest": "x"}]}"#
                }
                b"blobs/sha256/aa" => br#"{"layers": 7}"#,
                b"blobs/sha256/bb" => br#"{"layers": [{"digest": "sha256:cc"}]}"#,
                _ => return None,
            };
            Some(json.into())
        });
        assert_eq!(orders, [[b"blobs/sha256/cc"]]);
    }

    #[test]
    fn indexes_that_list_themselves_end() {
        let mut image = Image::default();
        let index = br#"{"manifests": [{"digest": "sha256:aa"}, {"digest": "sha256:aa"}]}"#;
        image.manifest(b"index.json", index.to_vec());
        image.manifest(b"blobs/sha256/aa", index.to_vec());
        assert!(image.orders().is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut image = image(&[]);
        image.kept = MOST_KEPT - "2/layer.tar".len() - ENTRY;
        image.member(b"2/layer.tar", b"one");
        image.member(b"2/layer.tar", b"two");
        assert_eq!(fate(&image, "1/layer.tar", "one"), Some(Fate::Overwritten));
        assert_eq!(fate(&image, "1/layer.tar", "two"), None);
    }
}
