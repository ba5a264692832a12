//! Fuzzer for `portolan_testkit::fuzzing::archive`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portolan_testkit::fuzzing::archive(data));
