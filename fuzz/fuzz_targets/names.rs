//! Fuzzer for `portolan_testkit::fuzzing::names`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portolan_testkit::fuzzing::names(data));
