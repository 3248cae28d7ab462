//! EDN and histories in it: what is read, what is refused and where, what comes back as it was.

mod histories;
mod mutations;
mod random;

use kvsim_histories::edn::{Edn, Float, Mistake, NESTING_MAX, Reader};

/// Hands out one byte at a time, so that every token is in pieces.
struct Slowly<'a>(&'a [u8]);

impl std::io::Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
        (buffer[0], self.0) = (*first, rest);
        Ok(1)
    }
}

/// All values of a text.
fn values(text: &[u8]) -> Result<Vec<Edn>, Mistake> {
    let all = |mut reader: Reader<&mut dyn std::io::Read>| {
        let mut values = Vec::new();
        while let Some(value) = reader.read()? {
            values.push(value);
        }
        Ok(values)
    };
    let at_once = all(Reader::new(&mut &text[..]));
    assert_eq!(all(Reader::new(&mut Slowly(text))), at_once, "{}", String::from_utf8_lossy(text));
    at_once
}

fn value(text: &str) -> Edn {
    match values(text.as_bytes()) {
        Ok(mut values) if values.len() == 1 => values.remove(0),
        other => panic!("{text}: {other:?}"),
    }
}

/// What is said about a wrong text.
fn mistake(text: impl AsRef<[u8]>) -> String {
    values(text.as_ref()).expect_err(&String::from_utf8_lossy(text.as_ref())).to_string()
}

fn keyword(name: &str) -> Edn {
    Edn::Keyword(name.into())
}

fn string(text: &str) -> Edn {
    Edn::String(text.into())
}

#[test]
fn all_sorts_of_values() {
    assert_eq!(value("nil"), Edn::Nil);
    assert_eq!(value("true"), Edn::Bool(true));
    assert_eq!(value(":a.b/c-d"), keyword("a.b/c-d"));
    assert_eq!(value("my.ns/f*"), Edn::Symbol("my.ns/f*".into()));
    assert_eq!(value("-"), Edn::Symbol("-".into()));
    assert_eq!(value("(1 [2] #{3} {4 5})").to_string(), "(1 [2] #{3} {4 5})");
    assert_eq!(value("[1,,2 ,]"), Edn::Vector(vec![Edn::Int(1), Edn::Int(2)]));
    assert_eq!(value("#inst \"2026\""), Edn::Tagged(Box::new(("inst".into(), string("2026")))));
    assert_eq!(value("#a #b c").to_string(), "#a #b c");
    assert_eq!(value("#{2 1}"), value("#{1 2}"));
    assert_eq!(value("{:b 1 :a 2}"), value("{:a 2, :b 1}"));
    assert_eq!(value("#:n{:a 1 :_/b 2 c 3 :m/d 4 5 6}"), value("{:n/a 1 :b 2 n/c 3 :m/d 4 5 6}"));
    assert_eq!(values(b"1 2\n3").map(|values| values.len()), Ok(3));
    assert_eq!(values("\u{feff}1 ; end".as_bytes()).map(|values| values.len()), Ok(1));
    assert_eq!(values(b" ,\n").map(|values| values.len()), Ok(0));
}

#[test]
fn numbers_have_one_form() {
    for (text, form) in [
        ("+7", "7"),
        ("-0", "0"),
        ("7N", "7"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9223372036854775808N"),
        (
            "123456789012345678901234567890123456789012345678901234567890N",
            "123456789012345678901234567890123456789012345678901234567890N",
        ),
        ("-99999999999999999999", "-99999999999999999999N"),
        ("0x1F", "31"),
        ("-0xff", "-255"),
        ("2/4", "1/2"),
        ("-6/3", "-2"),
        ("0/5", "0"),
        ("1.50", "1.5"),
        ("1e3", "1000.0"),
        ("1.", "1.0"),
        ("-2.5E-7", "-2.5e-7"),
        ("1.50M", "1.50M"),
        ("##Inf", "##Inf"),
        ("##-Inf", "##-Inf"),
        ("##NaN", "##NaN"),
    ] {
        assert_eq!(value(text).to_string(), form, "{text}");
        assert_eq!(value(form), value(text), "{text}");
    }
    assert_eq!(value("0.1"), Edn::Float(Float::new(0.1)));
    for text in ["012", "1a", "1/0", "1/", "0x", "0x+1", "1.5.5", "1e", "--1a", "+-1", "1N2", "1/2N", "01/2"] {
        let said = values(text.as_bytes());
        assert!(said.is_err() || text.starts_with(['-', '+']), "{text}: {said:?}");
    }
}

#[test]
fn strings_and_characters() {
    assert_eq!(value(r#""a\"b\\c\n\t\r\b\fA\101""#), string("a\"b\\c\n\t\r\u{8}\u{c}AA"));
    assert_eq!(value("\"\\u00e9\\ud83d\\ude00\""), string("é😀"));
    assert_eq!(value("\"two\nlines\""), string("two\nlines"));
    for (text, character) in [
        ("\\a", 'a'),
        ("\\newline", '\n'),
        ("\\space", ' '),
        ("\\\\", '\\'),
        ("\\(", '('),
        ("\\\"", '"'),
        ("\\u03b1", 'α'),
        ("\\α", 'α'),
        ("\\o101", 'A'),
        ("\\u", 'u'),
        ("\\😀", '😀'),
    ] {
        assert_eq!(value(text), Edn::Char(character), "{text}");
        assert_eq!(value(&format!("[{text} {text}]")).to_string(), format!("[{0} {0}]", Edn::Char(character)));
    }
    assert_eq!(value("[\\a\\b]"), Edn::Vector(vec![Edn::Char('a'), Edn::Char('b')]), "a backslash begins anew");
}

#[test]
fn what_is_no_value() {
    assert_eq!(value("[1 #_2 3 #_ #_ 4 5]"), value("[1 3]"));
    assert_eq!(value("[1 ; two ] \n 3]"), value("[1 3]"));
    assert_eq!(value("#_{:a [1 2]} 7"), Edn::Int(7));
    assert_eq!(values(b"#_7").map(|values| values.len()), Ok(0));
}

#[test]
fn mistakes_have_a_place() {
    for (text, said) in [
        ("[1 2", "line 1, column 5: the text ends within what was opened in line 1, column 1; expected ]"),
        ("[1\n 2)", "line 2, column 3: ) does not close what was opened in line 1, column 1; expected ]"),
        ("1 ]", "line 1, column 3: ] closes nothing"),
        ("{:a}", "line 1, column 4: } closes what is open; expected a value for this key"),
        ("{:a 1\n:a 2}", "line 1, column 1: the key :a stands in this map more than once"),
        ("#{1 1}", "line 1, column 1: 1 stands in this set more than once"),
        ("\"ä\" 1a", "line 1, column 5: 1a is no value"),
        ("\"ä\nöä\" 1a", "line 2, column 5: 1a is no value"),
        ("; öö\n 1a", "line 2, column 2"),
        ("\"a\nb\\q\"", "line 2, column 2: there is no escape \\q; expected one of \\n"),
        ("\"ab\\u12\"", "line 1, column 4: \\u without its number; expected four hexadecimal digits"),
        ("\"\\ud83d\"", "line 1, column 2: one half of a character"),
        ("\"\\777\"", "\\777 is no character"),
        ("\"abc", "line 1, column 1: the text ends within this string; expected a closing quote"),
        ("\"abc\\", "line 1, column 1: the text ends within this string; expected a closing quote"),
        ("\\", "line 1, column 1: the text ends after a backslash"),
        ("\\abc", "line 1, column 1: there is no character \\abc"),
        (":", "line 1, column 1: : is no keyword"),
        ("::a", "line 1, column 1: ::a is no keyword"),
        ("#", "line 1, column 1: nothing can be made of this #"),
        ("#\"a\"", "a regular expression is no EDN"),
        ("##Nan", "Nan is no name that may follow a #"),
        ("#tag", "the text ends here; expected the value that belongs to the tag"),
        ("#:a[1]", "#:a stands before something else; expected a map"),
        ("[#_]", "] closes what is open; expected a value to discard after #_"),
        ("@x", "line 1, column 1: @x is no value"),
        ("\n\u{feff}", "line 2, column 1: \u{feff} is no value"),
    ] {
        let found = mistake(text);
        assert!(found.contains(said), "{text:?}\n   said: {found}\n wanted: {said}");
    }
    assert!(mistake(b"[\"a\xff\"]").starts_with("line 1, column 4: this is not UTF-8"), "{}", mistake(b"[\"a\xff\"]"));
    assert!(mistake(b"ab\xff").contains("not UTF-8"));
    assert!(mistake(b"\\\xc3").contains("not UTF-8"));
    assert!(mistake(b"\\\xff").contains("not UTF-8"));
}

#[test]
fn nesting_has_a_limit() {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
    assert!(values(nested("[", "]", NESTING_MAX).as_bytes()).is_ok());
    for (open, close) in
        [("[", "]"), ("{1 ", "}"), ("#a ", ""), ("#{", "}"), ("#_ ", " 1"), ("(", ")"), ("#:a{:b ", "}")]
    {
        for depth in [NESTING_MAX + 2, 1_000_000] {
            let said = mistake(nested(open, close, depth));
            assert!(said.contains("more than 200 deep"), "{open}: {said}");
        }
        assert!(mistake(open.repeat(1_000_000)).contains("more than 200 deep"));
    }
}

/// Compared each with each, so many keys would take minutes.
#[test]
fn a_map_may_have_many_keys() {
    let text = format!("{{{}}}", (0..200_000).map(|number| format!(":k{number} 1 ")).collect::<String>());
    let Ok(Some(Edn::Map(parts))) = Reader::new(text.as_bytes()).read() else { panic!("it is a map") };
    assert_eq!(parts.len(), 200_000);
}
