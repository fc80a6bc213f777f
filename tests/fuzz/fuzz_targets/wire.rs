#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| personas_fuzz::wire(data));
