//! A panic of a store is a finding, to be reported with the others: so panics are noted and not printed.

use std::cell::RefCell;

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|info| note_panic(info.to_string())));
}

/// SelfReports what `text` says of a panic as this thread's last one.
pub fn note_panic(text: String) {
    LAST_PANIC.with(|last| *last.borrow_mut() = text);
}

/// The last panic of this thread, with its place in the source.
pub fn last_panic() -> String {
    LAST_PANIC.with(|last| last.borrow().clone())
}
