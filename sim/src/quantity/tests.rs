//! Every form of every quantity, right and wrong.

use super::*;

fn duration(text: &str) -> Result<u64, Wrong> {
    text.parse().map(Duration::ns)
}

fn share(text: &str) -> Result<Ratio, Wrong> {
    text.parse()
}

fn size(text: &str) -> Result<u64, Wrong> {
    text.parse().map(|size: Size| size.0)
}

fn size_range(text: &str) -> Result<(u32, u32), Wrong> {
    text.parse().map(|sizes: Sizes| (sizes.0, sizes.1))
}

fn bandwidth(text: &str) -> Result<Option<u64>, Wrong> {
    text.parse().map(|bandwidth: Bandwidth| bandwidth.0)
}

fn rate(text: &str) -> Result<u64, Wrong> {
    text.parse().map(|rate: Rate| rate.every_ns)
}

fn delay(text: &str) -> Result<Delay, Wrong> {
    text.parse()
}

fn choice(text: &str) -> Result<KeyChoice, Wrong> {
    text.parse()
}

fn seed(text: &str) -> Result<u64, Wrong> {
    text.parse().map(|seed: Seed| seed.0)
}

/// The message and the help about a wrong text.
fn complaint<T: std::fmt::Debug>(result: Result<T, Wrong>) -> (String, String) {
    let wrong = result.unwrap_err();
    (wrong.message, wrong.help.unwrap_or_default())
}

#[test]
fn durations_are_exact_nanoseconds() {
    for (text, ns) in [
        ("0s", 0),
        ("0ns", 0),
        ("0.0h", 0),
        ("1ns", 1),
        ("1us", 1_000),
        ("1ms", 1_000_000),
        ("1s", 1_000_000_000),
        ("1min", 60_000_000_000),
        ("1h", 3_600_000_000_000),
        ("1.5s", 1_500_000_000),
        ("0.1ms", 100_000),
        ("0.000000001s", 1),
        ("1.000000001s", 1_000_000_001),
        ("0.05min", 3_000_000_000),
        ("007ms", 7_000_000),
        ("1.50000000000000000000000000000000000000000s", 1_500_000_000),
        ("00000000000000000000000000000000000000001s", 1_000_000_000),
        ("100000h", TIME_MAX_NS),
        ("360000000000000000ns", TIME_MAX_NS),
    ] {
        assert_eq!(duration(text), Ok(ns), "{text}");
    }
    for text in ["0.5ns", "1.0000000001s", "3.000000000000001h", "0.00000000000000000000000000000000000000001s"] {
        assert!(complaint(duration(text)).0.ends_with("is too fine"), "{text}");
    }
    for text in ["100001h", "360000000000000001ns", "18446744073709551615h"] {
        assert!(complaint(duration(text)).0.contains("is more than"), "{text}");
    }
    assert!(complaint(duration("99999999999999999999h")).0.ends_with("has too many digits"));
    assert!(Duration::positive("0ms").is_err());
    assert_eq!(Duration::positive("1ns"), Ok(Duration(1)));
}

#[test]
fn wrong_durations_are_explained() {
    for (text, help) in [
        ("10", "write \"10ms\" or \"10s\""),
        ("1.5", "write \"1.5ms\" or \"1.5s\""),
        ("5m", "write \"5min\" for minutes, \"5ms\" for milliseconds"),
        ("5S", "write \"5s\""),
        ("5MS", "write \"5ms\""),
        ("5 ms", "write \"5ms\""),
        ("1_000ms", "write \"1000ms\""),
        (" 5ms", "write \"5ms\""),
        ("5ms ", "write \"5ms\""),
        ("5µs", "write \"5us\""),
        ("5sec", "did you mean \"5s\"?"),
        ("5seconds", "did you mean \"5s\"?"),
        ("5minutes", "did you mean \"5min\"?"),
        ("5msec", "did you mean \"5ms\"?"),
        ("5hours", "did you mean \"5h\"?"),
        ("5parsecs", ""),
        ("5%", ""),
        ("", ""),
        (" ", ""),
        ("ms", ""),
        ("-5ms", ""),
        ("+5ms", ""),
        (".5s", ""),
        ("5.s", ""),
        ("1.2.3s", ""),
        ("1e3s", ""),
        ("0x10s", ""),
        ("1s1s", ""),
        ("٣s", ""),
    ] {
        assert_eq!(complaint(duration(text)).1, help, "{text:?}");
    }
}

#[test]
fn shares_are_exact_billionths() {
    let billionths = |text| share(text).map(Ratio::billionths);
    assert_eq!(billionths("0%"), Ok(0));
    assert_eq!(billionths("5%"), Ok(50_000_000));
    assert_eq!(billionths("0.1%"), Ok(1_000_000));
    assert_eq!(billionths("0.0000001%"), Ok(1));
    assert_eq!(billionths("33.3333333%"), Ok(333_333_333));
    assert_eq!(billionths("100%"), Ok(1_000_000_000));
    assert_eq!(billionths("100.000%"), Ok(1_000_000_000));
    assert!(complaint(share("100.0000001%")).0.contains("is more than"));
    assert!(complaint(share("0.00000001%")).0.ends_with("is too fine"));
    assert_eq!(complaint(share("5")).1, "write \"5%\"");
    assert_eq!(complaint(share("5 %")).1, "write \"5%\"");
    assert_eq!(complaint(share("5percent")).1, "did you mean \"5%\"?");
    assert!(share("-1%").is_err() && share("%").is_err() && share("").is_err());
}

#[test]
fn sizes_and_bandwidths_are_bytes() {
    for (text, bytes) in [
        ("0B", 0),
        ("16B", 16),
        ("1kB", 1_000),
        ("1.5kB", 1_500),
        ("1KiB", 1_024),
        ("0.5KiB", 512),
        ("1MB", 1_000_000),
        ("1MiB", 1 << 20),
        ("4GB", 4_000_000_000),
        ("3GiB", 3 << 30),
        ("4294967295B", u64::from(u32::MAX)),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    assert!(complaint(size_range("4GiB")).0.ends_with("is more than 4 GiB"));
    assert!(complaint(size("0.5B")).0.ends_with("is too fine"));
    assert_eq!(complaint(size("1KB")).1, "write \"1kB\"");
    assert_eq!(complaint(size("1kib")).1, "write \"1KiB\"");
    assert_eq!(complaint(size("10")).1, "write \"10B\" or \"10kB\"");
    assert_eq!(size_range("16B"), Ok((16, 16)));
    assert_eq!(size_range("16B..1kB"), Ok((16, 1_000)));
    assert_eq!(size_range("16B .. 16B"), Ok((16, 16)));
    assert_eq!(complaint(size_range("2kB..16B")).1, "write \"16B..2kB\"");
    assert!(size_range("..").is_err() && size_range("1B..2B..3B").is_err());
    assert_eq!(bandwidth("unlimited"), Ok(None));
    assert_eq!(bandwidth("10MB/s"), Ok(Some(10_000_000)));
    assert_eq!(bandwidth("10GiB/s"), Ok(Some(10 << 30)));
    assert_eq!(complaint(bandwidth("10MB")).1, "write \"10MB/s\"");
    assert!(bandwidth("0B/s").is_err() && bandwidth("10Mb/s").is_err() && bandwidth("/s").is_err());
    assert!(complaint(bandwidth("18446744074GB/s")).0.contains("is more than"));
}

#[test]
fn rates_are_mean_distances() {
    for (text, every_ns) in [
        ("100/s", 10_000_000),
        ("1/s", 1_000_000_000),
        ("0.5/s", 2_000_000_000),
        ("30/min", 2_000_000_000),
        ("3/s", 333_333_333),
        ("7/s", 142_857_143),
        ("1/h", 3_600_000_000_000),
        ("1/ns", 1),
        ("2/ns", 1),
        ("0.00001/h", TIME_MAX_NS),
    ] {
        assert_eq!(rate(text), Ok(every_ns), "{text}");
    }
    assert!(complaint(rate("3/ns")).0.ends_with("is too fast"));
    assert!(complaint(rate("0.000001/h")).0.ends_with("is too slow"));
    assert!(complaint(rate("0.0000000000000000000000000000000000000001/h")).0.ends_with("is too slow"));
    assert_eq!(complaint(rate("100")).1, "write \"100/s\"");
    for text in ["", "/s", "100/", "100s", "100/sec", "-1/s", "100 /s", "99999999999999999999/s", "0/s"] {
        assert!(rate(text).is_err(), "{text}");
    }
}

#[test]
fn delays_are_distributions() {
    const MS: u64 = 1_000_000;
    for (text, expected) in [
        ("10ms", Delay::Constant(10 * MS)),
        ("0ms", Delay::Constant(0)),
        ("1ms..10ms", Delay::Uniform { min: MS, max: 10 * MS }),
        ("0ns .. 100000h", Delay::Uniform { min: 0, max: TIME_MAX_NS }),
        ("5ms..5ms", Delay::Uniform { min: 5 * MS, max: 5 * MS }),
        ("exponential(5ms)", Delay::Exponential { mean: 5 * MS }),
        ("log-normal(5ms, p99 50ms)", Delay::LogNormal { median: 5 * MS, p99: 50 * MS }),
        ("log-normal( 5ms,p99  5ms )", Delay::LogNormal { median: 5 * MS, p99: 5 * MS }),
        ("table(1ms)", Delay::Table(vec![MS])),
        ("table(1ms, 2ms, 2ms, 9ms)", Delay::Table(vec![MS, 2 * MS, 2 * MS, 9 * MS])),
    ] {
        assert_eq!(delay(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        "..",
        "1ms..",
        "..1ms",
        "2ms..1ms",
        "1..2ms",
        "1ms...2ms",
        "exponential",
        "exponential()",
        "exponential(0ms)",
        "exponential(1ms, 2ms)",
        "exponential(1ms",
        "log-normal(5ms, 50ms)",
        "log-normal(0ms, p99 50ms)",
        "log-normal(5ms, p99 4ms)",
        "log-normal(p99 50ms)",
        "table()",
        "table(1ms,)",
        "table(2ms, 1ms)",
        "normal(5ms)",
        "(5ms)",
        ")(",
        "()",
    ] {
        assert!(delay(text).is_err(), "{text}");
    }
    assert_eq!(complaint(delay("10ms..1ms")).1, "write \"1ms..10ms\"");
    assert_eq!(complaint(delay("Exponential(5ms)")).1, "did you mean `exponential`?");
    let percentiles = |count: usize| delay(&format!("table({})", vec!["1ms"; count].join(", ")));
    assert!(percentiles(101).is_ok());
    assert!(complaint(percentiles(102)).0.ends_with("is too long"));
}

#[test]
fn choices_of_keys() {
    let ratio = |percent: u64| Ratio::from_billionths(percent * 10_000_000).unwrap();
    assert_eq!(choice("uniform"), Ok(KeyChoice::Uniform));
    assert_eq!(choice("zipfian(0.99)"), Ok(KeyChoice::Zipfian { exponent_milli: 990 }));
    assert_eq!(choice("zipfian(0.001)"), Ok(KeyChoice::Zipfian { exponent_milli: 1 }));
    assert_eq!(choice("zipfian(10)"), Ok(KeyChoice::Zipfian { exponent_milli: 10_000 }));
    assert_eq!(choice("hot(10%, 90%)"), Ok(KeyChoice::Hot { keys: ratio(10), operations: ratio(90) }));
    assert_eq!(choice("hot(100%,0%)"), Ok(KeyChoice::Hot { keys: ratio(100), operations: ratio(0) }));
    for text in ["", "uniform()", "zipfian", "zipfian(0)", "zipfian(10.001)", "zipfian(0.9999)", "zipfian(x)", "hot"] {
        assert!(choice(text).is_err(), "{text}");
    }
    for text in ["hot()", "hot(0%, 50%)", "hot(10%)", "hot(10, 90)", "hot(10%, 101%)", "hot(10%, 90%, 0%)"] {
        assert!(choice(text).is_err(), "{text}");
    }
    assert_eq!(complaint(choice("zipf(0.99)")).1, "did you mean `zipfian`?");
    assert_eq!(complaint(choice("unifrom")).1, "did you mean `uniform`?");
}

#[test]
fn seeds_are_64_bits() {
    assert_eq!(seed("0"), Ok(0));
    assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
    assert_eq!(seed("0xffffffffffffffff"), Ok(u64::MAX));
    assert_eq!(seed("0x5b1f90c277ad0e14"), Ok(0x5b1f_90c2_77ad_0e14));
    for text in ["", "0x", "-1", "+1", "0x+1", "ff", "0x1_0", "18446744073709551616", "0x10000000000000000"] {
        assert!(seed(text).is_err(), "{text}");
    }
}

#[test]
fn numbers_without_a_unit_get_one() {
    let percent = |number| with_unit("percentage", number).unwrap_or_default();
    assert_eq!(percent("5"), "write \"5%\"");
    assert_eq!(percent("0.05"), "write \"5%\"");
    assert_eq!(percent("0.5"), "write \"50%\"");
    assert_eq!(percent("0.001"), "write it in percent, such as \"0.5%\"");
    assert_eq!(percent("1.5"), "write \"1.5%\"");
    assert_eq!(percent("-1"), "");
    assert_eq!(with_unit("duration", "5").unwrap(), "write \"5ms\" or \"5s\"");
    assert_eq!(with_unit("node", "5"), None);
}

#[test]
fn quantities_read_as_they_are_written() {
    fn same<T: FromStr<Err = Wrong> + fmt::Display + PartialEq + fmt::Debug + Clone>(values: &[T]) {
        for value in values {
            assert_eq!(value.to_string().parse(), Ok(value.clone()), "{value}");
        }
    }
    same(&[0, 1, 999, 1_000, 1_500, 20_000_000, 21_300_000, 1_234_567, 1_500_000_000, 3_600_000_000_000].map(Duration));
    same(&[0, 1, 50_000_000, 123_456_789, 1_000_000_000].map(|ratio| Ratio::from_billionths(ratio).unwrap()));
    same(&[0, 8, 1_000, 1_500, 2_000_000].map(Size));
    same(&[Sizes(16, 16), Sizes(16, 1_000)]);
    same(&[Bandwidth(None), Bandwidth(Some(10_000_000))]);
    same(&[1, 2, 10_000_000, 1_000_000_000, 2_000_000_000, 333_333_333, TIME_MAX_NS].map(|every_ns| Rate { every_ns }));
    same(&[Settle::Off, Settle::Auto, Settle::For(Duration(5))]);
    same(&[Sync(None), Sync(Some(Duration(100)))]);
    same(&[
        Delay::Constant(5_000_000),
        Delay::Uniform { min: 1_000_000, max: 5_500_000 },
        Delay::Exponential { mean: 20_000_000 },
        Delay::LogNormal { median: 1_000, p99: 50_000_000 },
        Delay::Table(vec![1, 2_000, 3_000_000]),
    ]);
    let hot = KeyChoice::Hot { keys: Ratio::ONE, operations: Ratio::ZERO };
    same(&[KeyChoice::Uniform, KeyChoice::Zipfian { exponent_milli: 990 }, hot]);
}
