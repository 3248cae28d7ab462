//! How long a checker may think. This crate knows no clock; whoever asks does.

/// Says when it is enough.
#[derive(Clone, Copy)]
pub struct Patience<'a>(&'a dyn Fn() -> bool);

impl<'a> Patience<'a> {
    /// Never enough.
    pub const ENDLESS: Patience<'static> = Patience(&|| true);

    /// As long as `lasts` is true. It is asked often.
    pub fn new(lasts: &'a dyn Fn() -> bool) -> Patience<'a> {
        Patience(lasts)
    }

    /// It is enough.
    pub fn is_over(self) -> bool {
        !(self.0)()
    }
}

impl std::fmt::Debug for Patience<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patience")
    }
}
