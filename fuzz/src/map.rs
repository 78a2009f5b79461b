//! Maps under libFuzzer.
//!
//! Owns the entry point alone; what has to hold of an input is said beside the unguided fuzzer.
#![no_main]

#[path = "../../xtask/src/fuzz/read.rs"]
mod read;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(why) = read::map(input) {
        panic!("{why}");
    }
});
