//! Any text as a history, in EDN or JSON Lines: what is read comes back in both forms, and every model has an answer.
#![no_main]

use kvsim_histories::jepsen::{Collector, Form, Step, steps};
use kvsim_histories::models::{MODELS, Subject};

fn read(text: &[u8]) -> Option<Vec<Step>> {
    let steps = steps(text).expect("memory can be read");
    steps.map(|step| step.map(|(step, _)| step)).collect::<Result<_, _>>().ok()
}

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let Some(history) = read(text) else { return };
    for form in [Form::Edn, Form::Jsonl] {
        let mut written = Vec::new();
        history.iter().for_each(|step| form.write(&mut written, step).expect("memory can be written"));
        assert_eq!(read(&written).as_ref(), Some(&history), "{}", String::from_utf8_lossy(&written));
    }
    let mut collector = Collector::default();
    if history.iter().try_for_each(|step| collector.take(step, Default::default())).is_err() {
        return;
    }
    let Ok(calls) = collector.finish() else { return };
    let subject = Subject::of(calls);
    // Long enough for what is that short.
    let left = std::cell::Cell::new(100_000_u32);
    let expired = || {
        left.set(left.get().saturating_sub(1));
        left.get() == 0
    };
    for model in MODELS {
        model.judge(&subject, &expired);
    }
});
