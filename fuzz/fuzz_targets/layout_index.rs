//! Fuzzer for `portolan_testkit::fuzzing::layout_index`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portolan_testkit::fuzzing::layout_index(data));
