//! Fuzzer for `portolan_testkit::fuzzing::challenge`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portolan_testkit::fuzzing::challenge(data));
