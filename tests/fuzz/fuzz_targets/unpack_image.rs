//! Any files as the manifests of an image, and any names as what its layers hold: no panic, each manifest read once and by
//! a plain name, no more of them and of layers than are looked at, no layer that lies on itself, and what no layer above
//! names is not hidden.

#![no_main]

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use keylint::unpack::image::{Image, above, orders};
use libfuzzer_sys::fuzz_target;

type Files = Vec<(String, Vec<u8>)>;

fuzz_target!(|input: (Files, Vec<(u8, bool, Vec<u8>)>, u8, Vec<u8>)| {
    let (manifests, entries, layer, path) = input;
    let read = RefCell::new(BTreeSet::new());
    let last = manifests.last().map(|(_, content)| content.clone());
    let known = orders(&|name| {
        assert!(name.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b"..")));
        assert!(read.borrow_mut().insert(name.to_vec()), "read twice");
        let named = manifests.iter().find(|(known, _)| known.as_bytes() == name);
        named.map(|(_, content)| content).or(last.as_ref()).map(|content| Cow::from(&content[..]))
    });
    assert!(read.borrow().len() <= 65 && known.len() <= 128);

    let mut image = Image::default();
    for (name, content) in &manifests {
        image.manifest(name.as_bytes(), content.clone());
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
    assert!(orders.iter().all(|order| order.len() <= 128));
    let layer = name(layer);
    let above = above(&orders, &layer);
    assert!(above.iter().all(|layers| !layers.contains(&layer)));
    image.fate(&above, &path);
    assert_eq!(image.fate(&[], &path), None);
});
