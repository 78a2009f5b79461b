//! Calendar periods in UTC, by which budgets are given anew.
//!
//! Owns their beginnings and ends.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model_map::Period;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// 1970 began on a Thursday: so much of its first week had passed.
const THURSDAY: u64 = 3 * DAY;

/// The period that an instant since 1970 lies in: its beginning and its end, in seconds since then.
pub(super) fn around(period: Period, now: Duration) -> (u64, u64) {
    let now = now.as_secs();
    match period {
        Period::Hour => even(now, HOUR, 0),
        Period::Day => even(now, DAY, 0),
        Period::Week => even(now, 7 * DAY, THURSDAY),
        // A time that no calendar holds is told apart from others all the same.
        Period::Month => month(now).unwrap_or_else(|| even(now, 30 * DAY, 0)),
    }
}

fn even(now: u64, length: u64, before: u64) -> (u64, u64) {
    let start = ((now + before) / length * length).saturating_sub(before);
    (start, (now + before) / length * length + length - before)
}

fn month(now: u64) -> Option<(u64, u64)> {
    let time = Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
    let date = TimeZone::UTC.to_datetime(time).date();
    let seconds = |date: jiff::civil::Date| {
        let start = TimeZone::UTC.to_timestamp(date.into()).ok()?;
        u64::try_from(start.as_second()).ok()
    };
    Some((seconds(date.first_of_month())?, seconds(date.last_of_month().tomorrow().ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(period: Period, now: &str) -> (String, String) {
        let seconds = now.parse::<Timestamp>().unwrap().as_second();
        let (start, end) = around(period, Duration::from_secs(seconds.try_into().unwrap()));
        let shown = |at: u64| Timestamp::from_second(at.try_into().unwrap()).unwrap().to_string();
        (shown(start), shown(end))
    }

    #[test]
    fn periods_are_those_of_the_calendar() {
        let between = |period, start: &str, end: &str| {
            let found = bounds(period, "2028-02-29T23:59:59Z");
            assert_eq!(found, (format!("{start}:00Z"), format!("{end}:00Z")));
        };
        between(Period::Hour, "2028-02-29T23:00", "2028-03-01T00:00");
        between(Period::Day, "2028-02-29T00:00", "2028-03-01T00:00");
        // A Tuesday.
        between(Period::Week, "2028-02-28T00:00", "2028-03-06T00:00");
        between(Period::Month, "2028-02-01T00:00", "2028-03-01T00:00");
    }

    #[test]
    fn a_period_begins_with_its_first_second() {
        for (period, start) in [
            (Period::Hour, "2026-11-25T22:00:00Z"),
            (Period::Day, "2026-11-25T00:00:00Z"),
            (Period::Week, "2026-11-23T00:00:00Z"),
            (Period::Month, "2026-11-01T00:00:00Z"),
        ] {
            assert_eq!(bounds(period, start).0, start);
        }
        assert_eq!(bounds(Period::Week, "1970-01-05T00:00:00Z").0, "1970-01-05T00:00:00Z");
    }
}
