//! Any text as EDN: what is read is written as it is read.
#![no_main]

use kvsim_histories::edn::Reader;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let mut reader = Reader::new(text);
    while let Ok(Some(value)) = reader.read() {
        let written = value.to_string();
        let again = Reader::new(written.as_bytes()).read();
        assert_eq!(again, Ok(Some(value)), "{written}");
    }
});
