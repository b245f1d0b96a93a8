//! Images of containers that lie in the tree as directories: what comes of findings in a layer by the later ones.
//!
//! The walk meets layers as files of their own, in any order. Which lies on which stands in other files, and is looked
//! up after the scan, for findings in what is called as layers are: a tree without them pays nothing for it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::Scan;
use super::members::limits;
use crate::model::blob::Origin;
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::{Evidence, Finding};
use crate::sources::{Visitor, beside};
use crate::unpack::image::{self, Image, Manifests};
use crate::unpack::{self, Budget, Format, Sink, Source};

/// Says of `findings` in layers of images what comes of the file by a later layer.
pub(super) fn label_hidden<'f>(findings: impl Iterator<Item = &'f mut Finding>, scan: &Scan<'_>) {
    let mut layouts: BTreeMap<PathBuf, Vec<(Layered, &mut Finding)>> = BTreeMap::new();
    for finding in findings {
        if let Some((root, layered)) = layered(&finding.origin) {
            layouts.entry(root).or_default().push((layered, finding));
        }
    }
    for (root, found) in layouts {
        if !scan.is_cancelled() {
            Layout { root: &root, scan }.label(found);
        }
    }
}

/// A file in a layer of an image.
struct Layered {
    /// The layer's name in the layout.
    layer: Vec<u8>,
    /// The file's path in the layer.
    path: Vec<u8>,
}

/// What `origin` is in an image, and where that lies, if the file is called as layers are.
fn layered(origin: &Origin) -> Option<(PathBuf, Layered)> {
    let Origin::File { path: file, .. } = origin.outermost() else { return None };
    let path = origin.names().first()?.as_os_str().as_encoded_bytes().to_vec();
    let names: Vec<&str> = file.iter().rev().take(3).map_while(std::ffi::OsStr::to_str).collect();
    (1..=names.len()).find_map(|depth| {
        let layer = names[..depth].iter().rev().copied().collect::<Vec<&str>>().join("/");
        let root = file.ancestors().nth(depth)?.to_path_buf();
        let layered = Layered { layer: layer.into_bytes(), path: path.clone() };
        image::is_layer_name(&layered.layer).then_some((root, layered))
    })
}

/// A directory that may hold an image.
struct Layout<'l> {
    root: &'l Path,
    scan: &'l Scan<'l>,
}

impl Layout<'_> {
    fn label(&mut self, found: Vec<(Layered, &mut Finding)>) {
        let orders = image::orders(self);
        let mut image = Image::default();
        let mut above = BTreeMap::new();
        for (Layered { layer, .. }, _) in &found {
            above.entry(layer.clone()).or_insert_with(|| image.above(&orders, layer));
        }
        let wanted: BTreeSet<&[u8]> = above.values().flatten().copied().collect();
        for layer in wanted {
            let read = self.read_layer(layer, &mut image);
            if let Some((kind, message)) = read.unwrap_or_else(|error| Some(trouble(&error))) {
                let message =
                    format!("what it hides of the image's layers below is not known: {message}");
                self.say(layer, kind, message);
            }
        }
        for (Layered { layer, path }, finding) in found {
            let fate = image.fate(&above[&layer], &path);
            finding.notes.extend(fate.map(|fate| Evidence::new(fate.describe())));
        }
    }

    fn open(&self, name: &[u8]) -> io::Result<std::fs::File> {
        beside::open(self.root, &path_of(name), self.scan.settings.follow)
    }

    fn say(&self, name: &[u8], kind: ProblemKind, message: String) {
        let path = Some(self.root.join(path_of(name)));
        self.scan.problem(Problem { path, kind, message });
    }

    /// Takes the names of what is in a layer; returns what was in the way.
    fn read_layer(&self, layer: &[u8], image: &mut Image) -> io::Result<Option<Trouble>> {
        let mut file = self.open(layer)?;
        let mut head = Vec::new();
        (&mut file).take(unpack::SNIFF_LEN as u64).read_to_end(&mut head)?;
        file.rewind()?;
        let budget = &Budget::new(limits(&self.scan.settings.archives));
        let stop = &|| self.scan.is_cancelled();
        let mut names = Names { layer, image, budget, stop, is_content: false, trouble: None };
        names.take(&head, Source::Seekable(&mut file));
        Ok(names.trouble)
    }
}

impl Manifests for Layout<'_> {
    fn read(&mut self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut json = Vec::new();
        let limit = image::LARGEST_MANIFEST as u64;
        let read = self.open(name).and_then(|file| file.take(limit + 1).read_to_end(&mut json));
        match read {
            Ok(_) if json.len() as u64 <= limit => return Some(json.into()),
            Ok(_) => {
                let message = format!("larger than {limit} bytes: not read as a list of layers");
                self.say(name, ProblemKind::OverLimit, message);
            }
            // Images of some of the platforms in a list are often all that there is.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("not read as a list of an image's layers: {error}");
                self.say(name, ProblemKind::Unreadable, message);
            }
        }
        None
    }

    fn is_broken(&mut self, name: &[u8]) {
        let message =
            "no list of an image's layers: findings in them do not say if later layers hide them";
        self.say(name, ProblemKind::Unreadable, message.to_owned());
    }
}

/// Names in manifests are text, in which folders end with `/` wherever they are written.
fn path_of(name: &[u8]) -> PathBuf {
    String::from_utf8_lossy(name).split('/').collect()
}

/// Why a layer was not read whole.
type Trouble = (ProblemKind, String);

fn trouble(error: &io::Error) -> Trouble {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ProblemKind::Missing,
        _ => ProblemKind::Unreadable,
    };
    (kind, error.to_string())
}

/// Takes the names of what a layer holds, and reads past the rest.
struct Names<'n> {
    layer: &'n [u8],
    image: &'n mut Image,
    budget: &'n Budget,
    stop: &'n dyn Fn() -> bool,
    /// Whether this is what a compressed layer holds.
    is_content: bool,
    trouble: Option<Trouble>,
}

impl Names<'_> {
    /// Takes what `source` holds, which starts with `head`, if it is a layer, compressed or not.
    fn take(&mut self, head: &[u8], source: Source<'_>) {
        match unpack::sniff(head) {
            Some(format) if format.is_compression() && !self.is_content => {
                unpack::unpack(format, source, self.budget, &mut Compressed(self));
            }
            Some(Format::Tar) => unpack::unpack(Format::Tar, source, self.budget, self),
            // Then nothing that could be found in it has a path in the image.
            _ => {}
        }
    }

    fn skip(&mut self, content: &mut dyn Read) {
        if let Err(error) = io::copy(content, &mut io::sink()) {
            self.failed(&error);
        }
    }

    fn failed(&mut self, error: &io::Error) {
        let trouble = match self.budget.take_hit() {
            Some(hit) => (ProblemKind::OverLimit, hit.message),
            None => trouble(error),
        };
        self.trouble.get_or_insert(trouble);
    }
}

impl Sink for Names<'_> {
    fn member(&mut self, name: &[u8], content: &mut dyn Read) {
        self.image.member(self.layer, name);
        self.skip(content);
    }

    fn folder(&mut self, name: &[u8]) {
        self.image.folder(self.layer, name);
    }

    fn link(&mut self, name: &[u8]) {
        self.image.member(self.layer, name);
    }

    fn own(&mut self, _offset: u64, bytes: &mut dyn Read) {
        self.skip(bytes);
    }

    fn problem(&mut self, _name: Option<&[u8]>, kind: ProblemKind, message: String) {
        self.trouble.get_or_insert((kind, message));
    }

    fn is_cancelled(&self) -> bool {
        (self.stop)()
    }
}

/// Takes what a compressed layer holds.
struct Compressed<'c, 'n>(&'c mut Names<'n>);

impl Sink for Compressed<'_, '_> {
    fn member(&mut self, _name: &[u8], content: &mut dyn Read) {
        let mut head = Vec::new();
        if let Err(error) = content.take(unpack::SNIFF_LEN as u64).read_to_end(&mut head) {
            return self.0.failed(&error);
        }
        self.0.is_content = true;
        self.0.take(&head, Source::Stream(&mut head.as_slice().chain(&mut *content)));
        self.0.skip(content);
    }

    fn own(&mut self, offset: u64, bytes: &mut dyn Read) {
        self.0.own(offset, bytes);
    }

    fn problem(&mut self, name: Option<&[u8]>, kind: ProblemKind, message: String) {
        self.0.problem(name, kind, message);
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn layers_are_known_by_what_they_are_called() {
        let digest = "0123456789abcdef0123456789abcdef";
        for (file, expected) in [
            (format!("a/b/blobs/sha256/{digest}"), Some(("a/b", format!("blobs/sha256/{digest}")))),
            (format!("blobs/sha256/{digest}"), Some(("", format!("blobs/sha256/{digest}")))),
            (format!("/x/{digest}/layer.tar"), Some(("/x", format!("{digest}/layer.tar")))),
            (format!("x/{digest}.tar"), Some(("x", format!("{digest}.tar")))),
            ("layer.tar".to_owned(), None),
            ("x/blobs/sha256/0123".to_owned(), None),
            ("x/a.tar".to_owned(), None),
        ] {
            let path = PathBuf::from(&file);
            let outer = Arc::new(Origin::File { scope: path.clone(), path });
            assert!(layered(&outer).is_none(), "{file}");
            let member = Origin::member(&outer, "etc/keys".into());
            let found = layered(&member);
            let found = found.map(|(root, layered)| {
                assert_eq!(layered.path, b"etc/keys");
                (root, String::from_utf8(layered.layer).unwrap())
            });
            assert_eq!(found, expected.map(|(root, layer)| (root.into(), layer)), "{file}");
        }
    }
}
