//! Streams of providers under libFuzzer.
//!
//! Owns the entry point alone; what has to hold of an input is said in `wire`.
#![no_main]

mod wire;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(why) = wire::stream(input) {
        panic!("{why}");
    }
});
