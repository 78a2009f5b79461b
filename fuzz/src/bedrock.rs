//! What Bedrock answers and is asked under libFuzzer.
//!
//! Owns the entry point alone; what has to hold of an input is said in `converse`.
#![no_main]

mod converse;
mod wire;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(why) = converse::any(input) {
        panic!("{why}");
    }
});
