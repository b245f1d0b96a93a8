//! Any text as a notebook: no panic, images in bounds and in order, and lines that do not outnumber what could end them.

#![no_main]

use keylint::decode::notebook::Notebook;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|cells: &[u8]| {
    let text = [b"{\"nbformat\":4,\"cells\":[".as_slice(), cells].concat();
    let mut notebook = Notebook::of(&text).expect("it looks like one");
    let mut before = 0;
    for image in notebook.images() {
        assert!(before <= image.start && image.start < image.end && image.end <= text.len());
        before = image.end;
    }
    for at in (0..text.len()).step_by(text.len() / 256 + 1) {
        if let Some(place) = notebook.place(at) {
            assert!(place.cell > 0 && place.line > 0 && place.output != Some(0));
            assert!(place.line <= text.len() as u64);
        }
    }
});
