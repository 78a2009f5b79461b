//! Has the linker put together what each request passes through.
//!
//! Owns when `hot.ld` is given to the linker; what is in it is written by `cargo xtask layout`.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=hot.ld");
    // The functions of other builds are other ones, and other systems' linkers read no such script.
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && !linker_is_chosen() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bin=sfai-router=-T{folder}/hot.ld");
    }
}

/// Whether somebody chose a linker. Some, such as mold, refuse a script, and without it the program
/// is the same but for the order of its functions.
fn linker_is_chosen() -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    env::var_os("RUSTC_LINKER").is_some() || flags.contains("linker") || flags.contains("fuse-ld")
}
