//! Images of containers that lie in the tree as directories: what comes of findings in a layer by the later ones.
//!
//! The walk meets layers as files of their own, in any order. Which lies on which stands in other files, and is looked
//! up after the scan, for findings in what is called as layers are: a tree without them pays nothing for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::members::limits;
use crate::config::settings::Settings;
use crate::model::blob::{Content, Origin};
use crate::model::coverage::{Problem, ProblemKind};
use crate::model::finding::{Evidence, Finding};
use crate::sources::beside;
use crate::sources::filter::Filter;
use crate::unpack::image::{self, Image};
use crate::unpack::{self, Budget, Format, Sink, Source};

/// Bytes that are read past before it is asked whether to go on.
const SKIPPED: u64 = 1 << 20;

/// What was scanned: nothing outside of it is read here.
pub(super) struct Tree<'t> {
    /// The paths that were given.
    pub(super) paths: &'t [PathBuf],
    pub(super) filter: &'t Filter,
    pub(super) settings: &'t Settings,
    pub(super) interrupted: &'t AtomicBool,
}

/// Says of `findings` in layers of images what comes of the file by a later layer. Whatever is in the way costs a
/// finding its note and nothing else; of that only failures of keylint itself are returned.
pub(super) fn label_hidden<'f>(
    findings: impl Iterator<Item = &'f mut Finding>,
    tree: &Tree<'_>,
) -> Vec<Problem> {
    let mut layouts: BTreeMap<PathBuf, Vec<(Layered, &mut Finding)>> = BTreeMap::new();
    for finding in findings {
        if let Some((root, layered)) = layered(&finding.origin) {
            layouts.entry(root).or_default().push((layered, finding));
        }
    }
    if layouts.is_empty() {
        return Vec::new();
    }
    let folders = tree.paths.iter().filter(|path| path.is_dir());
    let given: Vec<PathBuf> = folders.filter_map(|path| path.canonicalize().ok()).collect();
    let mut failed = Vec::new();
    for (root, found) in layouts {
        let labelled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(layout) = Layout::within(&given, &root, tree) {
                layout.label(found);
            }
        }));
        if labelled.is_err() {
            let message = "keylint failed on the image in it; please report it as a bug".to_owned();
            failed.push(Problem { path: Some(root), kind: ProblemKind::Internal, message });
        }
    }
    failed
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
    /// Without links.
    root: PathBuf,
    /// The directory that was given and that it lies in, without links.
    given: &'l Path,
    tree: &'l Tree<'l>,
    /// What all that is read for it may cost.
    budget: Budget,
}

impl<'l> Layout<'l> {
    /// The layout at `root`, if that lies in what was `given`.
    fn within(given: &'l [PathBuf], root: &Path, tree: &'l Tree<'l>) -> Option<Self> {
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        let root = root.canonicalize().ok()?;
        let given = given.iter().find(|given| root.starts_with(given))?;
        let budget = Budget::new(limits(&tree.settings.archives));
        budget.start();
        Some(Self { root, given, tree, budget })
    }

    fn label(&self, mut found: Vec<(Layered, &mut Finding)>) {
        let orders = image::orders(&|name| self.manifest(name).map(Into::into));
        found.sort_by(|(one, _), (other, _)| one.layer.cmp(&other.layer));
        let mut by_layer: Vec<_> =
            found.chunk_by_mut(|(one, _), (other, _)| one.layer == other.layer).collect();
        let above_all = by_layer.iter().flat_map(|found| image::above(&orders, &found[0].0.layer));
        let wanted: BTreeSet<&[u8]> = above_all.flatten().map(Vec::as_slice).collect();
        let mut image = Image::default();
        for layer in wanted {
            self.read_layer(layer, &mut image);
        }
        for found in &mut by_layer {
            let above = image::above(&orders, &found[0].0.layer);
            for (Layered { path, .. }, finding) in found.iter_mut() {
                if self.is_over() {
                    return;
                }
                let fate = image.fate(&above, path);
                finding.notes.extend(fate.map(|fate| Evidence::new(fate.describe())));
            }
        }
    }

    /// Whether nothing more is to be done for it.
    fn is_over(&self) -> bool {
        self.tree.interrupted.load(Ordering::Relaxed) || self.budget.is_spent()
    }

    /// Opens the file of this name, if a scan does.
    fn open(&self, name: &[u8]) -> Option<File> {
        let Tree { filter, settings, .. } = self.tree;
        let name = path_of(name)?;
        let place = self.root.strip_prefix(self.given).ok()?.join(&name);
        if filter.check_file(self.given, &place).is_some() {
            return None;
        }
        let file = beside::open(&self.root, &name, settings.follow).ok()?;
        let size = file.metadata().ok()?.len();
        settings.max_file_size.is_none_or(|most| size <= most).then_some(file)
    }

    fn manifest(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name == image::INDEX {
            // What other programs call by this name is no list of images.
            self.open(b"oci-layout")?;
        }
        let limit = image::LARGEST_MANIFEST as u64;
        let mut json = Vec::new();
        self.open(name)?.take(limit + 1).read_to_end(&mut json).ok()?;
        (json.len() as u64 <= limit).then_some(json)
    }

    /// Takes the names of what is in a layer, as far as it can be read.
    fn read_layer(&self, layer: &[u8], image: &mut Image) -> Option<()> {
        if self.is_over() {
            return None;
        }
        let mut file = self.open(layer)?;
        let mut head = Vec::new();
        (&mut file).take(unpack::SNIFF_LEN as u64).read_to_end(&mut head).ok()?;
        file.rewind().ok()?;
        let mut names = Names { layer, image, layout: self, is_content: false };
        names.take(&head, Source::Seekable(&mut file));
        Some(())
    }
}

/// Where a name in a manifest leads, which is text with `/` wherever it is written. A file has one name only.
fn path_of(name: &[u8]) -> Option<PathBuf> {
    let name = std::str::from_utf8(name).ok()?;
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    name.split('/').all(is_plain).then(|| name.split('/').collect())
}

/// Takes the names of what a layer holds, and reads past the rest.
struct Names<'n> {
    layer: &'n [u8],
    image: &'n mut Image,
    layout: &'n Layout<'n>,
    /// Whether this is what a compressed layer holds.
    is_content: bool,
}

impl Names<'_> {
    /// Takes what `source` holds, which starts with `head`, if it is a layer, compressed or not.
    fn take(&mut self, head: &[u8], source: Source<'_>) {
        let budget = &self.layout.budget;
        match unpack::sniff(head) {
            Some(format) if format.is_compression() && !self.is_content => {
                unpack::unpack(format, source, budget, &mut Compressed(self));
            }
            Some(Format::Tar) => unpack::unpack(Format::Tar, source, budget, self),
            // Then nothing that could be found in it has a path in the image.
            _ => {}
        }
    }

    fn skip(&self, content: Content<'_>) {
        let Content::Stream(content) = content else { return };
        let mut skip = || io::copy(&mut (&mut *content).take(SKIPPED), &mut io::sink());
        while !self.is_cancelled() && skip().is_ok_and(|bytes| bytes > 0) {}
    }
}

impl Sink for Names<'_> {
    fn member(&mut self, name: &[u8], content: Content<'_>) {
        self.image.member(self.layer, name);
        self.skip(content);
    }

    fn folder(&mut self, name: &[u8]) {
        self.image.folder(self.layer, name);
    }

    fn link(&mut self, name: &[u8]) {
        self.image.member(self.layer, name);
    }

    fn own(&mut self, _offset: u64, bytes: Content<'_>) {
        self.skip(bytes);
    }

    fn problem(&mut self, _name: Option<&[u8]>, _kind: ProblemKind, _message: String) {}

    fn is_cancelled(&self) -> bool {
        self.layout.is_over()
    }
}

/// Takes what a compressed layer holds.
struct Compressed<'c, 'n>(&'c mut Names<'n>);

impl Sink for Compressed<'_, '_> {
    fn member(&mut self, _name: &[u8], mut content: Content<'_>) {
        let mut head = Vec::new();
        if (&mut content).take(unpack::SNIFF_LEN as u64).read_to_end(&mut head).is_err() {
            return;
        }
        self.0.is_content = true;
        self.0.take(&head, Source::Stream(&mut head.as_slice().chain(&mut content)));
        self.0.skip(content);
    }

    fn own(&mut self, offset: u64, bytes: Content<'_>) {
        self.0.own(offset, bytes);
    }

    fn problem(&mut self, _name: Option<&[u8]>, _kind: ProblemKind, _message: String) {}

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_file_has_one_name() {
        assert_eq!(path_of(b"1/layer.tar").unwrap(), Path::new("1/layer.tar"));
        for name in ["", "/1", "1/", "1//2", "./1", "1/.", "../1", "1/../2"] {
            assert_eq!(path_of(name.as_bytes()), None, "{name}");
        }
    }

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
