//! Tests of the reader beside.
