//! Any files as the manifests of an image, and any names as what its layers hold: no panic, no more layers than are looked
//! at, none that lies on itself, and what no layer above names is not hidden.

#![no_main]

use std::collections::BTreeSet;

use keylint::unpack::image::Image;
use libfuzzer_sys::fuzz_target;

type Files = Vec<(String, Vec<u8>)>;

fuzz_target!(|input: (Files, Vec<(u8, bool, Vec<u8>)>, u8, Vec<u8>)| {
    let (manifests, entries, layer, path) = input;
    let mut image = Image::default();
    for (name, content) in manifests {
        image.manifest(name.as_bytes(), content);
    }
    let name = |layer: u8| format!("blobs/sha256/{layer:x}").into_bytes();
    for (layer, is_folder, path) in entries {
        if is_folder {
            image.folder(&name(layer), &path);
        } else {
            image.member(&name(layer), &path);
        }
    }
    let orders = image.orders();
    assert!(orders.iter().map(Vec::len).sum::<usize>() <= 1 << 16);
    let layer = name(layer);
    let above = image.above(&orders, &layer);
    assert!(!above.contains(&layer[..]));
    image.fate(&above, &path);
    assert_eq!(image.fate(&BTreeSet::new(), &path), None);
});
