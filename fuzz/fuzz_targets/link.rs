//! Links from strangers: refused by name, or read into one that writes and reads again as itself.
#![no_main]

use foretune_core::links::Link;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(link) = Link::parse(text) else { return };
    // What was packed more tightly than we do may not fit; whatever does is the same link.
    let Ok(again) = link.to_text() else { return };
    let again = Link::parse(&again).expect("what we write can be read");
    assert_eq!(again.features, link.features);
    assert_eq!((again.claimed, again.dataset, again.inputs), (link.claimed, link.dataset, link.inputs));
});
