//! Fuzzer for `portolan_testkit::fuzzing::auth_file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portolan_testkit::fuzzing::auth_file(data));
