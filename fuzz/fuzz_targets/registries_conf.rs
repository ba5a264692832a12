//! Fuzzer for `portolan_testkit::fuzzing::registries_conf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portolan_testkit::fuzzing::registries_conf(data));
