//! Valid inputs, changed at random in the ways in which an enemy would: the same changes for the same number.

/// A xorshift generator.
pub struct Mutator(u64);

/// Numbers at which something may overflow, be empty, or be taken for something else.
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "63",
    "64",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "1e400",
    "0.5",
];
const TEXTS: [&str; 8] = ["", "..", "/etc/passwd", "\\u0000", "n0", "99999999h", "0ns", "\u{1b}[2J"];

impl Mutator {
    /// For the mutant with this number.
    pub fn new(number: u64) -> Mutator {
        Mutator(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }

    /// One to three changes.
    pub fn mutate(&mut self, valid: &[u8]) -> Vec<u8> {
        let mut bytes = valid.to_vec();
        for _ in 0..=self.below(3) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let length = 1 + self.below(40).min(bytes.len().saturating_sub(at + 1));
        let end = (at + length).min(bytes.len());
        match self.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                let to = self.below(bytes.len());
                drop(bytes.splice(to..to, copy));
            }
            3 if self.below(4) == 0 => bytes.truncate(at),
            4 => self.replace_text(bytes, at),
            _ => self.replace_number(bytes, at),
        }
    }

    /// The next number behind `at` becomes another one.
    fn replace_number(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let Some(from) = bytes[at..].iter().position(u8::is_ascii_digit).map(|more| at + more) else { return };
        let length = bytes[from..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len() - from);
        let number = NUMBERS[self.below(NUMBERS.len())];
        drop(bytes.splice(from..from + length, number.bytes()));
    }

    /// The next string behind `at` becomes another one.
    fn replace_text(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let mut quotes = (at..bytes.len()).filter(|place| bytes[*place] == b'"');
        let (Some(from), Some(to)) = (quotes.next(), quotes.next()) else { return };
        let text = TEXTS[self.below(TEXTS.len())];
        drop(bytes.splice(from + 1..to, text.bytes()));
    }
}
