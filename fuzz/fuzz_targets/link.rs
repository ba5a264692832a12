//! Fuzzer for `portolan_testkit::fuzzing::link`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portolan_testkit::fuzzing::link(data));
