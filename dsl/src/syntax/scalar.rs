//! Numbers with and without a unit.
//!
//! Owns their spelling; which values are sensible where is for the rules.

use std::borrow::Cow;
use std::time::Duration;

use super::problem::Problem;
use super::value::{Money, Number, ValueKind};
use crate::nearest::nearest;
use crate::spell;

const DURATIONS: &str = "durations are written `250ms`, `15s`, `5m` or `1h`";
const KNOWN_UNITS: [&str; 8] = ["ms", "s", "m", "h", "%", "KiB", "MiB", "GiB"];
const TOO_LARGE: &str = "no setting takes a number of that size";

/// Units that people part from their number by a blank.
pub(crate) const UNIT_WORDS: [&str; 9] = ["ms", "s", "m", "h", "KiB", "MiB", "GiB", "k", "min"];

/// `5 m`
pub(crate) fn parted_unit(mend: String) -> Problem {
    let why = "a blank between a number and its unit";
    let help = "write the unit right behind the number, as in `5m`";
    Problem::Scalar { why, help, mend: scalar(&mend).is_ok().then_some(mend) }
}

/// `8,192`
pub(crate) fn grouped(mend: String) -> Problem {
    let why = "a comma within a number";
    let help = "the digits of a number are grouped by `_`, as in `8_192`";
    Problem::Scalar { why, help, mend: scalar(&mend).is_ok().then_some(mend) }
}

/// The value of a number piece such as `1500ms`.
pub(crate) fn scalar(written: &str) -> Result<ValueKind, Problem> {
    if let Some(amount) = written.strip_prefix('$') {
        return money(amount);
    }
    let digits = written.trim_start_matches('-');
    let end = digits.find(|c: char| !matches!(c, '0'..='9' | '_' | '.')).unwrap_or(digits.len());
    let (body, unit) = digits.split_at_checked(end).unwrap_or((digits, ""));
    let decimal = decimal(body)?;
    let negative = written.starts_with('-');
    if unit.is_empty() {
        return number(&decimal, negative);
    }
    if negative {
        return Err(bad("only plain numbers can be negative", "write it without `-`", digits));
    }
    with_unit(&decimal, body, unit)
}

fn with_unit(decimal: &Decimal<'_>, body: &str, unit: &str) -> Result<ValueKind, Problem> {
    match unit {
        "ms" => duration(decimal, 1),
        "s" => duration(decimal, 1_000),
        "m" => duration(decimal, 60_000),
        "h" => duration(decimal, 3_600_000),
        "%" => whole(decimal, 1, "shares are whole percents", "write `90%`").and_then(|percent| {
            let percent = u32::try_from(percent).map_err(|_| too_large())?;
            Ok(ValueKind::Share(percent))
        }),
        "KiB" => size(decimal, 1 << 10),
        "MiB" => size(decimal, 1 << 20),
        "GiB" => size(decimal, 1 << 30),
        _ => {
            let is_sum = unit.contains(|c: char| c.is_ascii_digit());
            let sum = is_sum.then(|| compound(&format!("{body}{unit}"))).flatten();
            Err(sum.unwrap_or_else(|| unknown_unit(body, unit)))
        }
    }
}

/// Digits without `_`, before and after the point.
struct Decimal<'w> {
    whole: Cow<'w, str>,
    /// Without zeros at its end.
    fraction: Cow<'w, str>,
    has_point: bool,
}

fn decimal(body: &str) -> Result<Decimal<'_>, Problem> {
    let has_point = body.contains('.');
    let (whole, fraction) = body.split_once('.').unwrap_or((body, "0"));
    let is_digits = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit())
            && part.ends_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_digit() || c == '_')
            && !part.contains("__")
    };
    if !is_digits(whole) || !is_digits(fraction) {
        let help = "numbers are written `8_192`, `0.2` or `-1`, with `_` between digits only";
        return Err(Problem::Scalar { why: "not a number", help, mend: None });
    }
    let fraction = fraction.trim_end_matches(['0', '_']);
    Ok(Decimal { whole: plain(whole), fraction: plain(fraction), has_point })
}

/// Digits without their `_`.
fn plain(digits: &str) -> Cow<'_, str> {
    if digits.contains('_') { digits.replace('_', "").into() } else { digits.into() }
}

fn number(decimal: &Decimal<'_>, negative: bool) -> Result<ValueKind, Problem> {
    let Decimal { whole, fraction, has_point } = decimal;
    let number = if !has_point {
        let signed = if negative { format!("-{whole}").into() } else { Cow::clone(whole) };
        Number::Integer(signed.parse().map_err(|_| too_large())?)
    } else {
        let sign = if negative { "-" } else { "" };
        let value: f64 = format!("{sign}{whole}.{fraction}0").parse().map_err(|_| too_large())?;
        if !value.is_finite() {
            return Err(too_large());
        }
        Number::Decimal(value)
    };
    Ok(ValueKind::Number(number))
}

fn duration(decimal: &Decimal<'_>, millis: u64) -> Result<ValueKind, Problem> {
    let why = "durations are whole milliseconds";
    let millis = whole(decimal, millis, why, DURATIONS)?;
    Ok(ValueKind::Duration(Duration::from_millis(millis)))
}

fn size(decimal: &Decimal<'_>, bytes: u64) -> Result<ValueKind, Problem> {
    let help = "sizes are written `512KiB`, `64MiB` or `1GiB`";
    whole(decimal, bytes, "sizes are whole bytes", help).map(ValueKind::Size)
}

fn money(amount: &str) -> Result<ValueKind, Problem> {
    if !amount.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.')) {
        let help = "an amount is written `$3` or `$0.05`";
        return Err(Problem::Scalar { why: "not an amount of money", help, mend: None });
    }
    let why = "amounts are whole millionths of a dollar";
    let micro_dollars = whole(&decimal(amount)?, 1_000_000, why, "write at most six decimals")?;
    Ok(ValueKind::Money(Money { micro_dollars }))
}

/// `decimal` times `unit`, exactly.
fn whole(
    decimal: &Decimal<'_>,
    unit: u64,
    why: &'static str,
    help: &'static str,
) -> Result<u64, Problem> {
    let fraction = &decimal.fraction;
    let places = u32::try_from(fraction.len()).map_err(|_| too_large())?;
    let scale = 10_u128.checked_pow(places).ok_or(Problem::Scalar { why, help, mend: None })?;
    let all: Cow<'_, str> = match fraction.as_ref() {
        "" => Cow::Borrowed(&decimal.whole),
        fraction => format!("{}{fraction}", decimal.whole).into(),
    };
    let all: u128 = all.parse().map_err(|_| too_large())?;
    let product = all.checked_mul(u128::from(unit)).ok_or_else(too_large)?;
    if product % scale != 0 {
        return Err(Problem::Scalar { why, help, mend: None });
    }
    u64::try_from(product / scale).map_err(|_| too_large())
}

fn unknown_unit(body: &str, unit: &str) -> Problem {
    let known = match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "msec" | "millis" | "milliseconds" => "ms",
        "d" | "day" | "days" => return multiplied(body, unit, 24, |hours| format!("{hours}h")),
        "k" => return multiplied(body, unit, 1_000, spell::number),
        "kb" | "kib" => "KiB",
        "mb" | "mib" => "MiB",
        "gb" | "gib" => "GiB",
        _ => nearest(unit, KNOWN_UNITS).unwrap_or_default(),
    };
    let mend = (!known.is_empty()).then(|| format!("{body}{known}"));
    Problem::UnknownUnit { unit: unit.to_owned(), mend }
}

/// `7d`, `200k`: such a unit is written out.
fn multiplied(body: &str, unit: &str, by: u64, written: fn(u64) -> String) -> Problem {
    let product = body.parse::<u64>().ok().and_then(|number| number.checked_mul(by));
    Problem::UnknownUnit { unit: unit.to_owned(), mend: product.map(written) }
}

/// `1h30m`: a duration has one unit.
fn compound(written: &str) -> Option<Problem> {
    let mut total = Duration::ZERO;
    let mut rest = written;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest.get(digits..)?;
        let unit = unit.get(..unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len()))?;
        let length = digits + unit.len();
        let Ok(ValueKind::Duration(part)) = scalar(rest.get(..length)?) else { return None };
        total = total.checked_add(part)?;
        rest = rest.get(length..)?;
        parts += 1;
    }
    (parts > 1).then(|| Problem::SeveralUnits { mend: spell::duration(total) })
}

fn bad(why: &'static str, help: &'static str, mend: &str) -> Problem {
    Problem::Scalar { why, help, mend: Some(mend.to_owned()) }
}

fn too_large() -> Problem {
    Problem::Scalar { why: "too large a number", help: TOO_LARGE, mend: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(written: &str) -> ValueKind {
        scalar(written).unwrap_or_else(|problem| panic!("{written}: {problem:?}"))
    }

    #[test]
    fn reads_numbers() {
        assert_eq!(value("8_192"), ValueKind::Number(Number::Integer(8192)));
        assert_eq!(value("-1"), ValueKind::Number(Number::Integer(-1)));
        assert_eq!(value("0.2"), ValueKind::Number(Number::Decimal(0.2)));
        assert_eq!(value("1.0"), ValueKind::Number(Number::Decimal(1.0)));
    }

    #[test]
    fn reads_units() {
        assert_eq!(value("1500ms"), ValueKind::Duration(Duration::from_millis(1500)));
        assert_eq!(value("1.5s"), ValueKind::Duration(Duration::from_millis(1500)));
        assert_eq!(value("5m"), ValueKind::Duration(Duration::from_secs(300)));
        assert_eq!(value("1h"), ValueKind::Duration(Duration::from_secs(3600)));
        assert_eq!(value("90%"), ValueKind::Share(90));
        assert_eq!(value("$0.05"), ValueKind::Money(Money { micro_dollars: 50_000 }));
        assert_eq!(value("$1_000"), ValueKind::Money(Money { micro_dollars: 1_000_000_000 }));
        assert_eq!(value("64KiB"), ValueKind::Size(65_536));
    }

    #[test]
    fn refuses_what_is_no_value() {
        let bad = [
            "1__",
            "1_",
            "1_.5",
            "1.2.3",
            "0.5ms",
            "1.5%",
            "-5s",
            "20x",
            "$5s",
            "$-1",
            "$0.0000001",
            "99999999999999999999",
            "9999999999999999h",
            "1e5",
        ];
        for written in bad {
            assert!(scalar(written).is_err(), "{written}");
        }
    }

    #[test]
    fn mends_a_duration_of_several_units() {
        for (written, mended) in [("1h30m", "90m"), ("1m30s", "90s"), ("1s500ms", "1500ms")] {
            let Err(Problem::SeveralUnits { mend }) = scalar(written) else { panic!("taken") };
            assert_eq!(mend, mended, "{written}");
        }
    }

    #[test]
    fn mends_a_known_unit() {
        for (written, mended) in [
            ("20sec", Some("20s")),
            ("64KIB", Some("64KiB")),
            ("20x", None),
            ("7d", Some("168h")),
            ("200k", Some("200_000")),
        ] {
            let Err(Problem::UnknownUnit { mend, .. }) = scalar(written) else { panic!("taken") };
            assert_eq!(mend.as_deref(), mended, "{written}");
        }
    }
}
