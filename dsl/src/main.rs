//! The `sfai-dsl` binary.

fn main() {}
