//! The way from the source to the files.
